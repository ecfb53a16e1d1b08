"""T8: a crowd of processes on one cache: no operation fails, nothing confirmed is lost, nobody waits for long."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from torture_crew import CONTEXT, ended, start
from torture_promises import Losses, Promises, check_rebuilt
from torture_report import Report, scaled
from torture_shelf import Shelf
from torture_work import crowd

if TYPE_CHECKING:
    from pathlib import Path


def _percentile(times: list[float], share: float) -> float:
    return sorted(times)[min(int(len(times) * share), len(times) - 1)]


def _run(folder: Path, processes: int, rounds: int) -> tuple[list[float], list[str], Losses]:
    root, together = folder / "cache", CONTEXT.Barrier(processes)
    logs = [folder / f"log{me}" for me in range(processes)]
    crew = [start(crowd, root, log, me, rounds, together) for me, log in enumerate(logs)]
    failed = [f"exit code {code}" for code in map(ended, crew) if code]
    told = [json.loads(log.with_suffix(".json").read_text(encoding="utf-8")) for log in logs if not failed]
    times = [seconds for one in told for seconds in one["times"]]
    failed += [problem for one in told for problem in one["failed"]]
    promises, losses = Promises(), Losses()
    for log in logs:
        promises.read(log)
    with Shelf(root) as shelf:
        losses += promises.check(shelf)
    return times, failed, losses


@pytest.mark.parametrize("processes", [8, 32])
@scaled("rounds", quick=4, long=15)
def test_a_crowd_of_processes_fails_nowhere(tmp_path: Path, quick_folder: Path, processes: int, rounds: int):
    # In memory when it is quick: what is tried is how they meet, not the disk.
    base = quick_folder if rounds < 10 else tmp_path
    for number in range(3):
        folder = base / f"run{number}"
        folder.mkdir()
        with Report("T8") as report:
            times, failed, losses = _run(folder, processes, rounds)
            report.tell(processes=processes, run=number, operations=len(times))
            report.tell(p50_s=round(_percentile(times, 0.5), 3), p99_s=round(_percentile(times, 0.99), 3))
            report.all_zero(failed=failed, torn=losses.torn, confirmed_lost=losses.lost)
            assert len(times) >= processes * rounds * 4


def test_a_rebuilt_index_knows_what_a_crowd_stored(quick_folder: Path):
    with Report("T8") as report:
        _, failed, losses = _run(quick_folder, 8, 3)
        promises = Promises()
        for me in range(8):
            promises.read(quick_folder / f"log{me}")
        losses += check_rebuilt(promises, quick_folder / "cache")
        report.tell(processes=8, rebuilt=True)
        report.all_zero(failed=failed, torn=losses.torn, confirmed_lost=losses.lost)
