"""The benchmark of downloads runs and prints what it says; how fast things are is no matter of tests."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[1] / "bench" / "backend.py"
WAYS = ["curl", "curl, synced", "aria2c", "httpx as it comes", "assetctl, verified", "assetctl, verified and stored"]


@pytest.mark.skipif(sys.platform == "win32", reason="it waits for processes as POSIX does")
@pytest.mark.parametrize("server", [(), ("--look-alike",)])
def test_benchmark_prints_a_json_line_per_load_and_way(server: tuple[str, ...]):
    command = [sys.executable, str(BENCH), "download", "--runs", "1", "--large", "2", "--small", "5", *server]
    result = subprocess.run(command, capture_output=True, text=True, timeout=240, check=True)

    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(line["load"], line["way"]) for line in lines] == [
        (load, way) for load in ("large", "small") for way in WAYS
    ]
    for line in lines:
        if shutil.which(line["way"].split(",")[0]) or "assetctl" in line["way"] or "httpx" in line["way"]:
            assert line["seconds"] > 0
            assert line["mb_per_s"] > 0
        else:
            assert line["missing"] == "it is not installed"
    assert [line["targets"] for line in lines if "targets" in line] == [{"curl": 0.6}, {"aria2c": 1.0}]
