"""One tool for every test of the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cli_harness import PLUGIN, Tool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def tool(clean_environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tool]:
    """The command line in an empty home and folder, with the scripted generators installed."""
    monkeypatch.syspath_prepend(str(PLUGIN))
    made = Tool(home=clean_environment, work=tmp_path / "work", data=tmp_path / "data")
    yield made
    made.close()
