"""Runs a command's work in the event loop, and ends it as a signal asks: quickly, with nothing lost.

The first SIGINT, SIGTERM or SIGHUP cancels the work, which detaches from its job; a second one ends the process at
once.
"""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar, cast

from assetctl import eventloop
from assetctl.errors import Interrupted
from assetctl.events import AssetGenerated, JobAdopted, JobCollected, JobEnded, JobSubmitted

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Coroutine, Generator

    from assetctl.events import AssetEventBus, Event

T = TypeVar("T")

#: The signals that asked to end the work under way, in their order; there is one set of them for a process.
_received: list[int] = []


def run(work: Callable[[], Coroutine[Any, Any, T]], events: AssetEventBus) -> T:
    """What `work` returns, run in an event loop of its own.

    Raises:
        Interrupted: a signal ended it; it names the job that goes on, if there is one.
    """
    jobs = _OpenJobs()
    unsubscribe = events.subscribe(jobs)
    ending = _Ending()
    with _signals(ending):
        try:
            return eventloop.run(work, ending.in_loop)
        except BaseExceptionGroup as group:
            raise alone(group) from group.__cause__
        except KeyboardInterrupt:
            raise _interrupted(ending_signal(), jobs) from None
        finally:
            unsubscribe()


class _Ending:
    """Ends the work when a signal comes, as SIGINT ends it, also where the parent told us to ignore that one."""

    def __init__(self) -> None:
        self._task: asyncio.Task[Any] | None = None

    def in_loop(self, rest: Callable[[], Awaitable[T]]) -> T:
        """What `rest` returns, run in a loop.

        Raises:
            KeyboardInterrupt: a signal ended it.
        """
        import asyncio  # noqa: PLC0415 - loaded when somebody first has to wait (`eventloop.py`)

        import anyio  # noqa: PLC0415 - as above

        results: list[T] = []

        async def kept() -> None:
            self._task = asyncio.current_task()
            try:
                # Not as the result of the task: putting its signal handler back, asyncio lets `signal` write out the
                # handler as a text, its task and that task's result included, and a plan may name a hundred thousand
                # entries.
                results.append(await rest())
            finally:
                self._task = None

        try:
            anyio.run(kept)
        except asyncio.CancelledError:
            # Nobody but `begin` cancels this task without the loop knowing that it was a signal.
            raise KeyboardInterrupt from None
        return results[0]

    def begin(self) -> None:
        """A signal came, whose handler calls this.

        Raises:
            KeyboardInterrupt: it is not the first, or there is nothing yet that could be cancelled.
        """
        if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
            # The loop, if there is one, knows what to do.
            signal.raise_signal(signal.SIGINT)
            return
        # So a shell starts what runs in the background: there is no SIGINT to pass a signal on as.
        if self._task is None or len(_received) > 1:
            raise KeyboardInterrupt
        self._task.cancel()
        # The loop may be asleep.
        self._task.get_loop().call_soon_threadsafe(lambda: None)


def ending_signal() -> signal.Signals:
    """The signal that ends the work under way, which only notices that it is cancelled; SIGINT if no other came."""
    return signal.Signals(_received[0]) if _received else signal.SIGINT


def alone(error: BaseException) -> BaseException:
    """The one error that ended all tasks, as if it had been raised without them; the group if there are several."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    group = cast("BaseExceptionGroup[BaseException]", error)
    return alone(group.exceptions[0]) if len(group.exceptions) == 1 else group


class _OpenJobs:
    """Remembers the jobs that go on without us."""

    def __init__(self) -> None:
        self._keys: dict[str, str | None] = {}

    @property
    def latest(self) -> str | None:
        """The id of the one that came last; None when there is none."""
        return next(reversed(self._keys), None)

    def __call__(self, event: Event) -> None:
        match event:
            case JobSubmitted() | JobAdopted():
                self._keys[event.job_id] = event.key
            case JobEnded() if event.state != "succeeded":
                self._keys.pop(event.job_id, None)
            case AssetGenerated() | JobCollected():
                # What succeeded is ours to collect until its asset is there.
                self._keys = {job_id: key for job_id, key in self._keys.items() if key != event.key}
            case _:
                pass


@contextmanager
def _signals(ending: _Ending) -> Generator[None]:
    """SIGTERM and SIGHUP begin the `ending` that SIGINT does; `ending_signal` says which came first."""
    _received.clear()
    if threading.current_thread() is not threading.main_thread():
        # Only the main thread may set handlers; elsewhere the host program decides.
        yield
        return

    def as_interrupt(number: int, _frame: Any) -> None:
        _received.append(number)
        ending.begin()

    names = [name for name in ("SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]
    # What the parent told us to ignore (nohup) stays ignored.
    numbers = [getattr(signal, name) for name in names if signal.getsignal(getattr(signal, name)) != signal.SIG_IGN]
    before = {number: signal.signal(number, as_interrupt) for number in numbers}
    try:
        yield
    finally:
        _received.clear()
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupted(number: signal.Signals, jobs: _OpenJobs) -> Interrupted:
    how = "interrupted" if number == signal.SIGINT else f"ended by {number.name}"
    if jobs.latest is None:
        return Interrupted(
            f"{how}; no job is known to run",
            signal_number=number,
            hint="`assetctl jobs ls` shows an order that was just being sent; asking again adopts it",
        )
    return Interrupted(
        f"{how}; the job `{jobs.latest}` goes on and nothing is lost",
        signal_number=number,
        job_id=jobs.latest,
        hint="ask again with the same options to collect it, or `assetctl jobs cancel` to stop it",
    )
