"""The layers of the house, held: the contracts stand in `pyproject.toml`, here they fail like any bug."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "assetctl"
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]

#: For each contract, a file and a line that break it.
BREACHES = {
    "layers": ("models.py", "import assetctl.errors"),
    "cache-layers": ("cache/entries.py", "import assetctl.cache.store"),
    "scenes-layers": ("prefetch/scenes/reaching.py", "import assetctl.prefetch.scenes.gathering"),
    "scenes-spend-nothing": ("prefetch/scenes/gathering.py", "import assetctl.service"),
    "no-circles": ("cache/removal/candidates.py", "import assetctl.cache.removal.pruning"),
    "commands": ("cli/commands/get.py", "import assetctl.cli.commands.jobs"),
    "terminal": ("keys.py", "import rich.console"),
    "media-libraries": ("providers/premade.py", "import PIL.Image"),
    "databases": ("generation/ordering.py", "import sqlite3"),
    "settings-library": ("service.py", "import platformdirs"),
    "foreign-bytes": ("wiring/stack.py", "import pydantic"),
    "kernel-locks": ("cache/store.py", "import filelock"),
    "canonical-json": ("documents.py", "import rfc8785"),
    "short-lived-answers": ("cache/store.py", "import diskcache"),
    "http": ("providers/generated.py", "import httpx"),
    "connections": ("providers/generated.py", "import httpcore"),
    "events": ("providers/generated.py", "import websockets"),
    "keyring": ("providers/generated.py", "import keyring"),
}


def lint(root: Path, *contracts: str) -> subprocess.CompletedProcess[str]:
    chosen = [part for contract in contracts for part in ("--contract", contract)]
    return subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command as lint; lint()",
            "--no-cache",
            "--no-logo",
            *chosen,
        ],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root / "src"), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package and its contracts, to break."""
    root = tmp_path / "copy"
    shutil.copytree(PACKAGE, root / "src" / "assetctl", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", root)
    return root


def add_line(root: Path, file: str, line: str) -> None:
    path = root / "src" / "assetctl" / file
    path.write_text(f"{path.read_text('utf-8')}\n{line}\n", "utf-8")


def test_every_contract_is_kept():
    result = lint(ROOT)

    assert result.returncode == 0, result.stdout
    assert f"{len(CONTRACTS)} kept, 0 broken" in result.stdout


def test_every_contract_can_be_broken(copy: Path):
    for file, line in BREACHES.values():
        add_line(copy, file, line)

    result = lint(copy)

    assert set(BREACHES) == {contract["id"] for contract in CONTRACTS}
    assert result.returncode == 1
    assert f"0 kept, {len(CONTRACTS)} broken" in result.stdout, result.stdout


def test_new_module_must_be_given_its_layer(copy: Path):
    (copy / "src" / "assetctl" / "helpers.py").write_text('"""Homeless."""\n', "utf-8")

    result = lint(copy, "layers")

    assert result.returncode == 1
    assert "assetctl.helpers" in result.stdout


#: What asks the world where it runs, or ends it: for the command line, the settings and a process of its own.
WORLDLY = {
    "os.environ",
    "os.getenv",
    "os.environb",
    "sys.exit",
    "os._exit",
    "sys.argv",
    "print",
    "input",
    "exit",
    "quit",
}
MAY_BE_WORLDLY = ("cli/", "settings/", "generation/storyboard/worker.py")


@pytest.mark.parametrize(
    "path",
    [
        path
        for path in sorted(PACKAGE.rglob("*.py"))
        if not str(path.relative_to(PACKAGE).as_posix()).startswith(MAY_BE_WORLDLY)
    ],
    ids=lambda path: path.relative_to(PACKAGE).as_posix(),
)
def test_core_never_prints_exits_or_reads_the_environment(path: Path):
    used = {
        ast.unparse(node)
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute | ast.Name)
    }

    assert not used & WORLDLY
