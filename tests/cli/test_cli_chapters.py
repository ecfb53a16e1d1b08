"""What a plan and a run say, in words; and their progress, drawn on a stream and told in lines."""

from __future__ import annotations

import io
import json
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING
from unittest.mock import Mock

import pytest

from assetctl.cli.chapter.bar import BarProgress
from assetctl.cli.chapter.documents import plan_document
from assetctl.cli.chapter.progress import LineProgress, Quiet
from assetctl.cli.chapter.reporting import Reporting
from assetctl.cli.chapter.showing import Showing, showing_run
from assetctl.cli.chapter.telling import Teller
from assetctl.cli.chapter.words import plan_sentence, print_plan, summary_sentence
from assetctl.cli.output import Printer
from assetctl.cli.pipelines import Pipeline
from assetctl.cli.progress.drawing import Words
from assetctl.cli.state import ProgressMode
from assetctl.errors import AccountExhausted, JobFailed
from assetctl.events import AssetEventBus, JobEnded, JobProgressed, JobSubmitted, TransferProgressed, TurnAwaited
from assetctl.models import AssetRequest, Availability, Cost, Estimate, Would
from assetctl.prefetch import planning
from assetctl.prefetch.deeds import Deed
from assetctl.prefetch.manifest.findings import Item
from assetctl.prefetch.memory import Failures
from assetctl.prefetch.planning import ChapterPlan
from assetctl.prefetch.results import Outcome, Result, Summary
from assetctl.prefetch.walking import Planned
from fakes import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from assetctl.events import Event

    Events = Callable[[Event], None]


def item(number: int = 1, scene: str = "park") -> Item:
    return Item(number, number, AssetRequest(scene_id=scene), f"{number:064x}")


def plan_of(*takes: tuple[Deed, Availability | None]) -> ChapterPlan:
    plan = ChapterPlan()
    for number, (deed, availability) in enumerate(takes, start=1):
        planned = Planned(item(number, f"s{number}"), deed, None)
        plan.add(planned, is_wanted=True)
        for tally in (plan.total, plan.scenes[f"s{number}"]):
            tally.counts[deed] -= 1
            tally.add(deed, availability)
    return plan


def making(low: str | None, high: str | None = None, seconds: tuple[float, float] | None = None) -> Availability:
    cost = [None if text is None else Cost(Decimal(text), "USD") for text in (low, high or low)]
    estimate = Estimate(*cost, *(seconds or (None, None)))  # type: ignore[arg-type]
    return Availability(Would.GENERATE, estimate=estimate, generator="shop", is_paid=True)


def turning(availability: Availability) -> Availability:
    return replace(availability, orders_per_minute=1)


def fetching(size_bytes: int | None) -> Availability:
    return Availability(Would.DOWNLOAD, size_bytes=size_bytes)


@pytest.mark.parametrize(
    ("takes", "sentence"),
    [
        ((), "0 assets: nothing to do"),
        (((Deed.MAKE, making("0.20", "0.40")),), "1 asset: 1 to generate; cost 0.20 to 0.40 USD, time unknown"),
        (((Deed.MAKE, making(None)),), "1 asset: 1 to generate; cost unknown, time unknown"),
        (
            ((Deed.MAKE, making("1", seconds=(2, 3))), (Deed.MAKE, making(None))),
            "2 assets: 2 to generate; cost 1 USD and unknown for 1, time 2s to 3s, and unknown for 1",
        ),
        (
            ((Deed.MAKE, turning(making(None))),) * 3,
            "3 assets: 3 to generate; cost unknown, time at least 2m (shop: no more than 1 orders a minute)",
        ),
        (
            ((Deed.MAKE, turning(making("1", seconds=(2, 3)))), (Deed.MAKE, turning(making(None)))),
            (
                "2 assets: 2 to generate; cost 1 USD and unknown for 1, time 1m to 1m 3s, and unknown for 1"
                " (shop: no more than 1 orders a minute)"
            ),
        ),
        (((Deed.FETCH, fetching(2_000_000)),), "1 asset: 1 in the library; 2 MB to fetch"),
        (((Deed.FETCH, fetching(None)),), "1 asset: 1 in the library; 1 file to fetch"),
        (
            ((Deed.FETCH, fetching(None)), (Deed.FETCH, fetching(2_000_000)), (Deed.TROUBLE, None)),
            "3 assets: 2 in the library, 1 in trouble; 2 MB and 1 file of unknown size to fetch",
        ),
    ],
)
def test_a_plan_is_one_line_and_unknown_stays_unknown(
    takes: tuple[tuple[Deed, Availability | None], ...], sentence: str
):
    assert plan_sentence(plan_of(*takes), at_once=8) == sentence


def test_a_plan_says_in_json_what_ordering_takes_at_least():
    document = plan_document(plan_of(*((Deed.MAKE, turning(making(None))),) * 3), 8)
    assert (document["seconds_low"], document["seconds_high"], document["seconds_unknown_for"]) == (120.0, None, 3)
    assert document["orders_per_minute"] == {"shop": 1}
    assert document["sources"] == ["shop: no more than 1 orders a minute"]
    assert {scene["seconds_low"] for scene in document["scenes"]} == {None}


def test_very_many_scenes_are_cut_in_the_table_and_whole_in_json(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(planning, "MAX_SCENES", 250)
    plan = plan_of()
    for number in range(300):
        plan.add(Planned(item(number, f"s{number}"), Deed.NOBODY, None), is_wanted=True)
    out, err = io.BytesIO(), io.StringIO()
    printer = Printer(stdout=io.TextIOWrapper(out), stderr=err)
    print_plan(plan, 8, printer)
    assert "s199" in out.getvalue().decode()
    assert "s200" not in out.getvalue().decode()
    assert err.getvalue() == "and 50 scenes more (`--json` has them), and 50 assets of others\n"
    document = plan_document(plan, 8)
    assert len(document["scenes"]) == 250
    assert document["other_scenes"]["items"] == 50
    assert document["seconds_low"] is None


def test_a_summary_counts_what_was_not_begun_and_tells_what_was_spent():
    summary = Summary()
    summary.counts[Outcome.GENERATED] = 2
    summary.spent["USD"] = Decimal("0.80")
    assert summary_sentence(summary, 5, 61.0) == "5 assets: 2 generated, 3 not begun; 1m 1s, spent 0.80 USD"
    summary.unpriced = 2
    assert summary_sentence(summary, 2, 1.0).endswith(", spent 0.80 USD and an unknown amount for 2")


def failed(one: Item) -> Result:
    return Result(one, Outcome.FAILED, error=JobFailed("no"))


def test_elsewhere_than_on_a_terminal_a_line_comes_each_ten_seconds():
    clock, err = FakeClock(), io.StringIO()
    progress = LineProgress(10, clock, Printer(stderr=err))
    for number in range(1, 5):
        progress.began(item(number))
    for number in range(1, 4):
        clock.advance(seconds=6)
        progress.ended(failed(item(number)))
    progress.say("beside it")
    assert err.getvalue().splitlines() == [
        "2 of 10, 2 under way, 2 failed",
        "beside it",
    ]
    assert progress.sentence() == "3 of 10, 1 under way, 3 failed, about 42s left"


def test_what_waits_for_its_turn_takes_as_long_as_was_known_before():
    clock, turn = FakeClock(), partial(TurnAwaited, generator="shop", orders_per_minute=20)
    progress = Quiet(25, clock, Printer())
    progress.least_s = 60.0
    items = [item(number) for number in range(25)]
    for one in items:
        progress.began(one)
    clock.advance(seconds=5)
    for one in items[:20]:
        progress.ended(failed(one))
    assert progress.left_s == 55.0
    for one in items[20:]:
        progress.heard(turn(one.key))
    clock.advance(seconds=35)
    assert progress.sentence().endswith("5 waiting for a turn to order, 20 failed, about 20s left")
    clock.advance(seconds=30)
    assert progress.sentence().endswith("5 waiting for a turn to order, 20 failed")
    progress.heard(JobSubmitted(items[20].key, "shop", "j", Estimate()))
    assert progress.left_s == 70 / 20 * 5


def test_the_bar_tells_anew_how_long_it_takes_while_nothing_happens(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "100")
    clock, err = FakeClock(), io.StringIO()
    progress = BarProgress(4, clock, Printer(stderr=err))
    try:
        for number in range(3):
            progress.began(item(number))
            clock.advance(seconds=10)
            progress.ended(failed(item(number)))
        progress.began(item(3))
        words = [column for column in progress._bar.columns if isinstance(column, Words)]
        (overall, _) = progress._bar.tasks
        assert words[0](overall).plain.endswith("about 10s left")
        clock.advance(seconds=30)
        assert words[0](overall).plain.endswith("about 20s left")
    finally:
        progress.close()


def test_while_nothing_ends_a_line_comes_each_ten_seconds_all_the_same():
    clock, err, bus = FakeClock(), io.StringIO(), AssetEventBus()
    with showing_run(
        9, Showing(ProgressMode.LINES, "chapter", Pipeline()), Printer(stderr=err), bus, clock
    ) as progress:
        progress.began(item())
        for _ in range(25):
            clock.advance(seconds=1)
            bus.publish(JobProgressed("k1", "shop", "j", "running", None, None))
    assert err.getvalue().splitlines() == ["0 of 9, 1 under way"] * 2


@contextmanager
def lines_of(total: int, mode: ProgressMode, err: io.StringIO, clock: FakeClock) -> Generator[tuple[Teller, Events]]:
    """Within the block, what tells of a run, and its events."""
    bus, printer = AssetEventBus(), Printer(stderr=err)
    failures, report = Mock(spec=Failures), Mock(spec=Reporting)
    with showing_run(total, Showing(mode, "chapter", Pipeline()), printer, bus, clock) as progress:
        yield Teller(progress, printer, failures, report), bus.publish


def test_a_run_that_only_waits_for_its_turn_says_so_each_ten_seconds():
    clock, err = FakeClock(), io.StringIO()
    with lines_of(9, ProgressMode.LINES, err, clock) as (teller, publish):
        for number in (1, 2):
            teller.began(item(number))
            publish(TurnAwaited(item(number).key, "shop", 20))
        for _ in range(12):
            clock.advance(seconds=2)
            teller.passing()
        publish(JobSubmitted(item(1).key, "shop", "j", Estimate()))
        clock.advance(seconds=8)
        teller.passing()
    assert err.getvalue().splitlines() == [
        *["0 of 9, 2 waiting for a turn to order"] * 2,
        "0 of 9, 2 under way",
    ]


def test_that_nothing_more_is_ordered_is_said_and_stays_beside_the_bar():
    clock, err = FakeClock(), io.StringIO()
    with lines_of(3, ProgressMode.LINES, err, clock) as (teller, _):
        teller.began(item(1))
        teller.refused(AccountExhausted("the daily limit is reached"))
        clock.advance(seconds=10)
        teller.passing()
    assert err.getvalue().splitlines() == [
        "nothing more is ordered: the daily limit is reached; what needs no order goes on",
        "0 of 3, 1 under way, nothing more is ordered",
    ]


def test_json_lines_tell_how_far_all_of_it_is_with_each_result_and_while_nothing_happens():
    clock, err = FakeClock(), io.StringIO()
    with lines_of(3, ProgressMode.JSON, err, clock) as (teller, publish):
        for number in (1, 2):
            teller.began(item(number))
        publish(TurnAwaited(item(2).key, "shop", 20))
        clock.advance(seconds=9)
        teller.passing()
        teller.ended(failed(item(1)))
        clock.advance(seconds=10)
        teller.passing()
        teller.refused(AccountExhausted("the daily limit is reached"))
    told = [json.loads(line) for line in err.getvalue().splitlines() if line.startswith("{")]
    first = {"event": "RunProgressed", "done": 1, "total": 3, "failed": 1, "under_way": 1, "waiting_for_turn": 1}
    assert told == [
        {**first, "is_ordering": True, "left_s": None},
        {**first, "is_ordering": True, "left_s": None},
        {**first, "is_ordering": False, "left_s": None},
    ]


@pytest.mark.parametrize("mode", [ProgressMode.NONE, ProgressMode.JSON, ProgressMode.AUTO])
def test_without_progress_what_goes_wrong_is_told_all_the_same(mode: ProgressMode):
    err = io.StringIO()
    printer = Printer(stderr=err, quiet=mode is ProgressMode.AUTO)
    with showing_run(1, Showing(mode, "chapter", Pipeline()), printer, AssetEventBus(), FakeClock()) as progress:
        assert isinstance(progress, Quiet)
        progress.began(item())
        progress.say("trouble")
    assert err.getvalue() == ("" if printer.quiet else "trouble\n")


@pytest.mark.parametrize("columns", ["30", "100"])
def test_the_bar_shows_each_item_as_it_goes_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch, columns: str):
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("LINES", "5")
    clock, err, bus = FakeClock(), io.StringIO(), AssetEventBus()
    showing = Showing(ProgressMode.BAR, "chapter", Pipeline())
    with showing_run(9, showing, Printer(stderr=err), bus, clock) as progress:
        assert isinstance(progress, BarProgress)
        items = [item(number, f"scene-{number}") for number in range(1, 5)]
        for one in items:
            progress.began(one)
        shown = [progress._words(task) for task in progress._bar.tasks]
        assert shown == ["0 of 9, 4 under way", "  scene-1", "  scene-2"]
        first, second = progress._bar.tasks[1:]
        bus.publish(TurnAwaited(items[0].key, "shop", None))
        assert first.description.startswith("  scene-1: waiting f")
        bus.publish(JobProgressed(items[0].key, "shop", "j", "running", 0.5, "drawing \x1b[31m"))
        assert (first.percentage, "\x1b" in first.description) == (50.0, False)
        bus.publish(TransferProgressed(items[1].key, 5, 10))
        assert second.percentage == 50.0
        bus.publish(TransferProgressed(items[1].key, 5, None))
        assert second.total is None
        bus.publish(JobEnded(items[0].key, "shop", "j", "succeeded"))
        assert first.description == "  scene-1: verifying"
        bus.publish(JobEnded(items[3].key, "shop", "j", "succeeded"))
        bus.publish(JobEnded(None, "shop", "j", "succeeded"))
        progress.say("trouble")
        for one in items:
            progress.ended(failed(one))
        assert [progress._words(task).partition(",")[0] for task in progress._bar.tasks] == ["4 of 9"]
    assert "trouble\n" in err.getvalue()
