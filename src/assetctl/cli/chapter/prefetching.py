"""A run of `assetctl prefetch`: the plan, the question, the work, and what is told of each."""

from __future__ import annotations

import sys
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

import typer

from assetctl import export, filesystem
from assetctl.cli.chapter.manifests import opened, require_sound, without_waiting_for
from assetctl.cli.chapter.report_facts import Chronicle, exit_code_of
from assetctl.cli.chapter.reporting import Reporting
from assetctl.cli.chapter.showing import Showing, showing_run
from assetctl.cli.chapter.telling import Teller
from assetctl.cli.chapter.words import (
    chapter_title,
    needs_text,
    plan_document,
    plan_sentence,
    print_plan,
    summary_document,
    summary_sentence,
    takes_sentence,
)
from assetctl.cli.job_options import generator_of
from assetctl.cli.terminal import is_terminal
from assetctl.errors import InvalidRequest, SpendRefused
from assetctl.generation.outages import AWAY
from assetctl.prefetch.consent import permission
from assetctl.prefetch.deeds import Only
from assetctl.prefetch.leftovers import close_stored
from assetctl.prefetch.manifest.source import STDIN
from assetctl.prefetch.memory import Failures, chapter_token, placeholder_keys
from assetctl.prefetch.naming import Names
from assetctl.prefetch.plan_file import PlanCheck, PlanHead, writing_plan
from assetctl.prefetch.planning import plan_chapter
from assetctl.prefetch.report.target import targets_of
from assetctl.prefetch.results import Outcome
from assetctl.prefetch.running import ChapterRun, Pace
from assetctl.prefetch.scenes.chapter import Order

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from pathlib import Path

    from assetctl.cli.chapter.progress import RunProgress
    from assetctl.cli.chapter.wishes import Wishes
    from assetctl.cli.output import Printer
    from assetctl.cli.state import CliState
    from assetctl.errors import AssetctlError
    from assetctl.generation.precedence import Precedence
    from assetctl.models import Asset
    from assetctl.prefetch.consent import Permission
    from assetctl.prefetch.deeds import Selection
    from assetctl.prefetch.manifest.findings import Item
    from assetctl.prefetch.manifest.source import ManifestSource
    from assetctl.prefetch.planning import ChapterPlan
    from assetctl.prefetch.walking import Planned
    from assetctl.wiring import Stack

_DOWNLOADS_AT_ONCE: Final = 16
_GO_ON: Final = "run the same command again: what is here is not made again, and jobs that go on are adopted"


class Prefetch:
    """One run of the command. `interrupted_sentence` and `going_on` say how far it was and how to go on."""

    def __init__(self, wishes: Wishes, state: CliState, printer: Printer) -> None:
        """Do what `wishes` say, and tell it to `printer`.

        Raises:
            InvalidRequest: a report has no known ending, or it or the plan to write is a file that is used already.
        """
        self._wishes = wishes
        self._state = state
        self._printer = printer
        self._run: ChapterRun | None = None
        self._plan: ChapterPlan | None = None
        self._deadline_s: float | None = None
        self._least_s = 0.0
        self._precedence: Precedence | None = None
        read = [path for path in (wishes.chapter.file, wishes.apply) if path is not None]
        written = [] if wishes.plan_out is None else [wishes.plan_out]
        for path in written:
            _require_another(path, read)
        self._targets = targets_of(wishes.reports, [*read, *written])

    async def work(self, stack: Stack) -> int:
        """The exit code, after the chapter was planned, agreed to and made.

        Raises:
            AssetctlError: it cannot be read, planned or begun; nothing was ordered.
        """
        with Reporting(self._targets, self._printer.pipeline.summary, stack, self._printer) as report:
            chronicle = Chronicle(self._wishes, stack, at_once=self._at_once(stack))
            try:
                code = await self._read_and_done(stack, chronicle, report)
            except BaseException as error:
                await self._write(report, chronicle, error)
                raise
            await self._write(report, chronicle, code)
            return code or (0 if report.trouble is None else report.trouble.exit_code)

    async def _write(self, report: Reporting, chronicle: Chronicle, end: int | BaseException) -> None:
        """The reports are written, after the run came to an exit code or was ended by an error."""
        if not chronicle.is_planned:
            report.forget()
        summary = None if self._run is None else self._run.summary
        # What is no Exception is somebody who wants to leave.
        is_in_a_hurry = not isinstance(end, int | Exception)
        await report.write(lambda gathered: chronicle.facts(gathered, summary, end), is_in_a_hurry=is_in_a_hurry)

    async def _read_and_done(self, stack: Stack, chronicle: Chronicle, report: Reporting) -> int:
        check_output(self._wishes.output)
        async with opened(stack, self._wishes.chapter, self._printer) as source:
            selection = self._selection(stack)
            plan = await self._planned(stack, source, selection, chronicle, report)
            require_sound(plan.check, self._printer)
            return await self._done(stack, source, selection, plan, report)

    async def _done(
        self, stack: Stack, source: ManifestSource, selection: Selection, plan: ChapterPlan, report: Reporting
    ) -> int:
        wishes = self._wishes
        if wishes.plan_only:
            self._tell_plan(plan, stack)
        if plan.obstacle is not None:
            raise _before_all(plan.obstacle)
        if wishes.plan_only:
            return 0
        self._announce(plan, stack)
        allowed = permission(plan.total, wishes.budget, configured=stack.settings.budget.max_generations_per_run)
        await self._agree(allowed, needs_text(plan.total, self._at_once(stack)))
        self._hold_to_deadline(stack)
        stack.jobs.desk.limit_to(
            replace(
                stack.jobs.allowance,
                max_orders=allowed.max_orders,
                max_cost=allowed.max_cost,
                limited_by=allowed.limited_by,
            )
        )
        self._least_s = plan.total.ordering_s(allowed.max_orders)
        report.begin()
        self._precedence = None if allowed.covers(plan.total) else stack.jobs.desk.precedence
        return await self._made(stack, source, selection, plan, report)

    def going_on(self) -> str:
        """What to type to go on."""
        return _GO_ON

    def interrupted_sentence(self) -> str | None:
        """How far it was, None when it had not begun."""
        if self._run is None or self._plan is None:
            return None
        counts = self._run.summary.counts
        done = counts[Outcome.HERE] + counts[Outcome.FETCHED] + counts[Outcome.GENERATED]
        jobs = counts[Outcome.PENDING]
        going = f", {jobs:,} jobs go on" if jobs else ""
        return f"{done:,} of {self._total():,} are here{going}"

    async def _planned(
        self, stack: Stack, source: ManifestSource, selection: Selection, chronicle: Chronicle, report: Reporting
    ) -> ChapterPlan:
        with ExitStack() as block:
            listeners: list[Callable[[Planned], None]] = [report.plan] if report.is_wanted else []
            if self._wishes.plan_out is not None:
                order = Order.CHAPTER if self._wishes.chapter.game is None else self._wishes.chapter.game.order
                head = PlanHead(self._wishes.chapter.address, source.format, selection, order)
                listeners.append(block.enter_context(writing_plan(self._wishes.plan_out, head)).add)
            check = None
            if self._wishes.apply is not None:
                check = PlanCheck(self._wishes.apply)
                block.callback(check.close)
                listeners.append(check.add)

            def tell(planned: Planned) -> None:
                for listener in listeners:
                    listener(planned)

            plan = self._plan = await plan_chapter(source, stack.service, selection, tell if listeners else None)
            chronicle.planned(plan)
            if plan.check is None or not plan.check.problems:
                if plan.obstacle is not None and (check is not None or self._wishes.plan_out is not None):
                    raise _before_all(plan.obstacle)
                if check is not None:
                    check.require_unchanged()
            return plan

    def _selection(self, stack: Stack) -> Selection:
        selection = self._wishes.selection
        match selection.only:
            case Only.PLACEHOLDER:
                return replace(selection, cards=placeholder_keys(stack.data.placeholders))
            case Only.FAILED:
                return replace(selection, failed=self._failures(stack).keys())
            case Only.MISSING | Only.ALL:
                return selection

    def _failures(self, stack: Stack) -> Failures:
        return Failures(stack.data.prefetch / f"{chapter_token(self._wishes.chapter.address)}.failed")

    def _tell_plan(self, plan: ChapterPlan, stack: Stack) -> None:
        if self._printer.as_json:
            self._printer.document(plan_document(plan, self._at_once(stack)))
        elif self._printer.quiet:
            self._printer.line(plan_sentence(plan, self._at_once(stack)))
        else:
            print_plan(plan, self._at_once(stack), self._printer)

    def _announce(self, plan: ChapterPlan, stack: Stack) -> None:
        """What the run takes is told, before anybody has to agree to it."""
        at_once, printer = self._at_once(stack), _on_lines(self._printer)
        if printer.as_json:
            printer.document({**plan_document(plan, at_once), "event": "plan", "scenes": None})
        elif plan.total.items:
            printer.note(plan_sentence(plan, at_once))

    def _at_once(self, stack: Stack) -> int:
        return self._wishes.concurrency or stack.settings.prefetch.concurrency

    async def _agree(self, allowed: Permission, needs: str) -> None:
        if allowed.question is None:
            return
        asked = f"{allowed.question}: {needs}"
        hint = "look with `--plan`, then say `--yes`, or limit it: --max-generations N"
        if self._state.no_input or not is_terminal(sys.stdin):
            is_taken = self._wishes.chapter.manifest == STDIN
            why = "stdin is the manifest, so nobody can be asked" if is_taken else "nobody is there to ask"
            raise SpendRefused(f"{asked}; nothing was ordered", why=why, hint=hint)
        if not await without_waiting_for(lambda: typer.confirm(f"{asked}. Go on?", err=True)):
            raise SpendRefused("the answer was no, and nothing was ordered", hint=hint)

    async def _made(
        self, stack: Stack, source: ManifestSource, selection: Selection, plan: ChapterPlan, report: Reporting
    ) -> int:
        at_once, printer = self._at_once(stack), _on_lines(self._printer)
        failures = self._failures(stack)
        # Of a run over a part, what it doesn't come to has failed still.
        if selection.only in (Only.MISSING, Only.ALL) and selection.scene is None:
            failures.forget()
        names = Names()
        output = self._wishes.output

        async def deliver(item: Item, asset: Asset) -> Path:
            return await export.export(asset, f"{output}/{names.of(item)}{asset.path.suffix}")

        to_do = self._total() if output is not None else plan.chosen
        showing = Showing(self._state.progress, f"assetctl prefetch: {chapter_title(plan)}", self._printer.pipeline)
        with showing_run(to_do, showing, printer, stack.events, stack.clock) as progress:
            progress.least_s = self._least_s
            teller = Teller(progress, printer, failures, report)
            stack.jobs.outages.limit_to(stack.settings.prefetch.max_outage_s)
            run = self._run = ChapterRun(
                source,
                stack.service,
                selection,
                pace=Pace(at_once, _DOWNLOADS_AT_ONCE, self._deadline_s),
                clock=stack.clock,
                listener=teller,
                see=None if output is None else names.see,
                deliver=None if output is None else deliver,
                stop_orders=lambda: stack.jobs.desk.limit_to(replace(stack.jobs.allowance, max_orders=0)),
                sent=stack.jobs.journal.sent,
                held=stack.holdings,
                outages=stack.jobs.outages,
                precedence=self._precedence,
            )
            with self._summary_told(run, plan, progress, stack, printer), closing(teller):
                await run.run()
        if run.summary.stopped is None:
            for warning in await close_stored(stack.jobs.journal, stack.jobs.follower, partial(generator_of, stack)):
                printer.warning(warning)
        error = run.summary.stopped or run.summary.refused
        if error is not None:
            printer.error(_with_way_on(error))
        return run.summary.exit_code

    def _hold_to_deadline(self, stack: Stack) -> None:
        """Nothing is ordered after the deadline.

        Raises:
            InvalidRequest: it passed while the chapter was planned, or while somebody was asked.
        """
        if self._wishes.deadline is not None:
            now = stack.clock.now()
            self._wishes.deadline.require_left(now)
            self._deadline_s = stack.clock.elapsed_s() + self._wishes.deadline.left_s(now)
            stack.jobs.desk.close_at(self._deadline_s)

    def _total(self) -> int:
        return 0 if self._plan is None else self._plan.total.items

    @contextmanager
    def _summary_told(
        self, run: ChapterRun, plan: ChapterPlan, progress: RunProgress, stack: Stack, printer: Printer
    ) -> Generator[None]:
        """However the block ends, the last line is the summary."""
        started_s, code = stack.clock.elapsed_s(), 1
        try:
            yield
            code = run.summary.exit_code
        except BaseException as error:
            code = exit_code_of(error)
            raise
        finally:
            progress.close()
            seconds = stack.clock.elapsed_s() - started_s
            if printer.as_json:
                printer.document(summary_document(run.summary, self._total(), seconds, code))
            elif not plan.total.items and not printer.quiet:
                printer.line(takes_sentence(plan, self._at_once(stack)))
            elif not printer.quiet:
                printer.line(summary_sentence(run.summary, self._total(), seconds))


def _on_lines(printer: Printer) -> Printer:
    """`printer` as a run uses it: a line for each document."""
    return replace(printer, indent=None)


def _with_way_on(error: AssetctlError) -> AssetctlError:
    """`error`, which ended a run, with how to go on after what it says to do."""
    is_a_step = error.hint is not None and not isinstance(error, AWAY)
    # Another run may order as much again.
    joint = ", or" if isinstance(error, SpendRefused) else "; then"
    error.hint = f"{error.hint}{joint} {_GO_ON}" if is_a_step else _GO_ON
    return error


def _before_all(error: AssetctlError) -> AssetctlError:
    """`error`, which all of the chapter is up against, known before anything was ordered."""
    error.what = f"{error.what}; nothing was ordered"
    if isinstance(error, AWAY):
        error.hint = f"{error.hint or 'try again later'}; `--offline` does what needs no network"
    return error


def _require_another(plan_out: Path, read: Sequence[Path]) -> None:
    """Return when a plan that is put at `plan_out` takes the place of nothing that is `read`.

    Raises:
        InvalidRequest: it does.
    """
    if plan_out.resolve() in [path.resolve() for path in read]:
        why = "the run itself reads it"
        raise InvalidRequest(f"`{plan_out}` cannot be the plan", why=why, hint="name another file")


def check_output(folder: Path | None) -> None:
    """Return when files can be put into `folder`, which is made if needed; known before anything is ordered.

    Raises:
        InvalidRequest: it is a file.
        CacheError: nothing can be written there.
    """
    if folder is None:
        return
    if folder.exists() and not folder.is_dir():
        raise InvalidRequest(f"`{folder}` is no folder", hint="--output FOLDER")
    with filesystem.translated(folder):
        folder.mkdir(parents=True, exist_ok=True)
    probe = filesystem.temporary_path(folder)
    filesystem.write_new(probe, b"")
    filesystem.remove(probe)
