"""What stands of a chapter comes out scene by scene, and costs no memory."""

from __future__ import annotations

import errno
import os
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from assetctl.errors import StorageFull
from assetctl.prefetch import scratch
from assetctl.prefetch.coverage import Cover, Coverage
from report_samples import item

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def coverage(tmp_path: Path) -> Iterator[Coverage]:
    made = Coverage(tmp_path / "scratch")
    yield made
    made.close()


def test_items_of_a_scene_that_comes_back_stand_together(coverage: Coverage) -> None:
    covers = [Cover.CACHED, Cover.MISSING, Cover.LIBRARY, Cover.JOB]
    for number, (scene, cover) in enumerate(zip(["a", "b", "a", None], covers, strict=True), 1):
        coverage.add(item(number, scene, f"c{number}"), cover)
    scenes = list(coverage.scenes())
    assert [(scene.scene_id, scene.covered, scene.size) for scene in scenes] == [("a", 2, 2), ("b", 0, 1), (None, 0, 1)]
    for _ in range(2):
        assert [(one.number, one.choice_id, one.cover) for scene in scenes for one in scene.items] == [
            (1, "c1", Cover.CACHED),
            (3, "c3", Cover.LIBRARY),
            (2, "c2", Cover.MISSING),
            (4, "c4", Cover.JOB),
        ]


def test_memory_grows_by_bytes_for_each_item(coverage: Coverage) -> None:
    count = 20_000
    items = [item(number, "one" * 50, f"choice-{number}") for number in range(count)]
    tracemalloc.start()
    for one in items:
        coverage.add(one, Cover.MISSING)
    (scene,) = coverage.scenes()
    assert sum(1 for _ in scene.items) == count
    grown, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert max(grown, peak) / count < 60


def test_names_that_no_disk_has_room_for_end_it(coverage: Coverage, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "no room")

    monkeypatch.setattr(os, "write", full)
    monkeypatch.setattr(scratch, "_BUFFER_BYTES", 1)
    monkeypatch.setattr(scratch, "MAX_KEPT_BYTES", 30)
    coverage.add(item(1, "a"), Cover.MISSING)
    with pytest.raises(StorageFull):
        coverage.add(item(2, "b" * 30), Cover.MISSING)
