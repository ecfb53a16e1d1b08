"""An absence counts once and for a minute, and never for what somebody may be making meanwhile."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assetctl.keys import request_key
from assetctl.models import AssetRequest, AssetType
from assetctl.providers import absences as module
from assetctl.providers.absences import MAX_AGE_S, MAX_KNOWN, MAX_RENEWED, MIN_RENEWED, Absences
from assetctl.providers.base import Asked
from fakes import REQUEST, FakeClock


def asked(**changes: object) -> Asked:
    request = replace(REQUEST, **changes)
    return Asked(request, request_key(request))


pytestmark = pytest.mark.anyio

ONE = asked()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def absences(clock: FakeClock) -> Absences:
    return Absences(clock)


def noted(absences: Absences, clock: FakeClock, *many: Asked) -> None:
    for one in many:
        absences.note(one, clock.elapsed_s())


async def test_it_counts_once(absences: Absences, clock: FakeClock) -> None:
    noted(absences, clock, ONE)
    assert absences.is_fresh(ONE.key)
    assert [absences.take(ONE.key), absences.take(ONE.key)] == [True, False]
    assert ONE.key not in absences
    assert not absences.is_fresh(ONE.key)


@pytest.mark.parametrize(("age_s", "counts"), [(0.0, True), (MAX_AGE_S, True), (MAX_AGE_S + 0.1, False), (-1, False)])
async def test_it_counts_for_a_minute_from_when_the_search_began(
    absences: Absences, clock: FakeClock, age_s: float, *, counts: bool
) -> None:
    noted(absences, clock, ONE)
    clock.advance(seconds=age_s)
    assert absences.is_fresh(ONE.key) is counts
    assert absences.take(ONE.key) is counts


async def test_nothing_is_known_of_what_was_forgotten_or_never_found(absences: Absences, clock: FakeClock) -> None:
    assert not absences.take(ONE.key)
    absences.forget(ONE.key)
    noted(absences, clock, ONE)
    absences.forget(ONE.key)
    assert not absences.take(ONE.key)
    assert absences.renewal(ONE.key) == []


@pytest.mark.parametrize(
    ("change", "is_left"),
    [
        ({"seed": 5}, False),
        ({"duration_s": 5.0, "prompt": " A  Lantern"}, False),
        ({"prompt": None, "scene_id": "Romance_5"}, False),
        ({"prompt": "a bench"}, True),
        ({"choice_id": "wait"}, True),
        ({"asset_type": AssetType.IMAGE}, True),
    ],
)
async def test_what_is_made_for_one_request_may_answer_its_like(
    absences: Absences, clock: FakeClock, change: dict[str, object], *, is_left: bool
) -> None:
    one, other = asked(prompt="a lantern"), asked(**{"prompt": "a lantern", **change})
    noted(absences, clock, one, other)
    assert absences.take(one.key)
    assert absences.take(other.key) is is_left


async def test_words_alone_are_told_apart_by_the_words(absences: Absences, clock: FakeClock) -> None:
    one, same, other = (
        Asked(request, request_key(request))
        for request in (AssetRequest(prompt="x"), AssetRequest(prompt="x", seed=1), AssetRequest(prompt="y"))
    )
    noted(absences, clock, one, same, other)
    assert [absences.take(each.key) for each in (one, same, other)] == [True, False, True]


async def test_what_is_old_is_searched_for_again_with_those_that_come_next(
    absences: Absences, clock: FakeClock
) -> None:
    many = [asked(choice_id=f"c{number}") for number in range(50)]
    noted(absences, clock, *many)
    assert absences.renewal(many[10].key) == []
    clock.advance(seconds=MAX_AGE_S + 1)
    absences.note(many[12], clock.elapsed_s())
    old = absences.renewal(many[10].key)
    assert old == [*many[10:12], *many[13 : MIN_RENEWED + 11]]
    noted(absences, clock, *old)
    assert absences.renewal(many[10].key) == []
    assert absences.renewal(many[-1].key) == many[-1:]
    assert absences.renewal(many[9].key)[0] == many[9]


@pytest.mark.parametrize(("had_their_turn", "expected"), [(0, MIN_RENEWED), (30, 60), (150, MAX_RENEWED)])
async def test_as_many_are_searched_for_again_as_are_likely_to_have_their_turn(
    absences: Absences, clock: FakeClock, had_their_turn: int, expected: int
) -> None:
    many = [asked(choice_id=f"c{number}") for number in range(600)]
    noted(absences, clock, *many)
    for one in many[:had_their_turn]:
        assert absences.take(one.key)
    clock.advance(seconds=MAX_AGE_S + 1)
    assert len(absences.renewal(many[had_their_turn].key)) == expected
    assert len(absences.renewal(many[had_their_turn].key)) == MIN_RENEWED


async def test_only_the_latest_are_remembered(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_KNOWN > 10_000
    monkeypatch.setattr(module, "MAX_KNOWN", 100)
    absences = Absences(clock)
    many = [asked(choice_id=f"c{number}") for number in range(1000)]
    noted(absences, clock, *many)
    assert [one.key for one in many if one.key in absences] == [one.key for one in many[-100:]]
    for one in many:
        absences.forget(one.key)
    assert (absences._known, absences._by_moment) == ({}, {})


STEPS = st.lists(
    st.tuples(st.sampled_from(["note", "take", "renew", "wait"]), st.integers(0, 3), st.floats(0, 45)), max_size=40
)


@given(STEPS)
async def test_nothing_counts_that_was_not_searched_for_within_a_minute_and_since_it_last_counted(
    steps: list[tuple[str, int, float]],
) -> None:
    clock = FakeClock()
    absences = Absences(clock)
    many = [asked(choice_id=f"c{number}") for number in range(4)]
    searched_s: dict[int, float] = {}
    for step, number, seconds in steps:
        now_s = clock.elapsed_s()
        match step:
            case "note":
                absences.note(many[number], now_s)
                searched_s[number] = now_s
            case "renew":
                for one in absences.renewal(many[number].key):
                    assert now_s - searched_s[many.index(one)] > MAX_AGE_S
                    absences.note(one, now_s)
                    searched_s[many.index(one)] = now_s
            case "take":
                counts = now_s - searched_s.pop(number, -1e9) <= MAX_AGE_S
                assert absences.take(many[number].key) is counts
            case _:
                clock.advance(seconds=seconds)
