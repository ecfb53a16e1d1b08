"""What is sent how often: the client against a server that says what the test wants, with a clock that never waits."""

from __future__ import annotations

import anyio
import pytest
from raw_server import HANG_UP, Cut, Silence, answer, complaint, unanswered

from assetctl.errors import (
    InvalidRequest,
    JobFailed,
    NotAllowed,
    OutcomeUnknown,
    RateLimited,
    ServiceError,
    ServiceUnreachable,
)
from assetctl.pixsim.session import HandedIn
from assetctl.pixsim.turns import Turn, Turns
from assetctl.pixsim.window import ARRIVES_WITHIN_S, WINDOW_S, Rules
from assetctl.secret import Secret

pytestmark = pytest.mark.anyio
GENERATION = {
    "id": 5,
    "status": "pending",
    "operation_type": "text_to_video",
    "provider_id": "p",
    "canonical_params": {},
}
LIMIT = "Rate limit exceeded. Try again in 37 seconds."
CREATED = answer(201, GENERATION)
SEARCHED = answer(200, {"assets": [], "total": 0})


class Tokens:
    """Each rejected token has a successor, as long as there are some."""

    hint = "assetctl auth login"

    def __init__(self, *texts: str) -> None:
        self.texts = list(texts)
        self.renewals = 0

    async def token(self) -> Secret | None:
        return Secret(self.texts[0]) if self.texts else None

    async def renewed(self, rejected: Secret) -> Secret | None:
        assert rejected.reveal() == self.texts.pop(0)
        self.renewals += 1
        return await self.token()


# Orders are sent once


@pytest.mark.parametrize(
    "said",
    [
        HANG_UP,
        Cut(b"HTTP/1.1 201 Created\r\ncontent-length: 900\r\n\r\n{"),
        complaint(500, "Failed to create generation: connection to database lost"),
        complaint(500, "boom"),
        complaint(502, "bad gateway", "provider_error"),
        complaint(503, "unavailable", "service_unavailable"),
        complaint(504, "timeout", "http_504"),
        answer(500, raw=b"<html>oops</html>"),
        answer(408, raw=b"proxy"),
        answer(201, raw=b"no json"),
        answer(201, {"id": "none"}),
        answer(201, raw=b"x", headers=[("content-encoding", "gzip")]),
    ],
    ids=range(12),
)
async def test_order_whose_answer_is_unclear_is_unknown_and_never_sent_again(server, connect, said):
    server.script = [said]
    client = await connect(server.url)

    with pytest.raises(OutcomeUnknown) as caught:
        await client.create_generation({})

    assert len(server.requests) == 1
    assert caught.value.request_id == server.requests[0].headers["x-request-id"]
    assert caught.value.hint == "assetctl jobs reconcile"


@pytest.mark.parametrize(
    "said",
    [
        complaint(422, "Invalid request data", "validation_error"),
        complaint(400, "bad guidance plan", "invalid_request"),
        complaint(402, "quota", "quota_exceeded"),
        complaint(500, "Failed to create generation: Provider 'nope' not found or not registered"),
        complaint(500, "Failed to create generation: text_to_video operation requires a non-empty 'prompt'"),
        complaint(500, "Failed to create generation: Daily job limit exceeded (0). Resets at midnight UTC."),
        complaint(
            500, "Failed to create generation: No account with sufficient credits (9) available for provider 'x'"
        ),
    ],
    ids=range(7),
)
async def test_refused_order_failed_for_good(server, connect, said):
    server.script = [said]
    client = await connect(server.url)
    with pytest.raises(JobFailed):
        await client.create_generation({})
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (complaint(401, "expired", "unauthorized"), NotAllowed),
        (complaint(403, "inactive", "forbidden"), NotAllowed),
        (complaint(404, "Not Found", "not_found"), ServiceError),
        (answer(404, raw=b"<html>"), ServiceError),
        (answer(405, raw=b""), ServiceError),
        (answer(307, headers=[("location", "https://example.com/")]), ServiceError),
    ],
    ids=range(6),
)
async def test_order_that_certainly_was_not_taken_may_be_sent_again_later(server, connect, said, error):
    server.script = [said]
    client = await connect(server.url)
    with pytest.raises(error) as caught:
        await client.create_generation({})
    assert not isinstance(caught.value, OutcomeUnknown | JobFailed)
    assert len(server.requests) == 1


async def test_order_refused_before_it_was_sent_is_tried_again_and_then_unreachable(connect, clock):
    with unanswered() as url, pytest.raises(ServiceUnreachable) as caught:
        await (await connect(url)).create_generation({})
    assert len(clock.slept) == 3
    assert caught.value.exit_code == 9


async def test_limited_order_waits_as_long_as_the_server_says_and_goes(server, connect, clock):
    server.script = [complaint(429, LIMIT, "http_429"), CREATED]
    client = await connect(server.url)
    assert (await client.create_generation({})).id == 5
    assert sum(clock.slept) == pytest.approx(38.0)
    assert len(server.requests) == 2


async def test_order_held_for_too_long_is_limited_and_not_sent(server, connect):
    server.script = [complaint(429, "Try again in 200 seconds.", "http_429")]
    client = await connect(server.url)
    for _ in range(2):
        with pytest.raises(RateLimited, match="no more requests") as caught:
            await client.create_generation({})
        assert "201 s" in caught.value.hint
    assert len(server.requests) == 1


async def test_twenty_first_order_of_a_minute_waits_for_its_turn(server, connect, clock):
    server.script = [CREATED]
    client = await connect(server.url)
    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(client.create_generation, {})
    assert clock.slept == []
    await client.create_generation({})
    assert sum(clock.slept) == pytest.approx(WINDOW_S, abs=0.2)


async def test_whoever_has_a_turn_leaves_at_once_although_nobody_else_may(server, connect, clock):
    server.script = [CREATED]
    client = await connect(server.url)
    async with client.turn() as turn:
        for _ in range(19):
            await client.create_generation({})
        await client.create_generation({}, turn=turn)
        assert clock.slept == []
    await client.create_generation({}, turn=turn)
    assert sum(clock.slept) == pytest.approx(WINDOW_S, abs=0.2)


async def test_turn_that_was_not_used_is_free_for_the_next_one(server, connect, clock):
    server.script = [CREATED]
    client = await connect(server.url)
    for _ in range(50):
        async with client.turn():
            pass
    for _ in range(20):
        await client.create_generation({})
    assert clock.slept == []


async def test_turn_that_was_held_for_long_is_changed_for_another(server, connect, clock):
    server.script = [CREATED]
    turns = Turns(clock=clock, rules=Rules(most=2))
    client = await connect(server.url, turns=turns)
    async with client.turn() as turn:
        clock.advance(seconds=30)
        await client.create_generation({}, turn=turn)
    # The first place is still taken by an order that might have left, the second one by the one that did.
    assert clock.slept == []
    assert await turns.take() == pytest.approx(WINDOW_S - 30 + ARRIVES_WITHIN_S, abs=0.2)


async def test_refused_order_says_again_that_it_waits_and_others_learn_of_it(server, connect, clock):
    server.script = [complaint(429, LIMIT, "http_429"), CREATED]
    turns, told = Turns(clock=clock), []
    client = await connect(server.url, turns=turns)
    async with client.turn(lambda: told.append("waits")) as turn:
        assert told == []
        await client.create_generation({}, turn=turn)
    assert (told, await turns.learned()) == (["waits"], 1)


async def test_turn_that_would_come_after_the_longest_wait_is_not_waited_for(server, connect, clock):
    server.script = [CREATED]
    turns = Turns(clock=clock, rules=Rules(most=1))
    client = await connect(server.url, turns=turns)
    await client.create_generation({})
    with pytest.raises(RateLimited, match="takes no order within the longest wait") as caught:
        async with client.turn(max_wait_s=20.0):
            pytest.fail("there is no turn")
    assert caught.value.why == "it takes 1 orders a minute, and the next turn is in 1m"
    assert caught.value.hint == "ask again in 1m, or allow a longer wait with --max-wait"
    assert (clock.slept, len(server.requests)) == ([], 1)
    async with client.turn(max_wait_s=WINDOW_S + 1):
        assert sum(clock.slept) == pytest.approx(WINDOW_S, abs=0.2)


async def test_refused_order_waits_for_no_turn_after_its_longest_wait(server, connect, clock):
    server.script = [complaint(429, LIMIT, "http_429"), CREATED]
    client = await connect(server.url, turns=Turns(clock=clock))
    async with client.turn(max_wait_s=5.0) as turn:
        with pytest.raises(RateLimited, match="nothing was ordered"):
            await client.create_generation({}, turn=turn)
    assert (sum(clock.slept), len(server.requests)) == (0, 1)


async def test_who_is_not_called_in_time_leaves_the_line_to_the_others(server, connect, clock):
    server.script = [CREATED]
    turns = Turns(clock=clock)
    client = await connect(server.url, turns=turns)
    async with turns.front(turns.number()):
        with pytest.raises(RateLimited, match="nothing was ordered") as caught:
            async with client.turn(max_wait_s=0.0):
                pytest.fail("somebody else stands at the front")
    assert "others were first" in caught.value.why
    with anyio.fail_after(60):
        await client.create_generation({})


async def test_order_that_was_never_sent_gives_its_turn_back(connect, clock):
    turns = Turns(clock=clock, rules=Rules(most=1))
    with unanswered() as url, pytest.raises(ServiceUnreachable):
        await (await connect(url, turns=turns)).create_generation({})
    assert sum(clock.slept) < WINDOW_S / 2
    assert isinstance(await turns.take(), Turn)


@pytest.mark.parametrize(
    "said", [HANG_UP, answer(408, raw=b"proxy"), answer(201, raw=b"x", headers=[("content-encoding", "gzip")])]
)
async def test_order_that_may_have_arrived_has_used_its_turn(server, connect, clock, said):
    server.script = [said]
    turns = Turns(clock=clock, rules=Rules(most=1))
    client = await connect(server.url, turns=turns)
    with pytest.raises(OutcomeUnknown):
        await client.create_generation({})
    assert await turns.take() == pytest.approx(WINDOW_S, abs=0.2)


async def test_order_that_is_called_off_while_it_may_have_arrived_has_used_its_turn(server, connect, clock):
    server.script = [Silence()]
    turns = Turns(clock=clock, rules=Rules(most=1))
    client = await connect(server.url, turns=turns)

    async def order(turn: Turn) -> None:
        await client.create_generation({}, turn=turn)

    async with client.turn() as turn, anyio.create_task_group() as tasks:
        tasks.start_soon(order, turn)
        with anyio.fail_after(60):
            while not server.requests:  # noqa: ASYNC110 - it happens in another thread
                await anyio.sleep(0.01)
        tasks.cancel_scope.cancel()
    assert await turns.take() == pytest.approx(WINDOW_S, abs=0.2)


async def test_host_that_is_down_takes_no_turn(server, connect, clock):
    server.script = [HANG_UP]
    turns = Turns(clock=clock, rules=Rules(most=1))
    client = await connect(server.url, turns=turns)
    for _ in range(3):
        with pytest.raises(ServiceUnreachable):
            await client.generation(5)
    with pytest.raises(ServiceUnreachable):
        await client.create_generation({})
    assert isinstance(await turns.take(), Turn)


async def test_reading_goes_on_while_orders_are_held(server, connect, clock):
    server.script = [complaint(429, "Try again in 200 seconds.", "http_429"), answer(200, GENERATION)]
    client = await connect(server.url)
    with pytest.raises(RateLimited):
        await client.create_generation({})
    clock.slept.clear()
    assert (await client.generation(5)).id == 5
    assert clock.slept == []


# Reading is repeated


@pytest.mark.parametrize(
    "said", [HANG_UP, answer(502, raw=b""), complaint(500, "deadlock detected"), answer(503, raw=b"")]
)
async def test_read_is_tried_again_with_the_same_request_id(server, connect, said):
    server.script = [said, SEARCHED]
    client = await connect(server.url)
    assert (await client.search_assets({"limit": 1})).assets == ()
    assert len({request.headers["x-request-id"] for request in server.requests}) == 1
    assert len(server.requests) == 2


async def test_read_that_never_works_ends_after_four_tries(server, connect):
    server.script = [HANG_UP]
    client = await connect(server.url)
    with pytest.raises(ServiceUnreachable):
        await client.generation(5)
    assert len(server.requests) == 4


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (complaint(500, "Failed to get asset: Cannot access other users' assets"), NotAllowed),
        (complaint(400, "bad", "invalid_request"), InvalidRequest),
        (complaint(422, "Invalid request data", "validation_error"), InvalidRequest),
        (answer(404, raw=b"nginx"), ServiceError),
        (answer(200, raw=b"<html>"), ServiceError),
        (answer(200, raw=b"[" * 100_000), ServiceError),
        (answer(200, {"id": 1}), ServiceError),
    ],
    ids=range(7),
)
async def test_what_asking_again_would_not_change_is_asked_once(server, connect, said, error):
    server.script = [said]
    client = await connect(server.url)
    with pytest.raises(error):
        await client.asset(5)
    assert len(server.requests) == 1


async def test_host_that_is_down_is_left_alone(server, connect):
    server.script = [HANG_UP]
    client = await connect(server.url)
    for _ in range(3):
        with pytest.raises(ServiceUnreachable):
            await client.generation(5)
    assert len(server.requests) == 5


async def test_retries_of_all_calls_together_stay_a_tenth(server, connect, clock):
    server.script = [complaint(500, "deadlock detected")]
    client = await connect(server.url)
    for _ in range(100):
        with pytest.raises(ServiceError):
            await client.generation(5)
        clock.advance(seconds=1)
    assert 100 < len(server.requests) <= 116


async def test_upload_is_not_sent_twice(server, connect, tmp_path):
    picture = tmp_path / "a.png"
    picture.write_bytes(b"PNG" * 1000)
    server.script = [HANG_UP]
    client = await connect(server.url)
    with pytest.raises(ServiceUnreachable):
        await client.upload(picture, "image/png")
    assert len(server.requests) == 1


# Logins


async def test_rejected_token_is_replaced_once_and_the_order_sent_with_the_new_one(server, connect):
    tokens = Tokens("old", "new")
    server.script = [complaint(401, "expired", "unauthorized"), CREATED]
    client = await connect(server.url, tokens=tokens)
    assert (await client.create_generation({})).id == 5
    assert [request.headers["authorization"] for request in server.requests] == ["Bearer old", "Bearer new"]


async def test_second_rejection_is_final(server, connect):
    tokens = Tokens("old", "new", "newest")
    server.script = [complaint(401, "Invalid or expired token: revoked", "unauthorized")]
    client = await connect(server.url, tokens=tokens)
    with pytest.raises(NotAllowed, match="not logged in") as caught:
        await client.generation(5)
    assert (tokens.renewals, len(server.requests)) == (1, 2)
    assert (caught.value.why, caught.value.hint) == ("Invalid or expired token: revoked", "assetctl auth login")
    assert caught.value.exit_code == 3


async def test_without_a_login_nothing_is_sent(server, connect):
    client = await connect(server.url, tokens=Tokens())
    with pytest.raises(NotAllowed, match="not logged in"):
        await client.create_generation({})
    assert server.requests == []


async def test_token_that_the_server_repeats_is_masked(server, connect):
    server.script = [complaint(401, "I do not like Bearer s3cret!", "unauthorized")]
    client = await connect(server.url, tokens=HandedIn(Secret("s3cret"), hint="h"))
    with pytest.raises(NotAllowed) as caught:
        await client.generation(5)
    assert caught.value.why == "I do not like Bearer **********!"


async def test_password_is_sent_once_and_masked(server, connect):
    server.script = [complaint(429, "hunter2 again? Try again in 5 seconds.", "http_429")]
    client = await connect(server.url)
    with pytest.raises(RateLimited):
        await client.login("me", Secret("hunter2"))
    server.script = [complaint(422, "Value error: hunter2 is short", "validation_error")]
    with pytest.raises(InvalidRequest) as caught:
        await client.login("me@example.com", Secret("hunter2"))
    assert "hunter2" not in str(caught.value.why)
    assert server.requests[1].document["email"] == "me@example.com"
    assert len(server.requests) == 2


async def test_wrong_password_says_so(server, connect):
    server.script = [complaint(401, "Invalid credentials", "unauthorized")]
    client = await connect(server.url)
    with pytest.raises(NotAllowed, match="does not know this name and password"):
        await client.login("me", Secret("x"))
