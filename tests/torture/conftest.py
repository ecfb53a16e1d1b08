"""Long torture runs only when they are asked for, and a folder that is quick where durability is not the question."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

_MEMORY = Path("/dev/shm")
_LONG_S = 3600
# Some torture whole commands, in the way the tests of the command line run them.
sys.path.append(str(Path(__file__).parents[1] / "cli"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Hours of faults don't run by accident, and have their time when they do."""
    long = [item for item in items if item.get_closest_marker("torture_long")]
    for item in long:
        item.add_marker(pytest.mark.timeout(_LONG_S))
    if long and not config.option.markexpr:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


@pytest.fixture
def quick_folder(tmp_path: Path) -> Iterator[Path]:
    """An empty folder in memory where the system has one: syncing costs nothing there, and loses nothing to a kill."""
    if not _MEMORY.is_dir():
        yield tmp_path
        return
    folder = Path(tempfile.mkdtemp(prefix="assetctl-torture-", dir=_MEMORY))
    yield folder
    shutil.rmtree(folder)
