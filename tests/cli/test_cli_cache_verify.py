"""`assetctl cache verify`: what it says, what it mends, and how it ends."""

from __future__ import annotations

import io
import json
import os
import signal
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from cli_harness import write_sound

from assetctl.cache.entries import EntryDraft
from assetctl.cache.store import AssetCache
from assetctl.cache.verification.findings import Problem, VerifyReport
from assetctl.cli.commands.cache.verify import _print
from assetctl.cli.output import Printer
from assetctl.cli.progress.bar import ProgressBar
from assetctl.cli.progress.labels import verify_label
from assetctl.cli.progress.lines import Lines
from assetctl.cli.progress.showing import LazyBar
from assetctl.clock import SystemClock
from assetctl.errors import CacheError, JobError, LibraryError, StorageFull
from assetctl.events import VerifyProgressed
from assetctl.filesystem import write_new
from assetctl.generation.base import GeneratedFile
from assetctl.models import AssetRequest, AssetType, MediaInfo, Origin, Source
from assetctl.providers.restoring import Originals

if TYPE_CHECKING:
    from cli_harness import Ran, Tool

    from assetctl.transfer import RemoteFile


def asked(tool: Tool, generator: str = "instant", scene: str = "park") -> dict[str, Any]:
    words = ("request", "--scene", scene, "--type", "audio", "--generator", generator, "--json")
    return tool(*words).document


def from_library(tool: Tool) -> tuple[dict[str, Any], Path]:
    original = tool.put_sound("hall.wav")
    return tool("request", "--scene", "hall", "--type", "audio", "--json").document, original


def spoil(document: dict[str, Any]) -> None:
    path = Path(document["path"])
    path.chmod(0o600)
    with path.open("r+b") as file:
        file.seek(60)
        file.write(b"spoilt")
    path.chmod(0o400)


def verify(tool: Tool, *words: str) -> Ran:
    return tool("cache", "verify", *words)


def test_a_sound_cache_is_one_line_and_code_0(tool: Tool) -> None:
    asked(tool)
    ran = verify(tool)
    assert (ran.code, ran.out) == (0, "")
    assert ran.err.startswith("verified 1 entry, 4.04 kB at ")
    assert ran.err.endswith("; all sound\n")
    assert verify(tool, "-q") == verify(tool, "--quiet", "--repair")
    assert verify(tool, "-q").err == ""


def test_nothing_cached_is_sound(tool: Tool) -> None:
    ran = verify(tool, "--json")
    assert (ran.code, ran.document["complete"], ran.document["bytes_per_s"]) == (0, True, None)


def test_damage_is_told_and_left_with_code_8(tool: Tool) -> None:
    document = asked(tool)
    spoil(document)
    for _ in range(2):
        ran = verify(tool)
        assert ran.code == 8
        assert "1 damaged" in ran.err
        assert "next: assetctl cache verify --repair" in ran.err
        assert document["key"][:12] in ran.out
        assert "park" in ran.out
    assert verify(tool, "-q").out.split() == [document["key"]]


def test_the_document_says_it_all(tool: Tool) -> None:
    document = asked(tool)
    spoil(document)
    ran = verify(tool, "--json")
    told = ran.document
    assert (ran.code, ran.error["code"], ran.error["exit_code"]) == (8, "integrity", 8)
    assert (told["schema"], told["complete"], told["repair"]) == ("assetctl.verify/1", True, False)
    assert told["problems"] == {"damaged": {"found": 1, "repaired": 0}}
    (finding,) = told["findings"]
    assert finding["key"] == document["key"]
    assert (finding["problem"], finding["resolved"], finding["scene_id"]) == ("damaged", False, "park")
    assert (told["entries"], told["total_entries"], told["unresolved"], told["noted"]) == (0, 1, 1, True)


def test_what_the_library_has_unchanged_is_mended(tool: Tool) -> None:
    document, original = from_library(tool)
    spoil(document)
    ran = verify(tool, "--repair")
    assert ran.code == 0
    assert "1 damaged (repaired)" in ran.err
    assert "had again from its library" in ran.out
    assert Path(document["path"]).read_bytes() == original.read_bytes()
    assert verify(tool).code == 0


@pytest.mark.parametrize("gone", [True, False])
def test_a_library_file_that_changed_or_went_is_no_repair(tool: Tool, gone: bool) -> None:  # noqa: FBT001 - two cases
    document, original = from_library(tool)
    spoil(document)
    original.unlink()
    if not gone:
        write_sound(original)
    ran = verify(tool, "--repair")
    assert ran.code == 8
    assert ("gone from its library" if gone else "other bytes") in ran.out
    # What cost nothing is no fault once it is put away: whoever asks again gets what there is then.
    assert verify(tool).code == 0


def test_what_was_paid_for_is_had_again_through_its_job_and_not_bought(tool: Tool) -> None:
    document = asked(tool, "paid")
    spoil(document)
    ran = verify(tool, "--repair")
    assert (ran.code, len(tool.calls("submit"))) == (0, 1)
    assert "had again from its job" in ran.out
    assert asked(tool, "paid")["source"] == "cached"


def test_what_was_paid_for_and_is_gone_everywhere_stays_a_fault(tool: Tool) -> None:
    spoil(asked(tool, "lost"))
    for words in (("--repair",), (), ("--repair",)):
        ran = verify(tool, *words)
        assert ran.code == 8
    assert "1 lost before" in ran.err
    assert "never bought again by itself" in ran.err
    assert len(tool.calls("submit")) == 1


def test_offline_nobody_far_away_is_asked(tool: Tool) -> None:
    spoil(asked(tool, "remote"))
    ran = verify(tool, "--repair", "--offline")
    assert ran.code == 8
    assert "not asked offline" in ran.out
    assert tool.calls("result") == ["result"]


def test_strays_never_fail(tool: Tool) -> None:
    document = asked(tool)
    path = tool.data / "cache" / "v1" / "blobs" / "notes"
    path.write_bytes(b"")
    ran = verify(tool)
    assert ran.code == 0
    assert "1 orphan" in ran.err
    assert document["key"] not in verify(tool, "-q").out


def test_only_what_a_filter_chooses_is_verified(tool: Tool) -> None:
    spoil(asked(tool, scene="park"))
    sound = asked(tool, scene="lake")
    assert verify(tool, "--scene", "lake").code == 0
    assert verify(tool, sound["key"][:12]).code == 0
    assert verify(tool, "--scene", "park").code == 8


def test_a_budget_that_is_up_says_how_far_it_came(tool: Tool) -> None:
    for scene in ("park", "lake", "hall"):
        asked(tool, scene=scene)
    ran = verify(tool, "--budget", "0s")
    assert ran.code == 0
    assert "the time was up with 3 entries of 3 left; the next run goes on there" in ran.err
    assert verify(tool, "--budget", "1h", "--json").document["complete"] is True


@pytest.mark.parametrize("words", [("--budget", "-3s"), ("--budget", "soon"), ("--filter", "sise>3"), ("not-hex",)])
def test_what_makes_no_sense_is_wrong_usage(tool: Tool, words: tuple[str, ...]) -> None:
    ran = verify(tool, *words, "--json")
    assert (ran.code, ran.out) == (2, "")
    assert ran.error["message"]


def test_names_in_the_cache_cannot_steer_the_terminal(tool: Tool) -> None:
    anyio.run(put_film, tool.data / "cache", "\x1b[2J[red]park").unlink()
    ran = verify(tool)
    assert ran.code == 8
    assert "\x1b" not in ran.out + ran.err
    assert "[red]park" in ran.out


@pytest.mark.skipif(os.name == "nt", reason="SIGINT goes to a process group there")
def test_an_interruption_keeps_what_was_verified(tool: Tool) -> None:
    asked(tool)
    enlarge(tool, anyio.run(put_film, tool.data / "cache", "large"), 40 << 30)
    process = tool.spawn("cache", "verify", "--progress", "json")
    assert process.stderr is not None
    told = {"entries": 0}
    while told["entries"] == 0:
        told = json.loads(process.stderr.readline())
        assert told["event"] == "VerifyProgressed"
    process.send_signal(signal.SIGINT)
    ran = tool.finish(process)
    assert (ran.code, ran.out) == (130, "")
    assert "stopped early: verified 1 entry" in ran.err
    with closing(sqlite3.connect(tool.data / "cache" / "v1" / "index.sqlite3")) as index:
        first, last = index.execute("SELECT verified_ms FROM entries ORDER BY verified_ms").fetchall()
        assert last[0] > first[0]
        assert index.execute("SELECT scene_id FROM entries WHERE verified_ms = ?", last).fetchall() == [("park",)]


async def put_film(root: Path, scene_id: str) -> Path:
    facts = entry(key="a" * 64, request=AssetRequest(scene_id=scene_id), library="folder", source=Source.PRE_MADE)
    async with AssetCache(root, clock=SystemClock()) as cache, cache.partial(".mp4") as partial:
        await anyio.Path(partial).write_bytes(b"film")
        path = await cache.verified(await cache.store(partial, facts))
        assert path is not None
        return path


def enlarge(tool: Tool, path: Path, size_bytes: int) -> None:
    """The blob at `path` is said to be this long, and is; most of it takes no room on the disk."""
    path.chmod(0o600)
    os.truncate(path, size_bytes)
    path.chmod(0o400)
    with closing(sqlite3.connect(tool.data / "cache" / "v1" / "index.sqlite3")) as index, index:
        (row_id,) = index.execute("SELECT id FROM entries WHERE blob = ?", (path.name,)).fetchone()
        index.execute(
            "UPDATE entries SET size_bytes = ?, verified_ms = verified_ms + 1 WHERE id = ?", (size_bytes, row_id)
        )
        said = "json_set(document, '$.size_bytes', ?)"
        index.execute(f"UPDATE documents SET document = {said} WHERE id = ?", (size_bytes, row_id))


class Clock(SystemClock):
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.at_s = 100.0

    def elapsed_s(self) -> float:
        return self.at_s


def progressed(read_bytes: int, elapsed_s: float = 2.0) -> VerifyProgressed:
    return VerifyProgressed(None, 3, 1204, read_bytes, 18_200_000_000, elapsed_s)


def test_progress_has_a_rate_and_a_time_to_go() -> None:
    assert verify_label(progressed(0)) == "0 B of 18.2 GB"
    assert verify_label(progressed(2_200_000_000)) == "2.2 GB of 18.2 GB, 1.1 GB/s, 15s left"
    assert verify_label(progressed(20_000_000_000)).endswith("10 GB/s, 0s left")


def test_lines_come_at_most_each_ten_seconds() -> None:
    clock, heard = Clock(), []
    lines = Lines(heard.append, clock)
    for at_s in (100, 105, 109, 110, 115, 119, 121):
        clock.at_s = float(at_s)
        lines(progressed(2_200_000_000))
    assert heard == ["verifying: 2.2 GB of 18.2 GB, 1.1 GB/s, 15s left"] * 2


@dataclass
class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    columns: int = 80
    stderr: Any = field(init=False)

    def __post_init__(self) -> None:
        super().__init__()
        self.stderr = self

    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    stream = Terminal()
    bar = LazyBar(stream, Clock())  # type: ignore[arg-type]
    bar(progressed(2_200_000_000))
    bar.close()
    assert "2.2 GB of 18.2 GB, 1.1 GB/s, 15s left" in stream.getvalue()
    assert "12%" in stream.getvalue()


def test_a_bar_over_nothing_has_no_share() -> None:
    stream = Terminal()
    bar = ProgressBar(stream, clock=Clock())
    bar.show(VerifyProgressed(None, 0, 0, 0, 0, 0.0))
    bar.stop()
    assert "%" not in stream.getvalue()


# Where bytes are had again; with fakes, because no library or generator of ours is far away yet.


@dataclass
class FarLibrary:
    """A library over the network that writes what it has where it is told to."""

    has: bytes | None
    name: str = "far"
    needs_network: bool = True
    asked: int = 0

    async def get(self, asset_id: str) -> object | None:
        self.asked += 1
        return None if self.has is None else asset_id

    def open(self, asset: object, target: Path) -> Any:
        del asset
        library = self

        class Opened:
            async def __aenter__(self) -> Path:
                write_new(target, library.has or b"")
                return target

            async def __aexit__(self, *_: object) -> None:
                pass

        return Opened()


@dataclass
class FarGenerator:
    """A generator whose job has this file."""

    file: GeneratedFile
    name: str = "far"
    needs_network: bool = True

    async def result(self, job_id: str) -> GeneratedFile:
        assert job_id == "job-1"
        return self.file


def entry(**changes: object) -> Any:
    known = {
        "key": "a" * 64,
        "suffix": ".mp4",
        "asset_id": "x",
        "asset_type": AssetType.VIDEO,
        "request": AssetRequest(scene_id="park"),
        "origin": Origin("generator:far", created_at=datetime(2026, 1, 1, tzinfo=UTC), generator="far", job_id="job-1"),
        "source": Source.GENERATED,
        "media": MediaInfo("video/mp4"),
    }
    return EntryDraft(**(known | changes))


@pytest.mark.anyio
async def test_a_library_may_write_where_it_is_told_to(tmp_path: Path) -> None:
    library = FarLibrary(b"film")
    originals = Originals(libraries={"far": library}, generator=lambda _: pytest.fail("asked"))  # type: ignore[dict-item]
    assert await originals.fetch(entry(library="far"), tmp_path / "x") == "its library"
    assert (tmp_path / "x").read_bytes() == b"film"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("changes", "offline", "has", "why"),
    [
        ({"library": "other"}, False, b"film", "not in use"),
        ({"library": "far"}, True, b"film", "not asked offline"),
        ({"library": "far"}, False, None, "gone from its library"),
    ],
)
async def test_a_library_that_cannot_give_it_says_why(
    tmp_path: Path,
    changes: dict[str, str],
    offline: bool,  # noqa: FBT001 - cases
    has: bytes | None,
    why: str,
) -> None:
    library = FarLibrary(has)
    originals = Originals(libraries={"far": library}, generator=lambda _: pytest.fail("asked"), offline=offline)  # type: ignore[dict-item]
    with pytest.raises(LibraryError, match=why):
        await originals.fetch(entry(**changes), tmp_path / "x")
    assert library.asked == (has is None)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("file", "origin", "why"),
    [
        (GeneratedFile("x", url="https://far/x"), None, "could be fetched"),
        (GeneratedFile("x"), Origin("generator:far", generator="far"), "which job"),
        (None, None, "no file any more"),
    ],
)
async def test_a_job_that_cannot_give_it_says_why(
    tmp_path: Path, file: GeneratedFile | None, origin: Origin | None, why: str
) -> None:
    generator = FarGenerator(file or GeneratedFile("x", path=tmp_path / "gone.mp4"))
    originals = Originals(libraries={}, generator=lambda _: generator)  # type: ignore[arg-type,return-value]
    with pytest.raises(JobError, match=why):
        await originals.fetch(entry(**({} if origin is None else {"origin": origin})), tmp_path / "x")


@pytest.mark.anyio
async def test_what_a_job_has_at_a_web_address_is_downloaded(tmp_path: Path) -> None:
    async def download(file: RemoteFile, target: Path) -> None:
        assert (file.url, file.sha256) == ("https://far/x", None)  # whoever asked compares; it may be another one now
        write_new(target, b"fetched")

    generator = FarGenerator(GeneratedFile("x", url="https://far/x"))
    originals = Originals(libraries={}, generator=lambda _: generator, download=download)  # type: ignore[arg-type,return-value]
    assert await originals.fetch(entry(), tmp_path / "x") == "its job"
    assert (tmp_path / "x").read_bytes() == b"fetched"


@pytest.mark.anyio
@pytest.mark.parametrize("says", [True, False, CacheError("it cannot be reached")])
async def test_the_shared_folder_is_asked_first_and_its_trouble_costs_nothing(tmp_path: Path, says: object) -> None:
    def take(_: object, target: Path) -> bool:
        write_new(target, b"shared")
        if isinstance(says, CacheError):
            raise says
        return bool(says)

    library = FarLibrary(b"film")
    originals = Originals(libraries={"far": library}, generator=lambda _: pytest.fail("asked"), shared=take)  # type: ignore[dict-item]
    source = await originals.fetch(entry(library="far"), tmp_path / "x")
    expected = ("the shared folder", b"shared") if says is True else ("its library", b"film")
    assert (source, (tmp_path / "x").read_bytes()) == expected


@pytest.mark.anyio
async def test_a_full_disk_is_no_trouble_of_the_shared_folder(tmp_path: Path) -> None:
    def take(_: object, target: Path) -> bool:
        raise StorageFull(f"no room to write `{target}`")

    originals = Originals(libraries={}, generator=lambda _: pytest.fail("asked"), shared=take)
    with pytest.raises(StorageFull):
        await originals.fetch(entry(), tmp_path / "x")


def test_a_member_of_a_group_has_lost_bytes_again_from_the_others(tool: Tool) -> None:
    folder = tool.work / "team"
    folder.mkdir()
    folder.chmod(0o2770)
    shared = {"ASSETCTL_CACHE__SHARED": str(folder)}
    words = ("request", "--scene", "park", "--type", "audio", "--generator", "lost", "--json")
    Path(tool(*words, env=shared).document["path"]).unlink()
    ran = tool("cache", "verify", "--repair", env=shared)
    assert (ran.code, len(tool.calls("submit"))) == (0, 1)
    assert "had again from the shared folder" in ran.out


def test_what_was_not_noted_and_what_is_not_listed_is_told() -> None:
    report = VerifyReport(total_entries=4, entries=1, noted=False)
    report.found.update({Problem.MISSING: 3})
    report.repaired.update({Problem.MISSING: 1})
    stderr = io.StringIO()
    _print(report, Printer(stderr=stderr), repair=True)
    assert stderr.getvalue().splitlines() == [
        "verified 1 entry, 0 B; 3 missing (1 repaired)",
        "3 findings more, counted above and not listed",
        "the time was up with 3 entries of 4 left; the next run begins anew",
        "warning: the cache cannot be written to: what was verified is not remembered",
    ]
