"""T3, whole chapters: runs that are killed at any moment and begun again make everything, and pay for it once."""

from __future__ import annotations

import signal
import sys
import time
from random import Random
from typing import TYPE_CHECKING

import pytest
from cli_harness import LEAVES_WITHIN_S, Tool, wait_until
from torture_chapter import Chapter
from torture_report import Report, scaled
from torture_scripts import CREATE

from service import faults
from service.harness import LookAlike

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals as here are POSIX")

_MOST_REQUESTS = 25


@pytest.fixture
def server() -> Iterator[LookAlike]:
    # As the real one: whoever orders again at once buys again, and before the answer there is time to die.
    with LookAlike(create_limit=None, dedup="racy", settle_s=3.0) as server:
        server.script(duration_s=0.1)
        server.fault(CREATE, faults.slow(0.15, when="after"), times=None)
        yield server


@pytest.fixture
def tool(clean_environment: Path, quick_folder: Path) -> Iterator[Tool]:
    work = quick_folder / "work"
    work.mkdir(exist_ok=True)
    made = Tool(home=clean_environment, work=work, data=quick_folder / "data")
    yield made
    made.close()


def _let_work(chapter: Chapter, process: subprocess.Popen[bytes], items: int, requests: int) -> None:
    """Return when `items` more are paid for and `requests` more came after that, or when but one clip is left to do."""

    def is_done() -> bool:
        return process.poll() is not None or len(chapter.charges()) >= chapter.items - 1

    charges = len(chapter.charges()) + items
    wait_until(lambda: len(chapter.charges()) >= charges or is_done())
    came = len(chapter.server.requests()) + requests
    wait_until(lambda: len(chapter.server.requests()) >= came or is_done())


@pytest.mark.parametrize(
    ("kills", "items"),
    [pytest.param(6, 40, id="quick"), pytest.param(20, 200, id="long", marks=pytest.mark.torture_long)],
)
def test_killed_runs_pay_once_and_leave_nothing_out(tool: Tool, server: LookAlike, kills: int, items: int) -> None:
    random = Random(kills)
    chapter = Chapter.begun(tool, server, items)
    charged: list[int] = []
    # The first one is surely killed before it is done.
    chapter.hold("waits", chapter.last)
    with Report("T3") as report:
        for _ in range(kills):
            process = chapter.start()
            # From before its first order to near its last; not often after it.
            _let_work(chapter, process, random.randint(0, items // kills), random.randint(0, _MOST_REQUESTS))
            process.kill()
            assert chapter.finish(process).code in (-signal.SIGKILL, 0)
            charged.append(len(chapter.charges()))
            if len(charged) == 1:
                chapter.let_go()
        ran = chapter.run()
        report.tell(part="chapter killed", kills=kills, items=items, charged_after_each=charged)
        report.tell(charges=len(chapter.charges()))
        report.all_zero(exit_code=ran.code, **chapter.faults())
        assert 0 < charged[0] < items


@scaled("items", quick=40, long=160)
def test_run_beside_one_that_is_killed_does_all_of_it_once(tool: Tool, server: LookAlike, items: int) -> None:
    chapter = Chapter.begun(tool, server, items)
    with Report("T3") as report:
        # Neither gets on before both have ordered: the second waits for what the first ordered, and has lanes left.
        chapter.hold("hang")
        first = chapter.start("--concurrency", "4")
        wait_until(lambda: len(chapter.charges()) == 4)
        second = chapter.start("--concurrency", "8")
        wait_until(lambda: len(chapter.charges()) == 8)
        chapter.let_go()
        wait_until(lambda: len(chapter.charges()) >= items // 2)
        first.kill()
        wait_until(lambda: first.poll() is not None)
        at_the_kill = len(chapter.charges())
        ran = chapter.finish(second)
        report.tell(part="chapter, two runs, one killed", items=items, charged_before=at_the_kill)
        report.tell(charges=len(chapter.charges()), runs_that_ordered=_runs(tool))
        report.all_zero(exit_code=ran.code, **chapter.faults())
        assert _runs(tool) == 2


def _runs(tool: Tool) -> int:
    return len({order["run_id"] for order in tool.orders()})


@scaled("signals", quick=3, long=20)
def test_runs_that_are_interrupted_leave_in_time_and_are_gone_on_with(
    tool: Tool, server: LookAlike, signals: int
) -> None:
    random = Random(3)
    chapter = Chapter.begun(tool, server, 10 * signals)
    server.script(duration_s=0.5)
    # None is done before it is interrupted.
    chapter.hold("waits", chapter.last)
    problems: list[str] = []
    exits_s: list[float] = []
    with Report("T3") as report:
        for number in (random.choice((signal.SIGINT, signal.SIGTERM, signal.SIGHUP)) for _ in range(signals)):
            process = chapter.start()
            _let_work(chapter, process, random.randint(0, 6), random.randint(1, _MOST_REQUESTS))
            process.send_signal(number)
            sent_s = time.monotonic()
            process.wait(timeout=LEAVES_WITHIN_S)
            exits_s.append(time.monotonic() - sent_s)
            ran = chapter.finish(process)
            if ran.code != 128 + number or "run the same command again" not in ran.err:
                problems.append(f"{number.name}: exit code {ran.code}: {ran.err[-200:]}")
        chapter.let_go()
        ran = chapter.run()
        report.tell(part="chapter interrupted", signals=signals, slowest_exit_s=round(max(exits_s), 2))
        report.tell(items=chapter.items, charges=len(chapter.charges()))
        report.all_zero(problems=problems, exit_code=ran.code, **chapter.faults())
