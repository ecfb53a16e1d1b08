"""T14: signals in the middle of a batch: out within two seconds, nothing ordered twice, nothing that was paid lost."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from random import Random
from typing import TYPE_CHECKING

import pytest
from cli_harness import LEAVES_WITHIN_S, Tool, wait_until
from torture_report import Report, scaled

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals as here are POSIX")

_ASSETS = 6
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_BATCH = ("request", "-", "--type", "audio", "--generator", "slow", "--no-placeholder", "-q")


@pytest.fixture
def tool(clean_environment: Path, tmp_path: Path) -> Iterator[Tool]:
    made = Tool(home=clean_environment, work=tmp_path / "work", data=tmp_path / "data")
    yield made
    made.close()


def _batch(tool: Tool) -> subprocess.Popen[bytes]:
    process = tool.spawn(*_BATCH, stdin=subprocess.PIPE)
    assert process.stdin is not None
    lines = [json.dumps({"scene_id": f"s{number}"}).encode() + b"\n" for number in range(_ASSETS)]
    process.stdin.write(b"".join(lines))
    # It stays open: the reader waits for a line that never comes.
    process.stdin.flush()
    return process


def _interrupt(tool: Tool, random: Random, exits_s: list[float]) -> list[str]:
    """What went wrong when a signal came at some moment of a batch; adds to `exits_s` how long it took to leave."""
    number = random.choice(_SIGNALS)
    before = len(tool.calls())
    process = _batch(tool)
    # Somewhere between its first order and the time when all are waited for.
    moment = before + random.randint(1, 5 * _ASSETS)
    wait_until(lambda: len(tool.calls()) >= moment)
    process.send_signal(number)
    sent_s = time.monotonic()
    try:
        process.wait(timeout=LEAVES_WITHIN_S)
    except subprocess.TimeoutExpired:
        return [f"{number.name}: still there"]
    exits_s.append(time.monotonic() - sent_s)
    ran = tool.finish(process)
    problems = []
    if ran.code != 128 + number:
        problems.append(f"{number.name}: exit code {ran.code}: {ran.err[-200:]}")
    return problems + (["a traceback"] if "Traceback" in ran.err else [])


@scaled("signals", quick=5, long=40)
def test_signals_in_a_batch_lose_nothing_and_buy_nothing_twice(tool: Tool, signals: int):
    random = Random(14)
    exits_s: list[float] = []
    with Report("T14") as report:
        problems = [problem for _ in range(signals) for problem in _interrupt(tool, random, exits_s)]
        tool.release()
        collected = tool.process("jobs", "resume", "--max-wait", "60s", "-q")
        whole = _batch(tool)
        ran = tool.finish(whole)
        answers = [json.loads(line) for line in ran.out.splitlines()]
        submits = [line for line in _calls(tool) if line.startswith("submitted ")]
        report.tell(signals=signals, slowest_exit_s=round(max(exits_s, default=0), 2))
        report.tell(assets=_ASSETS, submissions=len(submits), resumed=len(collected.out.splitlines()))
        report.all_zero(
            problems=problems,
            not_answered=_ASSETS - sum("sha256" in answer for answer in answers),
            ordered_twice=len(submits) - len(set(submits)),
            left_open=[order for order in tool.orders() if order["state"] not in ("closed", "refused")],
            cancelled=[line for line in _calls(tool) if line.startswith("cancel ")],
        )


def _calls(tool: Tool) -> list[str]:
    return (tool.data / "scripted" / "calls").read_text(encoding="utf-8").splitlines()


def test_a_reader_that_goes_away_stops_the_buying(tool: Tool):
    with Report("T14") as report:
        tool.release()
        process = tool.spawn(*_BATCH, stdin=subprocess.PIPE)
        assert process.stdin is not None
        assert process.stdout is not None
        for number in range(3):
            process.stdin.write(json.dumps({"scene_id": f"s{number}"}).encode() + b"\n")
        process.stdin.flush()
        process.stdout.readline()
        process.stdout.close()
        problems: list[str] = []
        for number in range(3, 200):
            try:
                process.stdin.write(json.dumps({"scene_id": f"s{number}"}).encode() + b"\n")
                process.stdin.flush()
            except BrokenPipeError:
                break
            wait_until(lambda sent=number: process.poll() is not None or len(tool.calls("discard")) >= sent - 8)
        else:
            problems.append("it read on")
        process.wait(timeout=60)
        said = process.stderr.read().decode() if process.stderr is not None else ""
        problems += ["a traceback"] if "Traceback" in said else []
        report.tell(part="closed pipe", submissions=len(tool.calls("submitted")))
        report.all_zero(problems=problems, open=[o for o in tool.orders() if o["state"] == "unknown"])
        assert len(tool.calls("submitted")) < 100
