"""Plans: what a chapter takes is known before anything is spent, whoever would do it."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from chapters import chapter, planned, run_of, taken

from assetctl.errors import InvalidRequest, LibraryError, ServiceUnreachable
from assetctl.keys import request_key
from assetctl.models import AssetRequest, Reuse, Strategy
from assetctl.prefetch import planning, walking
from assetctl.prefetch.deeds import Deed, Only, Selection
from assetctl.prefetch.planning import plan_chapter
from assetctl.providers.base import Asked
from fakes import film

if TYPE_CHECKING:
    from pathlib import Path

    from fakes import FakeLibrary, House
    from shop import Shop

pytestmark = pytest.mark.anyio


async def test_every_tier_is_told_apart_and_nothing_is_spent(
    house: House, library: FakeLibrary, shop: Shop, tmp_path: Path
):
    await house.service.request_asset(AssetRequest(scene_id="cached"))
    charges = shop.charges
    library.add("film", film("pre-made"), AssetRequest(scene_id="pre-made"), size_bytes=12)
    await house.journal.intend("0" * 64, "shop", AssetRequest(scene_id="other"))
    rows = [
        "cached",
        "pre-made",
        "new",
        {"scene": "card", "allow_generation": False},
        {"scene": "nobody", "allow_generation": False, "allow_placeholder": False},
        {"scene": "new"},
    ]
    with chapter(tmp_path, *rows) as source:
        plan, items = await planned(house, source)
    assert [(one.item.request.scene_id, one.deed) for one in items] == [
        ("cached", Deed.HERE),
        ("pre-made", Deed.FETCH),
        ("new", Deed.MAKE),
        ("card", Deed.CARD),
        ("nobody", Deed.NOBODY),
    ]
    assert shop.charges == charges
    assert (plan.chosen, plan.total.items, plan.total.bytes_to_fetch) == (4, 5, 12)
    (entry,) = await house.cache.entries()
    assert plan.total.bytes_here == entry.size_bytes
    assert plan.check is not None
    assert plan.check.duplicates == 1


async def test_costs_are_sums_and_unknown_times_stay_unknown(house: House, tmp_path: Path):
    with chapter(tmp_path, "a", "b", "c") as source:
        plan, _ = await planned(house, source)
    assert (plan.total.money.low, plan.total.money.high) == ({"USD": Decimal("1.20")}, {"USD": Decimal("1.20")})
    assert (plan.total.money.unknown, plan.total.time.unknown, plan.total.paid_orders) == (0, 3, 3)


async def test_a_job_that_runs_already_is_no_new_order(house: House, shop: Shop, tmp_path: Path):
    shop.looks = 10**6
    with pytest.raises(Exception, match="not finished yet"):
        await house.service.request_asset(AssetRequest(scene_id="a", max_wait_s=0.0))
    with chapter(tmp_path, "a", "b") as source:
        plan, _ = await planned(house, source)
    assert taken(plan) == {Deed.JOIN: 1, Deed.MAKE: 1}
    assert (plan.total.new_orders, plan.total.money.high) == (1, {"USD": Decimal("0.40")})


async def test_a_library_in_trouble_is_trouble_and_never_a_new_order(
    house: House, library: FakeLibrary, tmp_path: Path
):
    library.trouble = LibraryError("the library is closed")
    with chapter(tmp_path, "a", {"scene": "b", "generate_on_trouble": True}) as source:
        plan, items = await planned(house, source)
    assert taken(plan) == {Deed.TROUBLE: 1, Deed.MAKE: 1}
    assert items[0].decision is not None
    assert items[0].decision.error is library.trouble
    # What one item is in trouble with is no obstacle to the others.
    assert [(item.request.scene_id, error) for item, error in plan.troubles] == [("a", library.trouble)]
    assert plan.obstacle is None


async def test_what_trouble_advises_is_told_in_the_words_of_a_manifest(house: House, shop: Shop, tmp_path: Path):
    shop.checks = InvalidRequest("no provider is named", hint="--provider ID")
    with chapter(tmp_path, "a") as source:
        plan, _ = await planned(house, source)
    ((_, error),) = plan.troubles
    assert error.hint == '`provider = "ID"`'


async def test_a_generator_that_is_away_is_asked_once_for_all(house: House, shop: Shop, tmp_path: Path):
    asked = 0

    class Away(type(shop)):  # type: ignore[misc]
        async def estimate(self, _: object):
            nonlocal asked
            asked += 1
            raise ServiceUnreachable("the shop is closed")

    shop.__class__ = Away
    with chapter(tmp_path, "a", "b", "c") as source:
        plan, _ = await planned(house, source)
    assert taken(plan) == {Deed.TROUBLE: 3}
    assert asked == 1
    assert isinstance(plan.obstacle, ServiceUnreachable)


async def test_how_much_was_planned_is_told_piece_by_piece(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(walking, "PIECE", 2)
    told: list[tuple[int, bool]] = []
    with chapter(tmp_path, "a", "b", "c") as source:
        await plan_chapter(
            source, house.service, Selection(), tell=lambda event: told.append((event.items, event.is_all))
        )
    assert told == [(2, False), (3, False), (3, True)]


async def test_only_chosen_scenes_and_states_are_planned(house: House, tmp_path: Path):
    await house.service.request_asset(AssetRequest(scene_id="park_1"))
    with chapter(tmp_path, "park_1", "park_2", "beach_1") as source:
        plan, items = await planned(house, source, Selection(scene="park_*"))
        assert taken(plan) == {Deed.HERE: 1, Deed.MAKE: 1}
        assert list(plan.scenes) == ["park_1", "park_2"]
        keys = {one.item.request.scene_id: one.item.key for one in items}
        some = frozenset({keys["park_1"], keys["park_2"]})
        for selection in (Selection(Only.FAILED, failed=some), Selection(Only.PLACEHOLDER, cards=some)):
            plan, items = await planned(house, source, selection)
            assert [one.item.request.scene_id for one in items] == ["park_2"]
            assert plan.chosen == 1
        plan, _ = await planned(house, source, Selection(Only.ALL))
        assert plan.chosen == 3


async def test_scenes_are_told_apart_up_to_a_number(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(planning, "MAX_SCENES", 2)
    with chapter(tmp_path, "a", "b", "c", "d", {"scene": "a", "choice": "x"}) as source:
        plan, _ = await planned(house, source)
    assert {scene: tally.items for scene, tally in plan.scenes.items()} == {"a": 2, "b": 1}
    assert plan.others.items == 2


async def test_after_a_mistake_nobody_is_asked(house: House, library: FakeLibrary, tmp_path: Path):
    with chapter(tmp_path, {"scne": "a"}, "b") as source:
        plan, items = await planned(house, source)
    assert plan.check is not None
    assert [problem.place for problem in plan.check.problems] == [1]
    assert (items, library.calls) == ([], [])


async def test_a_run_needs_less_the_second_time(house: House, tmp_path: Path):
    with chapter(tmp_path, "a", "b") as source:
        run, _ = run_of(house, source)
        await run.run()
        plan, _ = await planned(house, source)
    assert taken(plan) == {Deed.HERE: 2}
    assert plan.chosen == 0


async def test_what_is_decided_for_many_is_what_is_decided_for_each(house: House, library: FakeLibrary):
    await house.service.request_asset(AssetRequest(scene_id="cached"))
    library.add("film", film("pre-made"), AssetRequest(scene_id="pre-made"))
    policies: list[dict[str, object]] = [
        {},
        {"strategy": Strategy.PRE_MADE_ONLY},
        {"strategy": Strategy.GENERATE_ALWAYS},
        {"allow_generation": False},
        {"allow_generation": False, "allow_placeholder": False},
        {"prefer_cached": False},
        {"reuse": Reuse.ALWAYS},
    ]
    requests = [
        house.service.effective(AssetRequest(scene_id=scene, **policy))  # type: ignore[arg-type]
        for scene in ("cached", "pre-made", "new")
        for policy in policies
    ]
    decisions = await house.service.decisions([Asked(request, request_key(request)) for request in requests])
    for request, decision in zip(requests, decisions, strict=True):
        decisive = (await house.service.explain(request)).decisive
        expected = None if decisive is None or decisive.availability is None else decisive.availability
        told = None if decision is None or decision.availability is None else decision.availability
        assert (told and (told.would, told.source, told.asset_id)) == (
            expected and (expected.would, expected.source, expected.asset_id)
        )
        assert (decision and decision.provider) == (decisive and decisive.provider)
