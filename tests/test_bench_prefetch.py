"""The benchmark of chapters runs and prints what it says; how fast things are is no matter of tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[1] / "bench" / "prefetch.py"


@pytest.mark.skipif(os.name != "posix", reason="the memory of one child is known by wait4 alone")
def test_chapter_benchmark_prints_a_json_line_per_chapter_and_leaves_nothing(tmp_path: Path):
    result = subprocess.run(
        [sys.executable, str(BENCH), "plan", "--runs", "1", "--sizes", "50,200"],
        env=os.environ | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(line["chapter"], line["assets"]) for line in lines] == [
        ("answers, jsonl", 50),
        ("answers, csv", 50),
        ("stand-ins, jsonl", 50),
        ("answers, jsonl", 200),
        ("answers, csv", 200),
    ]
    assert all(line["seconds"] > 0 and line["rss_mb"] > 0 for line in lines)
    assert all(line["times_rss"] > 0 and line["times_us"] > 0 for line in lines[3:])
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("tmp")]


@pytest.mark.skipif(os.name != "posix", reason="as above")
def test_library_benchmark_prints_our_rate_beside_that_of_the_downloads(tmp_path: Path):
    result = subprocess.run(
        [sys.executable, str(BENCH), "library", "--runs", "1", "--assets", "12"],
        env=os.environ | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    (line,) = [json.loads(line) for line in result.stdout.splitlines()]
    assert (line["chapter"], line["assets"], line["runs"], line["target_times_reference"]) == ("library", 12, 1, 0.8)
    assert line["times_reference"] == pytest.approx(line["files_per_s"] / line["reference_files_per_s"], rel=0.01)
    # The file of each and some for all of them; no more than a look at each besides.
    assert 1 < line["requests_per_asset"] < 3
    assert line["cpu_ms_per_asset"] > 0
    assert line["rss_mb"] > 0
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("tmp")]
