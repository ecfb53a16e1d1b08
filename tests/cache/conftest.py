"""What nearly every test of the cache begins with; and its folder, so that all of them find the samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cache_samples import StillClock

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Where a cache is to be; nothing is there."""
    return tmp_path / "cache"
