"""`assetctl manifest`: every mistake of a manifest with its place, one to start from, and the schema."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from cli_harness import LEAVES_WITHIN_S, wait_until

from assetctl.prefetch.manifest.schema import manifest_schema

if TYPE_CHECKING:
    from pathlib import Path

    from cli_harness import Tool


def write(tool: Tool, name: str, text: str) -> Path:
    path = tool.work / name
    path.write_text(text, encoding="utf-8")
    return path


def test_the_example_is_written_once_and_is_sound(tool: Tool) -> None:
    ran = tool("manifest", "init", "new/chapter.toml")
    assert (ran.code, ran.path) == (0, tool.work / "new" / "chapter.toml")
    checked = tool("manifest", "check", "new/chapter.toml")
    assert (checked.code, checked.out, checked.err) == (0, "", "no problem: 3 assets in 2 scenes\n")
    again = tool("manifest", "init", "new/chapter.toml")
    assert (again.code, again.out) == (2, "")
    assert "exists already" in again.err


@pytest.mark.parametrize("name", ["chapter.json", "chapter.csv", "chapter"])
def test_an_example_that_could_not_be_read_again_is_not_written(tool: Tool, name: str) -> None:
    ran = tool("manifest", "init", f"new/{name}")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.endswith("  next: assetctl manifest init new/chapter.toml\n")
    assert not (tool.work / "new").exists()


def test_every_mistake_is_told_with_file_line_and_field(tool: Tool) -> None:
    write(tool, "chapter.toml", '[[scenes]]\nid = "a"\nstile = "x"\n[[scenes]]\nid = "b"\nparameters = {fps = 24}\n')
    ran = tool("manifest", "check", "chapter.toml")
    assert ran.code == 2
    assert ran.out == ("chapter.toml:3: there is no field `stile` in `scenes`\n  did you mean `style`?\n")


@pytest.mark.parametrize("command", ["prefetch", "coverage", "available --manifest"])
def test_several_mistakes_are_told_once_each_in_their_order(tool: Tool, command: str) -> None:
    write(tool, "chapter.toml", '[[scenes]]\nid = "a"\nseed = -1\n[defaultz]\nid = "b"\n[defaults]\nstile = "x"\n')
    ran = tool(*command.split(), "chapter.toml")
    assert (ran.code, ran.out) == (2, "")
    assert [line for line in ran.err.splitlines() if not line.startswith("  ")] == [
        "chapter.toml:3: `seed`: the seed `-1` is out of range",
        "chapter.toml:4: a manifest has no `defaultz`",
        "chapter.toml:7: there is no field `stile` in `defaults`",
        "error: `chapter.toml` has 3 mistakes",
    ]
    alone = tool(*command.split(), "chapter.toml", "--json")
    assert "(2 more: " in alone.error["message"]
    assert len(alone.err.splitlines()) == 1


def test_a_knob_that_the_generator_does_not_have_is_a_mistake_too(tool: Tool) -> None:
    write(tool, "rows.csv", "scene,type,generator,parameters.loudness\na,audio,instant,5\nb,audio,instant,50\n")
    ran = tool("manifest", "check", "rows.csv", "--json", env={"PYTHONPATH": ""})
    found = ran.document
    assert ran.code == 2
    assert (found["items"], [problem["line"] for problem in found["problems"]]) == (1, [3])
    assert "loudness" in found["problems"][0]["what"]


def test_a_generator_that_is_not_installed_is_a_mistake_told_where_it_comes_first(tool: Tool) -> None:
    scenes = "".join(f'[[scenes]]\nid = "{name}"\n' for name in "abc")
    write(tool, "chapter.toml", f'{scenes}generator = "instant"\n[defaults]\ntype = "audio"\ngenerator = "instnt"\n')
    ran = tool("manifest", "check", "chapter.toml")
    assert (ran.code, ran.out) == (
        2,
        "chapter.toml:1: there is no generator `instnt`\n  did you mean `instant`? (`assetctl generators ls`)\n",
    )


def test_duplicates_are_told_and_are_no_mistake(tool: Tool) -> None:
    ran = tool("manifest", "check", "-", stdin='{"scene": "a"}\n{"scene": "b"}\n{"scene": "a", "type": "video"}\n')
    assert (ran.code, ran.out) == (0, "")
    assert ran.err == (
        "stdin:3: the same request as item 1; it is done once\nno problem: 2 assets in 2 scenes, 1 more said twice\n"
    )


def test_what_a_manifest_says_cannot_steer_the_terminal(tool: Tool) -> None:
    write(tool, "chapter.json", json.dumps({"scenes": [{"id": "a", "\x1b[31m": 1}]}))
    ran = tool("manifest", "check", "chapter.json")
    assert ran.code == 2
    assert "\x1b" not in ran.out


def test_the_schema_is_printed(tool: Tool) -> None:
    assert tool("manifest", "schema").document == manifest_schema()


def test_a_manifest_that_is_not_there_is_wrong_usage(tool: Tool) -> None:
    ran = tool("manifest", "check", "nobody.toml")
    assert (ran.code, ran.out) == (2, "")
    assert "there is no manifest `nobody.toml`" in ran.err


@pytest.mark.skipif(sys.platform == "win32", reason="signals as here are POSIX")
def test_waiting_for_stdin_can_be_interrupted(tool: Tool) -> None:
    process = tool.spawn("manifest", "check", "-", stdin=subprocess.PIPE)
    wait_until((tool.data / "prefetch").exists)
    process.send_signal(signal.SIGINT)
    # Its stdin stays open.
    assert process.wait(timeout=LEAVES_WITHIN_S) == 130


def test_more_mistakes_than_one_name_the_command_that_lists_them(tool: Tool) -> None:
    rows = b'{"scene": "a", "type": "smell"}\n{"scene": "b", "type": "taste"}\n'
    ran = tool("prefetch", "-", "--plan", stdin=rows)
    assert ran.code == 2
    assert "next: `assetctl manifest check -` lists all that are left" in ran.err
