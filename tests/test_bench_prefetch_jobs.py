"""The benchmark of jobs runs and its chapter is made cheaply; how fast it is is no matter of tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[1] / "bench" / "prefetch_jobs.py"


@pytest.mark.skipif(os.name != "posix", reason="what one child used is known by wait4 alone")
@pytest.mark.parametrize(("words", "most"), [((), 4.0), (("--no-tags",), 3.0)])
def test_chapter_of_jobs_costs_few_requests_and_is_paid_once(words: tuple[str, ...], most: float):
    command = [sys.executable, str(BENCH), "--jobs", "40", "--at-once", "8", "--seconds", "0.1-0.4", *words]
    result = subprocess.run(command, capture_output=True, text=True, timeout=240, check=True)
    (line,) = [json.loads(text) for text in result.stdout.splitlines()]
    assert (line["jobs"], line["charges"], line["orders_in_60_s"]) == (40, 40, 40)
    assert line["requests_per_job"] <= most, line["requests"]
    assert line["polls_per_job"] <= 1
    assert line["peak_per_100ms"] <= line["targets"]["peak_per_100ms"]
    assert 0 < line["lower_bound_s"] < line["seconds"]
    assert line["cpu_s"] > 0
    assert line["rss_mb"] > 0
