"""`--via game`, as a designer types it: what is said, what it costs, and that nothing is ever sent twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from service import faults
from service.harness import LookAlike

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cli_harness import Ran, Tool

    Run = Callable[..., Ran]

GAME, CREATE = "POST /api/v1/game/assets/request", "POST /api/v1/generations"
SCENE = ("request", "--scene", "romance_5", "--choice", "confess", "--via", "game")


@pytest.fixture
def server() -> Iterator[LookAlike]:
    with LookAlike(game_assets=True) as server:
        yield server


@pytest.fixture
def run(tool: Tool, server: LookAlike) -> Run:
    """Runs a command as a process of somebody with a token; the library is a folder."""
    token = server.user().token
    env = {"ASSETCTL_BACKEND__URL": server.url, "ASSETCTL_TOKEN": token, "ASSETCTL_LIBRARY__KIND": "folder"}

    def run(*words: str) -> Ran:
        ran = tool.process(*words, env=env)
        assert token not in ran.out + ran.err
        return ran

    return run


def test_moment_becomes_an_asset_for_one_charge(run: Run, tool: Tool, server: LookAlike) -> None:
    ran = run(*SCENE, "--json")
    assert ran.code == 0, ran.err
    told, (asset,) = ran.document, server.assets()
    assert (told["source"], told["origin"]["generator"]) == ("generated", "pixsim")
    assert (told["asset_id"], told["sha256"]) == (str(asset["id"]), asset["sha256"])
    assert (told["origin"]["job_id"], told["generation_time_ms"]) == (f"asset:{asset['id']}", 40)
    assert (told["request"]["via"], told["warnings"]) == ("game", [])
    assert run(*SCENE, "--json").document["source"] == "cached"
    (order,) = tool.orders()
    assert order["state"] == "closed"
    assert len(server.charges()) == len(server.requests(GAME)) - 1 == 1
    assert server.requests(CREATE) == server.sightings() == []


def test_way_is_no_part_of_what_is_asked(run: Run) -> None:
    assert run(*SCENE).code == 0
    again = run(*SCENE[:-2], "--json")
    assert (again.code, again.document["source"]) == (0, "cached")


def test_prompt_is_refused_before_anything_is_sent(run: Run, tool: Tool, server: LookAlike) -> None:
    ran = run(*SCENE, "--prompt", "She says it", "--json")
    assert (ran.code, ran.error["code"]) == (2, "invalid_request")
    assert "--prompt" in ran.error["message"]
    assert "--via classic" in ran.error["hint"]
    assert tool.orders() == server.charges() == []


def test_server_without_it_is_asked_the_classic_way(run: Run, server: LookAlike) -> None:
    server.configure(game_assets=False)
    words = (*SCENE, "--prompt", "She says it at last")
    quiet = run(*words, "--progress", "none")
    assert (quiet.code, "game endpoint" in quiet.err) == (0, False), quiet.err
    assert "no game endpoint" in run(*words, "--fresh", "--strategy", "generate-always", "-v").err
    assert len(server.requests(GAME)) == 1
    assert len(server.charges()) == 2


@pytest.mark.parametrize(
    "fault",
    [faults.lost_after(), faults.lost_before(), faults.answers(500, "boom", code="internal_error", when="after")],
)
def test_lost_answer_is_told_as_such_and_never_sent_again(
    run: Run, tool: Tool, server: LookAlike, fault: dict[str, object]
) -> None:
    server.fault(GAME, fault, skip=1)
    first = run(*SCENE, "--json")
    assert (first.code, first.error["code"]) == (10, "outcome_unknown")
    assert "--forget" in first.error["hint"]
    (order,) = tool.orders()
    assert order["state"] == "unknown"
    second = run(*SCENE, "--max-wait", "1s", "--json")
    assert (second.code, second.error["code"]) == (10, "outcome_unknown")
    assert len(server.requests(GAME)) == 2
    assert len(server.charges()) <= 1
    assert run("jobs", "cancel", order["order_id"], "--forget").code == 0
    assert run(*SCENE).code == 0


def test_refusal_orders_nothing_and_frees_the_way(run: Run, tool: Tool, server: LookAlike) -> None:
    server.fault(GAME, faults.answers(409, "this scene is closed", code="conflict"), skip=1)
    ran = run(*SCENE, "--no-placeholder", "--json")
    assert (ran.code, ran.error["code"]) == (1, "job_failed")
    assert "this scene is closed" in ran.error["why"]
    assert [order["state"] for order in tool.orders()] == ["refused"]
    assert server.charges() == []


def test_wrong_type_is_refused_and_not_bought_again_unasked(run: Run, tool: Tool, server: LookAlike) -> None:
    server.script(file={"media_type": "image"})
    ran = run(*SCENE, "--no-placeholder", "--json")
    assert (ran.code, ran.error["code"]) == (1, "job_failed")
    assert "no video" in ran.error["why"]
    assert "--forget" in ran.error["hint"]
    assert run(*SCENE, "--no-placeholder").code == 1
    assert [order["state"] for order in tool.orders()] == ["accepted"]
    assert len(server.charges()) == 1


def test_word_that_is_no_way_is_refused(run: Run) -> None:
    ran = run(*SCENE[:-1], "gmae")
    assert ran.code == 2
    assert "classic, game" in ran.err
