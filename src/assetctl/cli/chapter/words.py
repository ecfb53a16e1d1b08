"""Chapters in words: what a plan takes, what became of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

from assetctl.models import Source
from assetctl.prefetch.deeds import Deed, Only, Selection
from assetctl.prefetch.results import Outcome, spent_text
from assetctl.units import counted, human_duration, human_size

if TYPE_CHECKING:
    from decimal import Decimal

    from assetctl.cli.output import Printer
    from assetctl.errors import AssetctlError
    from assetctl.prefetch.consent import Room
    from assetctl.prefetch.manifest.findings import Item
    from assetctl.prefetch.planning import ChapterPlan
    from assetctl.prefetch.results import Result, Summary
    from assetctl.prefetch.tallies import Tally

_SCENES_SHOWN: Final = 200
_TROUBLES_SHOWN: Final = 10

_TAKES: Final = {
    Deed.HERE: "here",
    Deed.FETCH: "in the library",
    Deed.JOIN: "being made",
    Deed.MAKE: "to generate",
    Deed.CARD: "with a placeholder only",
    Deed.NOBODY: "that nobody has",
    Deed.TROUBLE: "in trouble",
}
_BECAME: Final = {
    Outcome.HERE: "here before",
    Outcome.FETCHED: "from the library",
    Outcome.GENERATED: "generated",
    Outcome.PLACEHOLDER: "with a placeholder only",
    Outcome.PENDING: "still being made",
    Outcome.MISSING: "that nobody has",
    Outcome.FAILED: "failed",
    Outcome.UNKNOWN: "of unknown outcome",
    Outcome.REFUSED: "over the budget",
    Outcome.LEFT: "not begun",
}


def plan_sentence(plan: ChapterPlan, at_once: int) -> str:
    """What the chapter takes, in one line that begins with its name."""
    return f"{_chapter_name(plan)}{takes_sentence(plan, at_once)}"


def takes_sentence(plan: ChapterPlan, at_once: int) -> str:
    """What the chapter takes, in one line."""
    total = plan.total
    if not total.items:
        return f"{_why_nothing(plan.selection)}: nothing to do"
    parts = ", ".join(f"{count:,} {_TAKES[deed]}" for deed, count in total.counts.items() if count)
    sentence = f"{counted(total.items, 'asset', 'assets')}: {parts}"
    if total.new_orders or total.counts[Deed.JOIN]:
        sentence += f"; {needs_text(total, at_once)}"
        if sources := total.all_sources():
            sentence += f" ({'; '.join(sources)})"
    if total.bytes_to_fetch or total.unsized:
        sentence += f"; {_fetch_text(total)} to fetch"
    return sentence


def room_sentence(room: Room, total: Tally) -> str | None:
    """How much of what `total` takes is within the limits, in one line; None when all of it is."""
    if room.orders >= total.new_orders:
        return None
    least = "" if room.is_exact else "at least "
    orders = counted(total.new_orders, "new generation", "new generations")
    return f"the limit has room for {least}{room.orders:,} of {orders}, those that come first in the chapter"


def _why_nothing(selection: Selection) -> str:
    scene = selection.scene
    match selection.only:
        case Only.PLACEHOLDER:
            why = "no placeholder is left to replace"
        case Only.FAILED:
            why = "nothing that failed last time is left to try again"
        case Only.MISSING | Only.ALL:
            return "0 assets"
        case _ as unknown:
            assert_never(unknown)
    return why if scene is None else f"{why} in scenes called like `{scene}`"


def _chapter_name(plan: ChapterPlan) -> str:
    check = plan.check
    name = None if check is None else check.title or check.chapter_id
    return "" if name is None else f"{name}: "


def chapter_title(plan: ChapterPlan) -> str:
    """What the chapter is called, for a person: as it says itself, else as its manifest is."""
    check = plan.check
    return "" if check is None else check.title or check.chapter_id or check.name


def needs_text(tally: Tally, at_once: int) -> str:
    """What its jobs cost and how long they take, with so many at once."""
    return f"cost {cost_text(tally)}, time {time_text(tally, at_once)}"


def cost_text(tally: Tally) -> str:
    """What new orders may cost; `unknown` where nobody says, `nothing` where none costs anything."""
    money = tally.money
    parts = [_range(money.low[currency], high, currency) for currency, high in sorted(money.high.items())]
    if money.unknown:
        parts.append("unknown" if not parts else f"unknown for {money.unknown:,}")
    return " and ".join(parts) or "nothing"


def _range(low: Decimal, high: Decimal, currency: str) -> str:
    return f"{low} {currency}" if low == high else f"{low} to {high} {currency}"


def time_text(tally: Tally, at_once: int) -> str:
    """How long its jobs may take with so many at once; `unknown` where nobody says and ordering takes no time."""
    if not tally.new_orders + tally.counts[Deed.JOIN]:
        return "none"
    low, high = tally.span_s(at_once)
    if high is None:
        return "unknown" if low is None else f"at least {human_duration(low)}"
    text = f"{human_duration(low or 0.0)} to {human_duration(high)}"
    unknown = tally.time.unknown
    return f"{text}, and unknown for {unknown:,}" if unknown else text


def _fetch_text(tally: Tally) -> str:
    if not tally.unsized:
        return human_size(tally.bytes_to_fetch)
    files = counted(tally.unsized, "file", "files")
    return f"{human_size(tally.bytes_to_fetch)} and {files} of unknown size" if tally.bytes_to_fetch else files


def print_plan(plan: ChapterPlan, at_once: int, printer: Printer) -> None:
    """The plan stands on stdout: a line, and a table by scene."""
    printer.line(plan_sentence(plan, at_once))
    if plan.check is not None and plan.check.duplicates:
        printer.note(f"{counted(plan.check.duplicates, 'more is', 'more are')} said twice and done once")
    deeds = [deed for deed, count in plan.total.counts.items() if count]
    scenes = list(plan.scenes.items())
    rows = [_scene_row(scene or "-", tally, deeds, at_once) for scene, tally in scenes[:_SCENES_SHOWN]]
    if rows:
        printer.line("")
        columns = ["scene", "assets", *(deed.value for deed in deeds), "cost", "time"]
        printer.table(columns, rows, right=columns[1 : 2 + len(deeds)])
    if len(scenes) > _SCENES_SHOWN:
        others = f", and {counted(plan.others.items, 'asset', 'assets')} of others" if plan.others.items else ""
        printer.note(f"and {len(scenes) - _SCENES_SHOWN:,} scenes more (`--json` has them){others}")
    if plan.obstacle is None:
        _print_troubles(plan, printer)


def _print_troubles(plan: ChapterPlan, printer: Printer) -> None:
    for item, error in plan.troubles[:_TROUBLES_SHOWN]:
        printer.note(f"{item_name(item)}: {with_hint(error.sentence, error)}")
    if (more := plan.total.counts[Deed.TROUBLE] - _TROUBLES_SHOWN) > 0:
        printer.note(f"and {more:,} more in trouble")


def with_hint(reason: str, error: AssetctlError | None) -> str:
    """`reason` with what `error` says to do about it, in the same line."""
    return reason if error is None or error.hint is None else f"{reason}; {error.hint}"


def _scene_row(scene: str, tally: Tally, deeds: list[Deed], at_once: int) -> list[str]:
    has_jobs = bool(tally.new_orders or tally.counts[Deed.JOIN])
    return [
        scene,
        f"{tally.items:,}",
        *(f"{tally.counts[deed]:,}" if tally.counts[deed] else "-" for deed in deeds),
        cost_text(tally) if tally.new_orders else "-",
        time_text(tally, at_once) if has_jobs else "-",
    ]


def item_name(item: Item) -> str:
    """`scene / choice` of an item, for a person."""
    request = item.request
    parts = (request.scene_id, request.choice_id, request.character_id, request.location_id)
    return " / ".join(part for part in parts if part) or (request.prompt or "")[:40]


def result_sentence(result: Result) -> str:
    """What became of an item, in one line: `scene / choice: generated, 12.3s, 0.40 USD`."""
    asset, parts = result.asset, [_BECAME[result.outcome]]
    if asset is not None:
        parts.append(human_duration(sum(attempt.elapsed_ms for attempt in asset.attempts) / 1000))
        if asset.source is Source.GENERATED and asset.cost is not None:
            parts.append(f"{asset.cost.amount} {asset.cost.currency}")
    return f"{item_name(result.item)}: {', '.join(parts)}"


def summary_sentence(summary: Summary, total: int, seconds: float) -> str:
    """What became of the run, in one line."""
    counts = summary.counts_of(total)
    parts = ", ".join(f"{counts[outcome]:,} {words}" for outcome, words in _BECAME.items() if counts[outcome])
    sentence = f"{counted(total, 'asset', 'assets')}: {parts or 'nothing to do'}; {human_duration(seconds)}"
    spent = spent_text(summary.spent, summary.unpriced)
    return f"{sentence}, spent {spent}" if spent else sentence
