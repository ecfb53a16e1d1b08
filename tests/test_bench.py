"""The benchmark runs and prints what it says; how fast things are is no matter of tests."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).parents[1] / "bench" / "request.py"
PROGRAMS = ["python -c pass", "bare typer", "version", "warm hit", "cold render"]


def test_benchmark_prints_a_json_line_per_program():
    result = subprocess.run(
        [sys.executable, str(BENCH), "--runs", "1"], capture_output=True, text=True, timeout=240, check=True
    )

    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["program"] for line in lines] == PROGRAMS
    assert all(line["runs"] == 1 and line["median_ms"] > 0 for line in lines)
    assert lines[0]["times_python"] == lines[1]["times_typer"] == 1.0
    assert [line["program"] for line in lines if "target_times_typer" in line] == ["warm hit"]
