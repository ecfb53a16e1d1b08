"""`assetctl jobs`: the journal, and collecting what was ordered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cli_harness import INSTANT

if TYPE_CHECKING:
    from cli_harness import Tool

SLOW = (*INSTANT[:-1], "slow")


@pytest.fixture
def job_id(tool: Tool) -> str:
    """A job that is under way."""
    return tool(*SLOW, "--choice", "go", "--detach", "--json").error["job_id"]


def test_no_job_is_an_empty_list(tool: Tool) -> None:
    assert tool("jobs", "ls", "--json").document == []
    assert tool("jobs", "ls", "-q").out == ""


def test_open_jobs_are_listed(tool: Tool, job_id: str) -> None:
    tool(*INSTANT)
    assert job_id in tool("jobs", "ls").out
    assert tool("jobs", "ls", "-q").out.split() == [job_id]
    assert len(tool("jobs", "ls", "--all", "--json").document) == 2
    (order,) = tool("jobs", "ls", "--json").document
    assert (order["job_id"], order["state"], order["generator"]) == (job_id, "accepted", "slow")


def test_show_tells_the_order_and_what_its_generator_says(tool: Tool, job_id: str) -> None:
    tool.say("fraction", "0.5")
    tool.say("says", "\x1b[31mhalf [red]done[/]")
    document = tool("jobs", "show", job_id, "--json").document
    assert document["generator_says"]["fraction"] == 0.5
    assert document["request"]["choice_id"] == "go"
    shown = tool("jobs", "show", job_id)
    assert f"job_id: {job_id}" in shown.out
    assert "\x1b" not in shown.out
    assert tool("jobs", "show", document["order_id"], "--json").document["job_id"] == job_id


def test_a_closed_job_is_shown_without_asking_its_generator(tool: Tool) -> None:
    tool(*INSTANT)
    (order,) = tool.orders()
    before = len(tool.calls())
    assert "generator_says" not in tool("jobs", "show", order["job_id"], "--json").document
    assert len(tool.calls()) == before


def test_an_unknown_job_is_wrong_usage(tool: Tool) -> None:
    for command in ("show", "cancel", "resume"):
        ran = tool("jobs", command, "nothing", "--json")
        assert (ran.code, ran.out) == (2, "")
        assert ran.error["hint"] == "assetctl jobs ls --all"


def test_resume_collects_what_was_ordered_and_orders_nothing(tool: Tool, job_id: str) -> None:
    tool.release()
    ran = tool("jobs", "resume")
    assert ran.code == 0
    assert ran.path.exists()
    assert tool.calls("submit") == ["submit"]
    assert tool(*SLOW, "--choice", "go", "--json").document["source"] == "cached"
    assert job_id not in tool("jobs", "ls").out


def test_resume_of_one_job_as_a_line_of_json(tool: Tool, job_id: str) -> None:
    tool.release()
    ran = tool("jobs", "resume", job_id, "--json")
    assert ran.document["job_id"] == job_id
    assert ran.out.count("\n") == 1


def test_resume_with_nothing_open_says_so(tool: Tool) -> None:
    ran = tool("jobs", "resume")
    assert (ran.code, ran.out, ran.err) == (0, "", "no job is open\n")


def test_resume_tells_what_did_not_end_well_and_goes_on(tool: Tool, job_id: str) -> None:
    tool(*INSTANT[:-1], "silent", "--scene", "lake", "--no-placeholder")
    tool.release()
    (tool.data / "scripted" / job_id / "result.wav").unlink()
    ran = tool("jobs", "resume")
    assert ran.code == 1
    assert "the file is gone" in ran.err
    assert "never arrived at `silent`" in ran.err


def test_resume_waits_no_longer_than_the_settings_say(tool: Tool, job_id: str) -> None:
    tool.settings("[generation]\nmax_wait_s = '20ms'\n")
    ran = tool("jobs", "resume", "--json")
    assert (ran.code, ran.error["job_id"]) == (4, job_id)


def test_reconcile_settles_an_order_whose_outcome_is_unknown(tool: Tool) -> None:
    silent = (*INSTANT[:-1], "silent", "--json")
    assert (tool(*silent).code, tool(*silent).error["code"]) == (10, "outcome_unknown")
    assert len(tool.calls("submit")) == 1
    assert tool("jobs", "reconcile", "--json").code == 10
    (order,) = tool.orders()
    job = tool.data / "scripted" / f"silent-{order['order_id'][:12]}"
    job.mkdir()
    (job / "result.wav").write_bytes(tool.put_sound("other.wav").read_bytes())
    tool.release()
    ran = tool("jobs", "reconcile")
    assert ran.code == 0
    assert ran.path.exists()
    assert tool("jobs", "reconcile").err == "no outcome is unknown\n"


def test_cancel_stops_a_job_and_frees_its_request(tool: Tool, job_id: str) -> None:
    ran = tool("jobs", "cancel", job_id)
    assert (ran.code, ran.out) == (0, f"{job_id}: cancelled\n")
    assert [order["state"] for order in tool.orders()] == ["cancelled"]
    tool.release()
    assert tool(*SLOW, "--choice", "go").code == 0
    assert len(tool.calls("submit")) == 2


def test_cancel_as_a_document(tool: Tool, job_id: str) -> None:
    assert tool("jobs", "cancel", job_id, "--json").document == {"job_id": job_id, "state": "cancelled"}


def test_what_is_done_cannot_be_cancelled(tool: Tool) -> None:
    tool(*INSTANT)
    (order,) = tool.orders()
    ran = tool("jobs", "cancel", order["job_id"], "--json")
    assert (ran.code, ran.error["why"]) == (2, "it is closed")


def test_a_request_whose_job_was_cancelled_meanwhile_says_so(tool: Tool, job_id: str) -> None:
    (tool.data / "scripted" / job_id / "cancelled").touch()
    ran = tool(*SLOW, "--choice", "go", "--no-placeholder", "--json")
    assert (ran.code, ran.error["code"]) == (1, "job_cancelled")
