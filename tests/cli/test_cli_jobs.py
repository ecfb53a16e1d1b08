"""`assetctl jobs`: the journal, and collecting what was ordered."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from cli_harness import INSTANT, wait_until

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
    assert job_id[:11] in tool("jobs", "ls").out
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
    assert f"job         {job_id}\n" in shown.out
    assert r"it says     running, 50%: \x1b[31mhalf [red]done[/]" in shown.out
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
    assert "nothing is unknown" in tool("jobs", "reconcile").err


def test_cancel_stops_a_job_and_frees_its_request(tool: Tool, job_id: str) -> None:
    ran = tool("jobs", "cancel", job_id)
    assert (ran.code, ran.out) == (0, f"{job_id}: cancelled\n")
    assert [order["state"] for order in tool.orders()] == ["cancelled"]
    tool.release()
    assert tool(*SLOW, "--choice", "go").code == 0
    assert len(tool.calls("submit")) == 2


def test_cancel_as_a_document(tool: Tool, job_id: str) -> None:
    (order,) = tool.orders()
    ran = tool("jobs", "cancel", job_id, "--json")
    assert ran.document == {"job_id": job_id, "order_id": order["order_id"], "state": "cancelled"}


def test_what_is_done_cannot_be_cancelled(tool: Tool) -> None:
    tool(*INSTANT)
    (order,) = tool.orders()
    ran = tool("jobs", "cancel", order["job_id"], "--json")
    assert (ran.code, ran.error["why"]) == (2, "it is closed")


def test_a_request_whose_job_was_cancelled_meanwhile_says_so(tool: Tool, job_id: str) -> None:
    (tool.data / "scripted" / job_id / "cancelled").touch()
    ran = tool(*SLOW, "--choice", "go", "--no-placeholder", "--json")
    assert (ran.code, ran.error["code"]) == (1, "job_cancelled")


# --- naming ------------------------------------------------------------------------------------------------------


def test_a_job_is_named_by_how_its_id_begins(tool: Tool, job_id: str) -> None:
    assert tool("jobs", "show", job_id[:9], "--json").document["job_id"] == job_id
    order_id = tool.orders()[0]["order_id"]
    assert tool("jobs", "show", order_id[:6], "-q").out == f"{job_id}\n"


def test_a_beginning_that_several_jobs_share_names_none(tool: Tool, job_id: str) -> None:
    other = tool(*SLOW, "--choice", "stay", "--detach", "--json").error["job_id"]
    ran = tool("jobs", "cancel", "slow-", "--json")
    assert (ran.code, ran.error["message"]) == (2, "`slow-` may mean 2 jobs")
    assert job_id in ran.error["why"]
    assert other in ran.error["why"]
    assert "cancel" not in tool.calls()


def test_the_listing_fits_eighty_columns_and_tells_who_looks_after_a_job(tool: Tool, job_id: str) -> None:
    header, _, row = tool("jobs", "ls").out.splitlines()
    assert header.split() == ["job", "state", "age", "generator", "scene/choice", "cost", "owner"]
    assert row.split() == [job_id[:11], "ordered", "just", "now", "slow", "park/go", "free", "this", "process"]
    assert len(row) <= 80
    process = tool.spawn(*SLOW, "--choice", "stay")
    wait_until(lambda: len(tool.orders()) == 2 and tool.orders()[1]["job_id"])
    assert f"process {process.pid}" in tool("jobs", "ls").out
    process.kill()
    process.wait()
    assert "nobody" in tool("jobs", "ls").out
    (_, owned) = tool("jobs", "ls", "--json").document
    assert (owned["owner"]["pid"], owned["owner"]["alive"]) == (process.pid, False)


def test_show_tells_the_history_with_its_times(tool: Tool) -> None:
    tool(*INSTANT[:-1], "paid")
    job_id = tool.orders()[0]["job_id"]
    document = tool("jobs", "show", job_id, "--json").document
    states = [change["state"] for change in document["history"]]
    assert states == ["intended", "sent", "accepted", "ready", "downloaded", "published", "closed"]
    assert document["cost"] == {"amount": "0.40", "currency": "USD"}
    shown = tool("jobs", "show", job_id).out
    assert re.search(r"\nhistory     \d{4}-\d\d-\d\dT[\d:.]+Z  written down\n", shown)
    assert "\ncost        0.40 USD\n" in shown


# --- collecting --------------------------------------------------------------------------------------------------


def looked_at(tool: Tool) -> list[str]:
    lines = (tool.data / "scripted" / "calls").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.startswith("status ")]


def test_wait_collects_several_jobs(tool: Tool, job_id: str) -> None:
    other = tool(*SLOW, "--choice", "stay", "--detach", "--json").error["job_id"]
    tool.release()
    ran = tool("jobs", "wait", job_id, other, "--json")
    assert ran.code == 0
    lines = [json.loads(line) for line in ran.out.splitlines()]
    assert {line["job_id"] for line in lines} == {job_id, other}
    assert {line["state"] for line in lines} == {"closed"}


def test_wait_says_which_job_goes_on(tool: Tool, job_id: str) -> None:
    ran = tool("jobs", "wait", job_id, "--max-wait", "20ms", "--json")
    assert (ran.code, ran.error["code"], ran.error["job_id"]) == (4, "job_pending", job_id)


def test_jobs_are_waited_for_at_the_same_time(tool: Tool, job_id: str) -> None:
    other = tool(*SLOW, "--choice", "stay", "--detach", "--json").error["job_id"]
    looks = len(looked_at(tool))
    process = tool.spawn("jobs", "resume")
    wait_until(lambda: set(looked_at(tool)[looks:]) == {f"status {job_id}", f"status {other}"})
    tool.release()
    assert len(tool.finish(process).out.splitlines()) == 2


def test_one_jobs_trouble_stops_no_other(tool: Tool, job_id: str) -> None:
    other = tool(*SLOW, "--choice", "stay", "--detach", "--json").error["job_id"]
    tool.release()
    (tool.data / "scripted" / job_id / "result.wav").unlink()
    ran = tool("jobs", "resume", "--json")
    assert (ran.code, ran.document["job_id"]) == (1, other)
    assert ran.error["job_id"] == job_id


def test_a_generator_on_the_network_is_not_asked_offline(tool: Tool, job_id: str) -> None:
    tool.alter(f"UPDATE orders SET generator = 'remote' WHERE job_id = '{job_id}'")
    before = len(tool.calls())
    ran = tool("jobs", "resume", "--offline", "--json")
    assert (ran.code, ran.error["code"]) == (7, "not_available")
    document = tool("jobs", "show", job_id, "--offline", "--json").document
    assert document["generator_trouble"]["code"] == "not_available"
    assert "it says     nothing:" in tool("jobs", "show", job_id, "--offline").out
    assert len(tool.calls()) == before


def test_an_order_of_a_generator_that_is_gone_is_told_and_listed(tool: Tool, job_id: str) -> None:
    tool.alter(f"UPDATE orders SET generator = 'gone' WHERE job_id = '{job_id}'")
    assert tool("jobs", "ls", "-q").out == f"{job_id}\n"
    assert tool("jobs", "show", job_id, "--json").document["generator_trouble"]["code"] == "generator_unknown"
    ran = tool("jobs", "resume", "--json")
    assert (ran.code, ran.error["code"]) == (2, "generator_unknown")


# --- reconciling -------------------------------------------------------------------------------------------------


def test_reconcile_collects_what_was_made_and_leaves_what_runs(tool: Tool, job_id: str) -> None:
    made = tool(*INSTANT[:-1], "paid").path
    tool.alter("UPDATE orders SET state = 'ready' WHERE generator = 'paid'")
    ran = tool("jobs", "reconcile")
    assert (ran.code, ran.path) == (0, made)
    assert f"the job `{job_id}` at `slow` is not finished yet" in ran.err
    states = {order["generator"]: order["state"] for order in tool.orders()}
    assert states == {"slow": "accepted", "paid": "closed"}


def test_reconcile_gives_up_what_never_arrived_and_that_is_no_failure(tool: Tool) -> None:
    killed = tool.process(*INSTANT[:-1], "paid", env={"SCRIPTED_KILL_AT": "submit"})
    assert killed.code < 0
    ran = tool("jobs", "reconcile", "--json")
    assert (ran.code, ran.document["state"], ran.document["path"]) == (0, "refused", None)
    assert tool.calls("submit") == ["submit"]


# --- cancelling --------------------------------------------------------------------------------------------------


def test_a_job_that_goes_on_after_it_was_cancelled_is_looked_at_and_told(tool: Tool, job_id: str) -> None:
    tool.say("deaf", "")
    ran = tool("jobs", "cancel", job_id, "--max-wait", "200ms")
    assert (ran.code, ran.out) == (4, f"{job_id}: running\n")
    assert "was asked to stop" in ran.err
    assert len(tool.calls("status")) > 2
    assert [order["state"] for order in tool.orders()] == ["accepted"]


def test_a_job_that_stops_a_while_after_it_was_cancelled_is_cancelled(tool: Tool, job_id: str) -> None:
    tool.say("deaf", "")
    process = tool.spawn("jobs", "cancel", job_id)
    wait_until(lambda: tool.calls("cancel"))
    (tool.data / "scripted" / job_id / "cancelled").touch()
    ran = tool.finish(process)
    assert (ran.code, ran.out) == (0, f"{job_id}: cancelled\n")
    assert [order["state"] for order in tool.orders()] == ["cancelled"]


def test_a_job_that_was_finished_first_is_kept_and_the_next_step_told(tool: Tool, job_id: str) -> None:
    tool.say("deaf", "")
    tool.release()
    ran = tool("jobs", "cancel", job_id)
    assert (ran.code, ran.out) == (1, f"{job_id}: succeeded\n")
    assert f"assetctl jobs resume {job_id}" in ran.err
    assert tool("jobs", "resume", job_id).code == 0


def test_cancelling_what_never_arrived_frees_its_request(tool: Tool) -> None:
    tool.process(*INSTANT[:-1], "paid", env={"SCRIPTED_KILL_AT": "submit"})
    (order,) = tool.orders()
    ran = tool("jobs", "cancel", order["order_id"][:8])
    assert (ran.code, ran.out) == (0, f"{order['order_id']}: never ordered, it cost nothing\n")
    assert "cancel" not in tool.calls()
    assert [order["state"] for order in tool.orders()] == ["refused"]


def test_what_nobody_can_tell_of_is_given_up_only_by_name(tool: Tool) -> None:
    assert tool(*INSTANT[:-1], "silent").code == 10
    (order,) = tool.orders()
    assert tool("jobs", "cancel", order["order_id"]).code == 10
    ran = tool("jobs", "cancel", order["order_id"], "--forget")
    assert (ran.code, ran.out) == (0, f"{order['order_id']}: given up\n")
    assert [order["state"] for order in tool.orders()] == ["abandoned"]


def test_several_jobs_are_cancelled_at_once(tool: Tool, job_id: str) -> None:
    other = tool(*SLOW, "--choice", "stay", "--detach", "--json").error["job_id"]
    ran = tool("jobs", "cancel", job_id, other)
    assert sorted(ran.out.splitlines()) == sorted(f"{one}: cancelled" for one in (job_id, other))


# --- what else there is to tell ----------------------------------------------------------------------------------


def test_show_tells_of_several_jobs_and_of_what_ended_badly(tool: Tool, job_id: str) -> None:
    tool(*INSTANT[:-1], "failing")
    failed = tool("jobs", "ls", "--all", "-q").out.split()[-1]
    tool.alter(f"UPDATE orders SET sends = 2, generation_time_ms = 8400 WHERE job_id = '{failed}'")
    shown = tool("jobs", "show", job_id, failed).out
    assert "\n\njob         failing-" in shown
    assert "failed (it ended without a file)\nwhy         " in shown
    assert "sent        2 times; before each" in shown
    assert "making took 8.4s" in shown
    assert len(tool("jobs", "show", job_id, failed, "--json").out.splitlines()) == 2


def test_an_empty_listing_says_so(tool: Tool) -> None:
    assert tool("jobs", "ls").err == "no job is open\n"
    assert tool("jobs", "ls", "--all").err == "there is no job yet\n"


def test_a_service_that_could_not_be_told_is_a_warning_beside_the_path(tool: Tool, job_id: str) -> None:
    tool.release()
    tool.say("deaf", "")
    ran = tool("jobs", "resume", job_id, "--json")
    (warning,) = ran.document["warnings"]
    assert "could not be told what it is for" in warning
    assert (ran.code, warning in ran.err) == (0, True)


# --- one run of many processes -----------------------------------------------------------------------------------


def test_processes_of_one_run_share_its_limit(tool: Tool) -> None:
    tool.settings("[budget]\nmax_generations_per_run = 1\n")
    words = (*INSTANT, "--no-placeholder", "--json")
    assert tool("--run-id", "chapter", *words, "--choice", "a").code == 0
    ran = tool("--run-id", "chapter", *words, "--choice", "b")
    assert (ran.code, ran.error["code"]) == (6, "spend_refused")
    assert tool(*words, "--choice", "b", env={"ASSETCTL_RUN_ID": "chapter"}).code == 6
    assert tool(*words, "--choice", "b").code == 0


@pytest.mark.parametrize("run_id", ["", " ", "x" * 101])
def test_a_run_id_that_says_nothing_is_wrong_usage(tool: Tool, run_id: str) -> None:
    assert tool("--run-id", run_id, "jobs", "ls").code == 2
