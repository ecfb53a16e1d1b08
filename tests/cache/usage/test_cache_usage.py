"""The usage log: every answer counted once, whatever is killed, torn, full or folded meanwhile."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from cache_samples import NOW, StillClock

from assetctl import locks
from assetctl.cache.usage import usage_log
from assetctl.cache.usage.usage_log import UsageLog, fold, read
from assetctl.errors import CacheError
from assetctl.events import AssetFetched, AssetGenerated, AssetRequested, PlaceholderServed
from assetctl.models import Asset, AssetRequest, AssetType, Cost, MediaInfo, Origin, Source

DOLLAR = Cost(Decimal("0.40"), "USD")


def asset(source: Source = Source.CACHED, *, took_ms: int | None = 2000, cost: Cost | None = DOLLAR) -> Asset:
    return Asset(
        asset_id="a",
        path=Path("/nowhere"),
        asset_type=AssetType.VIDEO,
        source=source,
        origin=Origin("generator:pixsim"),
        sha256="0" * 64,
        size_bytes=100,
        media=MediaInfo("video/mp4"),
        generation_time_ms=took_ms,
        cost=cost,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "usage"


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def log(folder: Path, clock: StillClock, told: list[str]) -> UsageLog:
    return UsageLog(folder, run_id="run-1", clock=clock, tell=told.append)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("fold.lock"))


def test_nothing_recorded_is_an_empty_report(folder: Path):
    report = read(folder, NOW)
    assert (report.run_id, report.ever.requests, report.ever.hit_rate) == (None, 0, None)
    assert not folder.exists()


def test_each_answer_is_counted_by_how_it_came(log: UsageLog, folder: Path):
    log(AssetRequested("k", AssetRequest()))
    log(AssetFetched("k", asset(), Source.CACHED))
    log(AssetFetched("k", asset(Source.PRE_MADE), Source.PRE_MADE))
    log(AssetGenerated("k", asset(Source.GENERATED)))
    log(PlaceholderServed("k", asset(Source.PLACEHOLDER)))
    report = read(folder, NOW)
    for period in (report.run, report.today, report.recent, report.ever):
        assert (period.requests, period.hits.requests, period.hit_rate) == (4, 1, 0.25)
        assert {source for source, _ in period.misses} == {Source.PRE_MADE, Source.GENERATED, Source.PLACEHOLDER}


def test_files_are_private_whatever_the_umask(log: UsageLog, folder: Path):
    before = os.umask(0)
    try:
        log.record(asset())
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.iterdir())


def test_periods_are_days_of_utc(log: UsageLog, folder: Path, clock: StillClock):
    for days in (40, 29, 1, 0):
        clock.moment = NOW - timedelta(days=days)
        log.record(asset())
    report = read(folder, NOW)
    assert (report.today.requests, report.recent.requests, report.ever.requests) == (1, 3, 4)


def test_run_is_the_one_asked_for_or_the_last(folder: Path, clock: StillClock, told: list[str]):
    for run_id, count in (("a", 3), ("b", 2), ("a", 1)):
        for _ in range(count):
            UsageLog(folder, run_id=run_id, clock=clock, tell=told.append).record(asset())
    for run_id, chosen, requests in (("b", "b", 2), (None, "a", 4), ("unknown", "a", 4)):
        report = read(folder, NOW, run_id=run_id)
        assert (report.run_id, report.run.requests) == (chosen, requests)


@pytest.mark.parametrize(
    "torn",
    [
        b'\n["run-1","cached","gen',
        b"\x00\xff\x00",
        b"[" * 100_000,
        b'["r","cached","p",1,2,3]',
        b'["r","heaven","p",1,2,null,null]\n',
        b'["r","cached","p",-1,2,null,null]\n',
        b'["r","cached","p",1,true,null,null]\n',
        b'["r","cached","p",1,2,"1e999999","USD"]\n',
        b'["r","cached","p",1,2,"NaN","USD"]\n',
        b'["r","cached","p",1,2,"x","USD"]\n',
        b'["r","cached","p",1,2,0.4,"USD"]\n',
        b'["r","cached","p",1,2,"1",null]\n',
        b'[7,"cached","p",1,2,null,null]\n',
        b'["r","cached",7,1,2,null,null]\n',
        b"{}",
        b"7",
    ],
)
def test_torn_or_foreign_line_costs_only_itself(log: UsageLog, folder: Path, torn: bytes):
    log.record(asset())
    (file,) = folder.glob("*.jsonl")
    with file.open("ab") as appended:
        appended.write(torn)
    log.record(asset())
    assert read(folder, NOW).ever.requests == 2


def test_days_gone_by_become_sums_with_the_first_answer_of_a_day(log: UsageLog, folder: Path, clock: StillClock):
    for days in range(5):
        clock.moment = NOW + timedelta(days=days)
        log.record(asset())
        log.record(asset(Source.GENERATED))
    assert names(folder) == ["2026-03-04.jsonl", "2026-03-05.jsonl", "sums.json"]
    report = read(folder, clock.moment)
    assert (report.ever.requests, report.today.requests, report.ever.hits.requests) == (10, 2, 5)
    assert report.ever.hits.money == {"USD": Decimal("2.00")}


def test_busy_day_does_not_grow_without_limit(folder: Path, clock: StillClock, told: list[str]):
    log = UsageLog(folder, run_id="run-1", clock=clock, tell=told.append, fold_above_bytes=2_000)
    for _ in range(200):
        log.record(asset())
    assert sum(path.stat().st_size for path in folder.iterdir()) < 4_000
    report = read(folder, NOW)
    assert (report.today.requests, report.run.requests, report.run_id) == (200, 200, "run-1")


def test_old_days_become_one_sum(log: UsageLog, folder: Path, clock: StillClock):
    for days in range(0, 60, 3):
        clock.moment = NOW + timedelta(days=days)
        log.record(asset())
    clock.moment = NOW + timedelta(days=usage_log.KEPT_DAYS + 30)
    log.record(asset())
    clock.moment += timedelta(days=5)
    log.record(asset())
    document = json.loads((folder / "sums.json").read_bytes())
    assert "earlier" in document["days"]
    assert len(document["days"]) < 20
    assert read(folder, clock.moment).ever.requests == 22


def test_clock_that_went_back_loses_nothing(log: UsageLog, folder: Path, clock: StillClock):
    for days in (0, -400, 0, 400, 3):
        clock.moment = NOW + timedelta(days=days)
        log.record(asset())
    fold(folder, NOW + timedelta(days=500), everything=True)
    log.record(asset())
    assert read(folder, NOW).ever.requests == 6


def kill_points(folder: Path, clock: StillClock) -> int:
    seen: list[str] = []
    _write_and_fold(folder, clock, lambda change, path: seen.append(f"{change} {path}"))
    return len(seen)


def _write_and_fold(folder: Path, clock: StillClock, step) -> None:
    clock.moment = NOW
    log = UsageLog(folder, run_id="r", clock=clock, tell=lambda _: None)
    for _ in range(3):
        log.record(asset())
    clock.moment = NOW + timedelta(days=9)
    fold(folder, clock.moment, everything=True, step=step)


class Died(BaseException):
    """The process ended here."""


def test_fold_that_is_killed_anywhere_counts_all_once(tmp_path: Path, clock: StillClock):
    points = kill_points(tmp_path / "dry", clock)
    assert points >= 5
    for point in range(1, points + 1):
        folder, left = tmp_path / str(point), iter(range(point, -1, -1))

        def die(change: str, path: Path, left=left) -> None:  # noqa: ARG001 - a step
            if next(left) == 1:
                raise Died

        with pytest.raises(Died):
            _write_and_fold(folder, clock, die)
        assert read(folder, clock.moment).ever.requests == 3, f"killed at {point}"
        fold(folder, clock.moment, everything=True)
        assert read(folder, clock.moment).ever.requests == 3, f"folded after a kill at {point}"
        assert [name for name in names(folder) if name != "sums.json"] in ([], ["2026-03-01.jsonl"])


def test_fold_leaves_it_to_another_that_is_at_it(log: UsageLog, folder: Path, clock: StillClock):
    log.record(asset())
    with locks.held(folder / "fold.lock", limit_s=1):
        fold(folder, clock.moment + timedelta(days=9), everything=True)
        assert "2026-03-01.jsonl" in names(folder)


def test_half_written_sums_of_a_dead_fold_are_removed(log: UsageLog, folder: Path):
    log.record(asset())
    (folder / "1-1-00000000-00000000.00.json").write_text("{", encoding="ascii")
    fold(folder, NOW, everything=True)
    assert names(folder) == ["sums.json"]


def sums_of(days: object = (), folded: object = ()) -> str:
    return json.dumps({"schema": usage_log.USAGE_SCHEMA, "days": days, "runs": [], "folded": folded})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "[" * 100_000,
        '{"schema":"other/1"}',
        sums_of(),
        sums_of({"d": 7}),
        sums_of({"d": [7]}),
        sums_of({"d": [{"provider": "p", "money": {}, "requests": -1}]}),
        sums_of({}, folded=[7]),
    ],
)
def test_damaged_sums_cost_the_past_and_not_the_present(log: UsageLog, folder: Path, text: str):
    log.record(asset())
    (folder / "sums.json").write_text(text, encoding="ascii")
    assert read(folder, NOW).ever.requests == 1
    fold(folder, NOW, everything=True)
    assert read(folder, NOW).ever.requests == 1


def test_sums_name_no_file_outside(log: UsageLog, folder: Path, tmp_path: Path):
    log.record(asset())
    outside = tmp_path / "kept"
    outside.write_text("x", encoding="ascii")
    document = {
        "schema": usage_log.USAGE_SCHEMA,
        "days": {},
        "runs": [],
        "folded": ["../kept", "2026-01-01./../kept.folding"],
    }
    (folder / "sums.json").write_text(json.dumps(document), encoding="ascii")
    fold(folder, NOW, everything=True)
    assert outside.exists()


@pytest.mark.parametrize("number", [28, 30, 13])
def test_trouble_is_told_once_and_stops_nothing(folder: Path, clock: StillClock, told: list[str], number: int):
    def refuse(change: str, path: Path) -> None:
        if change == "append":
            raise OSError(number, os.strerror(number), str(path))

    log = UsageLog(folder, run_id="r", clock=clock, tell=told.append, step=refuse)
    log.record(asset())
    log.record(asset())
    assert len(told) == 1
    assert told[0].startswith("hit statistics are not kept: ")
    assert os.strerror(number)[:9].lower() in told[0].lower() or "read-only" in told[0]


def test_folder_that_is_a_link_is_not_used(folder: Path, tmp_path: Path, log: UsageLog, told: list[str]):
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    folder.symlink_to(tmp_path / "elsewhere")
    log.record(asset())
    assert len(told) == 1
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in the file system")
def test_planted_link_or_pipe_is_neither_written_nor_waited_for(
    log: UsageLog, folder: Path, tmp_path: Path, told: list
):
    folder.mkdir(mode=0o700)
    os.mkfifo(folder / "2026-03-01.jsonl")
    # Without a reader it cannot be opened, with one it is no file.
    log.record(asset())
    reader = os.open(folder / "2026-03-01.jsonl", os.O_RDONLY | os.O_NONBLOCK)
    log.record(asset())
    assert os.read(reader, 100) == b""
    os.close(reader)
    (folder / "2026-03-01.jsonl").unlink()
    (folder / "2026-03-01.jsonl").symlink_to(tmp_path / "target")
    log.record(asset())
    assert len(told) == 1
    assert not (tmp_path / "target").exists()
    with pytest.raises(CacheError):
        read(folder, NOW)


def test_unknown_time_and_money_stay_unknown(log: UsageLog, folder: Path):
    log.record(asset(took_ms=None, cost=None))
    log.record(asset(took_ms=0, cost=Cost(Decimal(3), "EUR")))
    hits = read(folder, NOW).ever.hits
    assert (hits.requests, hits.timed, hits.time_ms, hits.priced, hits.money) == (2, 1, 0, 1, {"EUR": Decimal(3)})


PROGRAM = """
import sys
from pathlib import Path
sys.path[:0] = {folders!r}
from cache_samples import StillClock
from test_cache_usage import asset
from assetctl.cache.usage.usage_log import UsageLog
log = UsageLog(Path(sys.argv[1]), run_id=sys.argv[2], clock=StillClock(), tell=print, fold_above_bytes=10**9)
for number in range(int(sys.argv[3])):
    log.record(asset())
    if number == 10:
        print("begun", flush=True)
"""


def writer(folder: Path, name: str, count: int) -> subprocess.Popen[str]:
    program = PROGRAM.format(folders=[str(folder) for folder in Path(__file__).parents[:2]])
    words = [sys.executable, "-c", program, str(folder), name, str(count)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def test_two_processes_at_once_lose_no_line(folder: Path):
    processes = [writer(folder, name, 300) for name in ("a", "b")]
    assert [process.communicate(timeout=240)[0] for process in processes] == ["begun\n", "begun\n"]
    assert read(folder, NOW).ever.requests == 600


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="nothing kills like that")
def test_killed_process_leaves_what_it_had_counted(folder: Path):
    process = writer(folder, "a", 10_000_000)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    process.kill()
    process.communicate(timeout=240)
    before = read(folder, NOW).ever.requests
    assert before >= 11
    assert writer(folder, "b", 11).communicate(timeout=240)[0] == "begun\n"
    assert read(folder, NOW).ever.requests == before + 11
