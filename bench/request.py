"""How long assetctl takes as a whole process, beside programs that do nothing: `uv run python bench/request.py`.

Each round runs every program once, in turn, so that a busy moment of the machine meets all of them alike. Figures are
medians; each line of output is a JSON object with the ratios to `python -c pass` and to a Typer program with one
command. The target is a warm hit at no more than 1.3 times the bare Typer program.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import typer

import assetctl

TYPER_PROGRAM = """\
import typer

app = typer.Typer(add_completion=False)


@app.command()
def request(scene: str = typer.Option(...), choice: str = typer.Option(...), prompt: str = typer.Option(...)) -> None:
    typer.echo(f"{scene} {choice} {prompt}")


app()
"""
OPTIONS = ("--scene", "romance_5", "--choice", "confess", "--prompt", "She says it at last")
TARGET = 1.3

Command = Callable[[int], list[str]]


def programs(folder: Path) -> dict[str, Command]:
    """What is measured, by name; a command is made for the number of its round."""
    bare = folder / "bare.py"
    bare.write_text(TYPER_PROGRAM, "utf-8")
    assetctl = [sys.executable, "-m", "assetctl.cli.main"]
    return {
        "python -c pass": lambda _: [sys.executable, "-c", "pass"],
        "bare typer": lambda _: [sys.executable, str(bare), *OPTIONS],
        "version": lambda _: [*assetctl, "--version"],
        "warm hit": lambda _: [*assetctl, "request", *OPTIONS],
        # Another seed is another asset: each round renders a clip of its own.
        "cold render": lambda number: [*assetctl, "request", *OPTIONS, "--seed", str(number)],
    }


def seconds(command: list[str], folder: Path, environment: dict[str, str]) -> float:
    """The wall time of one whole process; it must succeed."""
    started = time.perf_counter()
    subprocess.run(
        command,
        cwd=folder,
        env=environment,
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        timeout=120,
    )
    return time.perf_counter() - started


def measured(runs: int, folder: Path) -> dict[str, list[float]]:
    """The wall times of every program, a value per round, in an empty home and with all bytecode compiled."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("ASSETCTL_", "XDG_", "PYTHON", "COV"))
    } | {"HOME": str(folder), "USERPROFILE": str(folder), "NO_COLOR": "1"}
    commands = programs(folder)
    times: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(-1, runs):
        for name, command in commands.items():
            taken = seconds(command(number + 1), folder, environment)
            if number >= 0:  # the first round warms up: the asset is cached, files are in memory, bytecode is written
                times[name].append(taken)
    return times


def lines(times: dict[str, list[float]]) -> list[dict[str, object]]:
    """One object per program: its median in milliseconds, and its ratios."""
    medians = {name: statistics.median(values) for name, values in times.items()}
    return [
        {
            "program": name,
            "runs": len(times[name]),
            "median_ms": round(median * 1000, 1),
            "fastest_ms": round(min(times[name]) * 1000, 1),
            "times_python": round(median / medians["python -c pass"], 2),
            "times_typer": round(median / medians["bare typer"], 2),
            **({"target_times_typer": TARGET} if name == "warm hit" else {}),
        }
        for name, median in medians.items()
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Whole-process times of assetctl beside programs that do nothing.")
    parser.add_argument("--runs", type=int, default=15, help="rounds that count; one more warms up (default: 15)")
    runs = parser.parse_args().runs
    for package in (assetctl, typer):
        compileall.compile_dir(str(Path(package.__file__).parent), quiet=1)
    folder = Path(tempfile.mkdtemp())
    try:
        for line in lines(measured(runs, folder)):
            print(json.dumps(line), flush=True)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
