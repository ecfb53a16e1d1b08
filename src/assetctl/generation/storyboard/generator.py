"""The generator that needs nothing: renders an animatic on this machine, as a real job in a process of its own.

Jobs outlive whoever asked: each is a folder (`job.py`) that any process may look at, and that a look repairs
when its renderer died. Nothing is drawn here and no media library is loaded.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Final

from assetctl import documents, filesystem, locks
from assetctl.errors import CacheError, JobCancelled, JobFailed, JobPending, ServiceError
from assetctl.eventloop import in_thread
from assetctl.generation.base import GeneratedFile, JobState, JobStatus
from assetctl.generation.storyboard.drafts import delete_tree, rename_unless_there, sweep
from assetctl.generation.storyboard.job import Job, Outcome, write_order
from assetctl.generation.storyboard.launch import launch
from assetctl.generation.storyboard.order import ASSET_TYPES, SPECS, estimate_of, plan_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime
    from pathlib import Path

    from assetctl.generation.base import GenerationOrder, Hints, ParameterSpec
    from assetctl.generation.registry import GeneratorContext
    from assetctl.models import AssetType, Estimate

MAX_STARTS: Final = 3
"""How often a renderer is started for one job, in all, before the job counts as failed."""

_JOB_ID: Final = re.compile(r"sb-[0-9a-f]{24}")
_STOP_WITHIN_S: Final = 10.0
_LOOK_EVERY_S: Final = 0.05
_KEEP_WITHIN_S: Final = 10.0


class StoryboardGenerator:
    """Makes real, playable stand-ins: an MP4 with a running timecode, a PNG card, a WAV metronome.

    Safe to use from many tasks, threads and processes at once.
    """

    name = "storyboard"
    asset_types: frozenset[AssetType] = ASSET_TYPES
    is_stand_in = True
    is_paid = False
    needs_network = False

    def __init__(self, context: GeneratorContext, *, start_renderer: Callable[[Job], None] = launch) -> None:
        """Keep jobs in a folder of its own below the context's; it is made with the first job."""
        self._root = context.data_dir / "storyboard"
        self._clock = context.clock
        self._start_renderer = start_renderer

    def parameters(self) -> Sequence[ParameterSpec]:
        """Its knobs, in the order in which to show them."""
        return SPECS

    async def estimate(self, order: GenerationOrder) -> Estimate:
        """What `order` takes on this machine; it is free.

        Raises:
            InvalidRequest: no storyboard can be made of it.
        """
        return estimate_of(order.request)

    async def check(self, order: GenerationOrder) -> None:
        """Return when a storyboard can be made of `order`.

        Raises:
            InvalidRequest: none can.
        """
        estimate_of(order.request)

    async def submit(self, order: GenerationOrder, idempotency_key: str) -> str:
        """The id of the job that renders `order`; the same key always means the same one job.

        Raises:
            JobFailed: no storyboard can be made of it; nothing was written.
            CacheError: the job could not be written; there is none.
            ServiceError: no process could be started; there is no job.
        """
        plan_of(order.request)
        return await in_thread(self._submitted, order, idempotency_key)

    async def find(
        self,
        order: GenerationOrder,  # noqa: ARG002 - the folder is named after the key
        idempotency_key: str,
        sent_at: datetime | None,  # noqa: ARG002 - a folder is there at once
    ) -> str | None:
        """The id of the job that an earlier `submit` with this key made; None when there is none."""
        job_id = _id_for(idempotency_key)
        exists = await in_thread(lambda: Job(self._root / job_id).exists)
        return job_id if exists else None

    async def status(self, job_id: str) -> JobStatus:
        """How the job is doing; a renderer that died is started again, up to `MAX_STARTS` in all.

        Raises:
            JobFailed: there is no such job.
            CacheError: its folder cannot be used.
            ServiceError: no process could be started.
        """
        return await in_thread(lambda: self._status(self._job(job_id)))

    async def cancel(self, job_id: str) -> JobStatus:
        """What became of the job after asking to stop it: final, unless its renderer takes longer than 10 s to stop.

        Raises:
            JobFailed: there is no such job.
            CacheError: its folder cannot be used.
        """
        job = await in_thread(self._job, job_id)
        start_s = self._clock.elapsed_s()
        status = await in_thread(self._cancelled, job)
        while not status.is_final and self._clock.elapsed_s() - start_s < _STOP_WITHIN_S:
            await self._clock.sleep(_LOOK_EVERY_S)
            status = await in_thread(self._status, job)
        return status

    async def result(self, job_id: str) -> GeneratedFile:
        """The rendered file, which stays the generator's until `discard`.

        Raises:
            JobFailed, JobCancelled: there is none.
            JobPending: not yet.
        """
        return await in_thread(lambda: self._result(self._job(job_id), job_id))

    def watch(self) -> AbstractAsyncContextManager[Hints | None]:
        """No hints: its jobs are asked often, which costs nothing here."""
        return nullcontext()

    async def announce(self, job_id: str, order: GenerationOrder) -> None:
        """Nobody else asks this machine for its storyboards."""

    async def discard(self, job_id: str) -> None:
        """The job's folder is gone; one that still renders is stopped first. Harmless when called twice.

        Raises:
            ServiceError: its renderer doesn't stop.
            CacheError: its folder cannot be removed.
        """
        if not _JOB_ID.fullmatch(job_id):
            return
        job = Job(self._root / job_id)
        # Where somebody else discards it meanwhile, there is nothing left to stop.
        with suppress(JobFailed):
            if await in_thread(lambda: job.exists) and not (await self.cancel(job_id)).is_final:
                hint = f"end its process, then: assetctl jobs cancel {job_id}"
                raise ServiceError("a renderer doesn't stop", hint=hint)
        await in_thread(self._discarded, job)

    def _job(self, job_id: str) -> Job:
        # Checked before it becomes part of a path: ids come back from journals and command lines.
        if _JOB_ID.fullmatch(job_id):
            job = Job(self._root / job_id)
            if job.exists:
                return job
        raise _no_such_job(job_id)

    @contextmanager
    def _kept(self, job: Job) -> Generator[None]:
        """Within the block nobody takes the folder of `job` away.

        Every lock inside a job's folder is taken in such a block, because taking it would make a folder that is gone.
        """
        # A few locks for all jobs, as none is ever removed.
        path = self._root / "locks" / f"{job.folder.name[3:4]}.lock"
        with locks.held(path, limit_s=_KEEP_WITHIN_S):
            if not job.exists:
                raise _no_such_job(job.folder.name)
            yield

    def _submitted(self, order: GenerationOrder, idempotency_key: str) -> str:
        job_id = _id_for(idempotency_key)
        job = Job(self._root / job_id)
        is_new = not job.exists
        if is_new:
            self._publish(job, order, idempotency_key)
        try:
            self._status(job)
        except (CacheError, ServiceError):
            if is_new:
                self._removed(job.folder)
            raise
        return job_id

    def _publish(self, job: Job, order: GenerationOrder, idempotency_key: str) -> None:
        """The folder of `job` is there, whole; another process may have been faster."""
        drafts = self._root / "partial"
        filesystem.make_private_folder(drafts)
        sweep(drafts)
        draft = filesystem.temporary_path(drafts)
        try:
            write_order(draft, order, idempotency_key)
            with filesystem.translated(job.folder):
                rename_unless_there(draft, job)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        filesystem.sync_folder(self._root)

    def _status(self, job: Job) -> JobStatus:
        outcome = job.outcome()
        if outcome is None:
            self._revive(job)
            outcome = job.outcome()
        return job.progress() if outcome is None else _final(outcome)

    def _revive(self, job: Job) -> None:
        """A renderer works on `job`, or it has an outcome, or another process sees to that right now."""
        with ExitStack() as held:
            with self._kept(job):
                if locks.is_held(job.renderer_lock):
                    return
                is_ours = held.enter_context(locks.try_hold(job.starter_lock))
            if is_ours and self._needs_renderer(job):
                job.count_start()
                self._start_renderer(job)

    def _needs_renderer(self, job: Job) -> bool:
        with locks.try_hold(job.renderer_lock) as is_idle:
            if not is_idle or job.outcome() is not None:
                return False
            if job.is_cancel_wanted():
                job.finish(Outcome(JobState.CANCELLED, self._now()))
            elif job.starts() >= MAX_STARTS:
                said = job.last_words()
                reason = f"the renderer ended {MAX_STARTS} times without a result"
                job.finish(Outcome(JobState.FAILED, self._now(), f"{reason}: {said}" if said else reason))
            else:
                return True
        return False

    def _cancelled(self, job: Job) -> JobStatus:
        if job.outcome() is None:
            with self._kept(job):
                job.ask_to_cancel()
        return self._status(job)

    def _result(self, job: Job, job_id: str) -> GeneratedFile:
        outcome = job.outcome()
        if outcome is None:
            raise JobPending("the storyboard is not finished", job_id=job_id, hint=f"assetctl jobs wait {job_id}")
        if outcome.state is JobState.CANCELLED:
            raise JobCancelled("the storyboard was cancelled", job_id=job_id, hint="ask for the asset again")
        path = job.folder / (outcome.file_name or "")
        if outcome.state is not JobState.SUCCEEDED or not _is_file(path):
            why = outcome.message or f"its file `{path}` is gone"
            raise JobFailed("the storyboard has no file", why=why, hint="ask for the asset again", job_id=job_id)
        return GeneratedFile(
            asset_id=job_id,
            path=path,
            sha256=outcome.sha256,
            size_bytes=outcome.size_bytes,
            created_at=documents.parse_timestamp(outcome.finished_at),
            generation_time_ms=outcome.generation_time_ms,
        )

    def _discarded(self, job: Job) -> None:
        # A folder without an order is no job; nobody locks anything in it.
        with suppress(JobFailed), self._kept(job):
            with locks.held(job.starter_lock, limit_s=_KEEP_WITHIN_S):
                pass  # nobody is about to start a renderer; let go of, as Windows moves no folder with an open file
            self._removed(job.folder)
        self._removed(job.folder)

    def _removed(self, folder: Path) -> None:
        """`folder` is gone at once from where jobs are looked for, and then its bytes."""
        drafts = self._root / "partial"
        filesystem.make_private_folder(drafts)
        waste = filesystem.temporary_path(drafts)
        with filesystem.translated(folder):
            try:
                folder.rename(waste)
            except FileNotFoundError:
                return
            delete_tree(waste)

    def _now(self) -> str:
        return documents.timestamp(self._clock.now()) or ""


def _no_such_job(job_id: str) -> JobFailed:
    return JobFailed(
        f"there is no storyboard job `{job_id:.80}`",
        why="it was never ordered on this machine, or its file was collected and it was removed",
        hint="ask for the asset again",
        job_id=job_id,
    )


def _is_file(path: Path) -> bool:
    with filesystem.translated(path):
        return path.is_file()


def _id_for(idempotency_key: str) -> str:
    return f"sb-{hashlib.sha256(idempotency_key.encode()).hexdigest()[:24]}"


def _final(outcome: Outcome) -> JobStatus:
    return JobStatus(outcome.state, 1.0 if outcome.state is JobState.SUCCEEDED else None, outcome.message)
