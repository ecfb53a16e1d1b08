"""The rows of the jobs that are waited for, read from the server's list for all of them at once.

A row of the list is as true as one that is read by itself; a row that is missing from it says nothing, and is read by
itself. What a list shows of jobs that nobody asked about just then is a hint for those who wait for them, no more.
"""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Final

import anyio

from assetctl.generation.pixsim.rounds import Rounds

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Collection, Generator, Mapping
    from contextlib import AbstractAsyncContextManager

    from assetctl.clock import Clock
    from assetctl.generation.base import Hints
    from assetctl.pixsim.client import PixsimClient
    from assetctl.pixsim.records import Generation

#: The longest page the server gives, and the shortest that is worth asking for.
_LONGEST_PAGE: Final = 200
_SHORTEST_PAGE: Final = 20
#: So many rows may be newer than the newest one that is known.
_MARGIN: Final = 20
#: After this share of a pause a look is as good as at its end: pauses differ by as much among themselves.
_NEARLY: Final = 0.5


class RowBoard:
    """The rows of one server's jobs, for all tasks of an event loop that wait for some."""

    def __init__(self, client: Callable[[], PixsimClient], clock: Clock) -> None:
        """Ask nothing yet."""
        self._client = client
        self._clock = clock
        self._rounds = Rounds(
            lambda number: client().generation(number),
            self._listed,
            clock=clock,
            gathering=self._call_those_nearly_due,
        )
        self._resting: dict[_Rest, None] = {}
        self._last: dict[str, Generation] = {}
        self._newest = 0

    @property
    def is_busy(self) -> bool:
        """Whether somebody waits for a job at this moment."""
        return bool(self._resting) or self._rounds.is_busy

    async def row(self, number: int) -> Generation | None:
        """The row as it is now, read after this call; None when there is none of that id.

        Raises:
            ServiceError: the server could not be asked.
        """
        row = await self._rounds.get(number, alone=not self._resting)
        if row is not None:
            self._last[str(number)] = row
        return row

    def made(self, *numbers: int) -> None:
        """There are jobs of these numbers."""
        self._newest = max((self._newest, *numbers))

    def last(self, job_id: str) -> Generation | None:
        """The row as it was when it was last looked at here; None when it was not, or is forgotten."""
        return self._last.get(job_id)

    def forget(self, job_id: str) -> None:
        """Nobody waits for this job any more."""
        self._last.pop(job_id, None)

    @asynccontextmanager
    async def watch(self, heard: AbstractAsyncContextManager[Hints | None]) -> AsyncGenerator[Hints]:
        """Within the block, hints: those that are `heard` elsewhere, and those that reading brings by the way."""
        async with heard as hints:
            yield _BoardHints(self, hints, self._clock)

    @contextmanager
    def resting(self, job_id: str, pause_s: float) -> Generator[None]:
        """The block, a pause between two looks at a job, ends early when others look or saw that the job changed."""
        last = self.last(job_id)
        status = None if last is None else last.status
        rest = _Rest(job_id, status, nearly_due_s=self._clock.elapsed_s() + pause_s * _NEARLY)
        self._resting[rest] = None
        try:
            with rest.scope:
                yield
        finally:
            del self._resting[rest]

    def _call_those_nearly_due(self) -> None:
        """A round is about to leave: who would look soon looks now, and saves the next one."""
        now_s = self._clock.elapsed_s()
        for rest in self._resting:
            if rest.nearly_due_s <= now_s:
                rest.end()

    async def _listed(self, numbers: Collection[int]) -> dict[int, Generation]:
        """Those of the rows that the list shows for fewer requests than it takes to read each by itself."""
        found: dict[int, Generation] = {}
        # Numbers go up, and other people have some of them: no more rows of ours than this stand before the last one.
        rows = max(self._newest, *numbers) - min(numbers) + _MARGIN
        limit = max(_SHORTEST_PAGE, min(_LONGEST_PAGE, rows))
        for page_number in range(-(-rows // limit)):
            missing = sum(number not in found for number in numbers)
            # Each further page must spare one read more than the one before it.
            if missing < page_number + 2:
                break
            page = await self._client().generations(limit=limit, offset=page_number * limit)
            found |= {row.id: row for row in page.generations}
            self.made(*found)
            if len(page.generations) < limit:
                break
        self._call_those_of(found)
        return found

    def _call_those_of(self, found: Mapping[int, Generation]) -> None:
        """Who waits for a job that is not as it was looks again."""
        statuses = {str(number): row.status for number, row in found.items()}
        for rest in self._resting:
            if rest.status is not None and statuses.get(rest.job_id, rest.status) != rest.status:
                rest.end()


class _Rest:
    """A pause between two looks at a job, which had `status` at the one before."""

    def __init__(self, job_id: str, status: str | None, *, nearly_due_s: float) -> None:
        self.job_id = job_id
        self.status = status
        self.nearly_due_s = nearly_due_s
        self.scope = anyio.CancelScope()

    def end(self) -> None:
        self.scope.cancel()


class _BoardHints:
    """What one waiter hears."""

    def __init__(self, board: RowBoard, heard: Hints | None, clock: Clock) -> None:
        self._board = board
        self._heard = heard
        self._clock = clock

    @property
    def is_live(self) -> bool:
        return self._heard is not None and self._heard.is_live

    async def wait(self, job_id: str, timeout_s: float) -> bool:
        with self._board.resting(job_id, timeout_s):
            if self._heard is not None:
                return await self._heard.wait(job_id, timeout_s)
            await self._clock.sleep(timeout_s)
            return False
        return True
