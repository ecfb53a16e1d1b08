"""Tells what happens in a run of a chapter: each result where it belongs, the same trouble of many only a few times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

from assetctl.cli.chapter.documents import result_document
from assetctl.cli.chapter.progress import failure_reason
from assetctl.cli.chapter.words import result_sentence, with_hint
from assetctl.cli.progress.labels import attempt_label
from assetctl.generation.outages import AWAY
from assetctl.prefetch.results import Outcome
from assetctl.prefetch.running import Listener, Stop

if TYPE_CHECKING:
    from assetctl.cli.chapter.progress import RunProgress
    from assetctl.cli.chapter.reporting import Reporting
    from assetctl.cli.output import Printer
    from assetctl.errors import AssetctlError
    from assetctl.prefetch.manifest.findings import Item
    from assetctl.prefetch.memory import Failures
    from assetctl.prefetch.results import Result

#: So many items are named with one reason; of the others it is said how many they are.
_NAMED: Final = 3
#: What nothing was done for is told as a number.
_TOLD_AT_THE_END: Final = frozenset({Outcome.LEFT, Outcome.REFUSED})
#: Reasons beyond these are not counted, but told each time: all of them differ.
_MOST_REASONS: Final = 1_000


class Teller(Listener):
    """Tells results where they belong, and passes everything on to the progress."""

    def __init__(self, progress: RunProgress, printer: Printer, failures: Failures, report: Reporting) -> None:
        """Tell `printer` and the `report`, and write what failed down in `failures`."""
        self._progress = progress
        self._printer = printer
        self._failures = failures
        self._report = report
        self._counts: dict[str, int] = {}

    def passed(self, item: Item) -> None:
        """`item` is here already."""
        self._report.passed(item)

    def began(self, item: Item) -> None:
        """`item` is worked on now."""
        self._progress.began(item)
        self._report.began(item)

    def ended(self, result: Result) -> None:
        """An item has its result."""
        self._progress.ended(result)
        self._report.ended(result)
        if result.has_failed:
            self._failures.add(result.item.key)
        if self._printer.as_json:
            self._printer.document(result_document(result))
        elif self._printer.quiet and result.asset is not None and result.is_delivered:
            self._printer.line(result.asset.asset_id)
        else:
            self._tell(result)

    def refused(self, why: AssetctlError) -> None:
        """Nothing more is ordered."""
        self._progress.orders_end()
        self._progress.say(f"nothing more is ordered: {why.what}; what needs no order goes on")

    def passing(self) -> None:
        """Some time went by."""
        self._progress.pass_time()

    def stopping(self, why: Stop) -> None:
        """Nothing new is begun any more."""
        match why:
            case Stop.SIGNAL:
                self._progress.say("stopping: nothing new is begun; jobs go on. Once more to leave at once")
            case Stop.DEADLINE:
                self._progress.say("the deadline has passed: nothing new is begun; jobs go on")
            case Stop.TROUBLE:
                self._progress.say("stopping: nothing new is begun; jobs go on")
            case _ as unknown:
                assert_never(unknown)

    def close(self) -> None:
        """What was left out before is told as a number."""
        for reason, count in self._counts.items():
            if count > _NAMED:
                self._progress.say(f"and {count - _NAMED:,} more: {reason}")

    def _tell(self, result: Result) -> None:
        is_told = _is_worth_a_line(result) and self._tell_why(result)
        is_wanted = self._printer.verbose or self._progress.is_log
        if is_wanted and not is_told and result.outcome not in _TOLD_AT_THE_END:
            self._progress.say(result_sentence(result))
        if self._printer.verbose:
            for attempt in result.attempts:
                self._progress.say(f"  {attempt_label(attempt)}")

    def _tell_why(self, result: Result) -> bool:
        """Whether it was told; after so many with one reason, only their number is in the end."""
        reason = failure_reason(result)
        if reason in self._counts or len(self._counts) < _MOST_REASONS:
            self._counts[reason] = self._counts.get(reason, 0) + 1
        is_told = self._counts.get(reason, 0) <= _NAMED
        if is_told:
            # Hints may differ where reasons don't: they name a job, or a file.
            self._progress.fail(result, with_hint(reason, result.error))
        return is_told


def _is_worth_a_line(result: Result) -> bool:
    """Whether something went wrong with it that isn't told at the end for all of them."""
    if isinstance(result.error, AWAY) or result.outcome is Outcome.REFUSED:
        return False
    return result.error is not None or result.has_failed
