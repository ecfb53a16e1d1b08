"""The file of a job is where it can be fetched, the stored copy first; what has none says why."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from assetctl.errors import JobFailed
from assetctl.generation.pixsim.fetching import file_of
from assetctl.network import Origin
from assetctl.pixsim.records import Generation, StoredAsset
from fakes import NOW, FakeClock

pytestmark = pytest.mark.anyio

OURS = "https://assets.example.com/api/v1/media/u/1/a.mp4"


class Server:
    """Says one thing after the other of its only asset, the last again and again."""

    origin = Origin.of("https://assets.example.com")

    def __init__(self, *said: StoredAsset | None) -> None:
        self.said = list(said)
        self.calls = 0

    async def asset(self, asset_id: int) -> StoredAsset | None:
        del asset_id
        self.calls += 1
        return self.said.pop(0) if len(self.said) > 1 else self.said[0]


def stored(**fields: Any) -> StoredAsset:
    facts = {"file_url": "/api/v1/media/u/1/a.mp4", "stored_key": "u/1/a.mp4", "created_at": NOW, **fields}
    return StoredAsset(9, "video", **facts)


REMOTE = stored(file_url="https://cdn.example.net/a.mp4", stored_key=None, sync_status="remote")


def row(**fields: Any) -> Generation:
    facts = {"status": "completed", "canonical_params": {}, "asset_id": 9, **fields}
    return Generation(1, operation_type="text_to_video", provider_id="pixverse", **facts)


async def test_stored_copy_is_given_with_what_is_stated_of_it():
    server = Server(stored(sha256="ab" * 32, size_bytes=12, model="v6"))
    took = {"started_at": NOW, "completed_at": NOW + timedelta(seconds=1.5)}
    file = await file_of(server, row(**took), FakeClock())  # type: ignore[arg-type]
    assert (file.asset_id, file.url, file.sha256, file.size_bytes) == ("9", OURS, "ab" * 32, 12)
    assert (file.model, file.generation_time_ms, file.created_at, file.cost) == ("v6", 1500, NOW, None)
    assert server.calls == 1


async def test_what_is_not_stated_stays_unknown():
    backwards = {"started_at": NOW, "completed_at": NOW - timedelta(seconds=1)}
    for times in ({}, backwards):
        file = await file_of(Server(stored()), row(**times), FakeClock())  # type: ignore[arg-type]
        assert (file.model, file.generation_time_ms, file.sha256) == (None, None, None)


async def test_model_that_was_asked_for_is_told_when_the_asset_states_none():
    file = await file_of(Server(stored()), row(canonical_params={"model": "v5"}), FakeClock())  # type: ignore[arg-type]
    assert file.model == "v5"


async def test_copy_that_is_on_its_way_is_awaited_and_preferred():
    server, clock = Server(REMOTE, REMOTE, stored()), FakeClock()
    file = await file_of(server, row(), clock)  # type: ignore[arg-type]
    assert file.url == OURS
    assert clock.elapsed_s() - FakeClock().elapsed_s() < 0.5


async def test_wait_for_a_copy_is_short():
    server, clock = Server(REMOTE), FakeClock()
    file = await file_of(server, row(), clock)  # type: ignore[arg-type]
    assert file.url == "https://cdn.example.net/a.mp4"
    assert clock.elapsed_s() - FakeClock().elapsed_s() <= 3.0


@pytest.mark.parametrize("said", [replace(REMOTE, sync_status="error"), REMOTE], ids=["error", "old"])
async def test_copy_that_never_comes_is_not_awaited(said: StoredAsset):
    clock = FakeClock(NOW + timedelta(days=1))
    server = Server(said)
    assert (await file_of(server, row(), clock)).url == "https://cdn.example.net/a.mp4"  # type: ignore[arg-type]
    assert server.calls == 1


@pytest.mark.parametrize(
    ("found", "said", "what", "why"),
    [
        (row(asset_id=None, status="failed"), None, "has no asset", "calls it `failed`"),
        (row(), None, "is gone", "deleted"),
        (row(), stored(provider_status="flagged"), "can't be used", "flagged"),
        (row(), stored(signal_override="broken"), "can't be used", "broken"),
        (row(), stored(file_url=None), "no file that can be fetched", "states no address"),
        (row(), stored(file_url=None, remote_url="pixverse:123"), "no file that can be fetched", "has no copy"),
        (row(), stored(file_url="https://x.net/media/default.mp4"), "no file that can be fetched", "placeholder"),
    ],
)
async def test_job_without_a_usable_file_says_why(found: Generation, said: StoredAsset | None, what: str, why: str):
    with pytest.raises(JobFailed, match=what) as caught:
        await file_of(Server(said), found, FakeClock(NOW + timedelta(days=1)))  # type: ignore[arg-type]
    assert why in (caught.value.why or "")
    assert caught.value.job_id == "1"
