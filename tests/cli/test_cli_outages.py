"""A backend that goes away while its jobs are followed: waited for aloud in the same run, and nothing bought twice."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from cli_harness import wait_until

from service import faults
from service.harness import LookAlike

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cli_harness import Tool

JOB = "GET /api/v1/generations*"
ASSET = "* /api/v1/assets*"
FILE = "GET /api/v1/media*"
#: How often each is asked for before it is said that nobody is there.
TRIES = {JOB: 4, ASSET: 4, FILE: 5}


@pytest.fixture
def server() -> Iterator[LookAlike]:
    with LookAlike() as server:
        yield server


@pytest.fixture
def variables(server: LookAlike, tool: Tool) -> dict[str, str]:
    (tool.work / "chapter.jsonl").write_text(json.dumps({"scene": "park", "prompt": "A bench"}), encoding="utf-8")
    token = server.user().token
    return {
        "ASSETCTL_BACKEND__URL": server.url,
        "ASSETCTL_TOKEN": token,
        "ASSETCTL_LIBRARY__KIND": "folder",
        # A run that has to be given up fails within the time a test has.
        "ASSETCTL_PREFETCH__MAX_OUTAGE_S": "200",
    }


PREFETCH = ("prefetch", "chapter.jsonl", "--yes")
REQUEST = ("request", "--scene", "park", "--prompt", "A bench", "--max-wait", "200s")
AWAY, BACK = "it is tried again for up to", "it answers again"


@pytest.mark.parametrize(
    ("words", "trouble"),
    [
        (PREFETCH, (JOB, 503)),
        (PREFETCH, (ASSET, 502)),
        (PREFETCH, (FILE, 503)),
        (REQUEST, (JOB, 500)),
        (REQUEST, (FILE, 504)),
    ],
    ids=["prefetch-job", "prefetch-asset", "prefetch-file", "request-job", "request-file"],
)
def test_a_backend_in_trouble_is_waited_for(
    tool: Tool, server: LookAlike, variables: dict[str, str], words: tuple[str, ...], trouble: tuple[str, int]
) -> None:
    route, status = trouble
    server.fault(route, faults.answers(status, "boom"), times=TRIES[route])
    ran = tool.process(*words, env=variables)
    assert ran.code == 0, ran.err
    assert (ran.err.count(AWAY), ran.err.count(BACK)) == (1, 1), ran.err
    assert len(server.charges()) == 1


@pytest.mark.parametrize("words", [PREFETCH, REQUEST], ids=["prefetch", "request"])
def test_a_backend_that_is_restarted_is_waited_for(
    tool: Tool, server: LookAlike, variables: dict[str, str], words: tuple[str, ...]
) -> None:
    # The job ends only when it is told so: it isn't done before the backend goes away.
    server.script(outcomes=["hang"])
    process = tool.spawn(*words, env=variables)
    wait_until(lambda: server.requests(JOB))
    server.kill()
    said = _said_until(process.stderr.readline, AWAY)
    server.start()
    (job,) = server.jobs()
    server.move_job(job["id"], {"after_s": 0.0, "to": "completed"}, {"after_s": 0.0, "to": "ingested"})
    ran = tool.finish(process)
    assert ran.code == 0, said + ran.err
    assert BACK in ran.err
    assert len(server.charges()) == 1


def _said_until(read: Callable[[], bytes], words: str) -> str:
    said = ""
    while words not in said:
        line = read().decode()
        assert line, f"it ended without saying `{words}`: {said}"
        said += line
    return said


def test_a_backend_that_stays_away_keeps_its_job_for_the_next_request(
    tool: Tool, server: LookAlike, variables: dict[str, str]
) -> None:
    server.fault(JOB, faults.answers(503, "unavailable"), times=None)
    ran = tool.process(*REQUEST[:-1], "2s", "--json", env=variables)
    assert (ran.code, ran.error["code"]) == (9, "service_unreachable")
    (order,) = tool.orders()
    assert ran.error["job_id"] == order["job_id"]
    server.clear_faults()
    assert tool.process("jobs", "wait", order["job_id"], "--max-wait", "200s", env=variables).code == 0
    assert len(server.charges()) == 1
