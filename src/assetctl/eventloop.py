"""Starts the event loop when somebody first has to wait, and not before.

Loading and starting one costs a third of the time that an answer from the cache takes, and such an answer waits for
nothing. `run` therefore drives a coroutine by hand until it calls `started`, then goes on inside a real loop. Blocking
work passes `in_thread`: straight while there is no loop, in a worker thread once there is one.
"""

from __future__ import annotations

from contextlib import nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, TypeVarTuple

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Generator
    from contextlib import AbstractContextManager

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")

#: Whether the running code is driven by hand, with no loop around it. Code in anybody else's loop never sees it set.
_by_hand: ContextVar[bool] = ContextVar("_by_hand", default=False)
_START: Final = object()


async def in_thread(work: Callable[[*Arguments], T], *arguments: *Arguments) -> T:
    """What `work` returns for `arguments`, without blocking the event loop if there is one."""
    if _by_hand.get():
        return work(*arguments)
    import anyio.to_thread  # noqa: PLC0415 - what this module is for

    return await anyio.to_thread.run_sync(work, *arguments)


def shield() -> AbstractContextManager[object]:
    """Within the block no cancellation arrives; without a loop none can."""
    if _by_hand.get():
        return nullcontext()
    import anyio  # noqa: PLC0415 - as above

    return anyio.CancelScope(shield=True)


async def started() -> None:
    """From here on an event loop runs, and its sleeps, locks and tasks may be used."""
    if _by_hand.get():
        await _Request()


def run(work: Callable[[], Coroutine[Any, Any, T]], run_in_loop: Callable[[Callable[[], Awaitable[T]]], T]) -> T:
    """What `work` returns; `run_in_loop` (such as `anyio.run`) is called when it first has to wait, at most once."""
    token = _by_hand.set(True)
    coroutine = work()
    try:
        asked = coroutine.send(None)
    except StopIteration as done:
        return done.value
    finally:
        _by_hand.reset(token)
    if asked is not _START:
        coroutine.close()
        raise RuntimeError("a coroutine waited before it called `eventloop.started`")

    async def rest() -> T:
        return await _Rest(coroutine)

    try:
        return run_in_loop(rest)
    finally:
        # Interrupted before the loop took over, what is left tidies up by hand; a finished coroutine has nothing left.
        token = _by_hand.set(True)
        try:
            coroutine.close()
        finally:
            _by_hand.reset(token)


class _Request:
    """Asks `run` for a loop."""

    def __await__(self) -> Generator[object, None, None]:
        yield _START


class _Rest(Generic[T]):
    """What is left of a coroutine that was begun by hand, to be awaited in a loop (PEP 380 says how to delegate)."""

    def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
        self._coroutine = coroutine

    def __await__(self) -> Generator[Any, Any, T]:
        try:
            asked = self._coroutine.send(None)
            while True:
                try:
                    value = yield asked
                except BaseException as error:  # noqa: BLE001 - passed on to whom it belongs, cancellation too
                    asked = self._coroutine.throw(error)
                else:
                    asked = self._coroutine.send(value)
        except StopIteration as done:
            return done.value
