"""What the reports of a run are told of it as a whole."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import typer

from assetctl.cli.chapter.documents import plan_document
from assetctl.cli.chapter.words import takes_sentence
from assetctl.cli.output import BrokenOutput
from assetctl.cli.running import alone, ending_signal
from assetctl.errors import AssetctlError, Interrupted
from assetctl.prefetch.report.facts import Facts
from assetctl.prefetch.report.states import State
from assetctl.prefetch.results import Summary

if TYPE_CHECKING:
    from datetime import datetime

    from assetctl.cli.chapter.wishes import Wishes
    from assetctl.prefetch.planning import ChapterPlan
    from assetctl.prefetch.report.gathering import Gathering
    from assetctl.wiring import Stack


class Chronicle:
    """One run of a chapter, told however far it came; its time counts from its plan on."""

    def __init__(self, wishes: Wishes, stack: Stack, *, at_once: int) -> None:
        """What `wishes` say is begun, with so many jobs at a time."""
        self._wishes = wishes
        self._stack = stack
        self._at_once = at_once
        self._plan: ChapterPlan | None = None
        self._start()

    def _start(self) -> None:
        self._started_at: datetime = self._stack.clock.now()
        self._started_s = self._stack.clock.elapsed_s()
        deadline = self._wishes.deadline
        self._deadline_s = None if deadline is None else deadline.left_s(self._started_at)

    def planned(self, plan: ChapterPlan) -> None:
        """The chapter was walked through, and `plan` is what was found."""
        self._plan = plan
        self._start()

    @property
    def is_planned(self) -> bool:
        """Whether there is a plan that holds for the whole chapter."""
        return self._plan is not None and (self._plan.check is None or not self._plan.check.problems)

    def facts(self, gathering: Gathering, summary: Summary | None, end: int | BaseException) -> Facts:
        """The facts now, after the run ended with an exit code or an error; without a `summary` it did nothing."""
        plan = self._plan if self.is_planned else None
        check, sums = None if self._plan is None else self._plan.check, summary or Summary()
        counts = gathering.counts()
        seconds = self._stack.clock.elapsed_s() - self._started_s
        return Facts(
            tool=f"assetctl {version('assetctl')}",
            run_id=self._stack.jobs.allowance.run_id,
            manifest=self._wishes.chapter.name if check is None else check.name,
            chapter_id=None if check is None else check.chapter_id,
            title=None if check is None else check.title,
            is_plan=not gathering.has_begun,
            started_at=self._started_at,
            ended_at=self._stack.clock.now(),
            seconds=seconds,
            exit_code=end if isinstance(end, int) else exit_code_of(end),
            plan=None if plan is None else {**plan_document(plan, self._at_once), "scenes": None},
            plan_sentence="it was not planned" if plan is None else takes_sentence(plan, self._at_once),
            budget=self._budget_document(),
            counts=counts,
            spent=sums.spent,
            unpriced=sums.unpriced,
            ended_by=self._ended_by(sums, end, has_left=bool(counts[State.LEFT]), seconds=seconds),
            problems=() if check is None else check.problems,
            lost=gathering.lost,
        )

    def _budget_document(self) -> dict[str, Any]:
        budget = self._wishes.budget
        return {
            "max_generations": budget.max_generations,
            "max_generations_without_yes": self._stack.settings.budget.max_generations_per_run,
            "max_cost": None
            if budget.max_amount is None
            else {"amount": str(budget.max_amount), "currency": budget.currency},
            "is_agreed": budget.is_agreed,
            "deadline_s": self._deadline_s,
        }

    def _ended_by(
        self, summary: Summary, end: int | BaseException, *, has_left: bool, seconds: float
    ) -> AssetctlError | None:
        if isinstance(end, BaseException):
            return told_end(end)
        if summary.stopped is not None or summary.refused is not None:
            return summary.stopped or summary.refused
        if has_left and self._deadline_s is not None and seconds >= self._deadline_s:
            return AssetctlError("the deadline passed", hint="run the same command again")
        return None


def exit_code_of(error: BaseException) -> int:
    """The exit code of a command that `error` ended."""
    match alone(error):
        case (AssetctlError() | BrokenOutput()) as told:
            return told.exit_code
        case Exception() as told if not isinstance(told, typer.Abort):
            return AssetctlError.exit_code
        case _:
            return 128 + ending_signal()


def told_end(error: BaseException) -> AssetctlError:
    """What a reader is told of `error`, which ended a run."""
    told = alone(error)
    if isinstance(told, AssetctlError):
        return told
    if isinstance(told, BrokenOutput):
        return AssetctlError("nobody read its output any more")
    if isinstance(told, Exception) and not isinstance(told, typer.Abort):
        return AssetctlError("it ended unexpectedly")
    return Interrupted("it was interrupted", signal_number=ending_signal())
