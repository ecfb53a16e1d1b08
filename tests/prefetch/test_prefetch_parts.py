"""The small parts of a run: consent, names, plans in files, what is remembered, what a result comes to."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from assetctl.errors import CacheError, InvalidRequest, ManifestError, SpendRefused, StorageFull
from assetctl.explanation import Decision
from assetctl.generation.allowances import LimitedBy
from assetctl.models import AssetRequest, Availability, Cost, Estimate, Would
from assetctl.prefetch import plan_file
from assetctl.prefetch.consent import Budget, Room, parse_amount, permission
from assetctl.prefetch.deeds import Deed, Only, Selection, deed_of
from assetctl.prefetch.manifest.findings import Item
from assetctl.prefetch.manifest.source import Format
from assetctl.prefetch.memory import Failures, chapter_token, placeholder_keys
from assetctl.prefetch.naming import Names
from assetctl.prefetch.plan_changes import PlanChanges
from assetctl.prefetch.plan_file import PlanCheck, PlanHead, read_head, writing_plan
from assetctl.prefetch.results import Outcome, Summary
from assetctl.prefetch.tallies import Tally
from assetctl.prefetch.walking import Planned

if TYPE_CHECKING:
    from pathlib import Path


def money(amount: str, currency: str = "USD") -> Cost:
    return Cost(Decimal(amount), currency)


def making(
    low: str | None = "0.20", high: str = "0.40", currency: str = "USD", *, is_paid: bool = True
) -> Availability:
    estimate = (
        Estimate() if low is None else Estimate(money(low, currency), money(high, currency), 10.0, 30.0, "its list")
    )
    return Availability(Would.GENERATE, estimate=estimate, generator="shop", is_paid=is_paid)


def total(*orders: Availability) -> Tally:
    tally = Tally()
    for order in orders:
        tally.add(Deed.MAKE, order)
    return tally


def item(number: int = 1, scene: str | None = "a", choice: str | None = None) -> Item:
    return Item(number, number, AssetRequest(scene_id=scene, choice_id=choice), f"{number:064x}")


# Sums


def test_costs_and_times_are_ranges_with_their_source():
    tally = total(making(), making(), making(None))
    assert (tally.money.low, tally.money.high, tally.money.unknown) == (
        {"USD": Decimal("0.40")},
        {"USD": Decimal("0.80")},
        1,
    )
    assert tally.time.span_s(at_once=1) == (20.0, 60.0)
    assert tally.time.span_s(at_once=2) == (10.0, 30.0)
    assert total(*[making()] * 3).time.span_s(at_once=2) == (15.0, 60.0)
    assert (list(tally.sources), tally.time.unknown) == (["shop: its list"], 1)


@pytest.mark.parametrize(
    ("orders", "per_minute", "least_s"), [(0, 20, 0), (20, 20, 0), (21, 20, 60), (1_000, 20, 49 * 60), (3, 1, 120)]
)
def test_ordering_alone_takes_its_time_whatever_a_job_takes(orders: int, per_minute: int, least_s: float):
    tally = total(*[replace(making(None), orders_per_minute=per_minute)] * orders)
    assert tally.span_s(at_once=8) == (least_s or None, None)
    assert tally.all_sources() == ([f"shop: no more than {per_minute} orders a minute"] if least_s else [])


def test_ordering_raises_the_shortest_time_and_holds_up_the_longest():
    orders = [replace(making(), orders_per_minute=20)] * 41
    assert total(*orders).span_s(at_once=100) == (120.0, 30.0 + 120.0)
    # With one at a time the jobs themselves take longer.
    assert total(*orders).span_s(at_once=1) == (410.0, 1_230.0 + 120.0)


def test_only_new_orders_at_a_limited_generator_take_turns():
    tally = total(*[making()] * 100)
    for _ in range(100):
        tally.add(Deed.JOIN, replace(making(), orders_per_minute=20))
    assert (tally.turns, tally.least_s) == ({}, 0.0)


@pytest.mark.parametrize(("max_orders", "least_s"), [(0, 0.0), (20, 0.0), (21, 60.0), (99, 120.0)])
def test_what_may_not_be_ordered_takes_no_time(max_orders: int, least_s: float):
    tally = total(*[replace(making(None), orders_per_minute=20)] * 41)
    assert tally.ordering_s(max_orders) == least_s


def test_generators_take_their_turns_side_by_side():
    tally = total(*[replace(making(None), orders_per_minute=10)] * 11)
    for _ in range(11):
        tally.add(Deed.MAKE, replace(making(None), generator="mill", orders_per_minute=5))
    assert tally.least_s == 120.0
    assert tally.all_sources() == ["shop: no more than 10 orders a minute", "mill: no more than 5 orders a minute"]


def test_what_costs_nothing_is_no_paid_order():
    tally = total(making(is_paid=False), making(None, is_paid=False))
    assert (tally.paid_orders, tally.new_orders, tally.money.high, tally.money.unknown) == (0, 2, {}, 0)


@pytest.mark.parametrize(
    ("decision", "deed"),
    [
        (None, Deed.NOBODY),
        (Decision("x", error=StorageFull("no")), Deed.TROUBLE),
        (Decision("x", Availability(Would.NOTHING)), Deed.HERE),
        (Decision("x", Availability(Would.DOWNLOAD)), Deed.FETCH),
        (Decision("x", Availability(Would.GENERATE)), Deed.MAKE),
        (Decision("x", Availability(Would.GENERATE, job_id="j")), Deed.JOIN),
        (Decision("x", Availability(Would.PLACEHOLDER)), Deed.CARD),
    ],
)
def test_a_decision_comes_to_a_deed(decision: Decision | None, deed: Deed):
    assert deed_of(decision) is deed


# Consent


def test_what_the_settings_allow_needs_no_yes():
    allowed = permission(total(making()), Budget(), configured=50)
    assert (allowed.max_orders, allowed.max_cost, allowed.question) == (50, None, None)


def test_more_than_the_settings_allow_needs_a_yes():
    tally = total(*[making()] * 3)
    allowed = permission(tally, Budget(), configured=2)
    assert allowed.question == "this would order 3 generations, more than the 2 that the settings allow"
    assert permission(tally, Budget(is_agreed=True), configured=2).question is None
    assert permission(tally, Budget(is_agreed=True), configured=2).max_orders == 3
    assert permission(tally, Budget(max_generations=1), configured=2).max_orders == 1


@pytest.mark.parametrize(
    ("budget", "configured", "limited_by"),
    [
        (Budget(), 3, LimitedBy.SETTING),
        (Budget(), 2, LimitedBy.CONSENT),
        (Budget(is_agreed=True), 2, LimitedBy.CONSENT),
        (Budget(max_generations=3), 2, LimitedBy.OPTION),
    ],
)
def test_it_is_known_whose_limit_it_is(budget: Budget, configured: int, limited_by: LimitedBy):
    allowed = permission(total(*[making()] * 3), budget, configured=configured)
    assert (allowed.max_orders, allowed.limited_by) == (3, limited_by)


@pytest.mark.parametrize(
    ("budget", "configured", "orders"), [(Budget(is_agreed=True), 2, 4), (Budget(), 3, 4), (Budget(), 9, 9)]
)
def test_what_is_being_made_may_be_sent_again_where_it_never_arrived(budget: Budget, configured: int, orders: int):
    tally = total(*[making()] * 3)
    tally.add(Deed.JOIN, Availability(Would.GENERATE, job_id="an order"))
    allowed = permission(tally, budget, configured=configured)
    assert (allowed.max_orders, allowed.question) == (orders, None)


@pytest.mark.parametrize(("budget", "covers_all"), [
    (Budget(), True),
    (Budget(max_generations=2), True),
    (Budget(max_generations=1), False),
    (Budget(max_amount=Decimal("0.80")), True),
    (Budget(max_amount=Decimal("0.79")), False),
    (Budget(2, Decimal("0.79")), False),
    (Budget(max_amount=Decimal("0.79"), is_agreed=True), False),
])  # fmt: skip
def test_a_limit_may_not_cover_all_of_a_plan(budget: Budget, *, covers_all: bool):
    order = making("0.30", "0.40")
    sums = total(order, order)
    assert (permission(sums, budget, configured=50).room(sums).orders == 2) is covers_all


@pytest.mark.parametrize(("prices", "budget", "room"), [
    (["0.40", "0.40", "0.40"], Budget(max_amount=Decimal("0.50")), Room(1, is_exact=True)),
    (["0.40", "0.40", "0.40"], Budget(max_amount=Decimal("1.20")), Room(3, is_exact=True)),
    (["0.40", "0.40", "0.40"], Budget(max_amount=Decimal(0)), Room(0, is_exact=True)),
    (["0.10", "0.40", "0.10"], Budget(max_amount=Decimal("0.50")), Room(1, is_exact=False)),
    (["0.10", "0.40", "0.10"], Budget(1, Decimal("0.50")), Room(1, is_exact=True)),
    (["0.40", "0.40", "0.40"], Budget(2), Room(2, is_exact=True)),
])  # fmt: skip
def test_how_much_of_a_plan_a_limit_has_room_for(prices: list[str], budget: Budget, room: Room):
    sums = total(*(making(price, price) for price in prices))
    assert permission(sums, budget, configured=50).room(sums) == room


def test_that_the_price_may_be_lower_leaves_it_open_how_much_fits():
    sums = total(making("0.20", "0.40"), making("0.20", "0.40"))
    allowed = permission(sums, Budget(max_amount=Decimal("0.50")), configured=50)
    assert allowed.room(sums) == Room(1, is_exact=False)


def test_a_limit_of_money_takes_the_plans_currency():
    tally = total(making(currency="EUR"))
    assert permission(tally, Budget(max_amount=Decimal(2)), configured=9).max_cost == money("2", "EUR")
    assert permission(total(), Budget(max_amount=Decimal(2)), configured=9).max_cost == money("2")


@pytest.mark.parametrize("agreed", [Budget(is_agreed=True), Budget(max_generations=3), Budget()])
def test_whoever_agrees_agrees_to_no_more_than_the_limit_of_money(agreed: Budget):
    budget = replace(agreed, max_amount=Decimal(2))
    for configured in (1, 9):
        assert permission(total(*[making()] * 3), budget, configured=configured).max_cost == money("2")


@pytest.mark.parametrize(
    ("orders", "budget"),
    [
        ((making(None),), Budget(max_amount=Decimal(2))),
        ((making(),), Budget(max_amount=Decimal(2), currency="EUR")),
        ((making(), making(currency="EUR")), Budget(max_amount=Decimal(2))),
    ],
)
def test_a_limit_of_money_that_cannot_be_kept_is_refused(orders: tuple[Availability, ...], budget: Budget):
    with pytest.raises(SpendRefused) as caught:
        permission(total(*orders), budget, configured=9)
    assert "--max-generations" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("text", "amount"), [("20", ("20", None)), (" 0.50 usd ", ("0.50", "USD")), ("5EUR", ("5", "EUR"))]
)
def test_amounts_are_read(text: str, amount: tuple[str, str | None]):
    assert parse_amount(text) == (Decimal(amount[0]), amount[1])


@pytest.mark.parametrize("text", ["", "-1", "1e9", "USD", "1,5", "NaN", "9" * 40, "5 dollars"])
def test_what_is_no_amount_is_refused(text: str):
    with pytest.raises(InvalidRequest, match="no amount of money"):
        parse_amount(text)


# Names


def test_names_that_a_file_system_takes_for_one_are_numbered():
    names = Names()
    items = [
        item(1, "Park", "A"),
        item(2, "park", "a"),
        item(3, "PARK", "A"),
        item(4, "park--a"),
        item(5, "con"),
        item(6, None),
    ]
    for one in items:
        names.see(one)
    assert [names.of(one) for one in items] == [
        "Park--A",
        "park--a~2",
        "PARK--A~3",
        "park--a~4",
        "_con",
        "asset-000000000000",
    ]


def test_long_names_stay_within_what_a_file_may_be_called():
    names = Names()
    items = [item(number, "ä" * 150, "b" * number) for number in (1, 2)]
    for one in items:
        names.see(one)
    first, second = map(names.of, items)
    assert first != second
    assert max(len(name.encode()) for name in (first, second)) <= 110


# What is remembered


def test_failures_are_remembered_until_the_next_run(tmp_path: Path):
    failures = Failures(tmp_path / "prefetch" / f"{chapter_token('/x')}.failed")
    assert failures.keys() == frozenset()
    failures.add("a" * 64)
    failures.add("b" * 64)
    assert failures.keys() == {"a" * 64, "b" * 64}
    failures.forget()
    assert failures.keys() == frozenset()


def test_what_is_no_key_is_passed_over(tmp_path: Path):
    path = tmp_path / "x.failed"
    path.write_bytes(b"\xff\x00garbage\n" + b"c" * 64 + b"\n" + b"c" * 63)
    assert Failures(path).keys() == {"c" * 64}


def test_a_failure_that_cannot_be_noted_stops_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    (tmp_path / "x").write_bytes(b"a file where a folder belongs")
    with caplog.at_level("INFO"):
        Failures(tmp_path / "x" / "y.failed").add("a" * 64)
    assert "could not be noted" in caplog.text


def test_cards_are_found_by_their_keys(tmp_path: Path):
    assert placeholder_keys(tmp_path / "nowhere") == frozenset()
    for name in ("a" * 64 + ".mp4", "b" * 64 + ".png", "notes.txt", "host-1-2.abc.mp4"):
        (tmp_path / name).touch()
    assert placeholder_keys(tmp_path) == {"a" * 64, "b" * 64}


# Plans in files


HEAD = PlanHead("/chapters/one.toml", Format.TOML, Selection(Only.FAILED, "park_*"))


def step(number: int, would: Would | None, scene: str = "a", **facts: object) -> Planned:
    availability = None if would is None else Availability(would, **facts)  # type: ignore[arg-type]
    decision = None if availability is None else Decision("x", availability)
    return Planned(item(number, scene), deed_of(decision), decision)


def make(number: int, high: str = "0.40", scene: str = "a", **facts: object) -> Planned:
    estimate = Estimate(money("0.10"), money(high))
    known = {"estimate": estimate, "generator": "shop", "is_paid": True}
    return step(number, Would.GENERATE, scene, **(known | facts))


def asked(planned: Planned, **facts: object) -> Planned:
    request = replace(planned.item.request, **facts)  # type: ignore[arg-type]
    return replace(planned, item=replace(planned.item, request=request))


BEFORE = (step(1, Would.NOTHING), make(2), step(3, Would.DOWNLOAD), step(4, None))


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "plan.jsonl"
    with writing_plan(path, HEAD) as writer:
        for one in BEFORE:
            writer.add(one)
    return path


def compared(path: Path, *now: Planned) -> str | None:
    check = PlanCheck(path)
    try:
        for one in now:
            check.add(one)
        check.require_unchanged()
    except SpendRefused as error:
        return error.why
    finally:
        check.close()
    return None


def test_a_plan_says_which_chapter_it_is_of(plan: Path):
    assert read_head(plan) == HEAD


@pytest.mark.parametrize(
    "now",
    [
        BEFORE,
        (BEFORE[0], make(2, job_id="j"), *BEFORE[2:]),
        (BEFORE[0], step(2, Would.NOTHING), step(3, Would.NOTHING), BEFORE[3]),
    ],
    ids=["nothing changed", "a job runs", "done meanwhile"],
)
def test_a_plan_holds_when_nothing_changed_but_what_it_said(plan: Path, now: tuple[Planned, ...]):
    assert compared(plan, *now) is None


@pytest.mark.parametrize(
    ("now", "change"),
    [
        ((make(1), *BEFORE[1:]), "`a`: `here` was planned, now it takes `generate`"),
        ((BEFORE[0], make(2, "0.50"), *BEFORE[2:]), "`a`: its price was `0.40 USD` and is `0.50 USD`"),
        ((*BEFORE[:2], make(3), BEFORE[3]), "`a`: `library` was planned, now it takes `generate`"),
        ((BEFORE[0], make(2, is_paid=False), *BEFORE[2:]), "`a`: its is_paid was `True` and is `False`"),
        ((BEFORE[0], make(2, generator="mall"), *BEFORE[2:]), "`a`: its generator was `shop` and is `mall`"),
        ((*BEFORE, make(5)), "`a` is new"),
        (BEFORE[:3], "`a` is no longer asked for"),
        (BEFORE[:2], "`a` is no longer asked for; `a` is no longer asked for"),
        ((make(9, scene="zero"), *BEFORE), "`zero` is new"),
        ((*BEFORE[:2], BEFORE[3], BEFORE[2]), "its assets stand in another order"),
        ((BEFORE[0], asked(make(9), prompt="rain"), *BEFORE[2:]), "`a`: its prompt changed"),
        ((BEFORE[0], asked(make(9), prompt="rain", model="m2"), *BEFORE[2:]), "`a`: its model and prompt changed"),
        (
            (make(9, scene="zero"), BEFORE[0], asked(make(8), seed=2), *BEFORE[2:]),
            "`zero` is new; `a`: its seed changed",
        ),
        ((make(9), *BEFORE[1:]), "`a`: another one was planned for it"),
    ],
)
def test_what_changed_is_told(plan: Path, now: tuple[Planned, ...], change: str):
    assert compared(plan, *now) == change


def test_few_lines_of_a_plan_are_held_and_every_change_is_counted():
    changes = PlanChanges(most_waiting=3)
    lines = [{"key": str(number), "deed": "generate", "scene_id": str(number)} for number in range(100)]
    for before, now in zip(lines, lines[50:] + lines[:50], strict=True):
        changes.add(before, now)
    changes.end()
    assert changes.count >= 50
    assert len(changes.told) == 10


def test_of_many_changes_the_first_are_told(plan: Path):
    why = compared(plan, *BEFORE, *(make(number) for number in range(5, 30)))
    assert why is not None
    assert why.endswith("and 15 more")


def test_a_plan_with_lines_that_are_none_is_none(plan: Path):
    lines = plan.read_bytes().splitlines(keepends=True)
    for odd in (b"garbage\n", b"[]\n", b'{"key": 5}\n', b"garbage", b'{"key"}\n'):
        plan.write_bytes(lines[0] + odd)
        with pytest.raises(ManifestError, match="is no plan"):
            compared(plan, *BEFORE)


def test_a_plan_that_is_cut_says_so_wherever_it_is_cut(plan: Path):
    whole = plan.read_bytes()
    head = whole.index(b"\n") + 1
    for end in range(head, len(whole) - 1):
        plan.write_bytes(whole[:end])
        with pytest.raises(ManifestError, match="is cut off") as caught:
            compared(plan, *BEFORE)
        assert caught.value.hint == f"plan anew: `assetctl prefetch MANIFEST --plan-out {plan}`"
    plan.write_bytes(whole[: head - 5])
    with pytest.raises(ManifestError, match="is cut off"):
        read_head(plan)


def test_a_plan_that_lost_lines_says_how_many_are_left(plan: Path):
    lines = plan.read_bytes().splitlines(keepends=True)
    plan.write_bytes(b"".join([*lines[:3], lines[-1]]))
    with pytest.raises(ManifestError, match="is cut off") as caught:
        compared(plan, *BEFORE)
    assert caught.value.why == f"it has 2 of its {len(BEFORE)} assets"


def test_a_plan_that_cannot_be_written_names_another_place_as_the_next_step(tmp_path: Path):
    path = tmp_path / "nowhere" / "plan"
    with pytest.raises(CacheError, match=r"the plan `.*` cannot be written") as caught, writing_plan(path, HEAD):
        pytest.fail("nothing can be written there")
    assert caught.value.hint == "name a file in a folder that is there and has room: --plan-out FILE"
    assert "No such file or directory" in (caught.value.why or "")


@pytest.mark.parametrize("deed", [[], {}, None, 5, "nothing"])
def test_a_deed_that_is_none_is_a_change(plan: Path, deed: object):
    lines = [json.loads(line) for line in plan.read_bytes().splitlines()]
    lines[1]["deed"] = deed
    plan.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert compared(plan, *BEFORE) == f"`a`: `{deed}` was planned, now it takes `here`"


WRONG_SCENE = {"schema": plan_file.PLAN_SCHEMA, "manifest": "m", "format": "csv", "only": "all", "scene": 5}
WRONG_HEAD = {"schema": plan_file.PLAN_SCHEMA, "manifest": "m", "format": "x", "only": "y", "scene": None}


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}",
        b"[]",
        b'{"schema": "assetctl.prefetch_plan/1"}',
        b"\xff" * 9,
        json.dumps(WRONG_HEAD).encode(),
        json.dumps(WRONG_SCENE).encode(),
    ],
)
def test_what_is_no_plan_is_refused(tmp_path: Path, text: bytes):
    (tmp_path / "plan").write_bytes(text)
    with pytest.raises(ManifestError, match="is no plan"):
        read_head(tmp_path / "plan")
    with pytest.raises(ManifestError, match="cannot be read"):
        read_head(tmp_path / "nowhere")


def test_a_plan_that_is_not_finished_leaves_what_was_there(plan: Path):
    before = plan.read_bytes()

    def interrupted() -> None:
        with writing_plan(plan, HEAD):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert plan.read_bytes() == before
    assert [path for path in plan.parent.iterdir() if path.is_file()] == [plan]


# Exit codes


@pytest.mark.parametrize(
    ("counts", "code"),
    [
        ({}, 0),
        ({Outcome.HERE: 3, Outcome.GENERATED: 1, Outcome.FETCHED: 1}, 0),
        ({Outcome.HERE: 3, Outcome.PENDING: 1}, 4),
        ({Outcome.PENDING: 1, Outcome.LEFT: 1}, 5),
        ({Outcome.PLACEHOLDER: 1}, 5),
        ({Outcome.MISSING: 1}, 5),
        ({Outcome.FAILED: 2}, 5),
        ({Outcome.REFUSED: 2, Outcome.GENERATED: 1}, 6),
        ({Outcome.REFUSED: 2, Outcome.FAILED: 1}, 5),
        ({Outcome.UNKNOWN: 1, Outcome.FAILED: 1}, 10),
    ],
)
def test_the_exit_code_says_what_is_left(counts: dict[Outcome, int], code: int):
    assert Summary(Counter(counts)).exit_code == code


def test_what_has_no_result_was_not_begun():
    summary = Summary(Counter({Outcome.HERE: 2, Outcome.LEFT: 1}))
    assert summary.counts_of(5) == {Outcome.HERE: 2, Outcome.LEFT: 3}
    assert summary.counts_of(2) == summary.counts_of(3) == {Outcome.HERE: 2, Outcome.LEFT: 1}
