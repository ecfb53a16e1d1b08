from __future__ import annotations

import httpx
import pytest
from raw_server import HANG_UP, Cut, Drip, Flood, RawServer, Silence, answer, complaint, unanswered

from assetctl.network import Origin, new_client
from assetctl.pixsim.exchange import (
    MAX_BODY_BYTES,
    MAX_ERROR_BYTES,
    Call,
    Exchange,
    Lost,
    NoAnswer,
    UnusableAnswer,
)
from assetctl.secret import Secret

pytestmark = pytest.mark.anyio
TOKEN = Secret("token-of-the-test")
GET = Call("GET", "/api/v1/version", "request-1")
POST = Call("POST", "/api/v1/generations", "request-2", body={"a": 1})
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


@pytest.fixture
def origin(server) -> Origin:
    return Origin.of(server.url)


@pytest.fixture
async def http(origin, anyio_backend):
    del anyio_backend
    async with new_client(timeout_s=20, home=origin) as http:
        yield http


@pytest.fixture
def exchange(http, origin) -> Exchange:
    return Exchange(http, origin, timeout_s=20)


async def test_request_says_who_asks_and_what_it_takes(server, exchange):
    server.script = [answer(200, {})]

    await exchange.send(POST, TOKEN)

    headers = server.requests[0].headers
    assert headers["authorization"] == "Bearer token-of-the-test"
    assert headers["x-request-id"] == "request-2"
    assert headers["accept-encoding"] == "identity"
    assert server.requests[0].document == {"a": 1}


async def test_without_a_token_none_is_sent(server, exchange):
    server.script = [answer(200, {})]
    await exchange.send(GET, None)
    assert "authorization" not in server.requests[0].headers


async def test_missing_slash_is_followed_on_the_same_server_with_the_token(server, exchange):
    server.script = [answer(307, headers=[("location", "/api/v1/version/")]), answer(200, {"here": 1})]

    found = await exchange.send(GET, TOKEN)

    assert found.body == b'{"here": 1}'
    assert server.requests[1].line == "GET /api/v1/version/ HTTP/1.1"
    assert server.requests[1].headers["authorization"] == "Bearer token-of-the-test"


async def test_redirect_to_another_server_is_refused_and_gets_nothing(server, exchange):
    with RawServer([answer(200, {})]) as other:
        server.script = [answer(307, headers=[("location", f"{other.url}/api/v1/version")])]

        with pytest.raises(UnusableAnswer, match="another server"):
            await exchange.send(GET, TOKEN)

        assert other.requests == []


@pytest.mark.parametrize("target", ["ftp://x/", "http://[", "//", "javascript:1", "\\x"])
async def test_redirect_to_nowhere_is_refused(server, exchange, target):
    server.script = [answer(302, headers=[("location", target)])]
    with pytest.raises(UnusableAnswer, match="redirects"):
        await exchange.send(GET, TOKEN)


async def test_redirects_end(server, exchange):
    server.script = [answer(307, headers=[("location", "/again")])]
    with pytest.raises(UnusableAnswer, match="more than 3 times"):
        await exchange.send(GET, TOKEN)
    assert len(server.requests) == 4


async def test_redirected_order_is_not_followed(server, exchange):
    server.script = [answer(307, headers=[("location", "/elsewhere")])]
    with pytest.raises(UnusableAnswer, match="redirects a POST") as caught:
        await exchange.send(POST, TOKEN)
    assert caught.value.status == 307
    assert len(server.requests) == 1


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate, gzip", "x"])
async def test_compressed_answer_is_refused_unread(server, exchange, encoding):
    server.script = [answer(200, raw=b"\x1f\x8b" * 100, headers=[("content-encoding", encoding)])]
    with pytest.raises(UnusableAnswer, match="compressed"):
        await exchange.send(GET, TOKEN)


async def test_identity_is_no_compression(server, exchange):
    server.script = [answer(200, {"a": 1}, headers=[("content-encoding", "Identity")])]
    assert (await exchange.send(GET, TOKEN)).body == b'{"a": 1}'


async def test_body_over_the_cap_is_refused(server, exchange):
    server.script = [Flood(HEAD + b"content-length: 100000000\r\n\r\n", b"[" * 1_000_000, 100)]
    with pytest.raises(UnusableAnswer, match=f"longer than {MAX_BODY_BYTES >> 20} MB"):
        await exchange.send(GET, TOKEN)


async def test_body_at_the_cap_is_taken(server, exchange):
    server.script = [answer(200, raw=b" " * MAX_BODY_BYTES)]
    assert len((await exchange.send(GET, TOKEN)).body) == MAX_BODY_BYTES


async def test_of_an_error_only_the_beginning_is_read(server, exchange):
    server.script = [answer(500, raw=b"x" * 3_000_000)]
    found = await exchange.send(GET, TOKEN)
    assert (found.status, len(found.body)) == (500, MAX_ERROR_BYTES)


async def test_error_is_an_answer(server, exchange):
    server.script = [complaint(404, "Asset not found", "not_found")]
    found = await exchange.send(GET, TOKEN)
    assert (found.status, found.is_success) == (404, False)


async def lost(exchange: Exchange, call: Call = GET) -> NoAnswer:
    with pytest.raises(NoAnswer) as caught:
        await exchange.send(call, TOKEN)
    return caught.value


async def test_refused_connection_was_never_sent():
    with unanswered() as url:
        origin = Origin.of(url)
        async with new_client(timeout_s=20, home=origin) as http:
            trouble = await lost(Exchange(http, origin, timeout_s=20), POST)
    assert (trouble.reason, trouble.was_sent) == (Lost.NO_CONNECTION, False)


async def test_hang_up_may_have_been_sent(server, exchange):
    server.script = [HANG_UP]
    trouble = await lost(exchange, POST)
    assert (trouble.reason, trouble.was_sent) == (Lost.BROKEN, True)


@pytest.mark.parametrize("said", [b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n123", b"no http at all\r\n\r\n"])
async def test_cut_or_garbled_answer_is_none(server, exchange, said):
    server.script = [Cut(said)]
    trouble = await lost(exchange)
    assert (trouble.reason, trouble.was_sent) == (Lost.BROKEN, True)


async def test_silence_ends(server, http, exchange):
    server.script = [Silence()]
    http.timeout = httpx.Timeout(20, read=0.2)
    trouble = await lost(exchange, POST)
    assert (trouble.reason, trouble.was_sent) == (Lost.SILENCE, True)


async def test_drip_ends_at_the_deadline(server, http, origin, exchange):
    server.script = [answer(200, {}), Drip(HEAD + b"content-length: 1000000\r\n\r\n", b" ")]
    # With a connection there already, the request is on its way long before the deadline.
    await exchange.send(GET, TOKEN)
    trouble = await lost(Exchange(http, origin, timeout_s=0.5), POST)
    assert (trouble.reason, trouble.was_sent) == (Lost.DEADLINE, True)


async def test_header_that_http_cannot_carry_is_not_repeated(exchange):
    with pytest.raises(NoAnswer) as caught:
        await exchange.send(GET, Secret("evil\r\nX-Other: secret"))
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
