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
class Wishes:
    """What was said on the command line, checked as far as it can be without looking."""

    chapter: Chapter
    selection: Selection
    budget: Budget
    concurrency: int | None
    deadline_s: float | None
    output: Path | None
    plan_only: bool
    plan_out: Path | None
    apply: Path | None
    reports: tuple[Path, ...] = ()


def parse_deadline_s(text: str, now: datetime) -> float:
    """The seconds from `now` to the deadline that `text` says: a duration such as `2h`, or a moment in ISO 8601.

    Raises:
        InvalidRequest: it says none, or one that has passed.
    """
    seconds = _until(text, now)
    if seconds is None:
        try:
            seconds = parse_duration_s(text, name="deadline")
        except InvalidRequest as error:
            error.hint = "write it like `90s`, `30m` or `2h`, or as a moment: `2030-01-31T18:00:00Z`"
            raise
    if seconds <= 0:
        raise InvalidRequest(f"the deadline `{text:.40}` has passed", hint="--deadline 2h")
    return seconds


def _until(text: str, now: datetime) -> float | None:
    if "-" not in text.strip()[1:]:
        return None
    try:
        moment = parse_timestamp(text.strip())
    except ValueError:
        return None
    return None if moment is None else (moment - now).total_seconds()


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
