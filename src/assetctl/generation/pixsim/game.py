"""The second way to order: the server's game endpoint, which is told a moment of the game and answers with an asset.

No server has it yet (its API document, "Proposed but absent"), so it is looked for first. It takes no name by which an
order could be found again: whoever loses its answer can't know what became of the order, and it is never sent again.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import anyio

from assetctl.errors import InvalidRequest, JobFailed, OutcomeUnknown, ServiceError
from assetctl.generation.pixsim.fetching import file_at, usable_asset
from assetctl.generation.pixsim.finding import GIVE_UP
from assetctl.models import AssetType, Reuse, Strategy

if TYPE_CHECKING:
    from assetctl.generation.base import GeneratedFile
    from assetctl.generation.registry import GeneratorContext
    from assetctl.models import AssetRequest
    from assetctl.pixsim.client import PixsimClient
    from assetctl.pixsim.records import StoredAsset
    from assetctl.pixsim.turns import Turn

#: How long it is believed that a server has the endpoint, or hasn't.
_LIFE_S: Final = 86_400.0
_HAS: Final = "has"
_LACKS: Final = "lacks"
#: How long the server may take where the request doesn't say, and at most.
_WAIT_S: Final = 120.0
_LONGEST_WAIT_S: Final = 600.0
_MADE: Final = "generated"
_JOB: Final = re.compile(r"asset:([0-9]{1,18})")


def asset_of(job_id: str) -> int | None:
    """The asset that the endpoint answered with; None when `job_id` is a job of the classic way."""
    matched = _JOB.fullmatch(job_id)
    return None if matched is None else int(matched[1])


def lost(why: str | None = None) -> OutcomeUnknown:
    """Nobody will ever know what became of an order at the endpoint."""
    return OutcomeUnknown("an order at the game endpoint can't be found again", why=why, hint=GIVE_UP)


class GameWay:
    """Orders at the game endpoint of one server."""

    def __init__(self, context: GeneratorContext) -> None:
        """Ask nothing yet."""
        self._context = context
        self._is_there: bool | None = None
        self._looking = anyio.Lock()
        self._took_ms: dict[int, int | None] = {}

    async def is_there(self, client: PixsimClient) -> bool:
        """Whether the server has the endpoint: asked once, for nothing, and remembered for a day.

        Raises:
            ServiceError: it could not be asked.
        """
        async with self._looking:
            if self._is_there is None:
                self._is_there = await self._looked_up(client)
                if not self._is_there and self._context.tell is not None:
                    self._context.tell(f"`{client.origin}` has no game endpoint: it is asked the classic way")
            return self._is_there

    def check(self, request: AssetRequest) -> None:
        """Return when the endpoint can be told all that `request` demands.

        Raises:
            InvalidRequest: what can't be passed on can't be promised.
        """
        untold = {
            "--type": request.asset_type is not AssetType.VIDEO,
            "--prompt": request.prompt is not None,
            "--style": request.style is not None,
            "--duration": request.duration_s is not None,
            "--seed": request.seed is not None,
            "--provider": request.provider not in (None, self._context.default_provider),
            "--model": request.model is not None,
            "--param": bool(request.parameters),
            "inputs": bool(request.inputs),
            "--reuse": request.reuse in (Reuse.PER_PLAYER, Reuse.PER_PLAYTHROUGH),
            "--detach": request.max_wait_s == 0,
        }
        demanded = [f"`{name}`" for name, is_demanded in untold.items() if is_demanded]
        if demanded:
            raise InvalidRequest(
                f"the backend's game endpoint can't be told {', '.join(demanded)}",
                why="it takes scene, choice, character and location, and answers with a video once that is there",
                hint="leave it out, or ask with `--via classic`",
            )

    async def order(self, client: PixsimClient, request: AssetRequest, turn: Turn | None) -> str:
        """The id of the job, done already, that stands for the asset the server answered with.

        Raises:
            JobFailed: refused for good, nothing was ordered; or it was to be made anew and was not, then with a job.
            OutcomeUnknown: the order may have been accepted, and nobody will ever be able to tell.
            ServiceError: known to have failed before acceptance.
        """
        try:
            self.check(request)
        except InvalidRequest as error:
            raise JobFailed(error.what, why=error.why, hint=error.hint) from error
        wait_s = min(_WAIT_S if request.max_wait_s is None else request.max_wait_s, _LONGEST_WAIT_S)
        try:
            answer = await client.request_game_asset(_body(request, wait_s), patience_s=wait_s, turn=turn)
        except OutcomeUnknown as error:
            raise lost(error.why) from error
        except ServiceError:
            # Perhaps the endpoint is gone: the next order looks again.
            await self._forget(client)
            raise
        job_id = f"asset:{answer.asset_id}"
        if _is_to_be_new(request) and answer.source not in (None, _MADE):
            raise JobFailed(
                f"the backend made nothing new: its asset `{answer.asset_id}` is `{answer.source:.40}`",
                hint="ask with `--via classic`",
                job_id=job_id,
            )
        self._took_ms[answer.asset_id] = answer.generation_time_ms
        return job_id

    async def file(self, client: PixsimClient, asset_id: int) -> GeneratedFile:
        """The file of the asset that was answered, with a fresh link.

        Raises:
            JobFailed: it is not what may be handed out for an order.
            ServiceError: the server could not be asked.
        """
        job_id = f"asset:{asset_id}"
        stored = await usable_asset(client, asset_id, job_id, self._context.clock)
        fault = _fault(stored, (await client.introspect()).user_id)
        if fault is not None:
            raise JobFailed(
                f"the backend answered the order with its asset `{asset_id}`, which is refused",
                why=fault,
                job_id=job_id,
            )
        return replace(file_at(stored, client.origin, job_id), generation_time_ms=self._took_ms.get(asset_id))

    async def was_made(self, client: PixsimClient, asset_id: int) -> bool:
        """Whether the asset came out of a generation, rather than out of the server's library.

        Raises:
            ServiceError: the server could not be asked.
        """
        stored = await client.asset(asset_id)
        return stored is not None and stored.source_generation_id is not None

    async def _looked_up(self, client: PixsimClient) -> bool:
        lookups = None if self._context.lookups is None else self._context.lookups()
        known = None if lookups is None else await lookups.recall(_key(client))
        if known is None:
            known = _HAS if await client.has_game_requests() else _LACKS
            if lookups is not None:
                await lookups.remember(_key(client), known, ttl_s=_LIFE_S)
        return known == _HAS

    async def _forget(self, client: PixsimClient) -> None:
        self._is_there = None
        if self._context.lookups is not None:
            await self._context.lookups().forget(_key(client))


def _key(client: PixsimClient) -> str:
    return f"pixsim game {client.origin}"


def _is_to_be_new(request: AssetRequest) -> bool:
    return request.strategy is Strategy.GENERATE_ALWAYS or request.reuse is Reuse.ALWAYS


def _body(request: AssetRequest, wait_s: float) -> dict[str, Any]:
    strategy = Strategy.GENERATE_ALWAYS if _is_to_be_new(request) else request.strategy
    if not request.allow_generation:
        strategy = Strategy.PRE_MADE_ONLY
    return {
        "scene_id": request.scene_id,
        "choice_id": request.choice_id,
        "context": {"character_id": request.character_id, "location_id": request.location_id},
        "strategy": strategy.value.replace("-", "_"),
        "max_wait_ms": round(wait_s * 1000),
    }


def _fault(stored: StoredAsset, user_id: int | None) -> str | None:
    if stored.media_type != AssetType.VIDEO:
        return f"it is no video but `{stored.media_type:.40}`"
    if stored.is_archived:
        return "it is archived"
    if None not in (stored.user_id, user_id) and stored.user_id != user_id:
        return "it belongs to somebody else"
    return None
