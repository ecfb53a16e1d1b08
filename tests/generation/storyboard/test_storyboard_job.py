"""The job folder: what is read back, and what damage in it means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from assetctl.errors import CacheError, JobFailed
from assetctl.generation.base import GenerationOrder, JobState, JobStatus
from assetctl.generation.storyboard.job import Job, Outcome, write_order
from assetctl.models import AssetRequest, AssetType, Style

if TYPE_CHECKING:
    from pathlib import Path

REQUEST = AssetRequest(
    scene_id="romance_5", prompt="Rain\n雨", style=Style.ANIME, seed=2**62, asset_type=AssetType.AUDIO, duration_s=0.5
)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    folder = tmp_path / "job"
    write_order(folder, GenerationOrder("the-key", REQUEST), "idempotent")
    return Job(folder)


def test_order_is_read_back_as_it_was(job: Job) -> None:
    assert job.exists
    assert job.order() == (REQUEST, "the-key")


def test_order_is_not_written_twice(job: Job) -> None:
    with pytest.raises(CacheError):
        write_order(job.folder, GenerationOrder("other", REQUEST), "other")

    assert job.order() == (REQUEST, "the-key")


def test_fresh_job_is_queued(job: Job) -> None:
    assert job.outcome() is None
    assert job.starts() == 0
    assert not job.is_cancel_wanted()
    assert job.last_words() == ""
    assert job.progress() == JobStatus(JobState.QUEUED, 0.0, "starting", 0.1)


def test_progress_is_told(job: Job) -> None:
    job.tell_progress(0.25, "rendering\x1b[2J", 1)

    assert job.progress() == JobStatus(JobState.RUNNING, 0.25, "rendering\\x1b[2J", 0.1)


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(JobState.SUCCEEDED, "2026-01-01T00:00:00.000Z", None, "result.wav", "ab", 3, 4),
        Outcome(JobState.FAILED, "2026-01-01T00:00:00.000Z", "why"),
        Outcome(JobState.CANCELLED, "2026-01-01T00:00:00.000Z"),
    ],
)
def test_outcome_is_read_back_as_it_was(job: Job, outcome: Outcome) -> None:
    job.finish(outcome)

    assert job.outcome() == outcome
    assert list(job.partial.iterdir()) == []


def test_starts_are_counted(job: Job) -> None:
    job.count_start()
    job.count_start()

    assert Job(job.folder).starts() == 2


@pytest.mark.parametrize(
    "content", [b"", b"\x00\xff", b"[]", b"3", b"{}", b'{"state": "dancing"}', b'{"state": "failed", "x": 1}']
)
def test_damaged_records_mean_that_nothing_is_known(job: Job, content: bytes) -> None:
    for name in ("outcome.json", "progress.json", "starts.json"):
        (job.folder / name).write_bytes(content)

    assert job.outcome() is None
    assert job.progress().state is JobState.QUEUED
    assert job.starts() == 0


@pytest.mark.parametrize("content", [b"{}", b'{"request": 1}', b'{"request": {"what": 1}, "key": "a"}', b"broken"])
def test_damaged_order_is_a_failure(job: Job, content: bytes) -> None:
    (job.folder / "order.json").unlink()
    (job.folder / "order.json").write_bytes(content)

    with pytest.raises(JobFailed):
        job.order()


def test_last_words_are_the_end_of_the_log_made_safe(job: Job) -> None:
    job.log.write_bytes(b"x" * 5000 + b"\n\x1b[31mMemoryError\xff\n")

    words = job.last_words()

    assert words.endswith("⏎\\x1b[31mMemoryError\ufffd")
    assert len(words) < 600


def test_file_that_cannot_be_read_is_our_error(job: Job) -> None:
    for name in ("progress.json", "renderer.log"):
        (job.folder / name).mkdir()
    with pytest.raises(CacheError):
        job.progress()
    with pytest.raises(CacheError):
        job.last_words()
