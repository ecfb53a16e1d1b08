"""The service asks in order, stops where it must, and can tell everything it did."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from assetctl import events
from assetctl.errors import (
    AssetctlError,
    AssetUnavailable,
    CacheError,
    IntegrityError,
    InvalidRequest,
    JobCancelled,
    JobFailed,
    JobPending,
    JournalError,
    LibraryError,
    NotAllowed,
    OutcomeUnknown,
    ServiceUnreachable,
    SpendRefused,
)
from assetctl.events import AssetEventBus, Event
from assetctl.keys import canonical_form, request_key
from assetctl.models import (
    Asset,
    AssetRequest,
    AssetType,
    Availability,
    Origin,
    Reuse,
    Source,
    Strategy,
    Would,
)
from assetctl.providers.base import Step
from assetctl.providers.permitting import permitted_steps
from assetctl.service import AssetService, RequestDefaults
from fakes import FILM, NOW, REQUEST, FakeClock, attempts_of

pytestmark = pytest.mark.anyio

SOURCES = {
    Step.CACHE: Source.CACHED,
    Step.LIBRARY: Source.PRE_MADE,
    Step.STAND_IN: Source.CACHED,
    Step.GENERATION: Source.GENERATED,
    Step.PLACEHOLDER: Source.PLACEHOLDER,
}


class FakeProvider:
    """Gives, misses or is in trouble, as told; remembers what it was asked."""

    def __init__(self, step: Step, clock: FakeClock) -> None:
        self.step = step
        self.name = step.value
        self.gives = False
        self.trouble: AssetctlError | None = None
        self.took_ms = 0.0
        self.asked: list[AssetRequest | str] = []
        self.keys: list[str] = []
        self.gate: anyio.Event | None = None
        self._clock = clock

    async def get_asset(self, asset_id: str) -> Asset | None:
        return await self._answer(asset_id, self.asset(None))

    async def find_asset(self, request: AssetRequest, key: str) -> Asset | None:
        self.keys.append(key)
        return await self._answer(request, self.asset(request, key))

    async def availability(self, request: AssetRequest, key: str) -> Availability:
        self.keys.append(key)
        return await self._answer(request, Availability(Would.NOTHING, SOURCES[self.step], self.name)) or Availability(
            None, reasons=("none",)
        )

    async def has_asset(self, asset_id: str) -> Availability:
        return await self._answer(asset_id, Availability(Would.NOTHING, SOURCES[self.step], asset_id)) or Availability(
            None
        )

    async def _answer(self, asked: AssetRequest | str, answer: object):
        self.asked.append(asked)
        self._clock.advance(milliseconds=self.took_ms)
        if self.gate is not None:
            await self.gate.wait()
        if self.trouble is not None:
            raise self.trouble
        return answer if self.gives else None

    def asset(self, request: AssetRequest | None, key: str | None = None) -> Asset:
        return Asset(
            asset_id=f"asset of {self.name}",
            path=Path("/nowhere/film.mp4"),
            asset_type=AssetType.VIDEO,
            source=SOURCES[self.step],
            origin=Origin(self.name),
            sha256="a" * 64,
            size_bytes=1,
            media=FILM,
            request=request,
            key=key,
            warnings=(f"said {self.name}",),
        )


class Bench:
    """A service over five fakes."""

    def __init__(self, **options: object) -> None:
        self.clock = FakeClock(NOW)
        self.providers = {step: FakeProvider(step, self.clock) for step in Step}
        self.heard: list[Event] = []
        bus = AssetEventBus()
        bus.subscribe(self.heard.append)
        self.service = AssetService(
            list(self.providers.values()),
            clock=self.clock,
            events=bus,
            defaults=options.pop("defaults", RequestDefaults()),  # type: ignore[arg-type]
            **options,  # type: ignore[arg-type]
        )

    def __getitem__(self, step: Step) -> FakeProvider:
        return self.providers[step]

    def asked(self) -> list[Step]:
        return [step for step, provider in self.providers.items() if provider.asked]

    def kinds(self) -> list[type[Event]]:
        return [type(event) for event in self.heard]


@pytest.fixture(autouse=True)
async def bounded():
    with anyio.fail_after(20):
        yield


@pytest.fixture
def bench() -> Bench:
    return Bench()


C, L, S, G, P = Step
EVERYTHING = {C, L, S, G, P}
TABLE = [
    ({}, EVERYTHING),
    ({"strategy": Strategy.PRE_MADE_ONLY}, {C, L, P}),
    ({"strategy": Strategy.GENERATE_ALWAYS}, {G, P}),
    ({"prefer_cached": False}, {L, G, P}),
    ({"allow_generation": False}, {C, L, S, P}),
    ({"allow_placeholder": False}, {C, L, S, G}),
    ({"reuse": Reuse.ALWAYS}, {L, G, P}),
    ({"reuse": Reuse.PER_PLAYER, "player_id": "ann"}, EVERYTHING),
    ({"generate_on_trouble": True}, EVERYTHING),
    ({"strategy": Strategy.PRE_MADE_ONLY, "prefer_cached": False}, {L, P}),
    ({"strategy": Strategy.PRE_MADE_ONLY, "allow_placeholder": False}, {C, L}),
    ({"strategy": Strategy.PRE_MADE_ONLY, "reuse": Reuse.ALWAYS}, {L, P}),
    ({"strategy": Strategy.GENERATE_ALWAYS, "allow_generation": False}, {P}),
    ({"strategy": Strategy.GENERATE_ALWAYS, "allow_placeholder": False}, {G}),
    ({"prefer_cached": False, "allow_generation": False, "allow_placeholder": False}, {L}),
    ({"strategy": Strategy.GENERATE_ALWAYS, "allow_generation": False, "allow_placeholder": False}, set()),
]


@pytest.mark.parametrize(("policy", "steps"), TABLE)
async def test_policy_decides_which_steps_are_asked(bench: Bench, policy: dict[str, object], steps: set[Step]):
    request = replace(REQUEST, **policy)
    assert {step for step, reason in permitted_steps(request).items() if reason is None} == steps
    with pytest.raises(AssetUnavailable) as caught:
        await bench.service.request_asset(request)
    assert set(bench.asked()) == steps
    outcomes = {attempt.provider: attempt.outcome.value for attempt in caught.value.attempts}
    assert outcomes == {step.value: "miss" if step in steps else "skipped" for step in Step}
    assert all(attempt.detail for attempt in caught.value.attempts if attempt.outcome == "skipped")


@pytest.mark.parametrize("giving", list(Step))
async def test_first_provider_that_has_it_ends_the_asking(bench: Bench, giving: Step):
    for step in list(Step)[list(Step).index(giving) :]:
        bench[step].gives = True
    asset = await bench.service.request_asset(REQUEST)
    before = list(Step)[: list(Step).index(giving)]
    assert asset.asset_id == f"asset of {giving.value}"
    assert bench.asked() == [*before, giving]
    assert attempts_of(asset) == [*((step.value, "miss") for step in before), (giving.value, "hit")]
    assert asset.warnings == (f"said {giving.value}",)


async def test_attempts_tell_who_took_how_long(bench: Bench):
    for number, step in enumerate(Step):
        bench[step].took_ms = 1.5 * (number + 1)
    bench[G].gives = True
    asset = await bench.service.request_asset(replace(REQUEST, prefer_cached=False))
    assert attempts_of(asset) == [
        ("cache", "skipped"),
        ("library", "miss"),
        ("stand-in", "skipped"),
        ("generation", "hit"),
    ]
    assert [round(attempt.elapsed_ms, 3) for attempt in asset.attempts] == [0.0, 3.0, 0.0, 6.0]


@pytest.mark.parametrize("trouble", [LibraryError("dead"), ServiceUnreachable("no answer"), NotAllowed("no login")])
async def test_trouble_in_the_library_never_leads_to_generation(bench: Bench, trouble: AssetctlError):
    bench[L].trouble = trouble
    bench[G].gives = True
    with pytest.raises(type(trouble)) as caught:
        await bench.service.request_asset(REQUEST)
    assert bench.asked() == [C, L]
    assert attempts_of(caught.value) == [("cache", "miss"), ("library", "error")]
    assert caught.value.attempts[1].detail == trouble.what


async def test_trouble_in_the_library_is_passed_over_when_that_is_wanted(bench: Bench):
    bench[L].trouble = LibraryError("the library is dead", why="no disk")
    bench[G].gives = True
    asset = await bench.service.request_asset(replace(REQUEST, generate_on_trouble=True))
    assert asset.source is Source.GENERATED
    assert asset.warnings == ("said generation", "the library is dead: no disk")
    assert attempts_of(asset)[1] == ("library", "error")


@pytest.mark.parametrize("step", [C, S])
async def test_damaged_copy_in_the_cache_goes_on_with_a_warning(bench: Bench, step: Step):
    bench[step].trouble = IntegrityError("the copy is damaged")
    bench[G].gives = True
    asset = await bench.service.request_asset(REQUEST)
    assert asset.source is Source.GENERATED
    assert asset.warnings == ("said generation", "the copy is damaged")
    assert (step.value, "error") in attempts_of(asset)


@pytest.mark.parametrize("step", [C, S])
async def test_cache_that_does_not_work_stops(bench: Bench, step: Step):
    bench[step].trouble = CacheError("the disk is gone")
    bench[G].gives = True
    with pytest.raises(CacheError):
        await bench.service.request_asset(REQUEST)
    assert G not in bench.asked()


@pytest.mark.parametrize("trouble", [JobFailed("cannot be drawn", why="moderation"), JobCancelled("cancelled")])
async def test_failed_job_gives_a_placeholder_that_says_so(bench: Bench, trouble: AssetctlError):
    bench[G].trouble = trouble
    bench[P].gives = True
    asset = await bench.service.request_asset(REQUEST)
    assert asset.source is Source.PLACEHOLDER
    assert any(warning.startswith(trouble.what) for warning in asset.warnings)
    assert attempts_of(asset)[-2:] == [("generation", "error"), ("placeholder", "hit")]


async def test_failed_job_is_the_error_when_no_placeholder_is_wanted(bench: Bench):
    bench[G].trouble = JobFailed("cannot be drawn")
    bench[P].gives = True
    with pytest.raises(JobFailed) as caught:
        await bench.service.request_asset(replace(REQUEST, allow_placeholder=False))
    assert attempts_of(caught.value)[-2:] == [("generation", "error"), ("placeholder", "skipped")]
    assert P not in bench.asked()


@pytest.mark.parametrize(
    "trouble",
    [
        JobPending("goes on", job_id="j"),
        OutcomeUnknown("who knows"),
        SpendRefused("no budget"),
        ServiceUnreachable("no answer"),
        JournalError("damaged"),
        IntegrityError("broken film"),
        AssetUnavailable("paid for, but lost"),
    ],
)
async def test_trouble_with_an_order_is_never_hidden_by_a_placeholder(bench: Bench, trouble: AssetctlError):
    bench[G].trouble = trouble
    bench[P].gives = True
    with pytest.raises(type(trouble)) as caught:
        await bench.service.request_asset(REQUEST)
    assert caught.value is trouble
    assert P not in bench.asked()


async def test_placeholder_that_cannot_be_written_is_the_error(bench: Bench):
    bench[P].trouble = CacheError("no room")
    with pytest.raises(CacheError):
        await bench.service.request_asset(REQUEST)


async def test_error_keeps_its_cause(bench: Bench):
    cause = OSError(5, "planted")
    trouble = LibraryError("dead")
    trouble.__cause__ = cause
    bench[L].trouble = trouble
    with pytest.raises(LibraryError) as caught:
        await bench.service.request_asset(REQUEST)
    assert caught.value.__cause__ is cause


async def test_mistake_in_a_provider_looks_like_one(bench: Bench):
    bench[C].trouble = ZeroDivisionError("planted")  # type: ignore[assignment]
    with pytest.raises(ZeroDivisionError):
        await bench.service.request_asset(REQUEST)


@pytest.mark.parametrize(
    ("policy", "why"),
    [
        ({}, None),
        ({"allow_generation": False}, "`--no-generate` or `allow_generation` says so"),
        ({"strategy": Strategy.PRE_MADE_ONLY}, "`pre-made-only` says so"),
    ],
)
async def test_nobody_says_why_and_what_to_do_next(bench: Bench, policy: dict[str, object], why: str | None):
    with pytest.raises(AssetUnavailable) as caught:
        await bench.service.request_asset(replace(REQUEST, **policy))
    assert "`assetctl explain` with the same options" in (caught.value.hint or "")
    assert (caught.value.why, caught.value.exit_code) == (why, 7)


async def test_nonsense_is_refused_before_anybody_is_asked(bench: Bench):
    for ask in (bench.service.request_asset, bench.service.explain, bench.service.is_asset_available):
        with pytest.raises(InvalidRequest):
            await ask(AssetRequest())
    assert bench.asked() == []
    assert bench.heard == []


async def test_defaults_fill_in_and_count_for_the_key():
    bench = Bench(defaults=RequestDefaults(generator="storyboard", provider="pixverse", max_wait_s=7.0, tag=False))
    bench[C].gives = True
    await bench.service.request_asset(REQUEST)
    (asked,) = bench[C].asked
    assert asked == replace(REQUEST, generator="storyboard", provider="pixverse", max_wait_s=7.0, tag=False)
    assert bench[C].keys == [request_key(asked)]


async def test_demands_win_over_defaults():
    bench = Bench(defaults=RequestDefaults(generator="storyboard", provider="pixverse", max_wait_s=7.0, tag=False))
    demanded = replace(REQUEST, generator="mine", provider="other", max_wait_s=0.0, tag=True)
    assert bench.service.effective(demanded) == demanded


async def test_parameters_are_checked_in_effect():
    seen: list[AssetRequest] = []

    def check(request: AssetRequest) -> AssetRequest:
        seen.append(request)
        return replace(request, parameters={"fps": 4})

    bench = Bench(defaults=RequestDefaults(generator="storyboard"), complete=check)
    bench[C].gives = True
    asset = await bench.service.request_asset(replace(REQUEST, parameters={"fps": "4"}))
    assert seen[0].generator == "storyboard"
    assert asset.request is not None
    assert asset.request.parameters == {"fps": 4}


async def test_equal_requests_at_once_are_answered_once(bench: Bench):
    bench[G].gives = True
    bench[G].gate = anyio.Event()
    got: list[Asset] = []

    async def ask() -> None:
        got.append(await bench.service.request_asset(REQUEST))

    async with anyio.create_task_group() as group:
        for _ in range(16):
            group.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        bench[G].gate.set()
    assert len(got) == 16
    assert len({id(asset) for asset in got}) == 1
    assert [len(bench[step].asked) for step in (C, L, S, G)] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    "policy",
    [
        {"strategy": Strategy.GENERATE_ALWAYS},
        {"prefer_cached": False},
        {"allow_generation": False},
        {"generate_on_trouble": True},
        {"allow_placeholder": False},
        {"max_wait_s": 3.0},
    ],
)
async def test_equal_requests_of_another_policy_are_asked_apart(bench: Bench, policy: dict[str, object]):
    gate = anyio.Event()
    for step in Step:
        bench[step].gate = gate
        bench[step].gives = True

    async with anyio.create_task_group() as group:
        group.start_soon(bench.service.request_asset, REQUEST)
        group.start_soon(bench.service.request_asset, replace(REQUEST, **policy))
        await anyio.wait_all_tasks_blocked()
        assert sum(len(bench[step].asked) for step in Step) == 2
        gate.set()


@pytest.mark.parametrize(
    ("giving", "last"),
    [
        (C, events.AssetFetched),
        (L, events.AssetFetched),
        (S, events.AssetFetched),
        (G, events.AssetGenerated),
        (P, events.PlaceholderServed),
    ],
)
async def test_events_tell_the_way_of_a_request(bench: Bench, giving: Step, last: type[Event]):
    bench[giving].gives = True
    asset = await bench.service.request_asset(REQUEST)
    misses = list(Step).index(giving)
    assert bench.kinds() == [events.AssetRequested, *[events.ProviderMissed] * misses, last]
    assert {event.key for event in bench.heard} == {asset.key}
    assert bench.heard[-1].asset is asset  # type: ignore[attr-defined]
    if isinstance(bench.heard[-1], events.AssetFetched):
        assert bench.heard[-1].source is SOURCES[giving]


async def test_events_tell_of_trouble(bench: Bench):
    bench[L].trouble = LibraryError("dead")
    with pytest.raises(LibraryError):
        await bench.service.request_asset(REQUEST)
    (failed,) = [event for event in bench.heard if isinstance(event, events.ProviderFailed)]
    assert (failed.provider, failed.detail, failed.key) == (
        "library",
        "dead",
        request_key(bench.service.effective(REQUEST)),
    )


async def test_skipped_providers_are_no_event(bench: Bench):
    bench[P].gives = True
    await bench.service.request_asset(replace(REQUEST, strategy=Strategy.GENERATE_ALWAYS))
    missed = [event.provider for event in bench.heard if isinstance(event, events.ProviderMissed)]
    assert missed == ["generation"]


# By id


async def test_asset_by_id_comes_from_the_first_that_has_it(bench: Bench):
    bench[L].gives = True
    asset = await bench.service.get_asset("confess")
    assert asset.source is Source.PRE_MADE
    assert attempts_of(asset) == [("cache", "miss"), ("library", "hit")]
    assert bench[L].asked == ["confess"]
    assert bench.kinds() == [events.ProviderMissed, events.AssetFetched]


async def test_refreshed_asset_passes_the_cache_over(bench: Bench):
    bench[C].gives = bench[L].gives = True
    asset = await bench.service.get_asset("confess", prefer_cached=False)
    assert asset.source is Source.PRE_MADE
    assert bench[C].asked == []


async def test_unknown_id_is_not_available(bench: Bench):
    with pytest.raises(AssetUnavailable, match="confess") as caught:
        await bench.service.get_asset("confess")
    assert len(caught.value.attempts) == 5
    assert caught.value.hint


async def test_trouble_with_an_id_is_told(bench: Bench):
    bench[L].trouble = LibraryError("dead")
    with pytest.raises(LibraryError) as caught:
        await bench.service.get_asset("confess")
    assert attempts_of(caught.value) == [("cache", "miss"), ("library", "error")]


async def test_damaged_copy_of_an_id_is_asked_for_in_the_library(bench: Bench):
    bench[C].trouble = IntegrityError("the copy is damaged")
    bench[L].gives = True
    asset = await bench.service.get_asset("confess")
    assert asset.source is Source.PRE_MADE
    assert "the copy is damaged" in asset.warnings


async def test_damaged_copy_of_an_id_that_nobody_else_has_is_the_error(bench: Bench):
    bench[C].trouble = IntegrityError("the copy is damaged")
    with pytest.raises(IntegrityError) as caught:
        await bench.service.get_asset("confess")
    assert len(caught.value.attempts) == 5


# Availability and explanation


async def test_best_answer_is_the_first_that_can(bench: Bench):
    bench[L].gives = bench[G].gives = True
    found = await bench.service.is_asset_available(REQUEST)
    assert (found.would, found.source, found.asset_id) == (Would.NOTHING, Source.PRE_MADE, "library")


async def test_nothing_is_available_when_nobody_can(bench: Bench):
    assert await bench.service.is_asset_available(REQUEST) == Availability(None)
    assert await bench.service.is_asset_available("confess") == Availability(None)


async def test_trouble_that_would_stop_is_raised_by_availability(bench: Bench):
    bench[L].trouble = LibraryError("dead")
    bench[G].gives = True
    with pytest.raises(LibraryError):
        await bench.service.is_asset_available(REQUEST)


async def test_trouble_that_would_be_passed_over_does_not_hide_what_comes_after(bench: Bench):
    bench[L].trouble = LibraryError("dead")
    bench[G].gives = True
    found = await bench.service.is_asset_available(replace(REQUEST, generate_on_trouble=True))
    assert found.source is Source.GENERATED


async def test_hit_before_the_trouble_is_available(bench: Bench):
    bench[C].gives = True
    bench[L].trouble = LibraryError("dead")
    assert (await bench.service.is_asset_available(REQUEST)).source is Source.CACHED


async def test_id_is_available_at_the_first_that_has_it(bench: Bench):
    bench[S].gives = bench[L].gives = True
    found = await bench.service.is_asset_available("confess")
    assert found.source is Source.PRE_MADE
    assert bench[S].asked == []


async def test_explanation_tells_every_verdict(bench: Bench):
    bench[L].trouble = LibraryError("dead")
    bench[G].gives = True
    bench[G].took_ms = 4.0
    told = await bench.service.explain(replace(REQUEST, prefer_cached=False))
    assert told.key == request_key(told.request)
    assert told.parts == canonical_form(told.request)
    by_name = {verdict.provider: verdict for verdict in told.verdicts}
    assert list(by_name) == [step.value for step in Step]
    assert by_name["cache"].skipped
    assert by_name["cache"].availability is None
    assert by_name["library"].error is bench[L].trouble
    assert by_name["generation"].availability is not None
    assert round(by_name["generation"].elapsed_ms, 3) == 4.0
    assert by_name["placeholder"].availability == Availability(None, reasons=("none",))
    assert told.decisive is by_name["library"]
    assert bench.heard == []


async def test_nobody_decides_when_nobody_can(bench: Bench):
    assert (await bench.service.explain(REQUEST)).decisive is None


OFFLINE = {Step.LIBRARY: "the library is on the network"}


async def test_a_closed_step_is_skipped_with_its_reason_and_stops_nothing():
    bench = Bench(closed=OFFLINE)
    bench[Step.LIBRARY].trouble = LibraryError("was asked")
    bench[Step.PLACEHOLDER].gives = True
    asset = await bench.service.request_asset(REQUEST)
    assert ("library", "skipped") in attempts_of(asset)
    skipped = next(attempt for attempt in asset.attempts if attempt.provider == "library")
    assert skipped.detail == "the library is on the network"
    verdicts = (await bench.service.explain(REQUEST)).verdicts
    assert next(verdict for verdict in verdicts if verdict.provider == "library").skipped == skipped.detail
    assert not bench[Step.LIBRARY].asked


async def test_a_closed_step_is_not_asked_for_an_id_and_that_is_told():
    bench = Bench(closed=OFFLINE)
    with pytest.raises(AssetUnavailable, match="here") as caught:
        await bench.service.get_asset("confess")
    assert caught.value.why == "the library is on the network"
    assert ("library", "skipped") in attempts_of(caught.value)
    available = await bench.service.is_asset_available("confess")
    assert (available.would, available.reasons) == (None, ("the library is on the network",))
    assert not bench[Step.LIBRARY].asked
