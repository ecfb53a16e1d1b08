"""`assetctl` against a look-alike of the backend, as a designer types it; what is said and what it costs."""

from __future__ import annotations

import json
import shutil
import signal
import sys
from typing import TYPE_CHECKING

import pytest
from cli_harness import wait_until

from assetctl.clock import SystemClock
from service import faults
from service.harness import LookAlike

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cli_harness import Ran, Tool

    Run = Callable[..., Ran]

CREATE = "POST /api/v1/generations"
SCENE = ("request", "--scene", "romance_5", "--choice", "confess", "--prompt", "She says it at last")


@pytest.fixture
def server() -> Iterator[LookAlike]:
    with LookAlike() as server:
        yield server


@pytest.fixture
def backend(server: LookAlike) -> dict[str, str]:
    """Variables of somebody who knows the backend and has a token; the library is a folder."""
    url, token = server.url, server.user().token
    return {"ASSETCTL_BACKEND__URL": url, "ASSETCTL_TOKEN": token, "ASSETCTL_LIBRARY__KIND": "folder"}


@pytest.fixture
def run(tool: Tool, backend: dict[str, str]) -> Run:
    """Runs a command as a process."""

    def run(*words: str, library: str = "folder") -> Ran:
        ran = tool.process(*words, env={**backend, "ASSETCTL_LIBRARY__KIND": library})
        assert backend["ASSETCTL_TOKEN"] not in ran.out + ran.err
        return ran

    return run


def test_backend_is_asked_by_default_and_its_knobs_are_shown(run: Run) -> None:
    shown = run("generators", "show", "pixsim", "--json").document
    assert shown["is_paid"] is True
    assert "negative_prompt" in {spec["name"] for spec in shown["parameters"]}
    (quality,) = [spec for spec in shown["providers"]["pixverse"]["text_to_video"] if spec["name"] == "quality"]
    assert quality["choices"] == ["360p", "540p", "720p", "1080p"]
    table = run("generators", "show", "pixsim").out
    assert "camera_movement" in table
    assert "video_transition" in table
    assert run("explain", *SCENE[1:], "--json").document["decision"]["would"] == "generate"


def test_knobs_that_hold_for_all_are_shown_without_the_backend(run: Run, tool: Tool, server: LookAlike) -> None:
    server.kill()
    ran = run("generators", "show", "pixsim", "--json")
    assert (ran.code, "providers" in ran.document) == (0, False)
    assert ran.document["parameters"]
    assert "not known now" in ran.err
    assert run("generators", "show", "pixsim", "--offline").err == ""
    listed = tool.process("generators", "ls", "--json").document
    assert {each["name"]: each["problem"] for each in listed}["pixsim"] == "`backend.url` is not set"


def test_without_a_backend_its_generator_says_what_to_set(tool: Tool) -> None:
    ran = tool.process(*SCENE, "--generator", "pixsim", "--json")
    assert (ran.code, ran.error["code"]) == (2, "config_invalid")
    assert "backend.url" in ran.error["why"]
    assert "auth login" in ran.error["hint"]


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("--type", "audio"), "makes audio"),
        (("--provider", "pixvers"), "has no provider `pixvers`"),
        (("--provider", "remaker"), "can't do `text_to_video`"),
        (("--model", "v1"), "`v1` is no value for the parameter `model`"),
        (("--duration", "60"), "`duration` is out of range"),
        (("--param", "quality=8k"), "`8k` is no value for the parameter `quality`"),
        (("--param", "fps=24"), "has no parameter `fps`"),
        (("--param", "operation=video_modify"), "is no value for the parameter `operation`"),
        (("--asset-ref", "hero=999"), "has no asset `999`"),
        (("--image", "https://example.com/a.png", "--param", "operation=text_to_video"), "takes no input"),
    ],
)
def test_what_the_backend_cannot_make_is_refused_before_an_order(
    run: Run, tool: Tool, server: LookAlike, words: tuple[str, ...], what: str
) -> None:
    ran = run(*SCENE, *words, "--json")
    assert (ran.code, ran.error["code"]) == (2, "invalid_request")
    assert what in ran.error["message"]
    assert ran.error["hint"] or ran.error["why"]
    assert server.requests(CREATE) == []
    assert [order["state"] for order in tool.orders()] == []


def test_audio_is_sent_to_the_library(run: Run) -> None:
    assert "library" in run(*SCENE, "--type", "audio", "--json").error["hint"]


def test_request_without_a_prompt_is_told_that_the_backend_needs_one(run: Run) -> None:
    ran = run("request", "--scene", "romance_5", "--json")
    assert ran.code == 2
    assert "--prompt" in ran.error["hint"]


def test_dead_token_is_told_with_what_to_do(run: Run, tool: Tool, server: LookAlike) -> None:
    server.revoke_all()
    ran = run(*SCENE, "--json")
    assert (ran.code, ran.error["code"]) == (3, "not_allowed")
    assert tool.orders() == []


def test_lost_answer_is_told_and_found_by_asking_again(run: Run, server: LookAlike) -> None:
    server.script(outcomes=["waits"], wait_reason="account_credit_exhausted_wait")
    server.fault(CREATE, faults.lost_after())
    ran = run(*SCENE, "--json", "--detach")
    assert (ran.code, ran.error["code"]) == (10, "outcome_unknown")
    again = run(*SCENE, "--json", "--detach")
    assert (again.code, again.error["code"], again.error["job_id"]) == (4, "job_pending", "1")
    assert len(server.jobs()) == 1


def test_wait_is_told_with_its_reason(run: Run, server: LookAlike) -> None:
    server.script(outcomes=["waits"], wait_reason="account_credit_exhausted_wait")
    ran = run(*SCENE, "--max-wait", "1s", "--progress", "json")
    assert ran.code == 4
    assert "its accounts have no credit left" in ran.err


def test_paused_job_is_told_and_not_waited_for(run: Run, server: LookAlike) -> None:
    server.script(outcomes=["paused"])
    ran = run(*SCENE, "--json")
    assert (ran.code, ran.error["code"]) == (4, "job_pending")
    assert "paused" in ran.error["message"]


def test_refused_prompt_is_told_and_frees_the_way(run: Run, tool: Tool, server: LookAlike) -> None:
    server.script(outcomes=["failed:content_prompt_rejected"], error_message="not \x1b[31mthat")
    ran = run(*SCENE, "--no-placeholder")
    assert ran.code == 1
    assert "not \\x1b[31mthat" in ran.err
    assert [order["state"] for order in tool.orders()] == ["failed"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_leaves_the_job_to_the_next_asker(
    run: Run, tool: Tool, server: LookAlike, backend: dict[str, str], number: signal.Signals
) -> None:
    server.script(outcomes=["hang"])
    process = tool.spawn(*SCENE, "--progress", "lines", env=backend)
    wait_until(lambda: server.requests("GET /api/v1/generations/1"))
    process.send_signal(number)
    ended = tool.finish(process)
    assert ended.code == 128 + number
    assert "job 1" in ended.err
    again = run(*SCENE, "--detach", "--json")
    assert (again.code, again.error["job_id"]) == (4, "1")
    assert len(server.jobs()) == len(server.charges()) == 1


# --- to the end -----------------------------------------------------------------------------------------------------


def test_clip_is_bought_once_fetched_and_tagged(run: Run, tool: Tool, server: LookAlike) -> None:
    server.script(duration_s=0.3)
    ran = run(*SCENE, "--duration", "5", "--json")
    assert ran.code == 0, ran.err
    (asset,) = server.assets()
    told = ran.document
    assert (told["source"], told["origin"]["generator"], told["origin"]["job_id"]) == ("generated", "pixsim", "1")
    assert (told["asset_id"], told["sha256"], told["size_bytes"]) == (
        str(asset["id"]), asset["sha256"], asset["file_size_bytes"],
    )  # fmt: skip
    assert told["cost"] is None
    assert told["generation_time_ms"] > 0
    assert told["warnings"] == []
    slugs = {tag["slug"] for tag in asset["tags"]}
    assert {"scene:romance_5", "choice:confess", f"assetctl:{told['key'][:32]}"} <= slugs
    assert run(*SCENE, "--duration", "5", "--json").document["source"] == "cached"
    assert [order["state"] for order in tool.orders()] == ["closed"]
    assert len(server.jobs()) == len(server.charges()) == 1
    assert server.sightings() == []


def test_next_person_finds_it_in_the_library(run: Run, tool: Tool, server: LookAlike) -> None:
    assert run(*SCENE).code == 0
    shutil.rmtree(tool.data)
    found = run(*SCENE, "--json", library="pixsim")
    assert (found.code, found.document["source"]) == (0, "pre_made"), found.err
    assert len(server.jobs()) == 1


def test_without_tags_nobody_finds_it(run: Run, server: LookAlike) -> None:
    assert run(*SCENE, "--no-tag").code == 0
    assert server.requests("POST /api/v1/assets/*/tags/assign") == []


def test_tags_that_cannot_be_set_are_a_warning_and_no_error(run: Run, server: LookAlike) -> None:
    server.fault("POST /api/v1/assets/*/tags/assign", faults.answers(500, "boom", code="internal_error"), times=None)
    ran = run(*SCENE, "--json")
    assert ran.code == 0
    assert "could not be told what it is for" in " ".join(ran.document["warnings"])


def test_image_is_made_from_an_image(run: Run, tool: Tool, server: LookAlike) -> None:
    (tool.work / "lantern.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"pixels" + b"IEND\xaeB`\x82")
    ran = run(*SCENE, "--type", "image", "--image", "lantern.png", "--json")
    assert ran.code == 0, ran.err
    assert ran.document["mime_type"].startswith("image/")
    (job,) = server.jobs()
    assert job["operation_type"] == "image_to_image"
    assert job["inputs"][0]["asset"] == f"asset:{server.assets()[0]['id']}"


def test_failure_that_turns_back_ends_well(run: Run, server: LookAlike) -> None:
    server.script(outcomes=["failed:provider_timeout", "completed"], retry_s=0.5)
    assert run(*SCENE).code == 0
    assert len(server.jobs()) == 1


def test_jobs_of_a_backend_that_makes_something_else_count_for_the_budget(
    run: Run, tool: Tool, server: LookAlike
) -> None:
    # It passes nothing on by which an order could be told, so nobody knows what it makes of it.
    anything = {"id": 4711, "operation_type": "text_to_video", "provider_id": "pixverse", "status": "pending"}
    row = {**anything, "canonical_params": {}, "created_at": SystemClock().now().isoformat()}
    server.fault(CREATE, faults.text(json.dumps(row), 201, "application/json"), times=5)
    rows = [{"scene": f"s{number}", "prompt": "a storm", "allow_placeholder": False} for number in range(5)]
    (tool.work / "chapter.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    ran = run("prefetch", "chapter.jsonl", "--max-generations", "2", "--concurrency", "1")
    assert (ran.code, len(server.requests(CREATE))) == (5, 2)
    assert "5 assets: 2 failed, 3 over the budget" in ran.out
    assert [order["job_id"] for order in tool.orders()] == ["4711"] * 2


def test_plan_of_a_chapter_says_what_ordering_takes_alone_and_then_what_jobs_took(
    run: Run, tool: Tool, server: LookAlike
) -> None:
    rows = "".join(f"s{number},confess,She says it\n" for number in range(45))
    (tool.work / "chapter.csv").write_text(f"scene,choice,prompt\n{rows}")
    told = run("prefetch", "chapter.csv", "--plan").out.splitlines()[0]
    assert told.startswith("45 assets: 45 to generate; cost unknown, time at least 2m (")
    assert told.endswith("pixsim: no more than 20 orders a minute)")
    assert server.requests(CREATE) == []
    # Times that differ, however exactly they are kept.
    for scene, duration_s in (("a", 0.1), ("b", 0.3), ("c", 0.5)):
        server.script(duration_s=duration_s)
        assert run("request", "--scene", scene, "--prompt", "x").code == 0
    document = run("prefetch", "chapter.csv", "--plan", "--json").document
    assert 120 <= document["seconds_low"] < document["seconds_high"] < 200
    assert (document["seconds_unknown_for"], document["orders_per_minute"]) == (0, {"pixsim": 20})
    assert "the latest 3 of type video took" in document["sources"][0]


def test_backend_that_takes_fewer_orders_is_waited_for_and_doctor_tells(
    run: Run, tool: Tool, server: LookAlike
) -> None:
    def orders() -> tuple[str, str]:
        (finding,) = [one for one in run("doctor", "--json").document if one["check"] == "orders"]
        return finding["health"], finding["detail"]

    assert orders() == ("ok", "20 a minute")
    server.fault(CREATE, faults.answers(429, "Rate limit exceeded. Try again in 2 seconds."), skip=1)
    server.script(duration_s=0.1)
    (tool.work / "two.csv").write_text("scene,prompt\na,x\nb,x\n")
    ran = run("prefetch", "two.csv", "--progress", "json")
    assert (ran.code, len(server.charges())) == (0, 2)
    asked = server.requests(CREATE)
    assert [request["status"] for request in asked] == [201, 429, 201]
    assert asked[2]["at"] - asked[1]["at"] >= 2
    assert ran.err.count("TurnAwaited") == 1
    health, detail = orders()
    assert (health, "took 1 in a minute lately" in detail) == ("warning", True)


def test_longest_wait_counts_the_wait_for_a_turn_and_nothing_is_ordered_after_it(
    run: Run, server: LookAlike, tool: Tool
) -> None:
    server.script(duration_s=0.1)
    assert run("request", "--scene", "first", "--prompt", "x").code == 0
    server.fault(CREATE, faults.answers(429, "Rate limit exceeded. Try again in 60 seconds."), times=None)
    ran = run("request", "--scene", "second", "--prompt", "x", "--max-wait", "5s", "--json")
    assert (ran.code, ran.error["code"], len(server.charges())) == (1, "rate_limited", 1)
    assert "nothing was ordered" in ran.error["message"]
    assert "--max-wait" in ran.error["hint"]
    assert tool.process("jobs", "ls", "--json").document == []
