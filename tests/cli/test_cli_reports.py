"""`prefetch --report`: written however the run ends, whole or not at all, and refused before the first order."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
from cli_harness import DEADLINE_S, LEAVES_WITHIN_S, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from cli_harness import Ran, Tool

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="signals and rights as here are POSIX")


def write(tool: Tool, *rows: dict[str, object], name: str = "chapter.jsonl") -> str:
    """A manifest of sounds."""
    lines = [{"type": "audio", "generator": "instant", **row} for row in rows]
    (tool.work / name).write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return name


def scenes(*names: str, **fields: object) -> list[dict[str, object]]:
    return [{"scene": name, **fields} for name in names]


def report(tool: Tool, name: str = "report.json") -> dict[str, Any]:
    return json.loads((tool.work / name).read_text(encoding="utf-8"))


def states(document: dict[str, Any]) -> dict[str, str]:
    return {entry["scene_id"]: entry["state"] for entry in document["items"]}


def strays(tool: Tool) -> list[str]:
    kept = {"assetctl.toml", "chapter.jsonl", "report.json"}
    scratch = tool.data / "prefetch"
    left = [path.name for path in tool.work.iterdir() if path.name not in kept]
    return left + (
        [path.name for path in scratch.iterdir() if not path.name.endswith(".failed")] if scratch.exists() else []
    )


def test_it_tells_of_every_asset_in_the_order_of_the_manifest(tool: Tool) -> None:
    rows = [
        {"scene": "a", "id": "mine", "generator": "paid"},
        {"scene": "b", "generator": "failing", "allow_placeholder": False},
        {"scene": "c", "generator": "failing"},
    ]
    ran = tool("prefetch", write(tool, *rows), "--report", "report.json")
    document = report(tool)
    assert (ran.code, document["exit_code"], document["kind"]) == (5, 5, "run")
    assert document["schema"] == "assetctl.report/1"
    assert states(document) == {"a": "generated", "b": "failed", "c": "placeholder"}
    assert (document["count"], document["delivered"], document["left"], document["is_partial"]) == (3, 1, 0, False)
    assert document["spent"] == [{"amount": "0.40", "currency": "USD"}]
    assert document["plan"]["new_orders"] == 3
    first, second, third = document["items"]
    assert (first["id"], first["asset"]["schema"], first["planned"]) == ("mine", "assetctl.asset/1", "generate")
    assert first["seconds"] >= 0
    assert second["error"]["code"] == "job_failed"
    assert third["asset"]["source"] == "placeholder"
    assert "report: report.json" in ran.err
    assert strays(tool) == []


def test_each_ending_gives_its_format_and_all_of_them_tell_the_same(tool: Tool) -> None:
    manifest = write(tool, *scenes("a", "b"), {"scene": "c", "generator": "failing"})
    reports = [word for kind in ("json", "md", "xml", "html") for word in ("--report", f"out/r.{kind}")]
    assert tool("prefetch", manifest, *reports).code == 5
    assert report(tool, "out/r.json")["states"]["generated"] == 2
    assert "| generated | 2 |" in (tool.work / "out" / "r.md").read_text()
    suites = ET.parse(tool.work / "out" / "r.xml").getroot()
    assert [(suites.get("tests"), suites.get("failures"))] == [("3", "1")]
    page = (tool.work / "out" / "r.html").read_text(encoding="utf-8")
    assert (page.count("<article "), page.count('class="wave"'), page.count('class="band"')) == (3, 3, 1)
    assert sorted(path.name for path in (tool.work / "out").iterdir()) == ["r.html", "r.json", "r.md", "r.xml"]


@POSIX
def test_an_interrupted_storyboard_has_no_pictures_but_everything_else(tool: Tool) -> None:
    manifest = write(tool, *scenes("here"), *scenes("a", generator="slow"))
    tool("prefetch", write(tool, *scenes("here"), name="first.jsonl"))
    process = tool.spawn("prefetch", manifest, "--report", "report.html")
    wait_until(lambda: "accepted" in [order["state"] for order in tool.orders()])
    process.send_signal(signal.SIGINT)
    assert tool.finish(process).code == 130
    page = (tool.work / "report.html").read_text(encoding="utf-8")
    assert page.count("<article ") == 2
    assert "it was interrupted" in page
    assert "1 picture was not drawn: nobody waited for more pictures." in page


def test_what_was_here_before_is_told_with_its_file(tool: Tool) -> None:
    manifest = write(tool, *scenes("a", "b"))
    tool("prefetch", manifest)
    assert tool("prefetch", write(tool, *scenes("a", "b", "c")), "--report", "report.json").code == 0
    document = report(tool)
    assert states(document) == {"a": "here", "b": "here", "c": "generated"}
    assert all(os.path.isfile(entry["asset"]["path"]) for entry in document["items"])  # noqa: PTH113 - a text
    assert document["items"][0]["asset"]["source"] == "cached"


def test_the_plan_can_be_reported_and_nothing_is_spent(tool: Tool) -> None:
    manifest = write(tool, *scenes("a", "b"), {"scene": "c", "allow_generation": False})
    tool("prefetch", write(tool, *scenes("a"), name="first.jsonl"))
    assert tool("prefetch", manifest, "--plan", "--report", "report.json").code == 0
    document = report(tool)
    assert (document["kind"], document["is_partial"], len(tool.orders())) == ("plan", False, 1)
    assert states(document) == {"a": "here", "b": "generate", "c": "placeholder"}


@pytest.mark.parametrize("name", ["report", "report.txt", "report.jsn", "/dev/stdout", "-"])
def test_an_ending_that_says_nothing_is_refused_before_anything_is_read(tool: Tool, name: str) -> None:
    ran = tool("prefetch", "no-such-chapter.toml", "--report", name)
    assert ran.code == 2
    assert "doesn't say in which format it is" in ran.err
    assert ("did you mean `.json`?" in ran.err) is (name == "report.jsn")


@pytest.mark.parametrize(
    "words",
    [
        ("--report", "chapter.json"),
        ("--report", "a.json", "--report", "./a.json"),
        ("--plan-out", "a.json", "--report", "a.json"),
    ],
)
def test_a_file_that_is_used_already_is_no_report(tool: Tool, words: tuple[str, ...]) -> None:
    manifest = json.dumps({"scenes": [{"id": "a", "type": "audio", "generator": "instant"}]})
    (tool.work / "chapter.json").write_text(manifest)
    ran = tool("prefetch", "chapter.json", *words)
    assert (ran.code, tool.orders()) == (2, [])
    assert "cannot be the report" in ran.err
    assert (tool.work / "chapter.json").read_text() == manifest


def test_a_report_that_cannot_be_written_is_known_before_the_first_order(tool: Tool) -> None:
    (tool.work / "file").touch()
    (tool.work / "folder.json").mkdir()
    for name, code in (("file/report.json", 1), ("folder.json", 2)):
        ran = tool("prefetch", write(tool, *scenes("a")), "--report", name)
        assert (ran.code, tool.orders()) == (code, [])
        assert f"the report `{name}` cannot be written" in ran.err


def test_missing_folders_are_made_and_the_file_is_as_others_of_this_user(tool: Tool) -> None:
    assert tool("prefetch", write(tool, *scenes("a")), "--report", "out/today/report.json").code == 0
    path = tool.work / "out" / "today" / "report.json"
    (tool.work / "plain").touch()
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((tool.work / "plain").stat().st_mode)


def test_what_was_refused_before_spending_is_reported_too(tool: Tool) -> None:
    tool.settings("[budget]\nmax_generations_per_run = 1\n")
    assert tool("prefetch", write(tool, *scenes("here"))).code == 0
    manifest = write(tool, *scenes("here", "a", "b"))
    ran = tool("prefetch", manifest, "--report", "report.json", "--report", "report.html")
    document = report(tool)
    assert (ran.code, document["exit_code"], document["ended_by"]["code"]) == (6, 6, "spend_refused")
    assert (tool.work / "report.html").read_text(encoding="utf-8").count('class="wave"') == 1
    assert document["is_partial"]
    assert document["partial"].startswith("Nothing was done: this would order 2 generations")
    assert states(document) == {"here": "here", "a": "generate", "b": "generate"}


REPORTS = ("--report", "report.json", "--report", "report.md", "--report", "report.html", "--report", "report.xml")


def not_begun(tool: Tool, code: str) -> dict[str, Any]:
    """The report of a run that ended with such an error before it began, told by every format."""
    document = report(tool)
    root = ET.fromstring((tool.work / "report.xml").read_bytes())
    assert int(root.get("errors", "")) == len(root.findall(".//error")) >= 1
    assert "Nothing was done: " in (tool.work / "report.md").read_text(encoding="utf-8").replace("\\", "")
    assert "Nothing was done: " in (tool.work / "report.html").read_text(encoding="utf-8")
    assert (document["kind"], document["is_partial"], document["ended_by"]["code"]) == ("plan", True, code)
    assert document["exit_code"] == document["ended_by"]["exit_code"]
    assert not tool.orders()
    return document


def test_a_manifest_with_mistakes_is_reported_with_all_of_them(tool: Tool) -> None:
    (tool.work / "report.json").write_text("of an earlier run")
    summary = tool.work / "summary.md"
    # More than one piece of the walk: the first one was planned.
    good = scenes(*(f"s{number}" for number in range(2_000)))
    manifest = write(tool, *good, *scenes("a", type="smell"), *scenes("b", type="taste"))
    ran = tool("prefetch", manifest, *REPORTS, env={"GITHUB_STEP_SUMMARY": str(summary)})
    document = not_begun(tool, "manifest_invalid")
    assert (ran.code, document["exit_code"]) == (2, 2)
    assert [(one["line"], one["field"]) for one in document["problems"]] == [(2_001, "type"), (2_002, "type")]
    assert (document["count"], document["items"], document["plan"]) == (0, [], None)
    assert summary.read_text() == (tool.work / "report.md").read_text()
    assert all("smell" in (tool.work / f"report.{ending}").read_text() for ending in ("json", "md", "html", "xml"))
    assert len(ET.fromstring((tool.work / "report.xml").read_bytes()).findall(".//error")) == 2


def test_a_manifest_that_cannot_be_read_is_reported(tool: Tool) -> None:
    assert tool("prefetch", "nowhere.toml", *REPORTS).code == 2
    document = not_begun(tool, "manifest_invalid")
    assert (document["manifest"], document["problems"]) == ("nowhere.toml", [])
    assert document["ended_by"]["message"] == "there is no manifest `nowhere.toml`"


def test_a_plan_that_does_not_hold_any_more_is_reported_with_what_it_would_take_now(tool: Tool) -> None:
    manifest = write(tool, *scenes("a"))
    tool("prefetch", manifest, "--plan-out", "plan.jsonl")
    write(tool, *scenes("a", "b"))
    assert tool("prefetch", "--apply", "plan.jsonl", *REPORTS).code == 6
    document = not_begun(tool, "spend_refused")
    assert states(document) == {"a": "generate", "b": "generate"}
    assert document["plan"]["new_orders"] == 2


def test_consent_that_is_missing_is_an_error_for_those_who_read_tests(tool: Tool) -> None:
    tool.settings("[budget]\nmax_generations_per_run = 1\n")
    assert tool("prefetch", write(tool, *scenes("a", "b")), *REPORTS).code == 6
    assert states(not_begun(tool, "spend_refused")) == {"a": "generate", "b": "generate"}
    root = ET.fromstring((tool.work / "report.xml").read_bytes())
    assert [(case.get("name"), [child.tag for child in case]) for case in root.iter("testcase")][-1] == (
        "the whole run",
        ["error"],
    )


@POSIX
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_who_is_interrupted_while_planning_has_a_report_of_that(tool: Tool, number: signal.Signals, code: int) -> None:
    process = tool.spawn("prefetch", "-", *REPORTS, stdin=subprocess.PIPE)
    # The reports' own scratch file is made in it before the manifest is read.
    wait_until((tool.data / "prefetch").exists)
    process.send_signal(number)
    # Its stdin stays open.
    assert process.wait(timeout=LEAVES_WITHIN_S) == code
    document = not_begun(tool, "interrupted")
    assert (document["exit_code"], document["manifest"], document["plan"]) == (code, "-", None)


def test_a_reached_budget_says_what_is_left(tool: Tool) -> None:
    manifest = write(tool, *scenes("a", "b", "c", generator="paid"))
    assert tool("prefetch", manifest, "--max-generations", "2", "--report", "report.json").code == 6
    document = report(tool)
    assert (document["is_partial"], document["left"], document["states"]["refused"]) == (True, 1, 1)
    assert "1 asset is left: 1 over budget" in document["partial"]
    assert document["budget"]["max_generations"] == 2


@pytest.mark.usefixtures("hour_passes")
def test_a_deadline_says_what_is_left(tool: Tool) -> None:
    manifest = write(tool, *scenes("a", "b", generator="slow"))
    ran = tool("prefetch", manifest, "--concurrency", "1", "--deadline", "30m", "--report", "report.json")
    assert ran.code == 5
    assert report(tool)["partial"] == (
        "This is a partial report: the deadline passed. 2 assets are left: 1 not begun, 1 being made."
        " Run the same command again to go on."
    )


@POSIX
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_an_interrupted_run_is_reported_with_what_is_left(tool: Tool, number: signal.Signals, code: int) -> None:
    manifest = write(tool, *scenes("here"), *scenes("a", "b", "c", generator="slow"))
    tool("prefetch", write(tool, *scenes("here"), name="first.jsonl"))
    process = tool.spawn("prefetch", manifest, "--concurrency", "2", "--report", "report.json", "--json")
    wait_until(lambda: [order["state"] for order in tool.orders()].count("accepted") == 2)
    process.send_signal(number)
    ran = tool.finish(process)
    document, summary = report(tool), json.loads(ran.out.splitlines()[-1])
    assert (ran.code, document["exit_code"], summary["exit_code"]) == (code, code, code)
    assert document["ended_by"]["code"] == "interrupted"
    assert states(document) == {"here": "here", "a": "running", "b": "running", "c": "left"}
    assert document["items"][0]["asset"]["source"] == "cached"
    assert document["left"] == 3
    assert "2 jobs go on" in ran.err
    assert "Traceback" not in ran.err


@pytest.fixture
def drawing(tool: Tool) -> Path:
    """The folder that holds up each process that draws pictures, if it may import from there: a sign that one began."""
    folder = tool.home / "drawing"
    (folder / "PIL").mkdir(parents=True)
    (folder / "PIL" / "__init__.py").write_text(
        f"import pathlib, time\npathlib.Path({str(folder / 'begun')!r}).touch()\ntime.sleep({DEADLINE_S})\n"
    )
    return folder


@POSIX
@pytest.mark.parametrize("place", ["foreground", "background"])
@pytest.mark.parametrize("signals", [1, 2])
def test_who_interrupts_the_drawing_has_the_page_without_the_rest_of_the_pictures(
    tool: Tool, drawing: Path, signals: int, place: str
) -> None:
    # So a shell without job control starts what runs in the background.
    is_behind = place == "background"
    ignored = (lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)) if is_behind else None
    number, left = (signal.SIGTERM, 143) if is_behind else (signal.SIGINT, 130)
    names = [f"s{number}" for number in range(8)]
    manifest = write(tool, *scenes(*names))
    assert tool("prefetch", manifest).code == 0
    folder = tool.work / "out"
    env = {"PYTHONPATH": f"{drawing}{os.pathsep}{tool.environment()['PYTHONPATH']}"}
    process = tool.spawn("prefetch", manifest, "--report", "out/report.html", env=env, preexec_fn=ignored)
    wait_until((drawing / "begun").exists)
    for _ in range(signals):
        process.send_signal(number)
    code, files = tool.finish(process).code, [path.name for path in folder.iterdir()]
    # A second signal may come when nothing is left to handle it.
    assert code in ((left,) if signals == 1 else (left, -number))
    # Whoever insists has it whole or not at all.
    assert files == ["report.html"] or (signals > 1 and files == [])
    for name in files:
        page = (folder / name).read_text(encoding="utf-8")
        assert page.count("<article ") == len(names)
        assert "not drawn: nobody waited for more pictures." in page


@POSIX
def test_a_killed_run_leaves_nothing_behind_and_the_older_report(tool: Tool) -> None:
    (tool.work / "report.json").write_text("older")
    manifest = write(tool, *scenes("a", "b"))
    ran = tool.process("prefetch", manifest, "--report", "report.json", env={"SCRIPTED_KILL_AT": "status"})
    assert ran.code == -signal.SIGKILL
    assert (tool.work / "report.json").read_text() == "older"
    assert strays(tool) == []


@POSIX
def test_the_second_signal_waits_for_no_report(tool: Tool) -> None:
    (tool.work / "report.json").write_text("older")
    process = tool.spawn("prefetch", write(tool, *scenes("a", generator="stubborn")), "--report", "report.json")
    wait_until(lambda: "accepted" in [order["state"] for order in tool.orders()])
    process.send_signal(signal.SIGINT)
    # Its job blocks the loop, so nothing tells when the first one has arrived.
    wait_until(lambda: process.poll() is not None or process.send_signal(signal.SIGINT))
    assert tool.finish(process).code in (130, -signal.SIGINT)
    assert strays(tool) == []


def test_trouble_with_the_report_at_the_end_hides_no_outcome(tool: Tool) -> None:
    manifest = write(tool, *scenes("a", generator="slow"))
    process = tool.spawn("prefetch", manifest, "--report", "out/report.json", "--report", "report.json")
    wait_until(lambda: "accepted" in [order["state"] for order in tool.orders()])
    (tool.work / "out").rmdir()
    (tool.work / "out").touch()
    tool.release()
    ran = tool.finish(process)
    assert (ran.code, ran.out.startswith("1 asset: 1 generated")) == (1, True)
    assert "error: the report `out/report.json` cannot be written" in ran.err
    assert states(report(tool)) == {"a": "generated"}


def test_trouble_with_the_report_never_changes_a_code_that_says_more(tool: Tool) -> None:
    manifest = write(tool, {"scene": "b", "generator": "slow"}, {"scene": "a", "generator": "failing"})
    process = tool.spawn("prefetch", manifest, "--report", "out/report.json", "--json")
    wait_until(lambda: tool.calls("submitted") == ["submitted"] * 2)
    (tool.work / "out").rmdir()
    (tool.work / "out").touch()
    tool.release()
    ran = tool.finish(process)
    assert (ran.code, lines(ran)[-1]["exit_code"]) == (5, 5)
    assert ran.error["message"] == "the report `out/report.json` cannot be written"


def lines(ran: Ran) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ran.out.splitlines()]


def test_stdout_says_with_json_what_it_says_without_a_report(tool: Tool) -> None:
    manifest = write(tool, *scenes("a"))
    ran = tool("prefetch", manifest, "--json", "--report", "report.json")
    assert [line["event"] for line in lines(ran)] == ["plan", "item", "summary"]
    assert tool("prefetch", manifest, "-q", "--only", "all", "--report", "report.json").err == ""
