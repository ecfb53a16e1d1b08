"""T12, whole chapters: a backend that loses answers, dies, comes back or stays away costs no more than its clips."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from cli_harness import Tool, wait_until
from torture_chapter import Chapter
from torture_report import Report, scaled
from torture_scripts import CREATE, FILE, STATUS

from service import faults
from service.harness import LookAlike

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cli_harness import Ran

_LIMIT = "Daily job limit exceeded (5). Resets at midnight UTC."


@pytest.fixture
def server() -> Iterator[LookAlike]:
    with LookAlike(create_limit=None) as server:
        server.script(duration_s=0.1)
        yield server


@pytest.fixture
def new_tool(clean_environment: Path, quick_folder: Path) -> Iterator[Callable[[str], Tool]]:
    made: list[Tool] = []

    def new(name: str) -> Tool:
        folder = quick_folder / name.replace(" ", "_")
        (folder / "work").mkdir(parents=True)
        made.append(Tool(home=clean_environment, work=folder / "work", data=folder / "data"))
        return made[-1]

    yield new
    for tool in made:
        tool.close()


@dataclass(frozen=True)
class Fault:
    """What befalls a run: `route` is hit as `spec` says, or `happens` once some of it is paid for.

    The run ends with one of `codes`, having said `words`; the next one makes the rest.
    """

    route: str = ""
    spec: dict[str, Any] | None = None
    times: int | None = 3
    happens: Callable[[Chapter], None] | None = None
    codes: tuple[int, ...] = (0,)
    words: tuple[str, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()

    def strike(self, chapter: Chapter) -> Ran:
        server = chapter.server
        if self.spec is not None:
            server.fault(self.route, self.spec, times=self.times, skip=4)
        if self.happens is not None:
            # The run isn't done before it happens.
            chapter.hold("hang", after=chapter.items // 4)
        process = chapter.start("--concurrency", "4", **dict(self.variables))
        if self.happens is not None:
            _some_are_paid_for(chapter, process)
            self.happens(chapter)
        return chapter.finish(process)


def _some_are_paid_for(chapter: Chapter, process: subprocess.Popen[bytes]) -> None:
    wait_until(lambda: len(chapter.charges()) >= chapter.items // 4 or process.poll() is not None)
    assert process.poll() is None


def _restart(chapter: Chapter) -> None:
    chapter.server.restart(down_s=2.0)
    chapter.let_go()


def _revoke(chapter: Chapter) -> None:
    chapter.server.revoke_all()


def _mend(chapter: Chapter) -> None:
    """The server runs and does no harm, and somebody has logged in again."""
    chapter.server.restart()
    chapter.server.clear_faults()
    chapter.let_go()
    chapter.log_in_again()


_AWAY = ("can't be reached", "it is tried again for up to")
_FAULTS = {
    "answers lost": Fault(CREATE, faults.lost_after()),
    "500 after the deed": Fault(CREATE, faults.answers(500, "boom", code="internal_error", when="after")),
    "429": Fault(CREATE, faults.answers(429, "Rate limit exceeded. Try again in 1 seconds.", code="http_429")),
    "503 everywhere": Fault("* *", faults.answers(503, "unavailable"), times=10),
    "files cut off": Fault(FILE, faults.cut_off(200)),
    "files dripping": Fault(FILE, faults.drip(40, 0.02)),
    "status silent": Fault(STATUS, faults.silence(), variables=(("ASSETCTL_BACKEND__TIMEOUT_S", "1"),)),
    "account empty": Fault(
        CREATE, faults.answers(500, _LIMIT, code="internal_error"), times=None, codes=(5,),
        words=(_LIMIT, "not begun", "run the same command again"),
    ),
    "prompt refused": Fault(
        CREATE, faults.answers(422, "prompt too long", code="validation_error"), times=2, codes=(5,),
        words=("refused the order: prompt too long; a placeholder stands in its place",),
    ),
    "restart": Fault(happens=_restart),
    "login lost": Fault(
        happens=_revoke, codes=(3,), words=("not logged in", "ASSETCTL_TOKEN; then run the same command again"),
    ),
    "stays away": Fault(
        happens=lambda chapter: chapter.server.kill(), codes=(9,),
        words=(*_AWAY, "still being made", "next: run the same command again"),
        variables=(("ASSETCTL_PREFETCH__MAX_OUTAGE_S", "2"),),
    ),
}  # fmt: skip
_QUICK = ("answers lost", "account empty", "restart", "stays away")


@scaled("items", quick=12, long=60)
def test_chapter_of_a_backend_in_trouble_costs_each_clip_once(
    server: LookAlike, new_tool: Callable[[str], Tool], items: int
) -> None:
    problems: list[str] = []
    names = _QUICK if items < 60 else tuple(_FAULTS)
    with Report("T12") as report:
        for name in names:
            fault, chapter = _FAULTS[name], Chapter.begun(new_tool(name), server, items)
            ran = fault.strike(chapter)
            said = f"{ran.out}{ran.err}"
            problems += [f"{name}: exit code {ran.code}: {said}"] * (ran.code not in fault.codes)
            problems += [f"{name}: not said: {words}: {said}" for words in fault.words if words not in said]
            _mend(chapter)
            problems += [f"{name}: afterwards {ran.code}: {ran.err}" for ran in [chapter.run()] if ran.code]
            problems += [f"{name}: {fault}: {what}" for fault, what in chapter.faults().items() if what]
        report.tell(part="chapters in trouble", troubles=len(names), items=items, charges=len(server.charges()))
        report.all_zero(problems=problems, charges_too_many=len(server.charges()) - len(names) * items)


def test_chapter_of_a_backend_that_is_not_there_is_refused_before_anything_is_begun(
    server: LookAlike, new_tool: Callable[[str], Tool]
) -> None:
    chapter = Chapter.begun(new_tool("gone"), server, 8)
    server.kill()
    plan = chapter.run("--plan")
    assert (plan.code, plan.out.splitlines()[0]) == (9, "8 assets: 8 in trouble")
    assert plan.err.count("can't be reached") == 1
    ran = chapter.run("--json")
    error = json.loads(ran.err.splitlines()[-1])
    assert (ran.code, ran.out, error["code"], error["exit_code"]) == (9, "", "service_unreachable", 9)
    assert "nothing was ordered" in error["message"]
    assert "--offline" in error["hint"]
    assert chapter.run("--plan-out", "plan.jsonl").code == 9
    assert not (chapter.tool.work / "plan.jsonl").exists()
    server.start()
    assert chapter.run().code == 0
    assert len(chapter.charges()) == 8
