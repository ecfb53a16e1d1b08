"""The reports of a run: gathered while it goes on, written however it ends.

Trouble with a report is told and never hides what became of the run. The first Ctrl-C costs a report its pictures, not
itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from assetctl.cli.chapter.report_writing import add_summary, hurried, look_up, write
from assetctl.errors import CacheError
from assetctl.prefetch.report.gathering import Gathering
from assetctl.prefetch.report.target import check_target

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import TracebackType

    from assetctl.cli.chapter.report_writing import Hurry
    from assetctl.cli.output import Printer
    from assetctl.errors import AssetctlError
    from assetctl.prefetch.manifest.findings import Item
    from assetctl.prefetch.report.facts import Facts
    from assetctl.prefetch.report.target import Target
    from assetctl.prefetch.results import Result
    from assetctl.prefetch.walking import Planned
    from assetctl.wiring import Stack


class Reporting:
    """The reports that were asked for; does nothing when none was. Closed at the end of the block."""

    def __init__(self, targets: Sequence[Target], summary: Path | None, stack: Stack, printer: Printer) -> None:
        """Write to `targets`, which are checked here, and add to the `summary` of a CI job.

        Raises:
            InvalidRequest: one of them is no file.
            CacheError: nothing can be written there, or nothing be gathered.
        """
        for target in targets:
            check_target(target.path)
        self._targets = targets
        self._stack = stack
        self._printer = printer
        self._summary = summary
        is_wanted = bool(targets) or summary is not None
        self._gathering = Gathering(stack.data.prefetch) if is_wanted else None
        self._began_s: dict[str, float] = {}
        self.trouble: AssetctlError | None = None

    def __enter__(self) -> Self:
        """Gather from now on."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Nothing is left of what was gathered."""
        if self._gathering is not None:
            self._gathering.close()

    @property
    def is_wanted(self) -> bool:
        """Whether any report is."""
        return self._gathering is not None

    def forget(self) -> None:
        """What was planned so far does not count: it is not the whole chapter."""
        if self._gathering is not None:
            self._gathering.forget()

    def plan(self, planned: Planned) -> None:
        """An item was planned."""
        if self._gathering is not None:
            self._gathering.plan(planned)

    def begin(self) -> None:
        """The run begins: what no word comes of from now on was not begun."""
        if self._gathering is not None:
            self._gathering.has_begun = True

    def passed(self, item: Item) -> None:
        """An item was here."""
        if self._gathering is not None:
            self._gathering.passed(item)

    def began(self, item: Item) -> None:
        """An item is worked on."""
        if self._gathering is not None:
            self._began_s[item.key] = self._stack.clock.elapsed_s()

    def ended(self, result: Result) -> None:
        """An item has its result."""
        if self._gathering is not None:
            began_s = self._began_s.pop(result.item.key, None)
            seconds = None if began_s is None else self._stack.clock.elapsed_s() - began_s
            self._gathering.ended(result, seconds)

    async def write(self, facts: Callable[[Gathering], Facts], *, is_in_a_hurry: bool) -> None:
        """Every report is written, or its trouble told and kept in `trouble`."""
        gathering = self._gathering
        if gathering is None:
            return

        async def work(hurry: Hurry) -> None:
            await self._write(facts, gathering, hurry)

        await hurried(work, from_the_start=is_in_a_hurry)

    async def _write(self, facts: Callable[[Gathering], Facts], gathering: Gathering, hurry: Hurry) -> None:
        try:
            await look_up(gathering, self._stack.holdings, hurry)
        except CacheError as error:
            self._printer.warning(f"the report says less of what was here before: {error.what}")
        for target in self._targets:
            try:
                await write(target, facts(gathering), gathering, self._stack, hurry)
            except CacheError as error:
                self.trouble = error
                self._printer.error(error)
            else:
                self._printer.note(f"report: {target.path}")
        if self._summary is not None:
            try:
                await add_summary(self._summary, facts(gathering), gathering)
            except CacheError as error:
                # It is an extra that nobody asked for by name: worth a word, and no exit code.
                self._printer.warning(f"the job's summary lacks this run: {error.what}")
