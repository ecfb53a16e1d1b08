"""One asset is one charge at the server: answers get lost, processes die, tokens and servers go, clocks are set."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from buyer import KILLED, Errand

from fakes import film
from service import faults

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from service.harness import Account, LookAlike

    Send = Callable[[Errand], subprocess.Popen[str]]
    Served = Callable[[Errand], tuple[int, dict[str, str]]]

CREATE = "POST /api/v1/generations"
STATES = ["intended", "sent", "submitted", "accepted", "ready", "downloaded", "published", "closed"]
DEADLINE_S = 240.0
BUYER = Path(__file__).with_name("buyer.py")


@pytest.fixture
def account(server: LookAlike) -> Account:
    return server.user()


@pytest.fixture
def errand(server: LookAlike, account: Account, tmp_path: Path) -> Errand:
    """Jobs take a moment; their files are films, which is what a test's cache takes for playable."""
    made = {"content": base64.b64encode(film("confess")).decode(), "mime_type": "video/mp4"}
    server.script(duration_s=0.2, file=made)
    server.configure(create_limit=None)
    return Errand(str(tmp_path), server.url, account.token)


@pytest.fixture
def send() -> Iterator[Send]:
    """Sends a customer on an errand; all are dead at the end."""
    sent: list[subprocess.Popen[str]] = []
    paths = os.pathsep.join([str(BUYER.parent), str(BUYER.parents[2])])

    def send(errand: Errand) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, str(BUYER), errand.text],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": paths},
        )
        sent.append(process)
        return process

    yield send
    for process in sent:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def served(send: Send) -> Served:
    return lambda errand: ended(send(errand))


def ended(process: subprocess.Popen[str]) -> tuple[int, dict[str, str]]:
    told, trouble = process.communicate(timeout=DEADLINE_S)
    assert trouble == ""
    return process.returncode, json.loads(told) if told else {}


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not happen"
        time.sleep(0.02)


@pytest.mark.parametrize("deadly", STATES)
def test_killed_at_any_state_it_is_charged_once_and_delivered(
    server: LookAlike, errand: Errand, served: Served, deadly: str
):
    assert served(replace(errand, deadly=deadly))[0] == KILLED
    code, told = served(errand)
    assert (code, told.get("film")) == (0, "film:confess"), told
    assert len(server.charges()) == 1
    assert served(errand)[1]["source"] == "cached"
    assert len(server.jobs()) == len(server.charges()) == 1


def test_killed_at_every_state_in_turn_it_is_charged_once(server: LookAlike, errand: Errand, served: Served):
    for deadly in STATES:
        assert served(replace(errand, deadly=deadly))[0] in {0, KILLED}
    assert served(errand)[0] == 0
    assert len(server.jobs()) == len(server.charges()) == 1


FAULTS = {
    "answer lost": faults.lost_after(),
    "answer reset": faults.reset("after"),
    "500 after": faults.answers(500, "boom", code="internal_error", when="after"),
    "502 after": faults.answers(502, "bad gateway", when="after"),
    "503 after": faults.answers(503, "away", when="after"),
    "never arrived": faults.lost_before(),
    "reset before": faults.reset("before"),
    "500 before": faults.answers(500, "boom", code="internal_error"),
    "502 before": faults.answers(502, "bad gateway"),
}


RACY = ("answer lost", "502 after", "never arrived")


@pytest.mark.parametrize(
    ("dedup", "fault"), [*(("honest", name) for name in FAULTS), *(("racy", name) for name in RACY)]
)
def test_order_without_an_answer_is_charged_once_and_delivered(
    server: LookAlike, errand: Errand, served: Served, dedup: str, fault: str
):
    server.configure(dedup=dedup, settle_s=0.3)
    server.fault(CREATE, FAULTS[fault])
    code, told = served(replace(errand, max_wait_s=0.0))
    assert (code, told["code"]) == (10, "outcome_unknown")
    code, told = served(errand)
    assert (code, told.get("film")) == (0, "film:confess"), told
    assert len(server.jobs()) == len(server.charges()) == 1


@pytest.mark.parametrize("fault", ["answer lost", "never arrived"])
def test_who_has_the_patience_gets_it_in_one_go(server: LookAlike, errand: Errand, served: Served, fault: str):
    server.fault(CREATE, FAULTS[fault])
    code, told = served(errand)
    assert (code, told.get("film")) == (0, "film:confess"), told
    assert len(server.jobs()) == len(server.charges()) == 1


@pytest.mark.parametrize("fault", [faults.lost_after(), faults.reset("after")])
def test_server_that_lists_nothing_is_never_paid_twice(server: LookAlike, errand: Errand, served: Served, fault: dict):
    server.configure(dedup="silent")
    assert served(replace(errand, scene="before"))[0] == 0
    server.fault(CREATE, fault)
    server.script(outcomes=["hang"])
    for _ in range(3):
        code, _ = served(errand)
        assert code == 10
    assert len(server.jobs()) == 2


@pytest.mark.parametrize(("count", "fault"), [(4, "never arrived"), (4, "answer lost"), (16, None), (16, "500 after")])
def test_many_processes_are_charged_once(server: LookAlike, errand: Errand, send: Send, count: int, fault: str | None):
    if fault is not None:
        server.fault(CREATE, FAULTS[fault])
    processes = [send(errand) for _ in range(count)]
    assert {ended(process)[0] for process in processes} == {0}
    assert ended(send(errand))[0] == 0
    assert len(server.jobs()) == len(server.charges()) == 1


def test_token_that_dies_while_the_job_runs_costs_a_login_and_nothing_else(
    server: LookAlike, account: Account, errand: Errand, send: Send, served: Served
):
    server.script(outcomes=["hang"], file={"content": base64.b64encode(film("later")).decode()})
    process = send(errand)
    wait_until(server.jobs)
    server.revoke_all()
    code, told = ended(process)
    assert (code, told["code"]) == (3, "not_allowed")
    (job,) = server.jobs()
    server.move_job(job["id"], {"after_s": 0.0, "to": "completed"}, {"after_s": 0.05, "to": "ingested"})
    renewed = replace(errand, token=server.token(account))
    assert served(renewed)[0] == 0
    assert len(server.jobs()) == len(server.charges()) == 1


def test_server_that_restarts_while_the_job_runs_is_charged_once(
    server: LookAlike, errand: Errand, send: Send, served: Served
):
    server.script(duration_s=1.0, file={"content": base64.b64encode(film("later")).decode()})
    process = send(errand)
    wait_until(server.jobs)
    server.restart()
    code, _ = ended(process)
    assert code in {0, 9}
    assert served(errand)[0] == 0
    assert len(server.jobs()) == len(server.charges()) == 1


@pytest.mark.parametrize("ahead_s", [365 * 86400.0, -365 * 86400.0])
def test_clock_set_between_loss_and_search_is_charged_once(
    server: LookAlike, errand: Errand, served: Served, ahead_s: float
):
    server.configure(dedup="racy", settle_s=0.3)
    server.fault(CREATE, faults.lost_after())
    assert served(replace(errand, max_wait_s=0.0))[0] == 10
    assert served(replace(errand, ahead_s=ahead_s))[0] == 0
    assert len(server.jobs()) == len(server.charges()) == 1
