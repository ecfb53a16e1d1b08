"""The benchmark of the cache runs and prints what it says; how fast things are is no matter of tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[1] / "bench" / "cache.py"
SMALL = ("--sizes", "100,400", "--files", "20", "--megabytes", "2")
JUDGED = {
    "lookup of 400",
    "ls --scene of 400",
    "stats of 400",
    "ls --sort size of 400",
    "prune decides, 1 % over",
    "prune decides, 10 % over",
    "clear",
    "clear --now",
    "store, one by one",
    "store, 8 at once",
    "store, 32 at once",
    "verify",
}


@pytest.mark.skipif(os.name != "posix", reason="the memory of one child is known by wait4 alone")
def test_cache_benchmark_prints_a_json_line_per_row_and_leaves_nothing(tmp_path: Path):
    result = subprocess.run(
        [sys.executable, str(BENCH), "--runs", "1", *SMALL],
        env=os.environ | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )

    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["made"] for line in lines if "made" in line] == [100, 400]
    rows = [line for line in lines if "row" in line]
    assert all(row["runs"] == 1 and row["median"] > 0 for row in rows)
    judged = [row for row in rows if "met" in row and not row["row"].startswith("peak memory")]
    assert {row["row"] for row in judged} == JUDGED
    assert all(row["rss_mb"] > 10 for row in judged)
    assert all(row["met"] is _is_met(row) for row in judged)
    # 20 entries have 18 blobs, and one that an entry beside them shares stays.
    assert all(row["median"] > 30 for row in rows if row["row"].endswith(": files"))
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("assetctl-bench-")]


def test_cache_benchmark_refuses_sizes_without_room_for_what_it_clears():
    result = subprocess.run(
        [sys.executable, str(BENCH), "--runs", "1", "--sizes", "100,200", "--files", "101"],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )

    assert (result.returncode, result.stdout) == (2, "")
    assert "all the files that are cleared" in result.stderr


def _is_met(row: dict[str, float]) -> bool:
    judged = row.get("ratio", row["median"])
    return judged <= row["at_most"] if "at_most" in row else judged >= row["at_least"]
