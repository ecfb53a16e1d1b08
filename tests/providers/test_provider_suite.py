"""What every provider promises, asked of each in the same words. A new provider is a row in `SETTINGS`."""

from __future__ import annotations

import hashlib
import inspect
import stat
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from assetctl.keys import request_key
from assetctl.models import Asset, AssetRequest, AssetType, Availability, Origin, Source, Would
from assetctl.providers.base import Asked, AssetProvider, Step
from assetctl.providers.first_use import OnFirstUse
from assetctl.providers.intake import Facts
from fakes import House, film

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from shop import Shop

pytestmark = pytest.mark.anyio

NOBODY = AssetRequest(scene_id="another", asset_type=AssetType.MODEL_3D, generator=None)


@dataclass(frozen=True)
class Setting:
    """One provider, how it comes to have an asset, and what it then promises."""

    provider: Callable[[House], AssetProvider]
    prepare: Callable[[House, Path, AssetRequest, str], Awaitable[None]]
    name: str
    step: Step
    source: Source
    would: Would

    @property
    def has_ids(self) -> bool:
        """Whether it knows assets by their id; what is made to order has none before."""
        return self.step in {Step.CACHE, Step.LIBRARY, Step.STAND_IN}


async def cache_one(house: House, folder: Path, request: AssetRequest, key: str, *, stand_in: bool = False) -> None:
    file = folder / "made.mp4"
    file.write_bytes(film("made"))
    facts = Facts(
        key=key,
        request=request,
        asset_id="confess",
        asset_type=request.asset_type,
        source=Source.GENERATED,
        origin=Origin("generator:shop", job_id="j"),
        stand_in=stand_in,
    )
    await house.intake.take(file, facts)


async def cache_stand_in(house: House, folder: Path, request: AssetRequest, key: str) -> None:
    await cache_one(house, folder, request, key, stand_in=True)


async def shelve_one(house: House, _folder: Path, request: AssetRequest, _key: str) -> None:
    house.library.add("confess", film("made"), request)


async def name_one(house: House, _folder: Path, request: AssetRequest, key: str) -> None:
    house.library.add("confess", film("made"), replace(request, scene_id="elsewhere", choice_id=None))
    house.names.name(key, "confess")


async def nothing(_house: House, _folder: Path, _request: AssetRequest, _key: str) -> None:
    """A generator and a placeholder need nothing to be there."""


def late(house: House) -> AssetProvider:
    return OnFirstUse("late", Step.LIBRARY, lambda: house.pre_made)


SETTINGS = {
    "cached": Setting(lambda h: h.cached, cache_one, "cache", Step.CACHE, Source.CACHED, Would.NOTHING),
    "stand-in": Setting(
        lambda h: h.stand_ins, cache_stand_in, "cache:stand-in", Step.STAND_IN, Source.CACHED, Would.NOTHING
    ),
    "pre-made": Setting(
        lambda h: h.pre_made, shelve_one, "library:folder", Step.LIBRARY, Source.PRE_MADE, Would.DOWNLOAD
    ),
    "named": Setting(lambda h: h.named, name_one, "library:folder", Step.LIBRARY, Source.PRE_MADE, Would.DOWNLOAD),
    "generated": Setting(
        lambda h: h.generated, nothing, "generator", Step.GENERATION, Source.GENERATED, Would.GENERATE
    ),
    "placeholder": Setting(
        lambda h: h.placeholder, nothing, "placeholder", Step.PLACEHOLDER, Source.PLACEHOLDER, Would.PLACEHOLDER
    ),
    "on first use": Setting(late, shelve_one, "late", Step.LIBRARY, Source.PRE_MADE, Would.DOWNLOAD),
}


@pytest.fixture(params=SETTINGS.values(), ids=SETTINGS.keys())
def setting(request: pytest.FixtureRequest) -> Setting:
    return request.param


@pytest.fixture
def provider(setting: Setting, house: House) -> AssetProvider:
    return setting.provider(house)


@pytest.fixture
def asked(house: House) -> AssetRequest:
    return house.asked()[0]


@pytest.fixture
async def stocked(setting: Setting, house: House, tmp_path: Path, asked: AssetRequest) -> str:
    """The key of the request that the provider can answer."""
    key = request_key(asked)
    await setting.prepare(house, tmp_path, asked, key)
    return key


def files_of(house: House) -> dict[str, bytes]:
    """Everything that could be spent or downloaded: blobs, orders and cards."""
    kept = ("blobs", "placeholders", "journal.sqlite3", "partial")
    return {
        str(path): path.read_bytes()
        for path in house.folder.rglob("*")
        if path.is_file() and any(part in kept for part in path.parts)
    }


async def test_face_is_the_protocols(provider: AssetProvider):
    for name in ("get_asset", "find_asset", "availability", "has_asset"):
        ours, theirs = getattr(type(provider), name), getattr(AssetProvider, name)
        assert inspect.iscoroutinefunction(ours)
        assert list(inspect.signature(ours).parameters) == list(inspect.signature(theirs).parameters)


async def test_name_and_step_are_known_without_asking(setting: Setting, provider: AssetProvider):
    assert (provider.name, provider.step) == (setting.name, setting.step)


async def test_unknown_id_is_none_and_not_available(provider: AssetProvider, stocked: str):
    assert stocked
    assert await provider.get_asset("nobody-knows-this") is None
    assert (await provider.has_asset("nobody-knows-this")).would is None


async def test_request_that_nobody_can_answer_is_none_and_not_available(provider: AssetProvider, stocked: str):
    assert stocked
    key = request_key(NOBODY)
    assert await provider.find_asset(NOBODY, key) is None
    availability = await provider.availability(NOBODY, key)
    assert availability.would is None
    assert availability.source is None


async def test_answer_is_a_verified_file_on_disk(
    setting: Setting, provider: AssetProvider, stocked: str, asked: AssetRequest
):
    asset = await provider.find_asset(asked, stocked)
    assert asset is not None
    check_file(asset)
    assert asset.source is setting.source
    assert (asset.key, asset.request) == (stocked, asked)
    assert asset.asset_type is asked.asset_type
    assert asset.origin.provider


async def test_answer_by_id_is_a_verified_file_on_disk(setting: Setting, provider: AssetProvider, stocked: str):
    asset = await provider.get_asset("confess")
    assert (asset is not None) is setting.has_ids
    if asset is not None:
        check_file(asset)
        assert asset.asset_id == "confess"
        assert asset.source is setting.source
        assert asset.key in {None, stocked}


async def test_answer_comes_again_and_is_the_same(provider: AssetProvider, stocked: str, asked: AssetRequest):
    first = await provider.find_asset(asked, stocked)
    again = await provider.find_asset(asked, stocked)
    assert first is not None
    assert again is not None
    assert (again.sha256, again.path, again.asset_id) == (first.sha256, first.path, first.asset_id)


async def test_availability_agrees_with_the_answer(
    setting: Setting, provider: AssetProvider, stocked: str, asked: AssetRequest
):
    availability = await provider.availability(asked, stocked)
    asset = await provider.find_asset(asked, stocked)
    assert asset is not None
    assert (availability.would, availability.source) == (setting.would, setting.source)
    assert availability.asset_id in {None, asset.asset_id}


async def test_availability_of_an_id_agrees_with_the_answer(provider: AssetProvider, stocked: str):
    assert stocked
    availability = await provider.has_asset("confess")
    assert (availability.would is not None) is (await provider.get_asset("confess") is not None)


async def test_availability_spends_and_downloads_nothing(
    provider: AssetProvider, house: House, shop: Shop, stocked: str, asked: AssetRequest
):
    before = files_of(house)
    assert isinstance(await provider.availability(asked, stocked), Availability)
    assert isinstance(await provider.has_asset("confess"), Availability)
    assert files_of(house) == before
    assert (shop.submissions, shop.charges) == (0, 0)
    assert "open" not in house.library.calls


async def test_policy_does_not_change_what_is_found(provider: AssetProvider, stocked: str, asked: AssetRequest):
    patient = replace(asked, allow_placeholder=False, generate_on_trouble=True)
    assert await provider.find_asset(patient, stocked) is not None


def check_file(asset: Asset) -> None:
    data = asset.path.read_bytes()
    assert asset.path.is_absolute()
    assert hashlib.sha256(data).hexdigest() == asset.sha256
    assert len(data) == asset.size_bytes
    assert stat.S_IMODE(asset.path.stat().st_mode) & 0o222 == 0
    assert asset.media.mime_type


async def test_asked_for_many_it_says_of_each_what_it_says_alone(
    setting: Setting, provider: AssetProvider, house: House, stocked: str, asked: AssetRequest
):
    others = [replace(asked, scene_id=f"other {number}") for number in range(3)]
    known = [Asked(asked, stocked), *(Asked(one, request_key(one)) for one in others)]
    outlooks = await provider.outlooks([known[1], known[0], known[2], known[3], known[0]])
    told = {key: await provider.availability(one, key) for one, key in known}
    expected = [told[key] for _, key in (known[1], known[0], known[2], known[3], known[0])]
    assert [(one.would, one.source, one.asset_id) for one in outlooks if isinstance(one, Availability)] == [
        (one.would, one.source, one.asset_id) for one in expected
    ]
    assert isinstance(outlooks[1], Availability)
    assert outlooks[1].would is setting.would
    assert await provider.outlooks([]) == []
    del house
