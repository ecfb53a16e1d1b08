"""Who orders first where there is not enough for all: those that stand earlier in their chapter.

Without it a limit goes to whoever happens to be ready first. It orders nothing and refuses nobody.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import anyio


class Precedence:
    """A line of keys, for the tasks of one event loop. Who isn't in it waits for nobody."""

    def __init__(self) -> None:
        """Nobody stands in line."""
        self._line: OrderedDict[str, anyio.Event | None] = OrderedDict()

    def enter(self, key: str) -> None:
        """`key` stands at the end of the line until it leaves."""
        self._line[key] = None

    def leave(self, key: str) -> None:
        """`key` has ordered, or never will; nobody waits for it any more."""
        waiting = [self._line.pop(key, None), self._line[self._first()] if self._line else None]
        for event in waiting:
            if event is not None:
                event.set()

    async def come_first(self, key: str) -> None:
        """Return when nobody before `key` may still order."""
        if key in self._line and self._first() != key:
            import anyio  # noqa: PLC0415 - a lone request has nobody to wait for

            mine = self._line[key] = anyio.Event()
            await mine.wait()

    def _first(self) -> str:
        return next(iter(self._line))
