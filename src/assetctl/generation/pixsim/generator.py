"""The generator `pixsim`: what the Protocol promises, kept towards a PixSim7 server."""

from __future__ import annotations

from contextlib import asynccontextmanager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from assetctl.errors import ConfigError, InvalidRequest, JobError, JobFailed, OutcomeUnknown
from assetctl.generation.base import JobState, JobStatus
from assetctl.generation.pixsim import standing
from assetctl.generation.pixsim.assets import Assets
from assetctl.generation.pixsim.body import Plan, Source, body_of, mark_of, prompts_of
from assetctl.generation.pixsim.comparing import Whose, differences, whose
from assetctl.generation.pixsim.fetching import file_of
from assetctl.generation.pixsim.finding import SETTLE_S, Finder
from assetctl.generation.pixsim.game import GameWay, asset_of, lost
from assetctl.generation.pixsim.inputs import Inputs
from assetctl.generation.pixsim.knobs import SPECS, checked_knobs, provider_named, providers_table
from assetctl.generation.pixsim.operations import ASSET_TYPES, operation_for
from assetctl.generation.pixsim.rows import RowBoard
from assetctl.models import Estimate, Via
from assetctl.pixsim.tags import slugs_for
from assetctl.pixsim.trouble import RECONCILE

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime

    from assetctl.generation.base import GeneratedFile, GenerationOrder, Hints, ParameterSpec
    from assetctl.generation.registry import GeneratorContext
    from assetctl.models import AssetType
    from assetctl.pixsim.client import PixsimClient
    from assetctl.pixsim.records import Generation, ProviderInfo
    from assetctl.pixsim.turns import Turn

#: How long the server's list of providers is believed.
_PROVIDERS_LIFE_S: Final = 600.0
#: How long after an answer was lost the order is looked for.
_FIRST_SEARCH_S: Final = 2.0
_SUCCEEDED: Final = JobStatus(JobState.SUCCEEDED)


class PixsimGenerator:
    """Makes images and videos through jobs of a PixSim7 server."""

    name: Final = "pixsim"
    asset_types: Final[frozenset[AssetType]] = ASSET_TYPES
    is_stand_in: Final = False
    is_paid: Final = True
    needs_network: Final = True

    def __init__(self, context: GeneratorContext, *, settle_s: float = SETTLE_S) -> None:
        """Talk to the server of `context` when first asked; nothing is opened yet."""
        self._context = context
        self._clock = context.clock
        self._settle_s = settle_s
        self._finder = Finder(context.clock, settle_s=settle_s)
        self._inputs = Inputs(context.clock)
        self._rows = RowBoard(self._client, context.clock)
        self._assets = Assets(self._client, context.clock, is_busy=lambda: self._rows.is_busy)
        self._game = GameWay(context)
        self._sent_classic: set[str] = set()
        self._turns: dict[str, Turn] = {}
        self._providers: tuple[float, tuple[ProviderInfo, ...]] | None = None
        self._ended_s: dict[int, float] = {}

    @property
    def missing(self) -> str | None:
        """`backend.url`, as long as it is not set."""
        return "`backend.url` is not set" if self._context.pixsim is None else None

    def parameters(self) -> Sequence[ParameterSpec]:
        """The knobs that the server passes on; which of them a provider has is `provider_parameters`'s to say."""
        return SPECS

    async def provider_parameters(self) -> Mapping[str, Mapping[str, Sequence[ParameterSpec]]]:
        """Provider -> operation -> its knobs, as the server states them now.

        Raises:
            ConfigError: there is no server.
            ServiceError: it could not be asked.
        """
        return providers_table(await self._known_providers(self._client()))

    async def check(self, order: GenerationOrder) -> None:
        """Return when a provider of the server takes `order` with all its knobs and inputs.

        Raises:
            ConfigError: there is no server.
            InvalidRequest: none does, or not so.
            ServiceError: the server could not be asked.
        """
        client = self._client()
        if await self._goes_by_game(client, order):
            self._game.check(order.request)
            return
        kinds = await self._inputs.kinds(client, order.request.inputs)
        plan = await self._planned(client, order, kinds)
        prompts_of(order.request.prompt, replace(plan, sources=tuple(Source(kind) for kind in kinds)))

    async def estimate(self, order: GenerationOrder) -> Estimate:
        """Unknown: the server states neither prices nor times."""
        del order
        return Estimate(basis="the backend states neither prices nor times")

    @property
    def orders_per_minute(self) -> int | None:
        """How many the server takes, as the settings say; None without a limit or a server."""
        return None if self._context.pixsim is None else self._context.pixsim().orders_per_minute

    @asynccontextmanager
    async def turn(self, key: str, on_wait: Callable[[], None], max_wait_s: float) -> AsyncGenerator[None]:
        """Within the block the server takes the order for `key`: there is a place in its window of orders.

        `on_wait` is called when there is none at this moment, and again when the server refuses the order.
        Both times places are waited for until `max_wait_s` from now have passed.

        Raises:
            ConfigError: there is no server.
            RateLimited: it takes none for longer than is waited.
        """
        async with self._client().turn(on_wait, max_wait_s) as turn:
            self._turns[key] = turn
            try:
                yield
            finally:
                # Somebody else may want the same, and then it is theirs that is known.
                if self._turns.get(key) is turn:
                    del self._turns[key]

    async def submit(self, order: GenerationOrder, idempotency_key: str) -> str:
        """The id of the generation that now makes `order`, and no other.

        Raises:
            JobFailed: refused for good, nothing was ordered; or the server made another one of it; then it names a job.
            OutcomeUnknown: the order may have been accepted.
            ServiceError: known to have failed before acceptance.
        """
        client = self._client()
        if await self._goes_by_game(client, order):
            return await self._game.order(client, order.request, self._turns.get(order.key))
        try:
            body = await self._body(client, order, idempotency_key)
        except InvalidRequest as error:
            raise JobFailed(error.what, why=error.why, hint=error.hint) from error
        self._finder.sending(idempotency_key)
        self._sent_classic.add(idempotency_key)
        try:
            row = await self._ordered(client, body, mark_of(order, idempotency_key), self._turns.get(order.key))
        except OutcomeUnknown as error:
            # Most often it did arrive: then a first look soon finds it.
            error.ask_again_in_s = min(_FIRST_SEARCH_S, self._settle_s)
            raise
        finally:
            self._finder.sending(idempotency_key)
        problems = differences(row, body)
        if problems:
            # Not unknown: found again by its name, it would be delivered as what was asked for.
            raise JobFailed(
                f"the backend made something else of the order: its job `{row.id}`",
                why="; ".join(problems),
                hint="look at it at the backend, it may cost something; ordered anew, it may happen again",
                job_id=str(row.id),
            )
        self._rows.made(row.id)
        return str(row.id)

    async def find(self, order: GenerationOrder, idempotency_key: str, sent_at: datetime | None) -> str | None:
        """The id of the generation that an earlier `submit` with this key made; None when there certainly is none.

        Raises:
            OutcomeUnknown: nothing certain can be said, or the order may have gone where none is ever found again.
            ServiceError: the server could not be asked.
        """
        row = await self._finder.find(self._client(), idempotency_key, sent_at)
        if row is None and order.request.via is Via.GAME and idempotency_key not in self._sent_classic:
            raise lost()
        return None if row is None else str(row.id)

    async def status(self, job_id: str) -> JobStatus:
        """How the job is doing now; an end that may not be one is told as running or queued for a while.

        Raises:
            JobError: there is no such job.
            ServiceError: it could not be asked.
        """
        if asset_of(job_id) is not None:
            return _SUCCEEDED
        status = self._standing(await self._row(job_id))
        if status.is_final and status.state is not JobState.SUCCEEDED:
            self._rows.forget(job_id)
        return status

    async def cancel(self, job_id: str) -> JobStatus:
        """How the job is after asking to stop it; one that runs may go on, and even succeed.

        Raises:
            JobError: there is no such job.
            ServiceError: it could not be asked.
        """
        if asset_of(job_id) is not None:
            return _SUCCEEDED
        row = await self._client().cancel_generation(_number(job_id))
        if row is None:
            raise _no_job(job_id)
        return self._standing(row)

    async def result(self, job_id: str) -> GeneratedFile:
        """The file of a job that succeeded, with a fresh link.

        Raises:
            JobError: the job has no file that can be used.
            ServiceError: it could not be asked.
        """
        asset_id = asset_of(job_id)
        if asset_id is not None:
            return await self._game.file(self._client(), asset_id)
        async with self._heard() as hints:
            return await file_of(self._assets, await self._completed(job_id), self._clock, hints)

    async def announce(self, job_id: str, order: GenerationOrder) -> None:
        """The asset bears the tags by which the next person finds it, unless the request doesn't want that.

        Raises:
            JobError: there is no such asset any more.
            ServiceError: it could not be done.
        """
        slugs = slugs_for(order.request, order.key) if order.request.tag is not False else ()
        if not slugs:
            return
        asset_id = asset_of(job_id)
        if asset_id is not None and not await self._game.was_made(self._client(), asset_id):
            # Somebody else's work for this moment: what it is for is theirs to say.
            return
        asset_id = (await self._completed(job_id)).asset_id if asset_id is None else asset_id
        if asset_id is None or await self._client().assign_tags(asset_id, slugs) is None:
            raise JobError(f"the job `{job_id}` has no asset that could be tagged", job_id=job_id)

    async def discard(self, job_id: str) -> None:
        """The row of the job is not kept any more."""
        self._rows.forget(job_id)

    def watch(self) -> AbstractAsyncContextManager[Hints | None]:
        """Hints from the server's events, which anybody may hear, and from looks at others; None without a server."""
        if self._context.pixsim is None:
            return nullcontext()
        return self._rows.watch(self._heard())

    def _heard(self) -> AbstractAsyncContextManager[Hints | None]:
        events = self._context.pixsim_events
        return nullcontext() if events is None else events().watch()

    async def _goes_by_game(self, client: PixsimClient, order: GenerationOrder) -> bool:
        return order.request.via is Via.GAME and await self._game.is_there(client)

    def _client(self) -> PixsimClient:
        if self._context.pixsim is None:
            raise ConfigError(
                "the generator `pixsim` needs a backend",
                why=self.missing,
                hint="set it in the settings or as ASSETCTL_BACKEND__URL, then: assetctl auth login",
            )
        return self._context.pixsim()

    async def _known_providers(self, client: PixsimClient) -> tuple[ProviderInfo, ...]:
        now_s = self._clock.elapsed_s()
        if self._providers is None or now_s - self._providers[0] > _PROVIDERS_LIFE_S:
            self._providers = (now_s, await client.providers())
        return self._providers[1]

    async def _planned(self, client: PixsimClient, order: GenerationOrder, kinds: Sequence[AssetType]) -> Plan:
        """What `order` comes to, its sources left open."""
        request = order.request
        operation = operation_for(request, kinds)
        provider = provider_named(request.provider, await self._known_providers(client), operation)
        return Plan(operation, provider.provider_id, checked_knobs(request, provider, operation))

    async def _body(self, client: PixsimClient, order: GenerationOrder, idempotency_key: str) -> dict[str, Any]:
        sources = await self._inputs.sources(client, order.request.inputs)
        plan = await self._planned(client, order, [source.kind for source in sources])
        return body_of(order, idempotency_key, replace(plan, sources=sources))

    async def _ordered(self, client: PixsimClient, body: Mapping[str, Any], mark: str, turn: Turn | None) -> Generation:
        """The row that was made for this order, by its first try or an earlier one."""
        row = await client.create_generation(body, turn=turn)
        owner = await self._owner(client, row, body, mark)
        if owner is Whose.ANOTHERS:
            # An old row, handed out because this server overlooks our mark: nothing was bought. A new one may be
            # insisted on once, as long as the answer proves the next try to be the first purchase.
            row = await client.create_generation({**body, "force_new": True})
            owner = whose(row, mark, body["name"])
        if owner is Whose.ANOTHERS:
            raise OutcomeUnknown(
                f"the backend answered the order with its job `{row.id}`, which somebody else ordered",
                why="it did so although a new one was insisted on",
                hint=RECONCILE,
            )
        if owner is Whose.UNKNOWN:
            # Not unknown: it would not be found by its name, taken for lost and ordered again.
            raise JobFailed(
                f"the backend answered the order with its job `{row.id}`, which doesn't say what it is for",
                why="neither its name nor its scene are those of the order; this may be another kind of server",
                hint="look at it at the backend, it may cost something; ordered anew, it may happen again",
                job_id=str(row.id),
            )
        return row

    async def _owner(self, client: PixsimClient, row: Generation, body: Mapping[str, Any], mark: str) -> Whose:
        owner = whose(row, mark, body["name"])
        if owner is not Whose.UNKNOWN:
            return owner
        # Its age tells, by the server's own clock.
        return whose(row, mark, body["name"], (await client.version()).server_time)

    async def _row(self, job_id: str) -> Generation:
        row = await self._rows.row(_number(job_id))
        if row is None:
            raise _no_job(job_id)
        return row

    async def _completed(self, job_id: str) -> Generation:
        """The row of a job that should have an asset; one that had it when it was last looked at has it still."""
        row = self._rows.last(job_id)
        return await self._row(job_id) if row is None or not standing.is_complete(row) else row

    def _standing(self, row: Generation) -> JobStatus:
        now_s = self._clock.elapsed_s()
        if standing.may_change(row):
            first_s = self._ended_s.setdefault(row.id, now_s)
        else:
            self._ended_s.pop(row.id, None)
            first_s = now_s
        return standing.standing(row, standing.Patience(now_s - first_s, self._clock.now()))


def _number(job_id: str) -> int:
    if not (job_id.isascii() and job_id.isdigit()):
        raise _no_job(job_id)
    return int(job_id)


def _no_job(job_id: str) -> JobError:
    why = "somebody deleted it there, or this is another backend than it was ordered at"
    return JobError(f"the backend has no job `{job_id}`", why=why, job_id=job_id)
