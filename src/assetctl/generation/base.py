"""What a generator is: something that makes an asset through a job.

`providers/generated.py` owns the journal, the waiting and the money rules; a generator only talks to its service. All
of its trouble is a `JobError` or `ServiceError`. A plug-in needs this file and an entry point, nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from assetctl.models import AssetType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime
    from pathlib import Path

    from assetctl.models import AssetRequest, Cost, Estimate, ParameterValue

_NO_VALUES: Mapping[str, ParameterValue] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ParameterSpec:
    """One knob of a generator.

    `kind` is the type a value must have after parsing. `minimum` and `maximum` are inclusive; None is unbounded.
    `asset_types` are the types it applies to.
    """

    name: str
    kind: type[str | int | float | bool]
    default: ParameterValue | None = None
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    help: str = ""
    asset_types: frozenset[AssetType] = field(default=frozenset(AssetType))


@dataclass(frozen=True, slots=True)
class GenerationOrder:
    """What a generator is asked to make: the request, its key, and the checked parameters.

    The order is stored in the journal before it is sent and must mean the same after a restart.
    """

    key: str
    request: AssetRequest

    @property
    def parameters(self) -> Mapping[str, ParameterValue]:
        """The knobs the request turns, checked against the generator's specs; the others keep their defaults."""
        return self.request.parameters or _NO_VALUES


class JobState(StrEnum):
    """What a generator says of a job.

    `PAUSED` moves only when somebody lets it; `FAILED` and `CANCELLED` are said only of what stays so: a service that
    tries again by itself is queued or running meanwhile.
    """

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class JobStatus:
    """One look at a job.

    `fraction` is 0 to 1, None when the generator does not say. `message` is for a person and untrusted: why a job
    waits, what it does, how it failed. `poll_after_s` is the generator's wish for the next look.
    """

    state: JobState
    fraction: float | None = None
    message: str | None = None
    poll_after_s: float | None = None

    @property
    def is_final(self) -> bool:
        """Whether the job will not change any more."""
        return self.state in (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)

    @property
    def ends_wait(self) -> bool:
        """Whether waiting on is of no use: it is final, or paused and moves only when somebody lets it."""
        return self.is_final or self.state is JobState.PAUSED


@dataclass(frozen=True, slots=True)
class GeneratedFile:
    """A finished job's file, not yet fetched.

    Exactly one of `path` (on this machine) and `url` is set. `sha256` and `size_bytes` are None when the generator does
    not state them. `cost` is what was charged; None is unknown.
    """

    asset_id: str
    path: Path | None = None
    url: str | None = None
    sha256: str | None = None
    size_bytes: int | None = None
    created_at: datetime | None = None
    model: str | None = None
    cost: Cost | None = None
    generation_time_ms: int | None = None


class Hints(Protocol):
    """Hears that a job may have changed. A hint only shortens a pause; what is true is what a look says."""

    @property
    def is_live(self) -> bool:
        """Whether news would be heard at this moment; looks are rarer while it would."""
        ...

    async def wait(self, job_id: str, timeout_s: float) -> bool:
        """Whether there was news of the job within `timeout_s`; returns as soon as there is.

        News since the watch began, or since the last wait for this job, counts: nothing is lost between two waits. A
        line that was cut is news too, as nobody knows what was missed. Raises nothing.
        """
        ...


class Generator(Protocol):
    """Makes assets through jobs that outlive whoever asked for them."""

    @property
    def name(self) -> str:
        """The name under which it is registered and asked for."""
        ...

    @property
    def asset_types(self) -> frozenset[AssetType]:
        """What it can make."""
        ...

    @property
    def is_stand_in(self) -> bool:
        """Whether its assets only stand in until a real one exists in a library."""
        ...

    @property
    def is_paid(self) -> bool:
        """Whether a job may cost money; if so, its result is never thrown away lightly."""
        ...

    @property
    def needs_network(self) -> bool:
        """Whether `--offline` leaves it out."""
        ...

    def parameters(self) -> Sequence[ParameterSpec]:
        """Its knobs, in the order in which to show them."""
        ...

    async def estimate(self, order: GenerationOrder) -> Estimate:
        """What `order` may cost and take; unknown stays unknown. Spends nothing."""
        ...

    async def check(self, order: GenerationOrder) -> None:
        """Return when its service would take `order`, as far as it can tell; nothing is ordered.

        Asked before anything is written down. For what only the service knows: the parameters themselves were checked.

        Raises:
            InvalidRequest: it would not be taken; says what would.
            ServiceError: it could not be asked.
        """
        ...

    async def submit(self, order: GenerationOrder, idempotency_key: str) -> str:
        """The id of the job that now makes `order`.

        `idempotency_key` is the same for every try of one order; a service that understands it makes one job of all.

        Raises:
            JobFailed: refused for good, nothing was ordered; with a `job_id`, that job makes something else of it and
                may cost something.
            OutcomeUnknown: the order may have been accepted.
            ServiceError: known to have failed before acceptance; it may be sent again.
        """
        ...

    async def find(self, order: GenerationOrder, idempotency_key: str, sent_at: datetime | None) -> str | None:
        """The id of the job that an earlier `submit` of `order` with this key made; None when there certainly is none.

        `sent_at` is when it was sent last, by our clock; None is unknown. After None the order is sent again, so a
        service that shows its jobs only after a while is believed only once that while is over.

        Raises:
            OutcomeUnknown: this generator cannot tell (yet); says when it can, if it ever can.
            ServiceError: it could not be asked.
        """
        ...

    async def status(self, job_id: str) -> JobStatus:
        """How the job is doing now.

        Raises:
            JobError: there is no such job.
            ServiceError: it could not be asked; the job may well go on.
        """
        ...

    async def cancel(self, job_id: str) -> JobStatus:
        """What became of the job after asking to stop it; it may have ended before, or go on for a while.

        Raises:
            ServiceError: it could not be asked.
        """
        ...

    async def result(self, job_id: str) -> GeneratedFile:
        """The file of a job that succeeded; may be asked again, and then gives a fresh link.

        Raises:
            JobError: the job has no file.
            ServiceError: it could not be asked.
        """
        ...

    def watch(self) -> AbstractAsyncContextManager[Hints | None]:
        """Within the block, hints of its jobs; None when it has none to give. Entering it waits for nothing.

        Many tasks watch at once and share what is behind it. What is raised in the block leaves it unchanged.
        """
        ...

    async def announce(self, job_id: str, order: GenerationOrder) -> None:
        """Others can find what the job made, such as by its tags at the service; called once its file is stored.

        May be called again for the same job, after a crash. Its trouble becomes a warning on the asset.

        Raises:
            ServiceError, JobError: it could not be done.
        """
        ...

    async def discard(self, job_id: str) -> None:
        """What the generator kept locally for this job is gone; called once its file is stored. Remote jobs stay."""
        ...
