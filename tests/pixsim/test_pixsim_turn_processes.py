"""Several processes of one user at the look-alike: together they keep to the server's window and waste none of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from service.harness import LookAlike

CREATE = "POST /api/v1/generations"
PROGRAM = Path(__file__).with_name("order_program.py")
LIMIT, WINDOW_S = 10, 4.0


@pytest.fixture
def server():
    with LookAlike(create_limit=LIMIT, create_window_s=WINDOW_S) as server:
        yield server


def order(server: LookAlike, files: list[Path], each: int, *, most: int = LIMIT) -> list[dict[str, int]]:
    """What became of the orders of as many processes as there are files, all let go at one moment."""
    token = server.user().token
    environment = {**os.environ, "PYTHONPATH": str(PROGRAM.parents[1])}
    with ExitStack() as stack:
        crew = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, PROGRAM, server.url, token, file, str(each), str(most), str(WINDOW_S)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    env=environment,
                )
            )
            for file in files
        ]
        stack.callback(lambda: [member.kill() for member in crew])
        assert [member.stdout.readline() for member in crew] == ["ready\n"] * len(crew)
        for member in crew:
            member.stdin.write("go\n")
            member.stdin.flush()
        return [json.loads(member.stdout.readline()) for member in crew]


@pytest.mark.parametrize("processes", [1, 4])
def test_processes_of_one_user_are_never_refused_and_waste_nothing(server, tmp_path, processes):
    became = order(server, [tmp_path / "turns" / "it.json"] * processes, 40 // processes)
    assert became == [{"ordered": 40 // processes}] * processes
    requests = server.requests(CREATE)
    assert {request["status"] for request in requests} == {201}
    moments = sorted(request["at"] for request in requests)
    assert len(moments) == 40
    # Three times a window, each a tenth of a second later than the one before; the rest is for a busy machine. A place
    # that were free a window late would double it.
    assert 3 * WINDOW_S <= moments[-1] - moments[0] <= 3 * (WINDOW_S + 3.6)


def test_processes_that_know_nothing_of_each_other_learn_and_end(server, tmp_path):
    became = order(server, [tmp_path / "a" / "it.json", tmp_path / "b" / "it.json"], 15)
    assert became == [{"ordered": 15}] * 2
    statuses = [request["status"] for request in server.requests(CREATE)]
    assert statuses.count(201) == 30
    # Both believed in the whole window at first, and from then on tried one at a time.
    assert statuses.count(429) <= LIMIT + 2 * 6
