"""`assetctl prefetch` as a command: real processes, real manifests, signals, budgets, plans."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cli_harness import DEADLINE_S, LEAVES_WITHIN_S, MAIN, wait_until

from assetctl.clock import SystemClock

if TYPE_CHECKING:
    from pathlib import Path

    from cli_harness import Ran, Tool


def write(tool: Tool, *scenes: str, generator: str = "instant", name: str = "chapter.jsonl", **fields: object) -> str:
    """A manifest of sounds, a scene each."""
    rows = [{"scene": scene, "type": "audio", "generator": generator, **fields} for scene in scenes]
    (tool.work / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return name


def lines(ran: Ran) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ran.out.splitlines()]


def states(tool: Tool) -> list[str]:
    return [order["state"] for order in tool.orders()]


def test_a_chapter_is_made_once_and_the_second_run_has_nothing_to_do(tool: Tool) -> None:
    manifest = write(tool, "a", "b", "c")
    first = tool("prefetch", manifest)
    assert first.code == 0
    assert first.out.startswith("3 assets: 3 generated; ")
    assert "3 assets: 3 to generate; cost nothing, time unknown" in first.err
    again = tool("prefetch", manifest)
    assert again.code == 0
    assert again.out.startswith("3 assets: 3 here before; ")
    assert tool.calls("submit") == ["submit"] * 3


def test_the_plan_is_a_line_and_a_table_and_spends_nothing(tool: Tool) -> None:
    tool("prefetch", write(tool, "a", generator="paid"), "--yes")
    manifest = write(tool, "a", "b", "c", generator="paid")
    ran = tool("prefetch", manifest, "--plan")
    assert ran.code == 0
    assert ran.out.splitlines()[0] == "3 assets: 1 here, 2 to generate; cost 0.80 USD, time 1s to 1m 30s"
    assert [line.split()[:4] for line in ran.out.splitlines()[4:]] == [
        ["a", "1", "1", "-"],
        ["b", "1", "-", "1"],
        ["c", "1", "-", "1"],
    ]
    document = tool("prefetch", manifest, "--plan", "--json").document
    assert document["takes"]["generate"] == document["new_orders"] == document["paid_orders"] == 2
    assert document["cost_high"] == [{"amount": "0.80", "currency": "USD"}]
    assert [scene["scene_id"] for scene in document["scenes"]] == ["a", "b", "c"]
    assert len(tool.orders()) == 1


def test_a_plan_says_what_some_are_in_trouble_with_and_the_others_are_made(tool: Tool) -> None:
    manifest = write(tool, "a", "b", type="video", generator=None)
    (tool.work / "assets").write_text("no folder")
    with (tool.work / manifest).open("a") as file:
        row = {"scene": "c", "type": "audio", "generator": "instant", "strategy": "generate-always"}
        file.write(json.dumps(row) + "\n")
    plan = tool("prefetch", manifest, "--plan")
    assert (plan.code, plan.out.splitlines()[0].partition(";")[0]) == (0, "3 assets: 1 to generate, 2 in trouble")
    assert [line.partition(":")[0] for line in plan.err.splitlines()] == ["a", "b"]
    troubles = tool("prefetch", manifest, "--plan", "--json").document["troubles"]
    assert [(one["scene_id"], one["error"]["code"]) for one in troubles] == [
        ("a", "library_failed"),
        ("b", "library_failed"),
    ]
    ran = tool("prefetch", manifest)
    assert (ran.code, ran.out.partition(";")[0]) == (5, "3 assets: 1 generated, 2 failed")


def test_with_json_there_is_a_line_for_each_and_a_last_one_with_the_sums(tool: Tool) -> None:
    write(tool, "a", generator="instant")
    with (tool.work / "chapter.jsonl").open("a") as file:
        file.write(
            '{"id": "mine", "scene": "b", "type": "audio", "generator": "failing", "allow_placeholder": false}\n'
        )
    ran = tool("prefetch", "chapter.jsonl", "--json")
    plan, *items, summary = lines(ran)
    assert (ran.code, plan["event"], summary["event"]) == (5, "plan", "summary")
    by_scene = {line["scene_id"]: line for line in items}
    assert (by_scene["a"]["outcome"], by_scene["a"]["asset"]["source"]) == ("generated", "generated")
    assert (by_scene["b"]["outcome"], by_scene["b"]["id"], by_scene["b"]["error"]["code"]) == (
        "failed",
        "mine",
        "job_failed",
    )
    assert (summary["items"], summary["outcomes"]["generated"], summary["outcomes"]["failed"]) == (2, 1, 1)
    assert summary["exit_code"] == 5


def test_quiet_prints_the_ids_of_what_is_new(tool: Tool) -> None:
    ran = tool("prefetch", write(tool, "a", "b"), "-q")
    assert (ran.code, ran.err) == (0, "")
    assert len(ran.out.split()) == 2
    assert all(name.startswith("instant-") for name in ran.out.split())


def test_with_verbose_each_asset_is_named_and_who_was_asked_for_it(tool: Tool) -> None:
    write(tool, "good")
    rows = [{"scene": f"bad{number}", "type": "audio", "generator": "failing"} for number in range(5)]
    with (tool.work / "chapter.jsonl").open("a") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    told = tool("prefetch", "chapter.jsonl", "--concurrency", "1", "-v").err.splitlines()
    start = next(number for number, line in enumerate(told) if line.startswith("good: generated, "))
    asked = told[start + 1 : start + 5]
    assert [line.split(",")[0] for line in asked] == [
        "  cache: miss",
        "  library:folder: miss",
        "  cache:stand-in: miss",
        "  generator: hit",
    ]
    named = [line.partition(":")[0] for line in told if line.startswith("bad")]
    assert named == [f"bad{number}" for number in range(5)]
    assert len([line for line in told if line.startswith("and 2 more: the generator `failing`")]) == 1
    assert not [line for line in tool("prefetch", write(tool, "new")).err.splitlines() if line.startswith("new")]


def test_a_failure_is_named_and_stops_nobody(tool: Tool) -> None:
    write(tool, "a", "b")
    (tool.work / "chapter.jsonl").write_text(
        '{"scene": "bad", "type": "audio", "generator": "failing", "allow_placeholder": false}\n'
        '{"scene": "good", "type": "audio", "generator": "instant"}\n'
    )
    ran = tool("prefetch", "chapter.jsonl")
    assert ran.code == 5
    assert "bad: the generator `failing` could not make this asset" in ran.err
    assert "\x1b" not in ran.err
    assert ran.out.startswith("2 assets: 1 generated, 1 failed")
    again = tool("prefetch", "chapter.jsonl", "--only", "failed", "--json")
    assert [line["scene_id"] for line in lines(again) if line["event"] == "item"] == ["bad"]


def test_a_failure_behind_a_placeholder_is_named_too(tool: Tool) -> None:
    ran = tool("prefetch", write(tool, "bad", generator="failing"))
    assert ran.code == 5
    assert "bad: the generator `failing` could not make this asset: \\x1b[31mred" in ran.err
    assert "; a placeholder stands in its place" in ran.err


def test_only_what_has_a_placeholder_is_tried_again(tool: Tool) -> None:
    write(tool, "a", allow_generation=False)
    assert tool("prefetch", "chapter.jsonl").code == 5
    manifest = write(tool, "a", "b")
    ran = tool("prefetch", manifest, "--only", "placeholder")
    assert (ran.code, tool.calls("submit")) == (0, ["submit"])


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--only", "placeholder"), "no placeholder is left to replace"),
        (("--only", "failed"), "nothing that failed last time is left to try again"),
        (
            ("--only", "failed", "--scene", "a*"),
            "nothing that failed last time is left to try again in scenes called like `a*`",
        ),
    ],
)
def test_that_there_is_nothing_to_do_is_said_in_words(tool: Tool, words: tuple[str, ...], why: str) -> None:
    manifest = write(tool, "a")
    told = tool("prefetch", manifest, *words, "--report", "chapter.md", "--report", "chapter.html")
    assert (told.code, told.out) == (0, f"{why}: nothing to do\n")
    assert (
        "0 assets" not in told.err + (tool.work / "chapter.md").read_text() + (tool.work / "chapter.html").read_text()
    )
    assert "nothing to do" in (tool.work / "chapter.md").read_text()
    assert tool("prefetch", manifest, *words, "--plan").out == told.out
    *_, summary = lines(tool("prefetch", manifest, *words, "--json"))
    assert (summary["items"], summary["exit_code"]) == (0, 0)
    assert tool("prefetch", manifest, *words, "-q").out == ""
    assert not tool.orders()


def test_scenes_are_chosen_by_a_glob(tool: Tool) -> None:
    ran = tool("prefetch", write(tool, "park_1", "park_2", "beach"), "--scene", "park_*")
    assert ran.out.startswith("2 assets: 2 generated")
    assert len(tool.orders()) == 2


def test_files_are_put_where_they_are_wanted_each_under_its_own_name(tool: Tool) -> None:
    manifest = write(tool, "Park", "park", "con")
    assert tool("prefetch", manifest, "--output", "out").code == 0
    assert sorted(path.name for path in (tool.work / "out").iterdir()) == ["Park.wav", "_con.wav", "park~2.wav"]
    (tool.work / "out" / "Park.wav").unlink()
    assert tool("prefetch", manifest, "--output", "out").code == 0
    assert (tool.work / "out" / "Park.wav").exists()
    assert len(tool.orders()) == 3


def test_an_output_that_cannot_be_written_is_known_before_the_first_order(tool: Tool) -> None:
    (tool.work / "file").touch()
    ran = tool("prefetch", write(tool, "a"), "--output", "file")
    assert ran.code == 2
    assert "`file` is no folder" in ran.err
    ran = tool("prefetch", "chapter.jsonl", "--output", "file/out")
    assert ran.code == 1
    assert tool.orders() == []


@pytest.mark.parametrize("command", [("prefetch",), ("prefetch", "--plan"), ("coverage", "--min", "95")])
def test_scenes_that_are_not_there_are_wrong_usage(tool: Tool, command: tuple[str, ...]) -> None:
    manifest = write(tool, "romance_1", "romance_2", "lake")
    ran = tool(command[0], manifest, *command[1:], "--scene", "Romanse_*")
    assert (ran.code, ran.out, tool.orders()) == (2, "", [])
    assert "no scene of the chapter matches `Romanse_*`" in ran.err
    assert "did you mean `romance_2`?" in ran.err
    ran = tool(command[0], manifest, *command[1:], "--scene", "zz*")
    assert (ran.code, ran.err.splitlines()[-1]) == (2, "  next: known: lake, romance_1, romance_2")


# Budget and consent


def test_more_than_the_settings_allow_is_refused_where_nobody_can_be_asked(tool: Tool) -> None:
    tool.settings("[budget]\nmax_generations_per_run = 2\n")
    manifest = write(tool, "a", "b", "c", generator="paid")
    ran = tool("prefetch", manifest)
    assert (ran.code, ran.out) == (6, "")
    takes = "cost 1.20 USD, time 1s to 1m 30s"
    plan_line, refusal, *_ = ran.err.splitlines()
    assert plan_line == f"3 assets: 3 to generate; {takes}"
    asked = "this would order 3 generations, more than the 2 that the settings allow"
    assert refusal == f"error: {asked}: {takes}; nothing was ordered"
    (plan,) = lines(tool("prefetch", manifest, "--json"))
    assert (plan["event"], plan["cost_high"]) == ("plan", [{"amount": "1.20", "currency": "USD"}])
    assert tool.orders() == []
    assert tool("prefetch", manifest, "--yes").code == 0
    assert len(tool.orders()) == 3


def test_within_the_settings_nothing_is_asked(tool: Tool) -> None:
    tool.settings("[budget]\nmax_generations_per_run = 3\n")
    assert tool("prefetch", write(tool, "a", "b", "c")).code == 0


@pytest.mark.parametrize("limit", [("--max-generations", "2"), ("--max-cost", "0.80"), ("--max-cost", "0.9 USD")])
def test_a_budget_is_kept_and_the_next_run_goes_on(tool: Tool, limit: tuple[str, str]) -> None:
    manifest = write(tool, "a", "b", "c", generator="paid")
    ran = tool("prefetch", manifest, *limit)
    assert ran.code == 6
    assert ran.out.startswith("3 assets: 2 generated, 1 over the budget")
    assert ran.out.rstrip().endswith("spent 0.80 USD")
    assert f"  next: raise `{limit[0]}`, or run the same command again" in ran.err
    assert len(tool.calls("submit")) == 2
    assert tool("prefetch", manifest, *limit).code == 0
    assert len(tool.calls("submit")) == 3


def test_a_budget_is_used_up_in_the_order_of_the_chapter(tool: Tool) -> None:
    manifest = write(tool, *(f"s{number:02}" for number in range(12)), generator="paid")
    made = lines(tool("prefetch", manifest, "--max-generations", "3", "--json"))
    generated = [line["scene_id"] for line in made if line.get("outcome") == "generated"]
    assert sorted(generated) == ["s00", "s01", "s02"]


def test_a_plan_says_how_much_of_it_its_limits_have_room_for(tool: Tool) -> None:
    manifest = write(tool, "a", "b", "c", generator="paid")
    told = "the limit has room for 1 of 3 new generations, those that come first in the chapter\n"
    for limit in (("--max-cost", "0.5"), ("--max-generations", "1")):
        assert told in tool("prefetch", manifest, "--plan", *limit).err
    assert "room" not in tool("prefetch", manifest, "--plan", "--max-cost", "1.20").err
    refused = tool("prefetch", manifest, "--plan", "--max-cost", "5 EUR")
    assert (refused.code, "a run with that limit orders nothing: a limit in EUR" in refused.err) == (0, True)
    assert told in tool("prefetch", manifest, "--max-cost", "0.5").err


def test_a_budget_of_nothing_orders_nothing(tool: Tool) -> None:
    ran = tool("prefetch", write(tool, "a"), "--max-generations", "0")
    assert (ran.code, tool.orders()) == (6, [])


def test_a_limit_of_money_needs_prices(tool: Tool) -> None:
    (tool.work / "chapter.jsonl").write_text('{"scene": "a", "type": "audio", "generator": "silent"}\n')
    write(tool, "a", generator="paid")
    ran = tool("prefetch", "chapter.jsonl", "--max-cost", "1 EUR")
    assert (ran.code, tool.orders()) == (6, [])
    assert "a limit in EUR cannot be held against prices in USD" in ran.err
    assert "next: say --max-cost '1 USD', or limit their number instead: --max-generations N" in ran.err


@pytest.mark.parametrize(
    "words",
    [
        ("--max-cost", "much"),
        ("--max-generations", "-1"),
        ("--deadline", "0"),
        ("--deadline", "-2h"),
        ("--deadline", "2001-01-01T00:00:00Z"),
        ("--deadline", "soon"),
        ("--only", "some"),
        ("--concurrency", "0"),
    ],
)
def test_what_makes_no_sense_is_wrong_usage(tool: Tool, words: tuple[str, str]) -> None:
    ran = tool("prefetch", write(tool, "a"), *words)
    assert (ran.code, ran.out, tool.orders()) == (2, "", [])


@pytest.mark.usefixtures("hour_passes")
def test_after_the_deadline_jobs_go_on(tool: Tool) -> None:
    ran = tool("prefetch", write(tool, "a", generator="slow"), "--deadline", "30m")
    assert ran.code == 4
    assert "1 still being made" in ran.out
    tool.release()
    assert tool("prefetch", "chapter.jsonl", "--deadline", "2999-01-01").code == 0
    assert tool.calls("submit") == ["submit"]


def test_a_moment_that_passes_while_it_is_planned_is_no_later_deadline(tool: Tool) -> None:
    manifest = write(tool, "a")
    moment = SystemClock().now() + timedelta(seconds=1)
    source = tool.spawn("prefetch", "-", "--deadline", moment.isoformat(), stdin=subprocess.PIPE)
    assert source.stdin is not None
    wait_until(lambda: SystemClock().now() > moment)
    source.stdin.write((tool.work / manifest).read_bytes())
    ran = tool.finish(source)
    assert (ran.code, tool.orders()) == (2, []), ran
    assert "has passed" in ran.err


def test_what_failed_and_was_not_tried_again_is_still_what_failed(tool: Tool) -> None:
    manifest = write(tool, "a", "b", generator="failing", allow_placeholder=False)
    assert tool("prefetch", manifest).code == 5
    assert tool("prefetch", manifest, "--only", "failed", "--max-generations", "0").code == 6
    assert tool("prefetch", manifest, "--only", "failed", "--plan", "--json").document["chosen"] == 2


# Plans in files


def test_a_written_plan_is_done_exactly_and_may_be_gone_on_with(tool: Tool) -> None:
    tool.settings("[budget]\nmax_generations_per_run = 1\n")
    manifest = write(tool, "a", "b")
    written = tool("prefetch", manifest, "--plan-out", "plan.jsonl")
    assert (written.code, written.err) == (0, "plan: plan.jsonl; `assetctl prefetch --apply plan.jsonl` does that\n")
    assert tool.orders() == []
    assert tool("prefetch", "--apply", "plan.jsonl", "--max-generations", "1").code == 6
    assert tool("prefetch", "--apply", "plan.jsonl").code == 0
    assert len(tool.orders()) == 2


def test_a_plan_that_no_longer_holds_stops_and_says_what_changed(tool: Tool) -> None:
    tool("prefetch", write(tool, "a", "b"), "--plan-out", "plan.jsonl")
    write(tool, "a", "c")
    ran = tool("prefetch", "--apply", "plan.jsonl")
    assert (ran.code, tool.orders()) == (6, [])
    assert "why: `c` is new; `b` is no longer asked for\n" in ran.err
    write(tool, "zero", "a", "b", prompt="a lantern")
    tool("prefetch", "chapter.jsonl", "--plan-out", "plan.jsonl")
    write(tool, "new", "zero", "a", "b", prompt="a lantern in the rain")
    ran = tool("prefetch", "--apply", "plan.jsonl")
    changed = "; ".join(f"`{scene}`: its prompt changed" for scene in ("zero", "a", "b"))
    assert f"why: `new` is new; {changed}\n" in ran.err


def test_a_plan_of_another_chapter_stops(tool: Tool) -> None:
    tool("prefetch", write(tool, "a"), "--plan-out", "plan.jsonl")
    other = write(tool, "x", "y", name="other.jsonl")
    ran = tool("prefetch", other, "--apply", "plan.jsonl")
    assert (ran.code, tool.orders()) == (6, [])
    assert "why: `x` is new; `y` is new; `a` is no longer asked for\n" in ran.err
    assert tool("prefetch", "--apply", other).code == 2


def test_a_plan_that_cannot_be_written_is_told(tool: Tool) -> None:
    ran = tool("prefetch", write(tool, "a"), "--plan-out", "nowhere/plan.jsonl")
    assert (ran.code, tool.orders()) == (1, [])


@pytest.mark.parametrize("words", [("chapter.jsonl",), ("--apply", "plan.jsonl")])
def test_a_plan_is_not_written_over_what_is_read(tool: Tool, words: tuple[str, ...]) -> None:
    tool("prefetch", write(tool, "a"), "--plan-out", "plan.jsonl")
    target = "chapter.jsonl" if words == ("chapter.jsonl",) else "plan.jsonl"
    before = (tool.work / target).read_text()
    ran = tool("prefetch", *words, "--plan-out", f"./{target}")
    assert (ran.code, ran.out, tool.orders()) == (2, "", [])
    assert f"`{target}` cannot be the plan\n  why: the run itself reads it" in ran.err
    assert (tool.work / target).read_text() == before


@pytest.mark.parametrize("words", [("--scene", "b"), ("--only", "missing")])
def test_a_part_of_a_written_plan_cannot_be_asked_for(tool: Tool, words: tuple[str, str]) -> None:
    tool("prefetch", write(tool, "a", "b"), "--plan-out", "plan.jsonl")
    ran = tool("prefetch", "--apply", "plan.jsonl", *words)
    assert (ran.code, ran.out, tool.orders()) == (2, "", [])
    assert "why: the plan says which assets it takes" in ran.err


# Bad input


def test_a_manifest_with_mistakes_is_refused_with_all_of_them(tool: Tool) -> None:
    (tool.work / "chapter.toml").write_text('[[scenes]]\nid = "a"\nstile = 1\n[[scenes]]\nid = "b"\nseed = "x"\n')
    ran = tool("prefetch", "chapter.toml")
    assert (ran.code, ran.out, tool.orders()) == (2, "", [])
    assert "chapter.toml:3: there is no field `stile` in `scenes`" in ran.err
    assert "chapter.toml:6: `seed` must be a whole number" in ran.err
    assert tool("prefetch").code == 2


def test_a_chapter_comes_from_stdin_too(tool: Tool) -> None:
    rows = '{"scene": "a", "type": "audio", "generator": "instant"}\n' * 2
    ran = tool.process("prefetch", "-", stdin=rows.encode())
    assert ran.code == 0
    assert ran.out.startswith("1 asset: 1 generated")


# Processes and signals

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="signals as here are POSIX")


def made_twice(tool: Tool) -> int:
    keys = [order["key"] for order in tool.orders()]
    return len(keys) - len(set(keys))


@POSIX
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_the_run_says_how_to_go_on_and_the_next_one_does(
    tool: Tool, number: signal.Signals, code: int
) -> None:
    manifest = write(tool, *(f"s{index}" for index in range(6)), generator="slow")
    process = tool.spawn("prefetch", manifest, "--concurrency", "2")
    wait_until(lambda: states(tool) == ["accepted"] * 2)
    process.send_signal(number)
    ran = tool.finish(process, within_s=LEAVES_WITHIN_S)
    assert ran.code == code
    assert "interrupted; 0 of 6 are here, 2 jobs go on, and nothing is lost" in ran.err
    assert "run the same command again" in ran.err
    assert "Traceback" not in ran.err
    assert ran.out.startswith("6 assets: 2 still being made, 4 not begun")
    tool.release()
    assert tool("prefetch", manifest).code == 0
    assert len(tool.calls("submit")) == 6
    assert made_twice(tool) == 0


@POSIX
def test_the_second_signal_leaves_at_once(tool: Tool) -> None:
    manifest = write(tool, "a", "b", generator="stubborn")
    process = tool.spawn("prefetch", manifest)
    wait_until(lambda: "accepted" in states(tool))
    process.send_signal(signal.SIGINT)
    # Its job blocks the loop, so nothing tells when the first one has arrived.
    wait_until(lambda: process.poll() is not None or process.send_signal(signal.SIGINT))
    assert tool.finish(process).code in (130, -signal.SIGINT)


@POSIX
def test_with_json_the_last_line_is_the_summary_also_when_interrupted(tool: Tool) -> None:
    process = tool.spawn("prefetch", write(tool, "a", "b", generator="slow"), "--json")
    wait_until(lambda: states(tool) == ["accepted"] * 2)
    process.send_signal(signal.SIGINT)
    ran = tool.finish(process)
    assert lines(ran)[-1]["event"] == "summary"
    assert lines(ran)[-1]["outcomes"]["running"] == 2
    assert (ran.error["code"], ran.error["exit_code"]) == ("interrupted", 130)


@POSIX
def test_a_killed_run_is_gone_on_with_and_nothing_is_bought_twice(tool: Tool) -> None:
    manifest = write(tool, *(f"s{index}" for index in range(12)), generator="instant")
    for state in ("submit", "submitted", "status", "result", "discard"):
        ran = tool.process("prefetch", manifest, "--concurrency", "3", env={"SCRIPTED_KILL_AT": state})
        assert ran.code == -signal.SIGKILL
    done = tool("prefetch", manifest)
    assert done.code == 0, done.err
    assert len(tool.calls("submitted")) == 12


@POSIX
def test_an_order_that_a_killed_run_left_after_its_file_was_stored_is_closed(tool: Tool) -> None:
    manifest = write(tool, "a", "b")
    assert tool.process("prefetch", manifest, env={"SCRIPTED_KILL_AT": "announce"}).code == -signal.SIGKILL
    assert "published" in states(tool)
    assert tool("prefetch", manifest).code == 0
    assert states(tool) == ["closed"] * 2
    assert len(tool.calls("announce")) == 3


@POSIX
def test_two_runs_side_by_side_make_everything_once(tool: Tool) -> None:
    manifest = write(tool, *(f"s{index}" for index in range(10)), generator="slow")
    processes = [tool.spawn("prefetch", manifest, "--concurrency", "10") for _ in range(2)]
    wait_until(lambda: states(tool) == ["accepted"] * 10)
    tool.release()
    assert [tool.finish(process).code for process in processes] == [0, 0]
    assert len(tool.calls("submit")) == 10


@POSIX
def test_a_reader_that_goes_away_ends_the_run_quietly(tool: Tool) -> None:
    manifest = write(tool, *(f"s{index}" for index in range(20)))
    ran = subprocess.run(
        ["sh", "-c", '"$@" 2>err | head -1 >out', "sh", *MAIN, "prefetch", manifest, "--json"],
        cwd=tool.work,
        env=tool.environment(),
        timeout=DEADLINE_S,
        check=False,
    )
    assert ran.returncode == 0
    assert json.loads((tool.work / "out").read_text())["event"] == "plan"
    assert "Traceback" not in (tool.work / "err").read_text()


def screen(text: str) -> list[str]:
    """The lines that a terminal shows after `text`: what was erased is gone, what is empty is left out."""
    lines, row, column = [""], 0, 0
    for piece in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|[^\x1b]", text):
        match piece:
            case "\n":
                row, lines = row + 1, [*lines, ""] if row + 1 == len(lines) else lines
            case "\r":
                column = 0
            case "\x1b[1A":
                row -= 1
            case "\x1b[2K":
                lines[row] = ""
            case _ if len(piece) == 1:
                lines[row] = lines[row][:column].ljust(column) + piece + lines[row][column + 1 :]
                column += 1
            case _:
                pass
    return [line for line in lines if line]


@POSIX
def test_all_of_a_finished_chapter_is_told_only_where_all_is_asked_for(tool: Tool) -> None:
    (tool.work / "done.jsonl").write_text('{"scene": "a", "type": "audio", "generator": "instant"}\n')
    (first,) = tool("prefetch", "done.jsonl", "-q").out.split()
    assert tool("prefetch", "done.jsonl", "-q").out == ""
    assert tool("prefetch", "done.jsonl", "-q", "--only", "all").out.split() == [first]


class TestOnATerminal:
    """A pseudo-terminal: bars, and questions."""

    def spawn(self, tool: Tool, *words: str) -> Any:
        import pexpect  # noqa: PLC0415 - not on Windows

        env = tool.environment({"TERM": "xterm"})
        return pexpect.spawn(
            MAIN[0], [*MAIN[1:], *words], cwd=str(tool.work), env=env, timeout=DEADLINE_S, dimensions=(24, 100)
        )

    def test_the_bar_shows_all_and_each(self, tool: Tool) -> None:
        child = self.spawn(tool, "prefetch", write(tool, "alpha", "beta", generator="slow"))
        child.expect("0 of 2, 2 under way")
        child.expect("alpha")
        tool.release()
        child.expect("2 assets: 2 generated")
        child.expect_exact("\r\n")
        child.wait()
        assert child.exitstatus == 0

    def test_what_is_said_beside_the_bar_stays_on_the_screen(self, tool: Tool) -> None:
        scenes = [f"s{number}" for number in range(9)]
        rows = [{"scene": scene, "type": "audio", "generator": "failing", "seed": int(scene[1])} for scene in scenes]
        (tool.work / "chapter.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        child = self.spawn(tool, "prefetch", "chapter.jsonl", "--concurrency", "1")
        shown = screen(child.read().decode())
        child.wait()
        assert shown[0].startswith("9 assets: 9 to generate")
        assert [line.partition(":")[0] for line in shown if line.startswith("s")] == ["s0", "s1", "s2"]
        assert [line for line in shown if line.startswith("and 6 more: the generator `failing` could not")]
        assert shown[-1].startswith("9 assets: 9 with a placeholder only")

    @pytest.mark.parametrize(("answer", "code", "orders"), [("y", 0, 2), ("n", 6, 0)])
    def test_more_than_allowed_is_asked_for(self, tool: Tool, answer: str, code: int, orders: int) -> None:
        tool.settings("[budget]\nmax_generations_per_run = 1\n")
        child = self.spawn(tool, "prefetch", write(tool, "a", "b", generator="paid"))
        child.expect_exact("2 assets: 2 to generate; cost 0.80 USD, time 1s to 1m 30s")
        child.expect_exact("more than the 1 that the settings allow: cost 0.80 USD, time 1s to 1m 30s. Go on?")
        child.sendline(answer)
        child.read()
        child.wait()
        assert (child.exitstatus, len(tool.orders())) == (code, orders)

    def test_ctrl_d_at_the_question_is_told_on_a_line_of_its_own(self, tool: Tool) -> None:
        tool.settings("[budget]\nmax_generations_per_run = 1\n")
        child = self.spawn(tool, "prefetch", write(tool, "a", "b"))
        child.expect_exact("Go on? [y/N]: ")
        child.sendeof()
        said = child.read().decode()
        child.wait()
        assert (child.exitstatus, tool.orders()) == (130, [])
        # Before it stands what the terminal echoes of the key.
        assert "error:" not in said.splitlines()[0]
        assert "aborted at the question, nothing was done" in said.splitlines()[1]

    def test_the_question_can_be_interrupted(self, tool: Tool) -> None:
        tool.settings("[budget]\nmax_generations_per_run = 1\n")
        child = self.spawn(tool, "prefetch", write(tool, "a", "b"))
        child.expect_exact("Go on?")
        child.sendintr()
        said = child.read().decode()
        child.wait()
        assert (child.exitstatus, tool.orders()) == (130, [])
        assert "interrupted; nothing was ordered" in said
        assert "jobs ls" not in said


def test_paths_of_plans_survive_another_working_directory(
    tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool("prefetch", write(tool, "a"), "--plan-out", "plan.jsonl")
    plan = tool.work / "plan.jsonl"
    monkeypatch.chdir(tmp_path)
    assert tool("prefetch", "--apply", str(plan)).code == 0
