"""Equal work asked for at the same time in one process, done once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, NoReturn, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable

    import anyio

T = TypeVar("T")


class Flights(Generic[T]):
    """The first asker works in its own task, the others wait and take its answer.

    An asker that is cancelled takes nobody with it: the next one in line works instead. An error is everybody's.
    """

    def __init__(self) -> None:
        self._waiting: dict[Hashable, _Flight[T]] = {}

    async def join(self, name: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        """What `work` gave, run by this call or by the one that was first with an equal `name`.

        Raises:
            Exception: whatever `work` raised, for everybody who joined.
        """
        while (flight := self._waiting.get(name)) is not None:
            await flight.landed()
            if flight.outcome is not None:
                return flight.outcome()
        flight = self._waiting[name] = _Flight()
        try:
            result = await work()
        except Exception as error:
            flight.outcome = _raiser(error)
            raise
        else:
            flight.outcome = lambda: result
            return result
        finally:
            del self._waiting[name]
            flight.land()


class _Flight(Generic[T]):
    """One piece of work under way. `outcome` stays None when whoever worked was cancelled."""

    def __init__(self) -> None:
        self.outcome: Callable[[], T] | None = None
        self._event: anyio.Event | None = None

    async def landed(self) -> None:
        if self._event is None:
            import anyio  # noqa: PLC0415 - a lone request, the usual case, has nobody who waits

            self._event = anyio.Event()
        await self._event.wait()

    def land(self) -> None:
        if self._event is not None:
            self._event.set()


def _raiser(error: Exception) -> Callable[[], NoReturn]:
    def fail() -> NoReturn:
        raise error

    return fail
