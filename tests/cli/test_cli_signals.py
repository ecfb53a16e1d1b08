"""Signals and kills: quick, with nothing lost and nothing ordered twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from cli_harness import INSTANT, LEAVES_WITHIN_S, wait_until

from assetctl.cli.running import run
from assetctl.errors import Interrupted
from assetctl.events import AssetEventBus, AssetGenerated, JobEnded, JobSubmitted
from assetctl.models import Asset, AssetType, Estimate, MediaInfo, Origin, Source

if TYPE_CHECKING:
    from cli_harness import Tool

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals as here are POSIX")

SLOW = (*INSTANT[:-1], "slow")


def waiting(tool: Tool, *words: str, name: str = "slow") -> subprocess.Popen[bytes]:
    """A request that waits for its job."""
    process = tool.spawn(*INSTANT[:-1], name, *words)
    wait_until(lambda: tool.calls("status"))
    return process


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=["INT", "TERM", "HUP"]
)
def test_a_signal_ends_the_wait_names_the_job_and_the_next_request_adopts_it(
    tool: Tool, number: signal.Signals, code: int
) -> None:
    process = waiting(tool)
    process.send_signal(number)
    ran = tool.finish(process, within_s=LEAVES_WITHIN_S)
    assert (ran.code, ran.out) == (code, "")
    (order,) = tool.orders()
    assert f"the job `{order['job_id']}` goes on and nothing is lost" in ran.err
    assert "Traceback" not in ran.err
    tool.release()
    assert tool(*SLOW, "--json").document["origin"]["job_id"] == order["job_id"]
    assert tool.calls("submit") == ["submit"]
    assert "cancel" not in tool.calls()


def test_with_json_the_last_line_names_the_job(tool: Tool) -> None:
    process = waiting(tool, "--json")
    process.send_signal(signal.SIGTERM)
    ran = tool.finish(process)
    assert (ran.error["code"], ran.error["exit_code"]) == ("interrupted", 143)
    assert ran.error["job_id"] == tool.orders()[0]["job_id"]


def test_a_batch_is_ended_as_quickly_and_its_jobs_are_kept(tool: Tool) -> None:
    process = tool.spawn("request", "-", "--type", "audio", "--generator", "slow", "-q", stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(b"".join(json.dumps({"scene_id": f"s{n}"}).encode() + b"\n" for n in range(3)))
    process.stdin.flush()
    # One job may be looked at several times before the last is sent, so looks are no sign that all three were accepted.
    wait_until(lambda: [order["state"] for order in tool.orders()] == ["accepted"] * 3)
    # stdin stays open: the reader waits for a line that never comes.
    process.send_signal(signal.SIGINT)
    process.wait(timeout=LEAVES_WITHIN_S)
    assert process.returncode == 130
    tool.release()
    assert len(tool("jobs", "resume").out.splitlines()) == 3
    assert len(tool.calls("submit")) == 3


def test_what_the_parent_told_us_to_ignore_stays_ignored(tool: Tool) -> None:
    process = tool.spawn(*SLOW, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    wait_until(lambda: tool.calls("status"))
    process.send_signal(signal.SIGHUP)
    looks = len(tool.calls("status"))
    wait_until(lambda: len(tool.calls("status")) > looks + 3)
    tool.release()
    assert tool.finish(process).code == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["INT", "TERM"])
def test_a_second_signal_ends_even_what_does_not_let_go(tool: Tool, number: signal.Signals) -> None:
    process = waiting(tool, name="stubborn")
    process.send_signal(number)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=2)
    process.send_signal(number)
    assert tool.finish(process, within_s=LEAVES_WITHIN_S).code == 128 + number
    assert [order["state"] for order in tool.orders()] == ["accepted"]


def test_a_signal_while_everything_is_still_being_loaded_ends_quietly(tool: Tool) -> None:
    # The plug-in's folder comes first on the path: this module stands still where the app is loaded.
    blocker = tool.home / "early"
    blocker.mkdir()
    (blocker / "typer.py").write_text(
        f"import pathlib, sys, time\npathlib.Path({str(tool.home / 'loading')!r}).touch()\ntime.sleep(60)\n"
    )
    env = {"PYTHONPATH": f"{blocker}{os.pathsep}{tool.environment()['PYTHONPATH']}"}
    process = tool.spawn(*SLOW, env=env)
    wait_until((tool.home / "loading").exists)
    process.send_signal(signal.SIGINT)
    ran = tool.finish(process)
    assert (ran.code, ran.out, ran.err) == (130, "", "")


def test_a_signal_while_settings_are_read_says_that_nothing_was_done(tool: Tool) -> None:
    fifo = tool.work / "assetctl.toml"
    os.mkfifo(fifo)
    # A file that a signal interrupts while it opens is the interpreter's to close; users never see that warning.
    process = tool.spawn("--config", str(fifo), *SLOW, env={"PYTHONWARNINGS": "error,ignore::ResourceWarning"})
    # Opening for writing returns when the reader is there, and it waits for what never comes.
    with fifo.open("wb", buffering=0):
        process.send_signal(signal.SIGINT)
        ran = tool.finish(process)
    assert (ran.code, ran.out) == (130, "")
    assert "Traceback" not in ran.err


def test_a_signal_after_the_work_changes_nothing_that_was_done(tool: Tool) -> None:
    # A pipe that is full holds the process after its answer was made, while it is printed.
    read, write = os.pipe()
    with os.fdopen(read, "rb") as pipe, os.fdopen(write, "wb", buffering=0) as full:
        os.set_blocking(write, False)
        while full.write(bytes(1 << 16)):
            pass
        os.set_blocking(write, True)
        process = tool.spawn(*INSTANT, "--output", "-", stdout=full)
        wait_until(lambda: [order["state"] for order in tool.orders()] == ["closed"])
        process.send_signal(signal.SIGINT)
        full.close()
        pipe.read()
    # Whether it was cut short or had ended is a matter of the moment.
    assert tool.finish(process).code in (0, 130)
    assert tool(*INSTANT, "--json").document["source"] == "cached"
    assert tool.calls("submit") == ["submit"]


def test_ctrl_c_during_a_rendering_leaves_one_rendering_that_the_next_request_collects(tool: Tool) -> None:
    storyboard = ("request", "--scene", "park", "--duration", "20", "--param", "fps=24", "--param", "width=640")
    process = tool.spawn(*storyboard)
    jobs = tool.data / "storyboard"
    wait_until(lambda: list(jobs.glob("sb-*/progress.json")))
    process.send_signal(signal.SIGINT)
    ran = tool.finish(process)
    assert ran.code == 130
    (order,) = tool.orders()
    assert order["job_id"] in ran.err
    collected = tool.process(*storyboard, "--json")
    assert collected.document["origin"]["job_id"] == order["job_id"]
    assert len(tool.orders()) == 1


# --- kill -9 -----------------------------------------------------------------------------------------------------

KILLS = {
    "intended": {"SCRIPTED_KILL_AT": "estimate"},
    "sent, not arrived": {"SCRIPTED_KILL_AT": "submit"},
    "sent and arrived": {"SCRIPTED_KILL_AT": "submitted"},
    "accepted": {"SCRIPTED_KILL_AT": "status"},
    "asking for the file": {"SCRIPTED_KILL_AT": "result"},
    "ready, copying": {"CRASH_AT": "open:/cache/v1/partial/"},
    "downloaded, storing": {"CRASH_AT": "os.rename:/cache/v1/blobs/"},
    "published": {"SCRIPTED_KILL_AT": "discard"},
}


@pytest.mark.parametrize("name", KILLS)
def test_a_kill_at_any_state_costs_nothing_and_the_same_request_succeeds(tool: Tool, name: str) -> None:
    words = (*INSTANT[:-1], "paid")
    killed = tool.process(*words, env=KILLS[name])
    assert killed.code == -signal.SIGKILL
    assert killed.out == ""
    ran = tool.process(*words, "--json")
    assert ran.code == 0
    assert tool("jobs", "resume").code == 0
    (order,) = tool.orders()
    assert (order["state"], order["job_id"]) == ("closed", ran.document["origin"]["job_id"])
    assert len(tool.calls("submitted")) == 1
    assert list(tool.data.rglob("partial/*.wav")) == []


def test_a_kill_while_a_storyboard_is_rendered_leaves_it_to_the_next_request(tool: Tool) -> None:
    storyboard = ("request", "--scene", "park", "--duration", "10", "--param", "fps=24", "--param", "width=320")
    process = tool.spawn(*storyboard)
    wait_until(lambda: list((tool.data / "storyboard").glob("sb-*/progress.json")))
    process.kill()
    process.wait()
    assert tool.process(*storyboard).code == 0
    assert [order["state"] for order in tool.orders()] == ["closed"]


# --- in this process ---------------------------------------------------------------------------------------------


def test_a_job_that_ended_is_not_named_as_going_on() -> None:
    events = AssetEventBus()

    async def work() -> None:
        events.publish(JobSubmitted("k", "slow", "j1", Estimate()))
        events.publish(JobEnded("k", "slow", "j1", "failed"))
        signal.raise_signal(signal.SIGTERM)

    with pytest.raises(Interrupted) as caught:
        run(work, events)
    assert (caught.value.exit_code, caught.value.job_id) == (143, None)
    assert caught.value.what == "ended by SIGTERM; no job is known to run"


def test_a_job_that_is_done_but_not_collected_is_named() -> None:
    events = AssetEventBus()

    async def work() -> None:
        events.publish(JobSubmitted("k", "slow", "j1", Estimate()))
        events.publish(JobEnded("k", "slow", "j1", "succeeded"))
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(Interrupted) as caught:
        run(work, events)
    assert (caught.value.exit_code, caught.value.job_id) == (130, "j1")


def test_handlers_are_put_back_and_other_threads_are_left_alone() -> None:
    before = signal.getsignal(signal.SIGTERM)

    async def work() -> str:
        return "done"

    assert run(work, AssetEventBus()) == "done"
    assert signal.getsignal(signal.SIGTERM) == before
    results: list[str] = []
    thread = threading.Thread(target=lambda: results.append(run(work, AssetEventBus())))
    thread.start()
    thread.join()
    assert results == ["done"]


def test_a_job_whose_asset_was_delivered_is_not_named(tool: Tool) -> None:
    events = AssetEventBus()

    async def work() -> None:
        events.publish(JobSubmitted("k", "slow", "j1", Estimate()))
        events.publish(JobEnded("k", "slow", "j1", "succeeded"))
        events.publish(AssetGenerated("k", asset))
        signal.raise_signal(signal.SIGINT)

    asset = Asset(
        "a", tool.work, AssetType.AUDIO, Source.GENERATED, Origin("slow"), "0" * 64, 1, MediaInfo("audio/wav")
    )
    with pytest.raises(Interrupted) as caught:
        run(work, events)
    assert caught.value.job_id is None


def test_a_process_started_in_the_background_still_heeds_sigterm(tool: Tool) -> None:
    process = tool.spawn(*SLOW, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
    wait_until(lambda: tool.orders() and tool.orders()[0]["job_id"])
    process.send_signal(signal.SIGTERM)
    assert tool.finish(process).code == 143
