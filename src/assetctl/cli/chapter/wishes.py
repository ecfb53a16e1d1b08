"""What a run of `assetctl prefetch` was asked for, as the command line or an earlier plan says it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from assetctl.cli.chapter.options import Chapter, chapter_of_plan
from assetctl.documents import parse_timestamp
from assetctl.errors import InvalidRequest
from assetctl.prefetch.plan_file import read_head
from assetctl.units import parse_duration_s

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from assetctl.prefetch.consent import Budget
    from assetctl.prefetch.deeds import Selection


@dataclass(frozen=True, slots=True)
class Deadline:
    """When nothing is begun any more: at `moment`, else `span_s` after the work begins; `text` says it."""

    text: str
    span_s: float
    moment: datetime | None

    def left_s(self, now: datetime) -> float:
        """The seconds that work which begins `now` may take; none or less when it has passed."""
        return self.span_s if self.moment is None else (self.moment - now).total_seconds()

    def require_left(self, now: datetime) -> None:
        """Return when work may begin `now`.

        Raises:
            InvalidRequest: it has passed.
        """
        if self.left_s(now) <= 0:
            raise InvalidRequest(f"the deadline `{self.text:.40}` has passed", hint="--deadline 2h")


@dataclass(frozen=True, slots=True)
class Wishes:
    """What was said on the command line, checked as far as it can be without looking."""

    chapter: Chapter
    selection: Selection
    budget: Budget
    concurrency: int | None
    deadline: Deadline | None
    output: Path | None
    plan_only: bool
    plan_out: Path | None
    apply: Path | None
    reports: tuple[Path, ...] = ()


def parse_deadline(text: str, now: datetime) -> Deadline:
    """The deadline that `text` says: a duration such as `2h`, or a moment in ISO 8601 after `now`.

    Raises:
        InvalidRequest: it says none, or one that has passed.
    """
    moment = _moment(text)
    deadline = Deadline(text, 0.0 if moment is not None else _span_s(text), moment)
    deadline.require_left(now)
    return deadline


def _span_s(text: str) -> float:
    try:
        return parse_duration_s(text, name="deadline")
    except InvalidRequest as error:
        error.hint = "write it like `90s`, `30m` or `2h`, or as a moment: `2030-01-31T18:00:00Z`"
        raise


def _moment(text: str) -> datetime | None:
    if "-" not in text.strip()[1:]:
        return None
    try:
        return parse_timestamp(text.strip())
    except ValueError:
        return None


def planned_chapter(plan: Path) -> Chapter:
    """The chapter that `plan` was made for.

    Raises:
        ManifestError: it is no plan.
    """
    head = read_head(plan)
    return chapter_of_plan(head.manifest, head.format, head.order)


def of_plan(wishes: Wishes) -> Wishes:
    """`wishes` with the selection of the plan that is applied.

    Raises:
        ManifestError: it is no plan.
    """
    if wishes.apply is None:
        return wishes
    head = read_head(wishes.apply)
    return replace(wishes, selection=head.selection, budget=replace(wishes.budget, is_agreed=True))
