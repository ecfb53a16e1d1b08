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
        [sys.executable, str(BENCH), "--runs", "1", "--sizes", "50,200"],
        env=os.environ | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(line["chapter"], line["assets"]) for line in lines] == [
        ("answers", 50),
        ("stand-ins", 50),
        ("answers", 200),
    ]
    assert all(line["seconds"] > 0 and line["rss_mb"] > 0 for line in lines)
    assert lines[2]["times_rss"] > 0
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("tmp")]
