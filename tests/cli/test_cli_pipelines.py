"""What a run leaves in the log and the summary of a CI job, and that nothing foreign in it is obeyed there."""

from __future__ import annotations

import io
import json
import re
import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from assetctl.cli.chapter.progress import FoldedProgress
from assetctl.cli.output import Printer
from assetctl.cli.pipelines import Pipeline, System, pipeline_of
from assetctl.models import AssetRequest
from assetctl.prefetch.manifest.findings import Item
from assetctl.prefetch.results import Outcome, Result
from fakes import FakeClock

if TYPE_CHECKING:
    from cli_harness import Ran, Tool

GITHUB = {"GITHUB_ACTIONS": "true"}
GITLAB = {"GITLAB_CI": "true"}
AZURE = {"TF_BUILD": "True"}
HOSTILE = ("::error::pwned", "  ::add-mask::a", "##[error]pwned", "a###[add-mask]b", "##vso[task.complete]x")
NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


def write(tool: Tool, *rows: dict[str, object], title: str = "First date") -> str:
    """A manifest of sounds with a title."""
    scenes = [{"id": row.pop("scene"), "type": "audio", "generator": "instant", **row} for row in rows]
    document = {"chapter": {"id": "one", "title": title}, "scenes": scenes}
    (tool.work / "chapter.json").write_text(json.dumps(document))
    return "chapter.json"


def failing(scene: str) -> dict[str, object]:
    return {"scene": scene, "generator": "failing", "allow_placeholder": False}


def obeyed(ran: Ran) -> list[str]:
    """The commands in the log that GitHub would obey, as its runner reads them."""
    commands: list[str] = []
    stopped: str | None = None
    for line in ran.err.splitlines() + ran.out.splitlines():
        found = re.match(r"\s*::([^ :]+)", line) or re.search(r"##(?:vso)?\[([^\] ]+)", line)
        if found is None:
            continue
        if stopped is not None:
            stopped = None if found[1] == stopped else stopped
            continue
        commands.append(found[1])
        if found[1] == "stop-commands":
            stopped = line.rpartition("::")[2]
    assert stopped is None
    return commands


def test_github_folds_the_lines_of_the_run_and_nothing_else(tool: Tool) -> None:
    ran = tool("prefetch", write(tool, {"scene": "a"}, failing("bad")), env=GITHUB)
    lines = ran.err.splitlines()
    start, end = lines.index("::group::assetctl prefetch: First date"), lines.index("::endgroup::")
    assert lines[0].startswith("First date: 2 assets: 2 to generate")
    assert any(line.startswith("bad: the generator `failing` could not") for line in lines[start:end])
    assert lines[end + 1].startswith("::error title=bad::the generator `failing` could not make this asset")
    assert ran.out.startswith("2 assets: 1 generated, 1 failed")
    assert obeyed(ran) == ["group", "stop-commands", "endgroup", "error"]


def test_the_folded_lines_name_each_asset(tool: Tool) -> None:
    manifest = write(tool, {"scene": "a", "generator": "paid"}, {"scene": "b"}, failing("bad"))
    ran = tool("prefetch", manifest, env=GITHUB)
    lines = ran.err.splitlines()
    folded = lines[lines.index("::group::assetctl prefetch: First date") : lines.index("::endgroup::")]
    assert sum(bool(re.fullmatch(r"a: generated, [0-9].*s, 0\.40 USD", line)) for line in folded) == 1
    assert sum(bool(re.fullmatch(r"b: generated, [0-9].*s", line)) for line in folded) == 1
    assert sum(line.startswith("bad: ") for line in folded) == 1


def test_the_sums_are_not_folded_away(tool: Tool) -> None:
    ran = tool.process("prefetch", write(tool, {"scene": "a"}), env=GITHUB, stderr=subprocess.STDOUT)
    assert [line[:10] for line in ran.out.splitlines()][-2:] == ["::endgroup", "1 asset: 1"]


def test_ten_failures_are_shown_beside_the_job() -> None:
    stderr = io.StringIO()
    pipeline = pipeline_of(GITHUB)
    progress = FoldedProgress(12, FakeClock(), Printer(stderr=stderr), pipeline, "a chapter")
    for number in range(12):
        item = Item(number, number, AssetRequest(scene_id=f"s{number}"), f"{number:064}")
        progress.fail(Result(item, Outcome.FAILED), f"reason {number}")
    progress.close()
    progress.close()
    shown = [line for line in stderr.getvalue().splitlines() if line.startswith("::error")]
    assert shown == [f"::error title=s{number}::reason {number}" for number in range(10)]
    assert "s11: reason 11" in stderr.getvalue()


def test_what_failed_is_an_error_also_where_a_placeholder_stands_in_its_place(tool: Tool) -> None:
    ran = tool("prefetch", write(tool, {"scene": "card", "generator": "failing"}), env=GITHUB)
    assert obeyed(ran) == ["group", "stop-commands", "endgroup", "error"]


def test_a_job_that_goes_on_is_a_warning(tool: Tool) -> None:
    slow = {"scene": "park", "generator": "slow", "max_wait_s": 0.1, "allow_placeholder": False}
    ran = tool("prefetch", write(tool, slow), env=GITHUB)
    assert ran.code == 4
    assert obeyed(ran) == ["group", "stop-commands", "endgroup", "warning"]


@pytest.mark.parametrize("hostile", ["::error::pwned", "::add-mask::a", "::stop-commands::x"])
def test_what_is_foreign_is_never_obeyed(tool: Tool, hostile: str) -> None:
    rows = [failing(hostile), {"scene": f"{hostile} 2", "generator": "failing"}]
    ran = tool("prefetch", write(tool, *rows, title=f"{hostile}\n{hostile}##[error]x%0A"), env=GITHUB)
    assert sorted(obeyed(ran)) == ["endgroup", "error", "error", "group", "stop-commands"]
    assert "%250A" in ran.err
    titles = re.findall(r"^::(?:error|warning) title=(.*?)::", ran.err, re.MULTILINE)
    assert all(title.startswith("%3A%3A") for title in titles)


def test_gitlab_folds_them_in_a_section(tool: Tool) -> None:
    ran = tool("prefetch", write(tool, {"scene": "a"}), env=GITLAB)
    (start,) = re.findall(r"^\x1b\[0Ksection_start:(\d+):(\w+)\[collapsed=true\]\r\x1b\[0K(.*)$", ran.err, re.MULTILINE)
    (end,) = re.findall(r"^\x1b\[0Ksection_end:(\d+):(\w+)\r\x1b\[0K$", ran.err, re.MULTILINE)
    assert start[1:] == (end[1], "assetctl prefetch: First date")
    assert int(start[0]) <= int(end[0])
    assert "::" not in ran.err


@pytest.mark.parametrize("words", [("--json",), ("-q",), ("--progress", "none"), ("--progress", "json")])
@pytest.mark.parametrize("env", [GITHUB, GITLAB])
def test_a_program_that_reads_us_gets_no_marks(tool: Tool, env: dict[str, str], words: tuple[str, ...]) -> None:
    ran = tool("prefetch", write(tool, failing("bad")), *words, env=env)
    assert ran.code == 5
    assert not re.search(r"::|section_|\x1b", ran.err + ran.out)


def test_elsewhere_there_are_no_marks(tool: Tool) -> None:
    ran = tool("prefetch", write(tool, failing("bad")), env={"GITHUB_ACTIONS": "false", "GITLAB_CI": ""})
    assert not re.search(r"::|section_|\x1b", ran.err + ran.out)


# What people are told on stdout


@pytest.mark.parametrize("env", [GITHUB, AZURE])
@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_table_is_never_obeyed(tool: Tool, hostile: str, env: dict[str, str]) -> None:
    ran = tool("available", "--prompt", hostile, env=env)
    assert obeyed(ran) == []
    assert re.search(r"\\x(3a:|23#)", ran.out)


@pytest.mark.parametrize("words", [("coverage",), ("available", "--manifest"), ("prefetch", "--plan")])
def test_a_chapter_is_never_obeyed(tool: Tool, words: tuple[str, ...]) -> None:
    ran = tool(*words, write(tool, {"scene": "::error::pwned"}, title="##[error]pwned"), env=GITHUB)
    assert obeyed(ran) == []
    assert "\n\\x3a:error::pwned" in ran.out


@pytest.mark.parametrize("hostile", HOSTILE)
def test_an_error_is_never_obeyed(tool: Tool, hostile: str) -> None:
    (tool.work / "chapter.json").write_text(json.dumps({"scenes": [{"id": "a", "type": hostile}, {hostile: 1}]}))
    for words in (["manifest", "check"], ["prefetch"]):
        ran = tool(*words, "chapter.json", env=GITHUB)
        assert (ran.code, obeyed(ran)) == (2, [])


def test_a_disarmed_table_keeps_its_columns(tool: Tool) -> None:
    ran = tool("coverage", write(tool, {"scene": "::error::x"}, {"scene": "longer than that"}), env=GITHUB)
    header, _, first, second = ran.out.splitlines()[2:]
    assert first.startswith("\\x3a:error::x")
    assert header.index("-") == first.index("missing") == second.index("missing")


def test_what_programs_read_is_exact(tool: Tool) -> None:
    manifest = write(tool, {"scene": "::error::x"})
    ran = tool("available", "--manifest", manifest, "--json", env=GITHUB)
    assert ran.document[0]["request"]["scene_id"] == "::error::x"
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    Printer(stdout=out, quiet=True, pipeline=pipeline_of(GITHUB)).line("##[error]y")
    out.seek(0)
    assert out.read() == "##[error]y\n"


def test_where_no_log_obeys_them_they_are_shown_as_they_are(tool: Tool) -> None:
    manifest = write(tool, {"scene": "::error::x"})
    for env in ({}, GITLAB):
        assert "\n::error::x" in tool("coverage", manifest, env=env).out


# The summary of a job


def test_a_step_gets_its_summary_after_what_others_wrote_there(tool: Tool) -> None:
    path = tool.work / "summary.md"
    path.write_text("of somebody else\n")
    env = {"GITHUB_STEP_SUMMARY": str(path)}
    assert tool("prefetch", write(tool, {"scene": "a"}, failing("bad")), env=env).code == 5
    text = path.read_text()
    assert text.startswith("of somebody else\n## First date\n")
    assert "| generated | 1 |" in text
    tool("prefetch", "chapter.json", "--plan", "-q", env=env)
    assert "a plan: nothing was done" in path.read_text().removeprefix(text)


def test_a_summary_stays_within_what_a_step_may_write(tool: Tool) -> None:
    path = tool.work / "summary.md"
    taken = (1 << 20) - 3_000
    path.write_text("x" * taken)
    rows = [{"scene": f"s{number}"} for number in range(40)]
    assert tool("prefetch", write(tool, *rows), "--yes", env={"GITHUB_STEP_SUMMARY": str(path)}).code == 0
    assert taken + 1_000 < path.stat().st_size <= 1 << 20
    assert "left out" in path.read_text()
    path.write_text("x" * (1 << 20))
    assert tool("prefetch", "chapter.json", env={"GITHUB_STEP_SUMMARY": str(path)}).code == 0
    assert path.stat().st_size == 1 << 20


def test_a_summary_that_cannot_be_written_is_a_warning(tool: Tool) -> None:
    env = {"GITHUB_STEP_SUMMARY": str(tool.work / "nowhere" / "summary.md")}
    ran = tool("prefetch", write(tool, {"scene": "a"}), env=env)
    assert (ran.code, ran.out.startswith("1 asset: 1 generated")) == (0, True)
    assert "warning: the job's summary lacks this run" in ran.err


def test_only_what_is_said_plainly_is_believed() -> None:
    assert pipeline_of({}).system is None
    assert pipeline_of({"GITHUB_ACTIONS": "1", "GITLAB_CI": "yes", "GITHUB_STEP_SUMMARY": ""}).summary is None
    assert pipeline_of({"GITHUB_ACTIONS": "true", "GITLAB_CI": "true"}).system is System.GITHUB
    assert pipeline_of({"TF_BUILD": "True"}).system is System.AZURE
    for one in (Pipeline(), Pipeline(System.AZURE)):
        assert one.opening("a", NOW) == one.closing(NOW) == one.annotation("a", "b", is_error=True) == ""


def test_no_two_runs_have_one_token() -> None:
    assert pipeline_of({}).token != pipeline_of({}).token
