"""The ready-made completion files say what the app says, and bash completes with one of them."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cli_harness import DEADLINE_S

if TYPE_CHECKING:
    from cli_harness import Tool

FOLDER = Path(__file__).parents[2] / "completions"


def generator() -> Any:
    spec = importlib.util.spec_from_file_location("generate_completions", FOLDER / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["assetctl.bash", "assetctl.zsh", "assetctl.fish", "assetctl.ps1"])
def test_a_file_says_what_the_app_says(name: str) -> None:
    made = generator()
    assert (FOLDER / name).read_text(encoding="utf-8") == made.script_for(made.FILES[name]), (
        "run: uv run python completions/generate.py"
    )


def test_there_is_a_file_for_each_shell_and_no_other() -> None:
    assert {path.name for path in FOLDER.iterdir() if path.is_file()} == {"generate.py", *generator().FILES}


BASH = shutil.which("bash")
#: Does what the Tab key does: finds the function of the command, sets the words, calls it.
TAB = """
source "$1"; shift
function_name=$(complete -p assetctl | sed 's/.*-F \\([^ ]*\\) .*/\\1/')
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
"$function_name" "$(command -v assetctl)"
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.skipif(BASH is None or sys.platform == "win32", reason="needs bash")
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("assetctl", "re"), ["request"]),
        (("assetctl", "cache", "cl"), ["clear"]),
        (("assetctl", "request", "--sce"), ["--scene"]),
        (("assetctl", "request", "--style", ""), ["anime", "realistic", "semi-realistic", "stylized"]),
        (("assetctl", "request", "--style", "s"), ["semi-realistic", "stylized"]),
        (("assetctl", "request", "--type", "3"), ["3d_model"]),
        (("assetctl", "--progress", "js"), ["json"]),
    ],
)
def test_bash_completes(tool: Tool, words: tuple[str, ...], offered: list[str]) -> None:
    program = tool.home / "bin" / "assetctl"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\nexec -a assetctl "{sys.executable}" -c \'{generator()._ASK}\' "$@"\n'.replace(
            "exec -a assetctl ", "exec "
        ).replace("'assetctl'", '"assetctl"')
    )
    program.chmod(0o755)
    env = tool.environment()
    done = subprocess.run(
        [str(BASH), "--norc", "-c", TAB, "bash", str(FOLDER / "assetctl.bash"), *words],
        env={**env, "PATH": f"{program.parent}:{env['PATH']}"},
        cwd=tool.work,
        capture_output=True,
        encoding="utf-8",
        timeout=DEADLINE_S,
        check=True,
    )
    assert done.stdout.split() == offered
    assert done.stderr == ""
