"""Makes a chapter that was planned and agreed to: each result is told as it comes, the sums at the end."""

from __future__ import annotations

from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from assetctl.cli.chapter.documents import summary_document
from assetctl.cli.chapter.report_facts import exit_code_of
from assetctl.cli.chapter.showing import Showing, showing_run
from assetctl.cli.chapter.telling import Teller
from assetctl.cli.chapter.words import chapter_title, summary_sentence, takes_sentence
from assetctl.cli.job_options import generator_of
from assetctl.errors import SpendRefused
from assetctl.generation.outages import AWAY
from assetctl.prefetch.copies import Copies
from assetctl.prefetch.deeds import Only
from assetctl.prefetch.leftovers import close_stored
from assetctl.prefetch.memory import Failures, chapter_token
from assetctl.prefetch.results import Outcome, Summary
from assetctl.prefetch.running import ChapterRun, Pace
from assetctl.prefetch.traces import Traces

if TYPE_CHECKING:
    from collections.abc import Generator

    from assetctl.cli.chapter.progress import RunProgress
    from assetctl.cli.chapter.reporting import Reporting
    from assetctl.cli.chapter.wishes import Wishes
    from assetctl.cli.output import Printer
    from assetctl.cli.state import ProgressMode
    from assetctl.errors import AssetctlError
    from assetctl.prefetch.consent import Permission
    from assetctl.prefetch.deeds import Selection
    from assetctl.prefetch.manifest.source import ManifestSource
    from assetctl.prefetch.planning import ChapterPlan
    from assetctl.wiring import Stack

GO_ON: Final = "run the same command again: what is here is not made again, and jobs that go on are adopted"
_DOWNLOADS_AT_ONCE: Final = 16


@dataclass(frozen=True, slots=True)
class Task:
    """What a run works with: the wishes it fulfils, the manifest it walks and what of it is wanted, and who is told.

    So many jobs are waited for `at_once`.
    """

    wishes: Wishes
    stack: Stack
    source: ManifestSource
    selection: Selection
    at_once: int
    report: Reporting
    printer: Printer
    progress: ProgressMode

    @property
    def lines(self) -> Printer:
        """The printer as a run uses it: a line for each document."""
        return replace(self.printer, indent=None)


def failures_of(wishes: Wishes, stack: Stack) -> Failures:
    """What failed in the last run over the same chapter."""
    return Failures(stack.data.prefetch / f"{chapter_token(wishes.chapter.address)}.failed")


class Making:
    """One run over a planned chapter."""

    def __init__(self, task: Task, plan: ChapterPlan, allowed: Permission, *, deadline_s: float | None) -> None:
        """Make what `plan` says and is `allowed`; nothing is begun after `deadline_s` on the stack's clock."""
        self._task = task
        self._plan = plan
        self._deadline_s = deadline_s
        self._allowed = allowed
        self._printer = task.lines
        self._run: ChapterRun | None = None

    @property
    def summary(self) -> Summary | None:
        """What became of it so far, None before it began."""
        return None if self._run is None else self._run.summary

    def how_far(self) -> str | None:
        """How much is there by now, in words; None before it began."""
        if self._run is None:
            return None
        counts = self._run.summary.counts
        done = counts[Outcome.HERE] + counts[Outcome.FETCHED] + counts[Outcome.GENERATED]
        jobs = counts[Outcome.PENDING]
        going = f", {jobs:,} jobs go on" if jobs else ""
        return f"{done:,} of {self._plan.total.items:,} are here{going}"

    async def made(self) -> int:
        """The exit code, after all that was wanted was tried and told.

        Raises:
            ManifestError: the manifest was changed since it was planned.
            CacheError: the cache cannot be used.
        """
        task, plan, stack = self._task, self._plan, self._task.stack
        failures = failures_of(task.wishes, stack)
        # Of a run over a part, what it doesn't come to has failed still.
        if task.selection.only in (Only.MISSING, Only.ALL) and task.selection.scene is None:
            failures.forget()
        to_do = plan.chosen if task.wishes.output is None else plan.total.items
        showing = Showing(task.progress, f"assetctl prefetch: {chapter_title(plan)}", self._printer.pipeline)
        with showing_run(to_do, showing, self._printer, stack.events, stack.clock) as progress:
            progress.least_s = plan.total.ordering_s(self._allowed.max_orders)
            teller = Teller(progress, self._printer, failures, task.report)
            stack.jobs.outages.limit_to(stack.settings.prefetch.max_outage_s)
            run = self._run = self._new_run(teller)
            with self._summary_told(run, progress), closing(teller):
                await run.run()
        if run.summary.stopped is None:
            for warning in await close_stored(stack.jobs.journal, stack.jobs.follower, partial(generator_of, stack)):
                self._printer.warning(warning)
        error = run.summary.stopped or run.summary.refused
        if error is not None:
            self._printer.error(_with_way_on(error))
        return run.summary.exit_code

    def _new_run(self, teller: Teller) -> ChapterRun:
        task, stack, desk = self._task, self._task.stack, self._task.stack.jobs.desk
        folder = task.wishes.output
        return ChapterRun(
            task.source,
            stack.service,
            task.selection,
            pace=Pace(task.at_once, _DOWNLOADS_AT_ONCE, self._deadline_s),
            clock=stack.clock,
            listener=teller,
            copies=None if folder is None else Copies(folder),
            stop_orders=lambda: desk.limit_to(replace(stack.jobs.allowance, max_orders=0)),
            traces=Traces(stack.jobs.journal.sent, stack.holdings),
            outages=stack.jobs.outages,
            precedence=None if self._allowed.covers(self._plan.total) else desk.precedence,
        )

    @contextmanager
    def _summary_told(self, run: ChapterRun, progress: RunProgress) -> Generator[None]:
        """However the block ends, the last line is the summary."""
        clock, printer, total = self._task.stack.clock, self._printer, self._plan.total.items
        started_s, code = clock.elapsed_s(), 1
        try:
            yield
            code = run.summary.exit_code
        except BaseException as error:
            code = exit_code_of(error)
            raise
        finally:
            progress.close()
            seconds = clock.elapsed_s() - started_s
            if printer.as_json:
                printer.document(summary_document(run.summary, total, seconds, code))
            elif not total and not printer.quiet:
                printer.line(takes_sentence(self._plan, self._task.at_once))
            elif not printer.quiet:
                printer.line(summary_sentence(run.summary, total, seconds))


def _with_way_on(error: AssetctlError) -> AssetctlError:
    """`error`, which ended a run, with how to go on after what it says to do."""
    is_a_step = error.hint is not None and not isinstance(error, AWAY)
    # Another run may order as much again.
    joint = ", or" if isinstance(error, SpendRefused) else "; then"
    error.hint = f"{error.hint}{joint} {GO_ON}" if is_a_step else GO_ON
    return error
