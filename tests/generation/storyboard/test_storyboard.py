"""The storyboard generator with real renderers: processes of their own, killed, cancelled, asked for twice."""

# ruff: noqa: ASYNC110, ASYNC220, ASYNC221, ASYNC240 - what is waited for is another process; blocking hurts nobody here

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
import zipfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import av
import pytest

from assetctl import filesystem, locks
from assetctl.clock import SystemClock
from assetctl.errors import CacheError, JobCancelled, JobFailed, JobPending, ServiceError, StorageFull
from assetctl.generation.base import GenerationOrder, Generator, JobState, JobStatus
from assetctl.generation.registry import GeneratorContext, GeneratorRegistry
from assetctl.generation.storyboard.generator import MAX_STARTS, StoryboardGenerator
from assetctl.generation.storyboard.job import Job, write_order
from assetctl.generation.storyboard.launch import launch
from assetctl.generation.storyboard.worker import work
from assetctl.media.probe import probe
from assetctl.models import AssetRequest, AssetType, MediaInfo

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(sys.platform == "win32", reason="signals and process groups")]

QUICK = AssetRequest(scene_id="a", duration_s=0.5, parameters={"width": 64, "height": 64, "fps": 4})
# Enough frames that a renderer is surely met at work, few enough that a forgotten one ends after a minute.
SLOW = AssetRequest(scene_id="a", duration_s=60.0, parameters={"width": 1280, "height": 720, "fps": 60})
# As many, but small ones, so that the end can be waited for.
LONG = AssetRequest(scene_id="a", duration_s=60.0, parameters={"width": 256, "height": 144, "fps": 60})
ENDS_WITHIN_S = 240


def order(request: AssetRequest = QUICK) -> GenerationOrder:
    return GenerationOrder("the-key", request)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data" / "storyboard"


class PatientClock(SystemClock):
    """Counts one second where a busy machine takes twenty."""

    def elapsed_s(self) -> float:
        return super().elapsed_s() / 20


@pytest.fixture
async def generator(tmp_path: Path) -> AsyncIterator[StoryboardGenerator]:
    made = StoryboardGenerator(GeneratorContext(tmp_path / "data", PatientClock()))
    yield made
    for folder in (tmp_path / "data" / "storyboard").glob("sb-*"):
        await made.discard(folder.name)


def with_renderer(tmp_path: Path, start_renderer) -> StoryboardGenerator:
    return StoryboardGenerator(GeneratorContext(tmp_path / "data", SystemClock()), start_renderer=start_renderer)


async def ended(generator: StoryboardGenerator, job_id: str) -> JobStatus:
    with anyio.fail_after(ENDS_WITHIN_S):
        while not (status := await generator.status(job_id)).is_final:
            await anyio.sleep(0.02)
    return status


async def renderer_pid(root: Path, job_id: str, *, not_pid: int | None = None) -> int:
    """The process that renders, once it has rendered something."""
    job = Job(root / job_id)
    with anyio.fail_after(ENDS_WITHIN_S):
        while True:
            progress = job._read("progress.json")
            if progress.get("fraction", 0) > 0 and progress["pid"] != not_pid:
                return progress["pid"]
            await anyio.sleep(0.02)


async def test_it_is_a_generator_found_by_name(tmp_path: Path) -> None:
    context = GeneratorContext(tmp_path, SystemClock())
    made: Generator = GeneratorRegistry(context, {"storyboard": lambda: StoryboardGenerator}).get("storyboard")

    assert made.name == "storyboard"
    assert made.asset_types == {AssetType.VIDEO, AssetType.IMAGE, AssetType.AUDIO}
    assert (made.is_stand_in, made.is_paid, made.needs_network) == (True, False, False)
    assert [spec.name for spec in made.parameters()] == ["fps", "width", "height", "bpm"]
    assert (await made.estimate(order())).seconds_low
    assert not (tmp_path / "storyboard").exists()


async def test_default_video_is_what_the_contract_says(generator: StoryboardGenerator) -> None:
    job_id = await generator.submit(order(AssetRequest(scene_id="a", choice_id="b")), "one")
    assert await ended(generator, job_id) == JobStatus(JobState.SUCCEEDED, 1.0)

    made = await generator.result(job_id)
    assert made.path is not None
    assert probe(made.path, AssetType.VIDEO) == MediaInfo("video/mp4", 5.0, 1280, 720)
    with av.open(str(made.path)) as container:
        assert container.streams.video[0].codec_context.name == "h264"
        assert sum(1 for _ in container.decode(video=0)) == 120
    assert made.sha256 == filesystem.sha256_of(made.path)
    assert made.size_bytes == made.path.stat().st_size
    assert (made.asset_id, made.cost, made.url) == (job_id, None, None)
    assert made.created_at is not None
    assert (made.generation_time_ms or 0) > 0


@pytest.mark.parametrize("asset_type", [AssetType.IMAGE, AssetType.AUDIO])
async def test_other_types_are_made_too(generator: StoryboardGenerator, asset_type: AssetType) -> None:
    request = AssetRequest(scene_id="a", asset_type=asset_type, duration_s=0.5)
    job_id = await generator.submit(order(request), "one")

    await ended(generator, job_id)

    assert probe((await generator.result(job_id)).path, asset_type)


async def test_two_jobs_for_one_order_give_the_same_bytes(generator: StoryboardGenerator) -> None:
    ids = [await generator.submit(order(QUICK), key) for key in ("one", "two")]
    ids.append(await generator.submit(order(replace(QUICK, seed=2)), "three"))
    for job_id in ids:
        await ended(generator, job_id)

    one, two, other = [(await generator.result(job_id)).sha256 for job_id in ids]
    assert one == two != other


async def test_same_key_is_the_same_job_and_one_renderer(generator: StoryboardGenerator, root: Path) -> None:
    ids: list[str] = []

    async def submit() -> None:
        ids.append(await generator.submit(order(), "one"))

    async with anyio.create_task_group() as tasks:
        for _ in range(8):
            tasks.start_soon(submit)
    await ended(generator, ids[0])
    ids.append(await generator.submit(order(), "one"))

    assert len(set(ids)) == 1
    assert Job(root / ids[0]).starts() == 1
    assert [path.name for path in root.glob("sb-*")] == [ids[0]]
    assert list((root / "partial").iterdir()) == []


async def test_job_is_found_by_its_key_alone(generator: StoryboardGenerator) -> None:
    assert await generator.find(order(), "one", None) is None
    job_id = await generator.submit(order(), "one")

    assert await generator.find(order(), "one", None) == job_id
    assert await generator.find(order(), "two", None) is None


async def test_progress_is_told_and_never_goes_back(generator: StoryboardGenerator) -> None:
    job_id = await generator.submit(order(SLOW), "one")
    seen: list[JobStatus] = []
    with anyio.fail_after(ENDS_WITHIN_S):
        while len({status.fraction for status in seen}) < 6:
            seen.append(await generator.status(job_id))
            assert not seen[-1].is_final
            await anyio.sleep(0.02)

    fractions = [status.fraction for status in seen]
    assert fractions == sorted(fractions)
    assert 0 <= fractions[0] < fractions[-1] < 1
    assert all(0 < (status.poll_after_s or 0) <= 0.25 for status in seen)


async def test_killed_renderer_is_started_again(generator: StoryboardGenerator, root: Path) -> None:
    job_id = await generator.submit(order(LONG), "one")
    first = await renderer_pid(root, job_id)
    os.kill(first, signal.SIGKILL)
    await _gone(root, job_id)

    assert not (await generator.status(job_id)).is_final
    assert await renderer_pid(root, job_id, not_pid=first) != first
    assert (await ended(generator, job_id)).state is JobState.SUCCEEDED
    assert Job(root / job_id).starts() == 2
    assert list(Job(root / job_id).partial.iterdir()) == []


async def _gone(root: Path, job_id: str) -> None:
    with anyio.fail_after(ENDS_WITHIN_S):
        while locks.is_held(Job(root / job_id).renderer_lock):
            await anyio.sleep(0.01)


async def test_renderer_that_always_dies_fails_the_job_with_its_last_words(tmp_path: Path) -> None:
    started: list[Job] = []

    def die(job: Job) -> None:
        started.append(job)
        job.log.write_text("MemoryError \x1b[31m\n")

    generator = with_renderer(tmp_path, die)
    job_id = await generator.submit(order(), "one")

    status = await ended(generator, job_id)

    assert len(started) == MAX_STARTS
    assert status.state is JobState.FAILED
    assert status.message == "the renderer ended 3 times without a result: MemoryError \\x1b[31m"
    with pytest.raises(JobFailed) as caught:
        await generator.result(job_id)
    assert "MemoryError" in (caught.value.why or "")


async def test_silent_renderer_fails_the_job_too(tmp_path: Path) -> None:
    generator = with_renderer(tmp_path, lambda _job: None)
    job_id = await generator.submit(order(), "one")

    assert (await ended(generator, job_id)).message == "the renderer ended 3 times without a result"


async def test_real_renderer_that_cannot_start_leaves_its_traceback(tmp_path: Path) -> None:
    def break_and_launch(job: Job) -> None:
        job.partial.rmdir()
        job.partial.write_text("in the way")
        launch(job)

    folder = tmp_path / "sb-job"
    write_order(folder, order(), "one")
    job = Job(folder)
    break_and_launch(job)

    with anyio.fail_after(ENDS_WITHIN_S):
        while "assetctl.errors." not in job.last_words():
            await anyio.sleep(0.01)
    assert job.outcome() is None


async def test_cancel_stops_a_renderer_at_work(generator: StoryboardGenerator, root: Path) -> None:
    job_id = await generator.submit(order(SLOW), "one")
    await renderer_pid(root, job_id)

    assert (await generator.cancel(job_id)).state is JobState.CANCELLED
    assert (await generator.cancel(job_id)).state is JobState.CANCELLED
    assert not (root / job_id / "result.mp4").exists()
    with pytest.raises(JobCancelled):
        await generator.result(job_id)


async def test_cancel_without_a_renderer_starts_none(tmp_path: Path) -> None:
    started: list[Job] = []
    generator = with_renderer(tmp_path, started.append)
    job_id = await generator.submit(order(), "one")

    assert (await generator.cancel(job_id)).state is JobState.CANCELLED
    assert len(started) == 1


async def test_cancel_after_the_end_changes_nothing(generator: StoryboardGenerator) -> None:
    job_id = await generator.submit(order(), "one")
    await ended(generator, job_id)

    assert (await generator.cancel(job_id)).state is JobState.SUCCEEDED
    assert (await generator.result(job_id)).path


class ImpatientClock(SystemClock):
    """Each pause takes a minute, in no time."""

    def __init__(self) -> None:
        self.passed_s = 0.0

    def elapsed_s(self) -> float:
        return self.passed_s

    async def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.passed_s += 60


async def test_renderer_that_does_not_stop_keeps_its_folder(tmp_path: Path) -> None:
    held = ExitStack()
    clock = ImpatientClock()
    generator = StoryboardGenerator(
        GeneratorContext(tmp_path, clock),
        start_renderer=lambda job: held.enter_context(locks.try_hold(job.renderer_lock)),
    )
    with held:
        job_id = await generator.submit(order(), "one")

        assert not (await generator.cancel(job_id)).is_final
        with pytest.raises(ServiceError):
            await generator.discard(job_id)
        assert await generator.find(order(), "one", None) == job_id


async def test_job_has_no_file_before_its_end(tmp_path: Path) -> None:
    generator = with_renderer(tmp_path, lambda _job: None)
    job_id = await generator.submit(order(), "one")

    with pytest.raises(JobPending) as caught:
        await generator.result(job_id)
    assert caught.value.job_id == job_id


async def test_file_that_is_gone_is_told(tmp_path: Path, root: Path) -> None:
    generator = with_renderer(tmp_path, lambda job: work(job, on_locked=lambda: None))
    job_id = await generator.submit(order(), "one")
    (root / job_id / "result.mp4").unlink()

    with pytest.raises(JobFailed) as caught:
        await generator.result(job_id)
    assert "gone" in (caught.value.why or "")


async def test_discard_leaves_nothing_and_is_harmless_twice(generator: StoryboardGenerator, root: Path) -> None:
    job_id = await generator.submit(order(), "one")
    await ended(generator, job_id)

    await generator.discard(job_id)
    await generator.discard(job_id)

    assert {path.name for path in root.iterdir()} == {"partial", "locks"}
    assert list((root / "partial").iterdir()) == []
    assert await generator.find(order(), "one", None) is None
    with pytest.raises(JobFailed):
        await generator.status(job_id)


async def test_discard_stops_a_renderer_first(generator: StoryboardGenerator, root: Path) -> None:
    job_id = await generator.submit(order(SLOW), "one")
    pid = await renderer_pid(root, job_id)

    await generator.discard(job_id)

    assert not (root / job_id).exists()
    with anyio.fail_after(ENDS_WITHIN_S):
        while filesystem.is_alive(replace(filesystem.current_writer(), pid=pid, started="0")):
            await anyio.sleep(0.01)


async def test_folder_without_an_order_is_discarded_too(generator: StoryboardGenerator, root: Path) -> None:
    folder = root / f"sb-{'0' * 24}"
    filesystem.make_private_folder(folder)

    await generator.discard(folder.name)

    assert not folder.exists()


@pytest.mark.parametrize(
    "job_id", ["", "sb-", "../../etc", "sb-" + "0" * 24, "sb-" + "A" * 24, "sb-" + "0" * 23 + "\n"]
)
async def test_foreign_ids_never_become_paths(generator: StoryboardGenerator, job_id: str) -> None:
    for ask in (generator.status, generator.cancel, generator.result):
        with pytest.raises(JobFailed) as caught:
            await ask(job_id)
        assert caught.value.job_id == job_id
    await generator.discard(job_id)


async def test_what_cannot_be_made_leaves_no_folder(generator: StoryboardGenerator, root: Path) -> None:
    for request in (replace(QUICK, duration_s=61.0), replace(QUICK, parameters={"width": 65})):
        with pytest.raises(JobFailed):
            await generator.submit(order(request), "one")

    assert not root.exists()


async def test_no_room_leaves_no_half_job(tmp_path: Path, root: Path) -> None:
    def full(job: Job) -> None:
        raise filesystem.storage_error(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), job.folder)

    with pytest.raises(StorageFull):
        await with_renderer(tmp_path, full).submit(order(), "one")

    assert list(root.glob("sb-*")) == []
    assert list((root / "partial").iterdir()) == []


async def test_place_that_is_no_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")

    with pytest.raises(CacheError) as caught:
        await with_renderer(tmp_path, launch).submit(order(), "one")
    assert str(tmp_path / "data") in caught.value.what + (caught.value.why or "")


async def test_no_process_leaves_no_job(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    generator = with_renderer(tmp_path, launch)

    with pytest.raises(ServiceError) as caught:
        await generator.submit(order(), "one")

    assert caught.value.why == os.strerror(errno.ENOENT)
    assert list(root.glob("sb-*")) == []


async def test_trouble_with_an_older_job_keeps_it(tmp_path: Path, root: Path) -> None:
    def refuse(job: Job) -> None:
        raise ServiceError(f"no process for {job.folder.name}")

    await with_renderer(tmp_path, lambda _job: None).submit(order(), "one")
    with pytest.raises(ServiceError):
        await with_renderer(tmp_path, refuse).submit(order(), "one")

    assert len(list(root.glob("sb-*"))) == 1


async def test_drafts_of_killed_askers_are_swept(tmp_path: Path, root: Path) -> None:
    living = filesystem.current_writer()
    drafts = root / "partial"
    filesystem.make_private_folder(drafts)
    for name in (f"{living.pid}-1-{living.host}-{living.boot}.dead", f"{living.token}.living", "unknown"):
        (drafts / name).mkdir()

    await with_renderer(tmp_path, lambda _job: None).submit(order(), "one")

    assert sorted(path.name for path in drafts.iterdir()) == sorted([f"{living.token}.living", "unknown"])


async def test_name_taken_by_something_else_is_told(tmp_path: Path, root: Path) -> None:
    generator = with_renderer(tmp_path, lambda _job: None)
    job_id = await generator.submit(order(), "one")
    await generator.discard(job_id)
    (root / job_id).mkdir()
    (root / job_id / "something").write_text("in the way")

    with pytest.raises(CacheError):
        await generator.submit(order(), "one")
    assert list((root / "partial").iterdir()) == []


async def test_other_starter_is_left_to_it(tmp_path: Path, root: Path) -> None:
    started: list[Job] = []
    generator = with_renderer(tmp_path, started.append)
    job_id = await generator.submit(order(), "one")

    with locks.try_hold(Job(root / job_id).starter_lock):
        assert (await generator.status(job_id)).state is JobState.QUEUED
    assert len(started) == 1


async def test_job_that_moved_on_meanwhile_gets_no_second_renderer(tmp_path: Path, root: Path) -> None:
    generator = with_renderer(tmp_path, lambda _job: None)
    job = Job(root / await generator.submit(order(), "one"))
    assert generator._needs_renderer(job)

    with locks.try_hold(job.renderer_lock):
        assert not generator._needs_renderer(job)
    work(job, on_locked=lambda: None)
    assert not generator._needs_renderer(job)


async def test_removing_what_another_removed_is_harmless(tmp_path: Path, root: Path) -> None:
    generator = with_renderer(tmp_path, lambda _job: None)
    job_id = await generator.submit(order(), "one")

    generator._removed(root / job_id)
    generator._removed(root / job_id)

    assert not (root / job_id).exists()


async def test_busy_machine_is_not_waited_for_without_end(tmp_path: Path, root: Path) -> None:
    generator = with_renderer(tmp_path, lambda job: launch(job, ready_within_s=0.0))

    job_id = await generator.submit(order(), "one")

    assert await generator.find(order(), "one", None) == job_id
    await StoryboardGenerator(GeneratorContext(tmp_path / "data", SystemClock())).discard(job_id)
    assert not (root / job_id).exists()


async def test_renderer_is_found_where_the_asker_was_found(tmp_path: Path, root: Path) -> None:
    source = Path(locks.__file__).parent
    archive = tmp_path / "assetctl.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        for path in source.rglob("*.py"):
            zipped.write(path, Path("assetctl") / path.relative_to(source))
    # The installed package is taken off the way, so that only the archive is left to import from.
    only_archive = (
        f"import sys; sys.path[:] = [{str(archive)!r}, *(p for p in sys.path if p != {str(source.parent)!r})]"
    )
    ends = ASKER.replace("    await anyio.sleep(600)\n", "").replace(
        "anyio.run", "import assetctl\nassert '.zip' in assetctl.__file__\nanyio.run"
    )

    said = subprocess.run(
        [sys.executable, "-c", f"{only_archive}\n{ends}", str(tmp_path / "data")],
        capture_output=True,
        # A temporary archive has no place in a report on coverage.
        env={name: value for name, value in os.environ.items() if not name.startswith("COV")},
        text=True,
        timeout=ENDS_WITHIN_S,
        check=True,
    )

    generator = StoryboardGenerator(GeneratorContext(tmp_path / "data", SystemClock()))
    job_id = said.stdout.strip()
    assert (await ended(generator, job_id)).state is JobState.SUCCEEDED
    assert Job(root / job_id).starts() == 1


ASKER = """
import sys, anyio
from pathlib import Path
from assetctl.clock import SystemClock
from assetctl.generation.base import GenerationOrder
from assetctl.generation.registry import GeneratorContext
from assetctl.generation.storyboard.generator import StoryboardGenerator
from assetctl.models import AssetRequest

async def main():
    generator = StoryboardGenerator(GeneratorContext(Path(sys.argv[1]), SystemClock()))
    parameters = {"width": 256, "height": 144, "fps": 60}
    request = AssetRequest(scene_id="a", duration_s=60.0, parameters=parameters)
    print(await generator.submit(GenerationOrder("the-key", request), "one"), flush=True)
    await anyio.sleep(600)

anyio.run(main)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_job_outlives_its_asker(
    generator: StoryboardGenerator, tmp_path: Path, root: Path, number: signal.Signals
) -> None:
    asker = subprocess.Popen(
        [sys.executable, "-c", ASKER, str(tmp_path / "data")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    with asker:
        assert asker.stdout is not None
        job_id = asker.stdout.readline().strip()
        pid = await renderer_pid(root, job_id)
        # It must not end by itself before its asker is gone.
        os.kill(pid, signal.SIGSTOP)
        # To the whole group, as a terminal does it.
        os.killpg(asker.pid, number)
        asker.wait(ENDS_WITHIN_S)

    assert filesystem.is_alive(replace(filesystem.current_writer(), pid=pid, started="0"))
    os.kill(pid, signal.SIGCONT)
    assert (await ended(generator, job_id)).state is JobState.SUCCEEDED
    assert Job(root / job_id).starts() == 1


async def test_submitting_does_not_block_the_loop(tmp_path: Path) -> None:
    is_starting, may_start = threading.Event(), threading.Event()
    waited: list[bool] = []

    def start(_job: Job) -> None:
        is_starting.set()
        waited.append(may_start.wait(60))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(with_renderer(tmp_path, start).submit, order(), "one")
        while not is_starting.is_set():
            await anyio.sleep(0.005)
        may_start.set()
    assert waited == [True]


async def test_submitting_does_not_wait_for_the_render(generator: StoryboardGenerator) -> None:
    job_id = await generator.submit(order(SLOW), "one")
    assert not (await generator.status(job_id)).is_final


async def test_renderer_has_nothing_of_its_askers_but_the_log(generator: StoryboardGenerator, root: Path) -> None:
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("needs /proc")
    job_id = await generator.submit(order(SLOW), "one")
    pid = await renderer_pid(root, job_id)

    opened = {str(Path(f"/proc/{pid}/fd/{number}").readlink()) for number in range(3)}
    assert opened == {"/dev/null", str(root / job_id / "renderer.log")}
    assert os.getsid(pid) != os.getsid(0)
    assert os.getpriority(os.PRIO_PROCESS, pid) > os.getpriority(os.PRIO_PROCESS, 0)
    assert Path(f"/proc/{pid}/cwd").readlink() == root


async def test_job_that_is_collected_after_the_look_at_its_folder_is_gone_and_stays_gone(
    generator: StoryboardGenerator, root: Path
) -> None:
    job_id = await generator.submit(order(), "one")
    await ended(generator, job_id)
    seen = Job(root / job_id)
    await generator.discard(job_id)

    for look in (generator._status, generator._cancelled):
        with pytest.raises(JobFailed, match="no storyboard job"):
            look(seen)

    assert not seen.folder.exists()
