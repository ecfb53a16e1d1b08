"""The calls to a PixSim7 server that assetctl makes, each with what it gives and what it raises.

Unless a call says otherwise it raises `ServiceUnreachable`, `NotAllowed`, `RateLimited`, `InvalidRequest` or
`ServiceError`, and each names the request's id. Only `create_generation` and
`request_game_asset` order anything.
"""

from __future__ import annotations

import math
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

from assetctl.errors import ServiceError
from assetctl.eventloop import in_thread
from assetctl.pixsim import trouble, wire
from assetctl.pixsim.calling import Caller
from assetctl.pixsim.exchange import Exchange
from assetctl.pixsim.pacing import Lane
from assetctl.pixsim.turns import Turns

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
    from pathlib import Path

    import httpx

    from assetctl.clock import Clock
    from assetctl.network import Origin
    from assetctl.pixsim.calling import Tokens
    from assetctl.pixsim.exchange import Answer
    from assetctl.pixsim.pacing import Pace
    from assetctl.pixsim.records import (
        AssetPage,
        GameAnswer,
        GameScene,
        GameWorld,
        Generation,
        GenerationPage,
        Login,
        ProviderInfo,
        SceneEntry,
        ServerVersion,
        StoredAsset,
        TokenFacts,
    )
    from assetctl.pixsim.turns import Turn
    from assetctl.secret import Secret

API: Final = "/api/v1"
#: The server looks at the first 200 ids of a bulk read and silently leaves out the rest.
_BULK: Final = 200
#: An answer longer than this is parsed in a thread.
_LONG_BYTES: Final = 256 << 10
_BAD_REQUEST: Final = 400
_CONFLICT: Final = 409
_GAME: Final = f"{API}/game/assets/request"
#: What a server says of an empty body at an address that it has, and at one that it hasn't.
_INCOMPLETE: Final = frozenset({400, 422})
_NO_ADDRESS: Final = frozenset({404, 405})

T = TypeVar("T")


class PixsimClient:
    """Talks to the PixSim7 server at one origin; may be used by many tasks of one event loop."""

    def __init__(
        self,
        origin: Origin,
        http: httpx.AsyncClient,
        *,
        tokens: Tokens,
        clock: Clock,
        pace: Pace,
        turns: Turns | None = None,
        timeout_s: float = 30.0,
    ) -> None:
        """Use `http`, made by `network.new_client` with this `timeout_s`; it stays the caller's to close.

        Without `turns` orders keep the server's own limit, and no other process is known of.
        """
        self._caller = Caller(
            Exchange(http, origin, timeout_s=timeout_s),
            origin=origin,
            tokens=tokens,
            pace=pace,
            turns=turns or Turns(clock=clock),
            clock=clock,
        )

    @property
    def origin(self) -> Origin:
        """Whose server this is; credentials go nowhere else."""
        return self._caller.origin

    async def version(self) -> ServerVersion:
        """What the server is, and its clock; needs no login."""
        answer, request_id = await self._caller.call("GET", f"{API}/version", with_token=False)
        return await self._parsed(wire.version, answer, request_id)

    async def providers(self) -> tuple[ProviderInfo, ...]:
        """The providers behind the server, with the knobs of their operations."""
        answer, request_id = await self._caller.call("GET", f"{API}/providers")
        return await self._parsed(wire.providers, answer, request_id)

    @property
    def orders_per_minute(self) -> int | None:
        """How many orders leave in a minute at most; None is without a limit."""
        return self._caller.orders_per_minute

    @asynccontextmanager
    async def turn(
        self, on_wait: Callable[[], None] | None = None, max_wait_s: float = math.inf
    ) -> AsyncGenerator[Turn]:
        """Within the block one order may leave at once; who comes first is first. An unused turn is given back.

        `on_wait` is called when there is no turn at this moment, and again when the server refuses the order. Both
        times it is waited until `max_wait_s` from now have passed.
        """
        async with self._caller.turn(on_wait, max_wait_s) as turn:
            yield turn

    async def create_generation(self, body: Mapping[str, Any], *, turn: Turn | None = None) -> Generation:
        """The generation that the server answered with; it may be an old one, for other input or of another user.

        Without an open `turn` it waits for one.

        Raises:
            JobFailed: refused for good, nothing was ordered.
            OutcomeUnknown: the order may have been accepted.
            ServiceError: it certainly was not (never sent, not logged in, too many); it may be sent again.
        """
        return await self._ordered(f"{API}/generations", body, wire.generation, turn=turn)

    async def has_game_requests(self) -> bool:
        """Whether `request_game_asset` can be called; it is tried with nothing, which orders nothing."""
        answer, request_id = await self._caller.call("POST", _GAME)
        if answer.status not in _INCOMPLETE | _NO_ADDRESS:
            raise trouble.refusal(answer, self.origin, request_id)
        return answer.status in _INCOMPLETE

    async def request_game_asset(
        self, body: Mapping[str, Any], *, patience_s: float, turn: Turn | None = None
    ) -> GameAnswer:
        """What the server has or makes for a moment of a game; it answers once that is there.

        Raises:
            JobFailed, OutcomeUnknown, ServiceError: as `create_generation`.
        """
        return await self._ordered(_GAME, body, wire.game_answer, patience_s=patience_s, turn=turn)

    async def generation(self, generation_id: int) -> Generation | None:
        """The generation as it is now; None when there is none of that id."""
        return await self._by_id(f"{API}/generations/{generation_id:d}", wire.generation)

    async def generations(self, *, limit: int = 50, offset: int = 0, status: str | None = None) -> GenerationPage:
        """At most `limit` (1 to 200) generations of this user, most urgent first, then newest first."""
        query: dict[str, str | int] = {"limit": limit, "offset": offset} | ({"status": status} if status else {})
        answer, request_id = await self._caller.call("GET", f"{API}/generations", query=query)
        return await self._parsed(wire.generation_page, answer, request_id)

    async def cancel_generation(self, generation_id: int) -> Generation | None:
        """The generation after asking to stop it; it may go on (`deferred_action`), or have ended before."""
        answer, request_id = await self._caller.call(
            "POST", f"{API}/generations/{generation_id:d}/cancel", is_repeatable=True
        )
        if answer.status == _CONFLICT:
            return await self.generation(generation_id)
        return None if trouble.is_missing(answer) else await self._parsed(wire.generation, answer, request_id)

    async def asset(self, asset_id: int) -> StoredAsset | None:
        """The asset as it is now; None when there is none of that id."""
        return await self._by_id(f"{API}/assets/{asset_id:d}", wire.asset)

    async def assets(self, asset_ids: Iterable[int]) -> tuple[StoredAsset, ...]:
        """Those of the assets that exist, in no order; one of another user fails the whole call.

        Raises:
            ServiceError: that, too: it is no trouble with the login.
        """
        wanted = list(dict.fromkeys(asset_ids))
        found: list[StoredAsset] = []
        for start in range(0, len(wanted), _BULK):
            answer, request_id = await self._caller.call(
                "POST",
                f"{API}/assets/bulk/get",
                body={"asset_ids": wanted[start : start + _BULK]},
                is_repeatable=True,
            )
            if answer.status == _BAD_REQUEST:
                why = trouble.sentence(answer)
                raise ServiceError(f"`{self.origin}` gives none of these assets", why=why, request_id=request_id)
            found += await self._parsed(wire.assets, answer, request_id)
        return tuple(found)

    async def search_assets(self, body: Mapping[str, Any]) -> AssetPage:
        """A page of what the server finds for `body`; it ignores filters it does not know."""
        answer, request_id = await self._caller.call("POST", f"{API}/assets/search", body=body, is_repeatable=True)
        return await self._parsed(wire.asset_page, answer, request_id)

    async def assign_tags(self, asset_id: int, add: Iterable[str]) -> StoredAsset | None:
        """The asset with the slugs of `add` among its tags; None when there is none of that id."""
        answer, request_id = await self._caller.call(
            "POST", f"{API}/assets/{asset_id:d}/tags/assign", body={"add": list(add)}, is_repeatable=True
        )
        return None if trouble.is_missing(answer) else await self._parsed(wire.asset, answer, request_id)

    async def upload(self, path: Path, mime_type: str) -> int:
        """The id of the library asset with the bytes of `path`; a similar image may give that of an older one.

        Raises:
            OSError: the file cannot be read.
        """
        size = (await in_thread(path.stat)).st_size
        with await in_thread(path.open, "rb") as file:
            answer, request_id = await self._caller.call(
                "POST",
                f"{API}/assets/upload",
                body={"save_target": "library"},
                upload=(path.name, file, mime_type, size),
            )
        return await self._parsed(wire.uploaded_id, answer, request_id)

    async def game_scenes(self, world_id: int | None = None) -> tuple[SceneEntry, ...]:
        """The scenes of a world, or of all; whose they are, the server doesn't ask."""
        query: dict[str, str | int] = {} if world_id is None else {"world_id": world_id}
        answer, request_id = await self._caller.call("GET", f"{API}/game/scenes/", query=query)
        return await self._parsed(wire.scene_entries, answer, request_id)

    async def game_scene(self, scene_id: int) -> GameScene | None:
        """The scene as a graph, without weights; None when there is none of that id.

        Raises:
            InvalidRequest: it has no entry node.
        """
        return await self._by_id(f"{API}/game/scenes/{scene_id:d}", wire.scene)

    async def game_world(self, world_id: int) -> GameWorld | None:
        """What the export of a world tells; None when this user has none of that id.

        Raises:
            ServiceError: as always, and when the export is longer than an answer may be (`exchange.MAX_BODY_BYTES`).
        """
        return await self._by_id(f"{API}/game/worlds/{world_id:d}/project/export", wire.world)

    async def introspect(self, token: Secret | None = None) -> TokenFacts:
        """What the server says of `token`, or of the one in use; a bad one is no error but inactive."""
        answer, request_id = await self._caller.call(
            "POST", f"{API}/auth/introspect", body={}, is_repeatable=True, token=token
        )
        return await self._parsed(wire.token_facts, answer, request_id)

    async def login(self, user: str, password: Secret) -> Login:
        """A new token for `user`, a name or an e-mail address. Five tries a minute are allowed to one address.

        Raises:
            NotAllowed: the server does not know this name and password.
        """
        field = "email" if "@" in user else "username"
        answer, request_id = await self._caller.call(
            "POST",
            f"{API}/auth/login",
            body={field: user, "password": password.reveal(), "client_type": "cli", "client_name": "assetctl"},
            lane=Lane.LOGIN,
            with_token=False,
            hide=password,
        )
        if not answer.is_success:
            raise trouble.refused_login(answer, self.origin, request_id)
        return await self._parsed(wire.login, answer, request_id)

    async def logout(self, token: Secret | None = None) -> None:
        """The server takes `token`, or the one in use, no more; one it did not take before is fine."""
        answer, request_id = await self._caller.call("POST", f"{API}/auth/logout", is_repeatable=True, token=token)
        if not answer.is_success and answer.status != 401:  # noqa: PLR2004 - unauthorized
            raise trouble.refusal(answer, self.origin, request_id)

    async def _ordered(
        self,
        path: str,
        body: Mapping[str, Any],
        parse: Callable[[bytes], T],
        *,
        turn: Turn | None,
        patience_s: float = 0.0,
    ) -> T:
        answer, request_id = await self._caller.call(
            "POST", path, body=body, lane=Lane.ORDER, patience_s=patience_s, turn=turn
        )
        if not answer.is_success:
            raise trouble.refused_order(answer, self.origin, request_id)
        try:
            return parse(answer.body)
        except wire.Unreadable as error:
            raise trouble.unknown_order(self.origin, f"its answer: {error}", request_id) from error

    async def _by_id(self, path: str, parse: Callable[[bytes], T]) -> T | None:
        answer, request_id = await self._caller.call("GET", path)
        return None if trouble.is_missing(answer) else await self._parsed(parse, answer, request_id)

    async def _parsed(self, parse: Callable[[bytes], T], answer: Answer, request_id: str) -> T:
        if not answer.is_success:
            raise trouble.refusal(answer, self.origin, request_id)
        try:
            return await in_thread(parse, answer.body) if len(answer.body) > _LONG_BYTES else parse(answer.body)
        except wire.Unreadable as error:
            raise trouble.unreadable(error, self.origin, request_id) from error
