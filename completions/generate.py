"""Writes the ready-made completion files beside this one: `uv run python completions/generate.py`.

They are what the app itself says for each shell; a test compares both.
"""

# ruff: noqa: INP001 - a script, no package
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

#: File -> the shell it is for.
FILES = {
    "assetctl.bash": "bash",
    "assetctl.zsh": "zsh",
    "assetctl.fish": "fish",
    "assetctl.ps1": "powershell",
}
# The app takes its own name from argv[0]; run as a module it would call itself otherwise.
_ASK = "import sys; sys.argv = ['assetctl']; from assetctl.cli.main import main; main()"


def script_for(shell: str) -> str:
    """The completion script for `shell`, ending in one newline."""
    done = subprocess.run(  # noqa: S603 - our own interpreter and a fixed text
        [sys.executable, "-c", _ASK],
        env={**os.environ, "_ASSETCTL_COMPLETE": f"source_{shell}"},
        capture_output=True,
        check=True,
        encoding="utf-8",
    )
    return done.stdout.strip() + "\n"


def main() -> None:
    """Every file says what the app says now."""
    for name, shell in FILES.items():
        Path(__file__).with_name(name).write_text(script_for(shell), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
