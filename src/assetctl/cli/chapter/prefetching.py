"""A run of `assetctl prefetch`, from the plan over the question to the work, and the reports of it."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, AsyncExitStack, ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from assetctl.cli.chapter.documents import plan_document
from assetctl.cli.chapter.making import GO_ON, Making, Task, failures_of
from assetctl.cli.chapter.manifests import opened, require_sound, without_waiting_for
from assetctl.cli.chapter.report_facts import Chronicle
from assetctl.cli.chapter.reporting import Reporting
from assetctl.cli.chapter.words import needs_text, plan_sentence, print_plan, room_sentence
from assetctl.cli.progress.showing import showing_progress
from assetctl.cli.state import ProgressMode
from assetctl.cli.terminal import is_terminal, says_yes
from assetctl.errors import InvalidRequest, SpendRefused
from assetctl.generation.outages import AWAY
from assetctl.prefetch.consent import permission
from assetctl.prefetch.copies import require_usable
from assetctl.prefetch.deeds import Only
from assetctl.prefetch.manifest.source import STDIN
from assetctl.prefetch.memory import placeholder_keys
from assetctl.prefetch.plan_file import PlanCheck, PlanHead, writing_plan
from assetctl.prefetch.planning import plan_chapter
from assetctl.prefetch.report.target import targets_of
from assetctl.prefetch.scenes.chapter import Order

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from assetctl.cli.chapter.wishes import Wishes
    from assetctl.cli.output import Printer
    from assetctl.cli.state import CliState
    from assetctl.errors import AssetctlError, Interrupted
    from assetctl.prefetch.consent import Permission
    from assetctl.prefetch.deeds import Selection
    from assetctl.prefetch.planning import ChapterPlan
    from assetctl.prefetch.walking import Planned
    from assetctl.wiring import Stack


class Prefetch:
    """One run of the command."""

    def __init__(self, wishes: Wishes, state: CliState, printer: Printer) -> None:
        """Do what `wishes` say, and tell it to `printer`.

        Raises:
            InvalidRequest: a report has no known ending, or it or the plan to write is a file that is used already.
        """
        self._wishes = wishes
        self._state = state
        self._printer = printer
        self._making: Making | None = None
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
        at_once = self._wishes.concurrency or stack.settings.prefetch.concurrency
        with Reporting(self._targets, self._printer.pipeline.summary, stack, self._printer) as report:
            chronicle = Chronicle(self._wishes, stack, at_once=at_once)
            try:
                code = await self._read_and_done(stack, chronicle, report, at_once)
            except BaseException as error:
                await self._write(report, chronicle, error)
                raise
            await self._write(report, chronicle, code)
            return code or (0 if report.trouble is None else report.trouble.exit_code)

    def interrupted(self, error: Interrupted) -> Interrupted:
        """`error`, which ended `work`, with how far that was and how to go on."""
        far = None if self._making is None else self._making.how_far()
        if far is None:
            error.what, error.hint = "interrupted; nothing was ordered", "run the same command again"
        else:
            error.what, error.hint = f"interrupted; {far}, and nothing is lost", GO_ON
        return error

    async def _write(self, report: Reporting, chronicle: Chronicle, end: int | BaseException) -> None:
        """The reports are written, after the run came to an exit code or was ended by an error."""
        if not chronicle.is_planned:
            report.forget()
        summary = None if self._making is None else self._making.summary
        # What is no Exception is somebody who wants to leave.
        is_in_a_hurry = not isinstance(end, int | Exception)
        await report.write(lambda gathered: chronicle.facts(gathered, summary, end), is_in_a_hurry=is_in_a_hurry)

    async def _read_and_done(self, stack: Stack, chronicle: Chronicle, report: Reporting, at_once: int) -> int:
        wishes, printer = self._wishes, self._printer
        if wishes.output is not None:
            require_usable(wishes.output)
        async with AsyncExitStack() as block:
            with self._showing_what_is_read(stack):
                source = await block.enter_async_context(opened(stack, wishes.chapter, printer))
            selection = self._selection(stack)
            task = Task(wishes, stack, source, selection, at_once, report, printer, self._state.progress)
            with self._showing_what_is_read(stack):
                plan = await _planned(task, chronicle)
            require_sound(plan.check, printer)
            return await self._done(task, plan)

    def _showing_what_is_read(self, stack: Stack) -> AbstractContextManager[None]:
        # JSON lines of all that happens are shown from the start to the end.
        is_shown = self._state.progress is ProgressMode.JSON
        mode = ProgressMode.NONE if is_shown else self._state.progress
        return showing_progress(stack.events, self._printer, mode, clock=stack.clock)

    async def _done(self, task: Task, plan: ChapterPlan) -> int:
        wishes, stack = self._wishes, task.stack
        if wishes.plan_only:
            _tell_plan(task, plan)
        if plan.obstacle is not None:
            raise _before_all(plan.obstacle)
        if wishes.plan_only:
            if wishes.plan_out is not None:
                self._printer.note(f"plan: {wishes.plan_out}; `assetctl prefetch --apply {wishes.plan_out}` does that")
            return 0
        _announce(task, plan)
        allowed = _permission(task, plan)
        _tell_room(task, plan, allowed)
        await self._agree(allowed, needs_text(plan.total, task.at_once))
        deadline_s = self._held_to_deadline(stack)
        stack.jobs.desk.limit_to(
            replace(
                stack.jobs.allowance,
                max_orders=allowed.max_orders,
                max_cost=allowed.max_cost,
                limited_by=allowed.limited_by,
            )
        )
        # What of a chapter is not ordered now must be ordered later: only its deadline ends the wait for a turn.
        stack.jobs.desk.line_up()
        task.report.begin()
        self._making = Making(task, plan, allowed, deadline_s=deadline_s)
        return await self._making.made()

    def _selection(self, stack: Stack) -> Selection:
        selection = self._wishes.selection
        match selection.only:
            case Only.PLACEHOLDER:
                return replace(selection, cards=placeholder_keys(stack.data.placeholders))
            case Only.FAILED:
                return replace(selection, failed=failures_of(self._wishes, stack).keys())
            case Only.MISSING | Only.ALL:
                return selection

    async def _agree(self, allowed: Permission, needs: str) -> None:
        if allowed.question is None:
            return
        asked = f"{allowed.question}: {needs}"
        hint = "look with `--plan`, then say `--yes`, or limit it: --max-generations N"
        if self._state.no_input or not is_terminal(sys.stdin):
            is_taken = self._wishes.chapter.manifest == STDIN
            why = "stdin is the manifest, so nobody can be asked" if is_taken else "nobody is there to ask"
            raise SpendRefused(f"{asked}; nothing was ordered", why=why, hint=hint)
        if not await without_waiting_for(lambda: says_yes(f"{asked}. Go on?")):
            raise SpendRefused("the answer was no, and nothing was ordered", hint=hint)

    def _held_to_deadline(self, stack: Stack) -> float | None:
        """When nothing is ordered any more, on the stack's clock; None without a deadline.

        Raises:
            InvalidRequest: it passed while the chapter was planned, or while somebody was asked.
        """
        if self._wishes.deadline is None:
            return None
        now = stack.clock.now()
        self._wishes.deadline.require_left(now)
        deadline_s = stack.clock.elapsed_s() + self._wishes.deadline.left_s(now)
        stack.jobs.desk.close_at(deadline_s)
        return deadline_s


async def _planned(task: Task, chronicle: Chronicle) -> ChapterPlan:
    wishes = task.wishes
    with ExitStack() as block:
        listeners: list[Callable[[Planned], None]] = [task.report.plan] if task.report.is_wanted else []
        if wishes.plan_out is not None:
            order = Order.CHAPTER if wishes.chapter.game is None else wishes.chapter.game.order
            head = PlanHead(wishes.chapter.address, task.source.format, task.selection, order)
            listeners.append(block.enter_context(writing_plan(wishes.plan_out, head)).add)
        check = None
        if wishes.apply is not None:
            check = PlanCheck(wishes.apply)
            block.callback(check.close)
            listeners.append(check.add)

        def tell(planned: Planned) -> None:
            for listener in listeners:
                listener(planned)

        plan = await plan_chapter(
            task.source, task.stack.service, task.selection, tell if listeners else None, task.stack.events.publish
        )
        chronicle.planned(plan)
        if plan.check is None or not plan.check.problems:
            if plan.obstacle is not None and (check is not None or wishes.plan_out is not None):
                raise _before_all(plan.obstacle)
            if check is not None:
                check.require_unchanged()
        return plan


def _tell_plan(task: Task, plan: ChapterPlan) -> None:
    printer = task.printer
    if printer.as_json:
        printer.document(plan_document(plan, task.at_once))
    elif printer.quiet:
        printer.line(plan_sentence(plan, task.at_once))
    else:
        print_plan(plan, task.at_once, printer)
    if plan.obstacle is None:
        try:
            _tell_room(task, plan, _permission(task, plan))
        except SpendRefused as error:
            printer.warning(f"a run with that limit orders nothing: {error.what}")


def _permission(task: Task, plan: ChapterPlan) -> Permission:
    configured = task.stack.settings.budget.max_generations_per_run
    return permission(plan.total, task.wishes.budget, configured=configured)


def _tell_room(task: Task, plan: ChapterPlan, allowed: Permission) -> None:
    sentence = room_sentence(allowed.room(plan.total), plan.total)
    if sentence is not None:
        task.printer.note(sentence)


def _announce(task: Task, plan: ChapterPlan) -> None:
    """What the run takes is told, before anybody has to agree to it."""
    if task.lines.as_json:
        task.lines.document({**plan_document(plan, task.at_once), "event": "plan", "scenes": None})
    elif plan.total.items:
        task.lines.note(plan_sentence(plan, task.at_once))


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
