"""The composition root: what settings lead to which parts, built when first used and closed at the end."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pytest

from assetctl import settings as settings_room
from assetctl.clock import SystemClock
from assetctl.errors import ConfigError, InvalidRequest, LibraryError, StorageUnusable
from assetctl.events import AssetEventBus
from assetctl.models import Asset, AssetRequest, AssetType, Availability, Would
from assetctl.pixsim.turns import Turn
from assetctl.providers.base import Step
from assetctl.providers.first_use import OnFirstUse
from assetctl.wiring import Stack, Surroundings, open_stack

if TYPE_CHECKING:
    from pathlib import Path

    from assetctl.settings import Settings

pytestmark = pytest.mark.anyio


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_room.load(environ={}, cwd=tmp_path / "work", overrides={"data_dir": tmp_path / "data"})


def opened(settings: Settings, *, offline: bool = False) -> Any:
    return open_stack(settings, events=AssetEventBus(), clock=SystemClock(), offline=offline)


def built(stack: Stack) -> set[str]:
    """The names of all that was built so far."""
    parts = (stack, stack.backend, stack.storage, stack.libraries, stack.jobs, stack.providers)
    return {
        name
        for part in parts
        for name, attribute in vars(type(part)).items()
        if isinstance(attribute, cached_property) and name in part.__dict__
    }


async def test_opening_and_closing_a_stack_builds_and_writes_nothing(settings: Settings) -> None:
    async with opened(settings) as stack:
        assert not built(stack)
    assert not settings.data_dir.exists()


async def test_a_backends_library_needs_a_backend(settings: Settings) -> None:
    far = replace(settings, library=replace(settings.library, kind="pixsim"))
    with pytest.raises(ConfigError, match="no backend is set"):
        async with opened(far):
            pass


@pytest.fixture
def far(settings: Settings) -> Settings:
    """Settings with a backend where nobody answers, and its library."""
    backend = replace(settings.backend, url="http://127.0.0.1:1")
    return replace(settings, backend=backend, library=replace(settings.library, kind="pixsim"))


async def test_a_backends_library_is_not_built_before_it_is_asked(far: Settings) -> None:
    async with opened(far) as stack:
        assert (
            stack.libraries.chosen.name,
            stack.libraries.chosen.needs_network,
            stack.libraries.chosen.recheck_after_s,
        ) == (
            "pixsim",
            True,
            86_400,
        )
        assert await stack.cache.lookup("a" * 64) is None
        assert not {"client", "folder", "lookups", "tokens"} & built(stack)


@pytest.mark.parametrize(("configured", "places"), [(2, 2), (7, 7), (0, 30)])
async def test_backends_limit_of_orders_is_the_one_that_is_set_and_shared(
    far: Settings, configured: int, places: int
) -> None:
    limited = replace(far, backend=replace(far.backend, orders_per_minute=configured))
    taken = []
    for _ in range(10):
        async with opened(limited) as stack:
            taken += [await stack.backend.turns.take() for _ in range(3)]
    assert sum(isinstance(one, Turn) for one in taken) == places
    assert (far.data_dir / "turns").exists() == (configured > 0)


async def test_with_refresh_cached_copies_of_a_backend_are_confirmed_at_once(far: Settings) -> None:
    async with open_stack(far, events=AssetEventBus(), clock=SystemClock(), refresh=True) as stack:
        assert stack.libraries.chosen.recheck_after_s == 0


async def test_offline_a_backends_library_is_a_closed_step_and_a_folder_is_none(
    far: Settings, settings: Settings
) -> None:
    async with opened(far, offline=True) as stack:
        (verdict,) = [
            verdict
            for verdict in (await stack.service.explain(AssetRequest(scene_id="park"))).verdicts
            if verdict.provider == "library:pixsim"
        ]
        assert "offline" in (verdict.skipped or "")
        with pytest.raises(LibraryError, match="offline"):
            await stack.libraries.chosen.get("1")
    async with opened(settings, offline=True) as stack:
        verdicts = (await stack.service.explain(AssetRequest(scene_id="park"))).verdicts
    assert all(verdict.skipped is None for verdict in verdicts if verdict.provider == "library:folder")


async def test_a_data_folder_that_cannot_be_one_is_refused_before_anything_is_built(settings: Settings) -> None:
    settings.data_dir.write_text("")
    with pytest.raises(StorageUnusable):
        async with opened(settings):
            pass


async def test_the_cache_is_closed_at_the_end_also_after_an_error(settings: Settings) -> None:
    held: list[Stack] = []

    async def fail_inside() -> None:
        async with opened(settings) as stack:
            held.append(stack)
            await stack.cache.totals()
            raise InvalidRequest("wrong")

    with pytest.raises(InvalidRequest):
        await fail_inside()
    # Opened again by the next use, so closing left nothing half open.
    assert (await held[0].cache.totals()).count == 0
    await held[0].close()


async def test_parts_are_built_once(settings: Settings) -> None:
    async with opened(settings) as stack:
        for part, names in {
            stack: ("cache", "service"),
            stack.storage: ("cache", "lookups", "intake"),
            stack.libraries: ("chosen", "folder"),
            stack.jobs: ("journal", "registry", "desk", "follower"),
        }.items():
            for name in names:
                assert getattr(part, name) is getattr(part, name)


async def test_a_plan_of_a_request_asks_the_providers_in_their_order(settings: Settings) -> None:
    async with opened(settings) as stack:
        explanation = await stack.service.explain(AssetRequest(scene_id="park"))
    names = [verdict.provider for verdict in explanation.verdicts]
    assert names == ["cache", "library:folder", "cache:stand-in", "generator", "placeholder"]
    assert explanation.request.generator == "storyboard"
    assert explanation.request.provider is None


async def test_generation_that_is_switched_off_is_no_provider(settings: Settings) -> None:
    off = replace(settings, generation=replace(settings.generation, enabled=False))
    async with opened(off) as stack:
        explanation = await stack.service.explain(AssetRequest(scene_id="park"))
    assert "generator" not in [verdict.provider for verdict in explanation.verdicts]


async def test_a_default_provider_counts_only_with_a_backend(settings: Settings) -> None:
    backend = replace(settings.backend, url="http://127.0.0.1:1")
    async with opened(replace(settings, backend=backend)) as stack:
        explanation = await stack.service.explain(AssetRequest(scene_id="park"))
    assert explanation.request.provider == "pixverse"


async def test_knobs_are_typed_and_checked_against_their_generator(settings: Settings) -> None:
    async with opened(settings) as stack:
        explanation = await stack.service.explain(AssetRequest(scene_id="park", parameters={"fps": "12"}))
        assert explanation.request.parameters == {"fps": 12}
        with pytest.raises(InvalidRequest):
            await stack.service.explain(AssetRequest(scene_id="park", parameters={"fps": "1000"}))


async def test_without_knobs_no_generator_is_loaded_to_answer(settings: Settings) -> None:
    async with opened(settings) as stack:
        stack.service.effective(AssetRequest(scene_id="park"))
        assert "registry" not in built(stack)


async def test_a_library_with_a_default_place_may_be_missing_and_has_no_problems(settings: Settings) -> None:
    async with opened(settings) as stack:
        assert list(await stack.libraries.folder.problems()) == []


async def test_a_preview_is_made_of_the_file(settings: Settings) -> None:
    request = AssetRequest(scene_id="park", asset_type=AssetType.IMAGE, allow_generation=False)
    async with opened(settings) as stack:
        rows = await stack.preview(await stack.service.request_asset(request), 20, 5)
    assert 1 <= len(rows) <= 5
    assert 1 <= len(rows[0]) <= 20


class _Provider:
    """Says what it was asked."""

    name = "late"
    step = Step.LIBRARY

    async def get_asset(self, asset_id: str) -> Asset | None:
        assert asset_id == "a"
        return None

    async def find_asset(self, request: AssetRequest, key: str) -> Asset | None:
        assert (request.scene_id, key) == ("park", "k")
        return None

    async def availability(self, request: AssetRequest, key: str) -> Availability:
        assert (request.scene_id, key) == ("park", "k")
        return Availability(Would.DOWNLOAD)

    async def has_asset(self, asset_id: str) -> Availability:
        assert asset_id == "a"
        return Availability(Would.NOTHING)


async def test_a_provider_is_built_when_it_is_first_asked_and_once() -> None:
    built: list[_Provider] = []

    def build() -> _Provider:
        built.append(_Provider())
        return built[-1]

    late = OnFirstUse("late", Step.LIBRARY, build)
    assert (late.name, late.step, built) == ("late", Step.LIBRARY, [])
    request = AssetRequest(scene_id="park")
    assert await late.get_asset("a") is None
    assert await late.find_asset(request, "k") is None
    assert (await late.availability(request, "k")).would is Would.DOWNLOAD
    assert (await late.has_asset("a")).would is Would.NOTHING
    assert len(built) == 1


def test_a_stack_holds_what_it_was_given(settings: Settings) -> None:
    events, clock = AssetEventBus(), SystemClock()
    stack = Stack(Surroundings(settings, events=events, clock=clock, offline=True))
    assert (stack.settings, stack.events, stack.clock, stack.is_offline) == (settings, events, clock, True)
