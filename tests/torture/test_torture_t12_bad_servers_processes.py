"""T12, in processes: random kills, servers that restart, tokens that die; what an error says to do helps."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from torture_buyer import HIDES_S, Wish
from torture_crew import wait_until
from torture_report import Report, scaled
from torture_scripts import CREATE

from service import faults
from service.harness import LookAlike

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from service.harness import Account

_BUYER = Path(__file__).with_name("torture_buyer.py")
_DEADLINE_S = 240.0
_MAX_ASKS = 6


@pytest.fixture
def server() -> Iterator[LookAlike]:
    with LookAlike(create_limit=None, settle_s=HIDES_S) as server:
        yield server


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts processes that are dead after the test."""
    started: list[subprocess.Popen[str]] = []

    def start(*words: str, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
        paths = os.pathsep.join([str(_BUYER.parent), str(_BUYER.parents[1])])
        started.append(
            subprocess.Popen(
                [sys.executable, *words],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env={**os.environ, "PYTHONPATH": paths, **(env or {})},
            )
        )
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, trouble = process.communicate(timeout=_DEADLINE_S)
    assert process.returncode == 0, trouble
    return json.loads(out)


def wish_of(server: LookAlike, account: Account, folder: Path, scene: str) -> Wish:
    (folder / scene).mkdir()
    return Wish(str(folder / scene), server.url, account.token, scene)


@scaled("kills", quick=5, long=120)
def test_killed_at_random_moments_and_asked_again_it_is_charged_once(
    quick_folder: Path, server: LookAlike, start: Callable[..., subprocess.Popen[str]], kills: int
):
    luck = random.Random(12)
    problems: list[str] = []
    killed = asks = 0
    with Report("T12") as report:
        server.script(duration_s=0.1)
        for number in range(kills):
            account = server.user(f"person_{number}")
            wish = wish_of(server, account, quick_folder, f"scene_{number}")
            seen = len(server.requests())
            if not number:
                # The first is surely killed before it is done.
                server.script(outcomes=["hang"])
            process = start(str(_BUYER), wish.text)
            # The first request marks when it is at work; how long a start takes is the machine's matter.
            wait_until(lambda seen=seen: len(server.requests()) > seen, "the first request")
            time.sleep(luck.uniform(0, 0.4))
            process.kill()
            process.communicate()
            killed += process.returncode != 0
            if not number:
                server.script(duration_s=0.1)
                server.end_jobs()
            told: dict[str, Any] = {}
            while told.get("code") != "delivered" and (asks := asks + 1) <= kills * _MAX_ASKS:
                told = ended(start(str(_BUYER), wish.text))
            charges = [charge for charge in server.charges() if charge["user_id"] == account.id]
            known = {asset["sha256"] for asset in server.assets()}
            if len(charges) != 1 or told["sha256"] not in known:
                problems.append(f"{number}: {len(charges)} charges, {told}")
        report.tell(part="kills", kills=kills, killed=killed, asks=asks, charges=len(server.charges()))
        report.all_zero(problems=problems, sightings=server.sightings())
        assert len(server.jobs()) == kills
        assert killed


def test_server_that_restarts_or_forgets_the_token_in_mid_job_costs_one_charge(
    quick_folder: Path, server: LookAlike, start: Callable[..., subprocess.Popen[str]]
):
    problems: list[str] = []
    codes: list[str] = []
    account = server.user()

    def restart(wish: Wish) -> Wish:
        server.restart()
        return wish

    def revoke(wish: Wish) -> Wish:
        server.revoke_all()
        return replace(wish, token=server.token(account))

    def forget(wish: Wish) -> Wish:
        server.drop_sockets()
        return wish

    with Report("T12") as report:
        # Each is in mid-job when it happens.
        server.script(outcomes=["hang"])
        for happens in (restart, forget, revoke):
            wish = wish_of(server, account, quick_folder, happens.__name__)
            before = len(server.jobs())
            process = start(str(_BUYER), wish.text)
            wait_until(lambda before=before: len(server.jobs()) > before, "an order")
            wish = happens(wish)
            server.end_jobs()
            told = ended(process)
            codes.append(told["code"])
            if happens is revoke and (told["code"], told["exit_code"]) != ("not_allowed", 3):
                problems.append(f"revoke: {told}")
            if told["code"] != "delivered":
                told = ended(start(str(_BUYER), wish.text))
            if told["code"] != "delivered" or len(server.charges()) != before + 1:
                problems.append(f"{happens.__name__}: {len(server.charges()) - before} charges, {told}")
        report.tell(part="mid-job", happenings=len(codes), first_asks=codes, charges=len(server.charges()))
        report.all_zero(problems=problems, sightings=server.sightings())


def test_what_the_error_says_to_do_brings_the_asset_home(
    quick_folder: Path, server: LookAlike, start: Callable[..., subprocess.Popen[str]]
):
    account = server.user()
    variables = {
        "ASSETCTL_BACKEND__URL": server.url,
        "ASSETCTL_TOKEN": account.token,
        "ASSETCTL_DATA_DIR": str(quick_folder / "data"),
    }
    tried = 0

    def run(*words: str) -> tuple[int, str, str]:
        nonlocal tried
        tried += 1
        process = start("-m", "assetctl.cli.main", *words, env=variables)
        out, err = process.communicate(timeout=_DEADLINE_S)
        assert account.token not in out + err
        return process.returncode, out, err

    def wanted(scene: str, *words: str) -> tuple[str, ...]:
        return ("request", "--scene", scene, "--prompt", scene, "--no-placeholder", "--json", *words)

    with Report("T12") as report:
        server.script(duration_s=0.1)
        server.fault(CREATE, faults.lost_after())
        code, _, err = run(*wanted("lost", "--detach"))
        assert (code, "assetctl jobs reconcile" in err) == (10, True), err
        assert run("jobs", "reconcile", "--json")[0] == 0
        code, out, err = run(*wanted("lost"))
        assert (code, json.loads(out)["source"]) == (0, "cached"), err

        server.fault("GET /api/v1/assets/[0-9]*", faults.answers(404, "Asset not found", code="not_found"), times=None)
        code, _, err = run(*wanted("gone"))
        error = json.loads(err.splitlines()[-1])
        assert (code, "--forget" in error["hint"]) == (1, True), err
        server.clear_faults()
        command = error["hint"].partition(" gives")[0].split()
        assert run(*command[1:])[0] == 0
        assert run(*wanted("gone"))[0] == 0

        server.script(outcomes=["hang"])
        code, _, err = run(*wanted("later", "--detach"))
        assert code == 4, err
        server.end_jobs()
        assert run("jobs", "resume", "--json")[0] == 0
        code, out, _ = run(*wanted("later"))
        assert (code, json.loads(out)["source"]) == (0, "cached")

        # One for each clip, and one that the user gave up by name.
        charges = len(server.charges())
        report.tell(part="advice", commands=tried, charges=charges)
        report.all_zero(wrong_charges=charges - 4, sightings=server.sightings())
