"""The process that renders one storyboard job and then ends; started by `launch.py`, never imported by it.

It holds the kernel lock of its job while it works, so at most one renders, and leaves either a finished outcome or,
killed, nothing that counts.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from assetctl import documents, filesystem, locks
from assetctl.clock import SystemClock
from assetctl.errors import AssetctlError, JobCancelled
from assetctl.generation.base import JobState
from assetctl.generation.storyboard.job import Job, Outcome
from assetctl.generation.storyboard.order import plan_of
from assetctl.media.kinds import default_suffix

if TYPE_CHECKING:
    from collections.abc import Callable

_LOCK_WITHIN_S: Final = 5.0
_TELL_EVERY_S: Final = 0.05
_NICENESS: Final = 5


def main(folder: str) -> None:
    """The job in `folder` has ended, unless another process renders it."""
    if sys.platform != "win32":  # pragma: no branch - Windows has no fork
        if os.fork():  # the asker waits for the parent alone; the child is nobody's
            os._exit(0)  # pragma: no cover - it ends before anything could be counted
        os.nice(_NICENESS)
    work(Job(Path(folder)), on_locked=_let_go_of_asker)


def _let_go_of_asker() -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 1)
    os.close(nothing)


def work(job: Job, *, on_locked: Callable[[], None], lock_within_s: float = _LOCK_WITHIN_S) -> None:
    """`job` has an outcome, if it still is there.

    `on_locked` is called once its lock is held, which is tried for `lock_within_s`.

    Raises:
        CacheError: another renderer held the lock all the time, or the outcome could not be written.
    """
    if not job.exists:
        return  # it was collected or given up before this process came so far
    with locks.held(job.renderer_lock, limit_s=lock_within_s):
        on_locked()
        if job.outcome() is None:
            job.finish(_outcome(job))


def _outcome(job: Job) -> Outcome:
    try:
        return _rendered(job)
    except JobCancelled:
        return Outcome(JobState.CANCELLED, _now())
    except AssetctlError as error:
        return Outcome(JobState.FAILED, _now(), error.sentence)


def _rendered(job: Job) -> Outcome:
    # Late, because the asker waits until the lock is held, and these take longer than all the rest.
    from assetctl.media.animatic import Animatic, render  # noqa: PLC0415 - see above

    clock = SystemClock()
    filesystem.sweep_dead(job.partial, now=clock.now())
    start_s = clock.elapsed_s()
    request, key = job.order()
    plan = plan_of(request)
    animatic = Animatic(request, key, plan.duration_s, plan.fps, plan.width, plan.height, plan.bpm)
    suffix = default_suffix(request.asset_type)
    temporary = filesystem.temporary_path(job.partial, suffix)
    render(animatic, temporary, _reporter(job, clock))
    filesystem.seal(temporary)
    result = job.folder / f"result{suffix}"
    filesystem.publish(temporary, result)
    filesystem.sync_folder(job.folder)
    return Outcome(
        JobState.SUCCEEDED,
        _now(),
        file_name=result.name,
        sha256=filesystem.sha256_of(result),
        size_bytes=result.stat().st_size,
        generation_time_ms=round((clock.elapsed_s() - start_s) * 1000),
    )


def _reporter(job: Job, clock: SystemClock) -> Callable[[float], None]:
    told_s = -_TELL_EVERY_S
    job.tell_progress(0.0, "rendering", os.getpid())

    def report(fraction: float) -> None:
        nonlocal told_s
        if job.is_cancel_wanted():
            raise JobCancelled("somebody cancelled it")
        if clock.elapsed_s() - told_s >= _TELL_EVERY_S:
            told_s = clock.elapsed_s()
            job.tell_progress(fraction, "rendering", os.getpid())

    return report


def _now() -> str:
    return documents.timestamp(SystemClock().now()) or ""
