"""The renderer's work, done in this process: every way in which it ends."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from assetctl import filesystem, locks
from assetctl.errors import CacheError
from assetctl.generation.base import GenerationOrder, JobState
from assetctl.generation.storyboard.job import Job, Outcome, write_order
from assetctl.generation.storyboard.worker import work
from assetctl.media.probe import probe
from assetctl.models import AssetRequest, AssetType

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SMALL = {"width": 64, "height": 64, "fps": 4}


@pytest.fixture
def make_job(tmp_path: Path) -> Callable[..., Job]:
    def make(asset_type: AssetType = AssetType.VIDEO, **fields) -> Job:
        request = AssetRequest(scene_id="a", asset_type=asset_type, **fields)
        write_order(tmp_path / "job", GenerationOrder("key", request), "idempotent")
        return Job(tmp_path / "job")

    return make


def nothing() -> None:
    """What to do once the lock is held."""


@pytest.mark.parametrize(
    ("asset_type", "fields", "name"),
    [
        (AssetType.VIDEO, {"duration_s": 0.5, "parameters": SMALL}, "result.mp4"),
        (AssetType.IMAGE, {"parameters": {"width": 64, "height": 64}}, "result.png"),
        (AssetType.AUDIO, {"duration_s": 0.5}, "result.wav"),
    ],
)
def test_job_ends_with_its_file(make_job: Callable[..., Job], asset_type: AssetType, fields: dict, name: str) -> None:
    job = make_job(asset_type, **fields)

    work(job, on_locked=nothing)

    outcome = job.outcome()
    path = job.folder / name
    assert outcome is not None
    assert (outcome.state, outcome.file_name, outcome.message) == (JobState.SUCCEEDED, name, None)
    assert outcome.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert outcome.size_bytes == path.stat().st_size
    assert (outcome.generation_time_ms or 0) > 0
    assert probe(path, asset_type)
    assert list(job.partial.iterdir()) == []


def test_lock_is_held_when_the_asker_is_told(make_job: Callable[..., Job]) -> None:
    job = make_job(AssetType.IMAGE)
    seen: list[bool] = []

    work(job, on_locked=lambda: seen.append(locks.is_held(job.renderer_lock)))

    assert seen == [True]
    assert not locks.is_held(job.renderer_lock)


def test_what_cannot_be_made_fails_with_the_reason(make_job: Callable[..., Job]) -> None:
    job = make_job(duration_s=99.0)

    work(job, on_locked=nothing)

    assert job.outcome() is not None
    assert (job.outcome().state, job.outcome().file_name) == (JobState.FAILED, None)
    assert "99 s" in job.outcome().message
    assert "0.5 to 60 s" in job.outcome().message


def test_damaged_order_fails(make_job: Callable[..., Job]) -> None:
    job = make_job()
    (job.folder / "order.json").unlink()
    (job.folder / "order.json").write_text("{}")

    work(job, on_locked=nothing)

    assert job.outcome().state is JobState.FAILED


def test_error_without_a_reason_is_told_too(make_job: Callable[..., Job]) -> None:
    job = make_job(asset_type=AssetType.MODEL_3D)

    work(job, on_locked=nothing)

    assert job.outcome().message == "a storyboard makes no 3d_model"


def test_cancelled_job_stops_at_the_next_frame(make_job: Callable[..., Job]) -> None:
    job = make_job(duration_s=60.0)
    job.ask_to_cancel()

    work(job, on_locked=nothing)

    assert job.outcome().state is JobState.CANCELLED
    assert not (job.folder / "result.mp4").exists()


def test_ended_job_is_left_alone(make_job: Callable[..., Job]) -> None:
    job = make_job()
    job.finish(Outcome(JobState.CANCELLED, "2026-01-01T00:00:00.000Z"))

    work(job, on_locked=nothing)

    assert job.outcome() == Outcome(JobState.CANCELLED, "2026-01-01T00:00:00.000Z")
    assert not (job.folder / "result.mp4").exists()


def test_what_a_killed_renderer_left_is_swept(make_job: Callable[..., Job]) -> None:
    job = make_job(AssetType.IMAGE)
    living = filesystem.current_writer()
    dead = f"{living.pid}-1-{living.host}-{living.boot}"
    (job.partial / f"{dead}.{'0' * 16}.mp4").write_bytes(b"half")

    work(job, on_locked=nothing)

    assert list(job.partial.iterdir()) == []


def test_second_renderer_gives_up(make_job: Callable[..., Job]) -> None:
    job = make_job()

    with locks.try_hold(job.renderer_lock), pytest.raises(CacheError):
        work(job, on_locked=nothing, lock_within_s=0.05)

    assert job.outcome() is None
