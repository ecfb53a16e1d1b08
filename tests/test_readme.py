"""The README, held to its word: every command in it is run, in order, in one clean folder and home."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
#: What the README says to type before `assetctl` in a fresh checkout; .ci/run types it, here the tool is on the path.
FRESH = "pip install uv && uv run "

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the README speaks to a POSIX shell")


@dataclass(frozen=True)
class Block:
    language: str
    text: str


BLOCKS = [Block(*found) for found in re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)]


def blocks(language: str) -> list[str]:
    return [block.text for block in BLOCKS if block.language == language]


def commands() -> list[tuple[str, str]]:
    """Each command of the README with the output that stands under it."""
    parts = [part for text in blocks("console") for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]]
    return [(command, output) for command, _, output in (part.partition("\n") for part in parts)]


def pattern(expected: str) -> str:
    """`…` alone on a line is any lines, elsewhere it is any text; runs of blanks and of rules are one."""
    lines = [r"(?:.*\n)*" if line.strip() == "…" else _line_pattern(line) + r"\n" for line in expected.splitlines()]
    return "".join(lines)


def _line_pattern(line: str) -> str:
    return ".*".join(re.escape(part) for part in normal(line).split("…"))


def normal(text: str) -> str:
    return re.sub("─+", "─", re.sub(" +", " ", text))


def without_progress(output: str) -> str:
    """What stays on a terminal, where these lines are a bar that is gone at the end."""
    return "".join(line for line in output.splitlines(keepends=True) if not re.match(r"\w+ job \S+: ", line))


@pytest.fixture
def environment(clean_environment: Path) -> dict[str, str]:
    tools = str(Path(sys.executable).parent)
    return os.environ | {"HOME": str(clean_environment), "PATH": os.pathsep.join((tools, os.environ["PATH"]))}


@pytest.fixture
def plugin(tmp_path: Path) -> dict[str, str]:
    """The surroundings in which the plug-in of the README is installed."""
    folder = tmp_path / "plugin"
    install_example(folder)
    return {"PYTHONPATH": str(folder)}


def install_example(folder: Path) -> None:
    """The plug-in of the README lies in `folder` as an installer would leave it."""
    source = next(text for text in blocks("python") if "class Swatch" in text)
    declared = next(tomllib.loads(text) for text in blocks("toml") if "entry-points" in text)
    metadata = folder / "swatch-1.0.dist-info"
    metadata.mkdir(parents=True)
    (folder / "swatch.py").write_text(source, "utf-8")
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: swatch\nVersion: 1.0\n", "utf-8")
    points = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in entries.items())
        for group, entries in declared["project"]["entry-points"].items()
    ]
    (metadata / "entry_points.txt").write_text("".join(points), "utf-8")


def run(command: str, environment: dict[str, str]) -> str:
    return subprocess.run(
        ["/bin/sh", "-c", command],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    ).stdout


@pytest.mark.timeout(1200)  # fifty commands, one after the other
def test_every_command_does_what_the_readme_shows(environment: dict[str, str], plugin: dict[str, str]):
    wrong = []
    for command, expected in commands():
        typed = command.removeprefix(FRESH)
        if typed == "pytest":
            continue  # that is us
        surroundings = environment | (plugin if "swatch" in typed else {})
        output = normal(without_progress(run(typed, surroundings)))
        if not re.fullmatch(pattern(expected), output):
            wrong.append(f"$ {command}\n{output}")

    assert not wrong, "\n".join(wrong)


def test_the_two_commands_to_start_with_are_there_once():
    typed = [command for command, _ in commands() if command.startswith(FRESH)]

    assert typed == [
        FRESH + 'assetctl request --scene romance_5 --choice confess --prompt "She says it at last"',
        FRESH + "pytest",
    ]


def test_every_command_of_the_tool_is_shown(environment: dict[str, str]):
    listed = run("assetctl --help", environment | {"COLUMNS": "200"})
    names = re.findall(r"^│ (\w+) ", listed.partition("Commands")[2], re.MULTILINE)

    assert names
    assert [name for name in names if f"$ assetctl {name}" not in README] == []


def test_python_example_does_what_the_readme_says(environment: dict[str, str], tmp_path: Path):
    example = tmp_path / "example.py"
    example.write_text(next(text for text in blocks("python") if "open_stack" in text), "utf-8")
    asked = "assetctl request --scene opening --duration 1 --output assets/romance_5/confess.mp4"
    run(f"mkdir -p assets/romance_5; {asked}", environment)

    output = run(f"{sys.executable} {example}", environment)

    assert re.fullmatch(pattern(blocks("text")[0]), normal(output)), output


def test_every_setting_stands_in_the_table(environment: dict[str, str]):
    known = json.loads(run("assetctl config show --json", environment))

    assert set(re.findall(r"^\| `([\w.]+)` \|", README.partition("## Settings")[2], re.MULTILINE)) >= set(known)


def test_every_exit_code_stands_in_the_table():
    table = README.partition("## Exit codes")[2].partition("\n## ")[0]
    codes = [int(code) for row in re.findall(r"^\| ([\d, ]+) \|", table, re.MULTILINE) for code in row.split(",")]

    assert codes == [*range(11), 129, 130, 143, 141]


def test_example_sidecar_is_one():
    from assetctl.library.folder.wire import parse_sidecar  # noqa: PLC0415 - the README test itself needs no library

    sidecar = next(text for text in blocks("toml") if "choice" in text)

    assert parse_sidecar(sidecar.encode(), "confess.mp4.toml").choice == "confess"


def test_every_file_it_points_to_is_there():
    targets = re.findall(r"\]\(([^)#:]+)\)", README)

    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_picture_shows_the_command_to_start_with():
    shown = set(re.findall(r">([^<]+)</text>", (ROOT / "docs" / "terminal.svg").read_text("utf-8")))
    command = commands()[0][0].removeprefix(FRESH).replace('"', "&quot;")

    assert set(command.split()) <= shown


def test_the_picture_shows_what_a_user_sees_and_no_machine_it_was_made_on() -> None:
    picture = (ROOT / "docs" / "terminal.svg").read_text("utf-8")
    assert "romance_5" in picture
    for stray in ("Traceback", "Error:", "site-packages", "/src/assetctl"):
        assert stray not in picture
