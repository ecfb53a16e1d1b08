"""A card stands for what nobody has; it is marked, and never taken for the asset."""
# ruff: noqa: ASYNC240 - what lies on the disk is what is tested

from __future__ import annotations

import stat
from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
import pytest

from assetctl.errors import CacheError, IntegrityError, StorageFull
from assetctl.keys import request_key
from assetctl.models import AssetRequest, AssetType, Source, Strategy, Would
from assetctl.providers.placeholder import PlaceholderAssetProvider
from fakes import REQUEST, House, draw_film, film_probe

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio

KEY = request_key(REQUEST)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cards"


@pytest.fixture
def provider(folder: Path) -> PlaceholderAssetProvider:
    return PlaceholderAssetProvider(folder, draw=draw_film, probe=film_probe)


async def test_card_is_marked_as_what_it_is(provider: PlaceholderAssetProvider):
    asset = await provider.find_asset(REQUEST, KEY)
    assert asset is not None
    assert asset.source is Source.PLACEHOLDER
    assert asset.asset_id == f"placeholder:{KEY[:16]}"
    assert asset.origin.provider == "placeholder"
    assert "placeholder" in asset.warnings[0]
    assert asset.cost is None
    assert b"nobody has this asset yet" in asset.path.read_bytes()


@pytest.mark.parametrize(
    ("asset_type", "suffix"), [(AssetType.VIDEO, ".mp4"), (AssetType.IMAGE, ".png"), (AssetType.AUDIO, ".wav")]
)
async def test_card_is_of_the_asked_type(provider: PlaceholderAssetProvider, asset_type: AssetType, suffix: str):
    asset = await provider.find_asset(replace(REQUEST, asset_type=asset_type), KEY)
    assert asset is not None
    assert (asset.asset_type, asset.path.name) == (asset_type, f"{KEY}{suffix}")


async def test_no_card_stands_for_a_model(provider: PlaceholderAssetProvider, folder: Path):
    request = replace(REQUEST, asset_type=AssetType.MODEL_3D)
    assert await provider.find_asset(request, KEY) is None
    availability = await provider.availability(request, KEY)
    assert (availability.would, availability.reasons) == (None, ("no card can stand for a 3d_model",))
    assert not folder.exists()


async def test_availability_draws_nothing(provider: PlaceholderAssetProvider, folder: Path):
    assert (await provider.availability(REQUEST, KEY)).would is Would.PLACEHOLDER
    assert not folder.exists()


async def test_card_stands_for_no_id(provider: PlaceholderAssetProvider):
    asset = await provider.find_asset(REQUEST, KEY)
    assert asset is not None
    assert await provider.get_asset(asset.asset_id) is None
    assert (await provider.has_asset(asset.asset_id)).would is None


async def test_cards_are_private_and_read_only(provider: PlaceholderAssetProvider, folder: Path):
    asset = await provider.find_asset(REQUEST, KEY)
    assert asset is not None
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(asset.path.stat().st_mode) == 0o400


async def test_cards_of_two_requests_do_not_meet(provider: PlaceholderAssetProvider):
    other = replace(REQUEST, choice_id="wait")
    one = await provider.find_asset(REQUEST, KEY)
    two = await provider.find_asset(other, request_key(other))
    assert one is not None
    assert two is not None
    assert one.path != two.path


async def test_one_card_drawn_by_many_at_once_is_whole(provider: PlaceholderAssetProvider, folder: Path):
    async def draw() -> None:
        asset = await provider.find_asset(REQUEST, KEY)
        assert asset is not None
        assert asset.path.stat().st_size == asset.size_bytes

    async with anyio.create_task_group() as group:
        for _ in range(8):
            group.start_soon(draw)
    assert [path.name for path in folder.iterdir()] == [f"{KEY}.mp4"]


async def test_full_disk_is_told_and_leaves_no_half_card(folder: Path):
    def full(path: Path, _request: AssetRequest, _reason: str) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    provider = PlaceholderAssetProvider(folder, draw=full, probe=film_probe)
    with pytest.raises(StorageFull):
        await provider.find_asset(REQUEST, KEY)
    assert list(folder.iterdir()) == []


async def test_card_that_is_not_playable_is_not_delivered(folder: Path):
    def wrong(path: Path, _request: AssetRequest, _reason: str) -> None:
        path.write_bytes(b"not a film")

    provider = PlaceholderAssetProvider(folder, draw=wrong, probe=film_probe)
    with pytest.raises(IntegrityError):
        await provider.find_asset(REQUEST, KEY)
    assert list(folder.iterdir()) == []


async def test_folder_that_is_no_folder_is_told(folder: Path):
    folder.write_bytes(b"")
    provider = PlaceholderAssetProvider(folder, draw=draw_film, probe=film_probe)
    with pytest.raises(CacheError):
        await provider.find_asset(REQUEST, KEY)


async def test_placeholder_is_never_the_answer_tomorrow(house: House):
    poor = replace(REQUEST, strategy=Strategy.PRE_MADE_ONLY)
    first = await house.service.request_asset(poor)
    assert first.source is Source.PLACEHOLDER
    assert await house.cache.lookup(first.key or "") is None
    house.library.add("confess", b"film:the real one")
    assert (await house.service.request_asset(poor)).source is Source.PRE_MADE
