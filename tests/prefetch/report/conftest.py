"""A gathering that is closed afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from assetctl.prefetch.report.gathering import Gathering

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def gathering(tmp_path: Path) -> Iterator[Gathering]:
    made = Gathering(tmp_path / "scratch")
    yield made
    made.close()
