"""A call from its first try to its last: held, limited, sent, sent again where that is safe, logged in anew once.

Orders are the exception to all comfort: each try takes a turn, and one is sent again only when it certainly never
arrived.
"""

from __future__ import annotations

import math
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Final, Protocol

import anyio

from assetctl import eventloop
from assetctl.errors import ServiceUnreachable
from assetctl.pixsim import trouble
from assetctl.pixsim.exchange import Answer, Call, Exchange, Lost, NoAnswer, UnusableAnswer
from assetctl.pixsim.gate import OrderGate
from assetctl.pixsim.pacing import Lane, Pace

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping

    from assetctl.clock import Clock
    from assetctl.errors import AssetctlError, NotAllowed
    from assetctl.network import Origin
    from assetctl.pixsim.turns import Turn, Turns
    from assetctl.secret import Secret

#: Longest pause that is waited for: a whole window of orders, and a little. Waiting behind others has no limit here.
PATIENCE_S: Final = 90.0
#: Calls under way at once; the connection pool must hold more.
MAX_CONCURRENT: Final = 16
_GATEWAY_TROUBLE: Final = frozenset({502, 503, 504})
_MAY_PASS: Final = frozenset({408, 425, 500}) | _GATEWAY_TROUBLE


class Tokens(Protocol):
    """Where the token comes from."""

    @property
    def hint(self) -> str:
        """What to do when there is none, or the server does not take it."""
        ...

    async def token(self) -> Secret | None:
        """The token to send; None when there is none."""
        ...

    async def renewed(self, rejected: Secret) -> Secret | None:
        """Another token after the server rejected `rejected`; None when there is none to be had."""
        ...


def masked(answer: Answer, *secrets: Secret | None) -> Answer:
    """`answer`, without the secrets when it is an error: a server may repeat in its text what it was sent."""
    body = answer.body
    for secret in secrets:
        if secret is not None and not answer.is_success:
            body = body.replace(secret.reveal().encode(), repr(secret).encode())
    return answer if body is answer.body else replace(answer, body=body)


class Caller:
    """Makes calls to one server."""

    def __init__(
        self,
        exchange: Exchange,
        *,
        origin: Origin,
        tokens: Tokens,
        pace: Pace,
        turns: Turns,
        clock: Clock,
        patience_s: float = PATIENCE_S,
    ) -> None:
        """Wait out pauses of `patience_s` at most; `pace` and `turns` may be shared with others at the same host."""
        self.origin = origin
        self._exchange = exchange
        self._tokens = tokens
        self._pace = pace
        self._gate = OrderGate(turns, pace, origin=origin, clock=clock, patience_s=patience_s)
        self._clock = clock
        self._patience_s = patience_s
        self._limiter = anyio.CapacityLimiter(MAX_CONCURRENT)

    async def call(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str | int] | None = None,
        upload: tuple[str, Any, str, int] | None = None,
        is_repeatable: bool = False,
        patience_s: float = 0.0,
        lane: Lane = Lane.READ,
        with_token: bool = True,
        token: Secret | None = None,
        hide: Secret | None = None,
        turn: Turn | None = None,
    ) -> tuple[Answer, str]:
        """The server's answer, any status, and the id it knows the request by.

        A `token` handed in is sent instead of the session's and never replaced; a 401 is an answer then, else
        `NotAllowed`. What the server repeats of a token, or of `hide`, in an error is masked. An order with an open
        `turn` leaves at once; without one it waits for its own.

        Raises:
            ServiceUnreachable: there is no answer; an order certainly never arrived.
            RateLimited: the turn would come too late; nothing was sent.
            ServiceError: the answer is refused for its form; never of an order.
            NotAllowed: there is no token; nothing was sent.
            OutcomeUnknown: an order may have arrived.
        """
        await eventloop.started()
        request_id = token_hex(16)
        call = Call(method, path, request_id, body, query, upload, is_repeatable or method == "GET", patience_s)
        secret = token
        if with_token and secret is None:
            secret = await self._tokens.token()
            if secret is None:
                raise self._not_logged_in("no login is known for it", None)
        answer = await self._tried(call, lane, secret, turn)
        if answer.status == 401 and with_token and token is None:  # noqa: PLR2004 - unauthorized: surely not done
            secret, answer = await self._renewed(call, lane, secret, answer)
        return masked(answer, secret, hide), request_id

    @property
    def orders_per_minute(self) -> int | None:
        """How many orders leave in a minute at most; None is without a limit."""
        return self._gate.per_minute

    @asynccontextmanager
    async def turn(
        self, on_wait: Callable[[], None] | None = None, max_wait_s: float = math.inf
    ) -> AsyncGenerator[Turn]:
        """As `OrderGate.reserved`.

        Raises:
            RateLimited: the server takes no orders for longer than we wait.
        """
        await eventloop.started()
        async with self._gate.reserved(on_wait, max_wait_s) as turn:
            yield turn

    async def _renewed(self, call: Call, lane: Lane, rejected: Secret | None, answer: Answer) -> tuple[Secret, Answer]:
        """The answer to the same call with another token.

        Raises:
            NotAllowed: there is no other, or it is not taken either.
        """
        secret = None if rejected is None else await self._tokens.renewed(rejected)
        if secret is not None:
            answer = await self._tried(call, lane, secret)
            if answer.status != 401:  # noqa: PLR2004 - unauthorized
                return secret, answer
        why = trouble.sentence(masked(answer, rejected, secret))
        raise self._not_logged_in(why, call.request_id)

    def _not_logged_in(self, why: str | None, request_id: str | None) -> NotAllowed:
        return trouble.not_logged_in(self.origin, why, request_id, hint=self._tokens.hint)

    async def _tried(self, call: Call, lane: Lane, secret: Secret | None, turn: Turn | None = None) -> Answer:
        self._pace.began()
        deadline_s = self._clock.elapsed_s() + self._patience_s
        number = self._gate.number() if lane is Lane.ORDER else 0
        tries = 0
        while True:
            if lane is Lane.ORDER:
                turn = await self._order_turn(call, number, turn)
            else:
                await self._lane_free(call, lane, deadline_s)
            tries += 1
            try:
                if turn is None:
                    answer = await self._sent(call, secret)
                else:
                    answer = await self._gate.leave(turn, partial(self._sent, call, secret))
            except NoAnswer as lost:
                pause_s = self._pause_after(lost, call, tries)
                if pause_s is None:
                    raise self._without_answer(lost, call, lane) from lost
            except UnusableAnswer as unusable:
                raise self._unusable(unusable, call, lane) from unusable
            else:
                pause_s = self._pause_after_answer(answer, call, lane, tries)
                if pause_s is None:
                    return answer
            await self._clock.sleep(pause_s)

    async def _order_turn(self, call: Call, number: int, before: Turn | None) -> Turn:
        """A turn for an order that may leave now.

        Raises:
            RateLimited: the server takes none for longer than we wait.
            ServiceUnreachable: it was down a moment ago.
        """
        turn = await self._gate.turn(number, before, call.request_id)
        try:
            self._refuse_if_broken(call)
        except ServiceUnreachable:
            await self._gate.give_back(turn)
            raise
        return turn

    async def _lane_free(self, call: Call, lane: Lane, deadline_s: float) -> None:
        """The host may be asked now.

        Raises:
            RateLimited: it may not before `deadline_s`.
            ServiceUnreachable: it was down a moment ago.
        """
        while (pause_s := self._pace.pause_before(lane)) > 0:
            if self._clock.elapsed_s() + pause_s > deadline_s:
                raise trouble.limited(self.origin, wait_s=pause_s, request_id=call.request_id)
            await self._clock.sleep(pause_s)
        self._refuse_if_broken(call)

    def _refuse_if_broken(self, call: Call) -> None:
        if self._pace.is_broken():
            raise ServiceUnreachable(
                f"`{self.origin}` can't be reached",
                why="it failed several times a moment ago and is left alone for some seconds",
                hint="try again in half a minute",
                request_id=call.request_id,
            )

    async def _sent(self, call: Call, secret: Secret | None) -> Answer:
        async with self._limiter:
            while (pause_s := self._pace.leaving()) > 0:
                await self._clock.sleep(pause_s)
            try:
                answer = await self._exchange.send(call, secret)
            except NoAnswer:
                self._pace.failed()
                raise
        if answer.status in _GATEWAY_TROUBLE:
            self._pace.failed()
        else:
            self._pace.answered()
        return answer

    def _pause_after(self, lost: NoAnswer, call: Call, tries: int) -> float | None:
        # A certificate or a proxy's refusal does not change within seconds.
        if lost.reason in (Lost.TLS, Lost.PROXY) or (lost.was_sent and not call.is_repeatable):
            return None
        return self._pace.retry_pause(tries)

    def _pause_after_answer(self, answer: Answer, call: Call, lane: Lane, tries: int) -> float | None:
        if answer.status == 429:  # noqa: PLR2004 - too many requests: certainly not done
            self._pace.hold(lane, answer)
            # A password is typed again, not sent again; all else is waited for, or said how long it would be.
            return None if lane is Lane.LOGIN or tries >= self._pace.limits.max_tries else 0.0
        if answer.status == 503:  # noqa: PLR2004 - service unavailable
            self._pace.hold(lane, answer)
        if answer.status not in _MAY_PASS or not call.is_repeatable or trouble.is_settled_500(answer):
            return None
        return self._pace.retry_pause(tries)

    def _without_answer(self, lost: NoAnswer, call: Call, lane: Lane) -> AssetctlError:
        if lane is Lane.ORDER and lost.was_sent:
            return trouble.unknown_order(self.origin, lost.detail, call.request_id)
        return trouble.unreachable(lost, self.origin, call.request_id)

    def _unusable(self, unusable: UnusableAnswer, call: Call, lane: Lane) -> AssetctlError:
        if lane is Lane.ORDER and not 300 <= unusable.status < 400:  # noqa: PLR2004 - a redirected order went nowhere
            return trouble.unknown_order(self.origin, unusable.why, call.request_id)
        return trouble.unusable(unusable, self.origin, call.request_id)
