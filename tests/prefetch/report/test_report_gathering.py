"""What is gathered comes out in the order of the manifest, whatever order it came in, and costs no memory."""

from __future__ import annotations

import errno
import os
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from assetctl.errors import CacheError
from assetctl.models import Source
from assetctl.prefetch import scene_order, scratch
from assetctl.prefetch.deeds import Deed
from assetctl.prefetch.report.gathering import Gathering
from assetctl.prefetch.report.states import State
from assetctl.prefetch.scratch import Scratch
from report_samples import an_evening, asset, item, made, planned

if TYPE_CHECKING:
    from pathlib import Path


def test_results_are_put_to_what_was_planned(gathering: Gathering) -> None:
    an_evening(gathering)
    entries = list(gathering.entries())
    assert [(entry.asked["item"], entry.state) for entry in entries] == [
        (1, State.HERE),
        (2, State.GENERATED),
        (3, State.FAILED),
        (4, State.PLACEHOLDER),
        (5, State.LIBRARY),
        (6, State.LEFT),
    ]
    assert [entry.name for entry in entries] == ["opening", "confess", "wait", "leave", "stay", "ending"]
    assert entries[1].asset is not None
    assert entries[1].asset["asset_id"] == "asset-2"
    assert entries[1].found["seconds"] == 12.25
    assert (entries[2].trouble or "").endswith(": it is rude")
    assert entries[5].found == {}
    assert gathering.counts() == {
        State.HERE: 1,
        State.GENERATED: 1,
        State.FAILED: 1,
        State.PLACEHOLDER: 1,
        State.LIBRARY: 1,
        State.LEFT: 1,
    }


def test_what_belongs_to_a_scene_is_told_together(gathering: Gathering) -> None:
    items = [item(number, scene, str(number)) for number, scene in enumerate(["a", "a", "b", "a", None, "b"])]
    for one in items:
        gathering.plan(planned(one))
    gathering.ended(made(items[3]), 2.0)
    gathering.ended(made(items[5]), 4.0)
    scenes = list(gathering.scenes())
    assert [(scene.scene_id, scene.start, scene.end, scene.items) for scene in scenes] == [
        ("a", 0, 3, 3),
        ("b", 3, 5, 2),
        ("", 5, 6, 1),
    ]
    assert scenes[0].counts == {State.TO_GENERATE: 2, State.GENERATED: 1}
    assert [entry.asked["item"] for entry in gathering.entries()] == [0, 1, 3, 2, 5, 4]
    assert [entry.asked["item"] for entry in gathering.entries(3, 5)] == [2, 5]
    assert [entry.position for entry in gathering.entries()] == list(range(6))
    assert [gathering.seconds(scene.start, scene.end) for scene in scenes] == [2.0, 4.0, 0.0]


def test_so_many_scenes_are_known_again_and_no_more(gathering: Gathering, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scene_order, "MAX_KNOWN", 2)
    for number, scene in enumerate(["a", "b", "c", "a", "c"]):
        gathering.plan(planned(item(number, scene)))
    assert [(scene.scene_id, scene.items) for scene in gathering.scenes()] == [("a", 2), ("b", 1), ("c", 1), ("c", 1)]


def test_a_plan_that_is_not_carried_out_tells_what_each_takes(gathering: Gathering) -> None:
    for number, deed in enumerate(Deed):
        gathering.plan(planned(item(number, "a", str(number)), deed))
    assert [entry.state for entry in gathering.entries()] == [
        State.HERE,
        State.TO_FETCH,
        State.RUNNING,
        State.TO_GENERATE,
        State.PLACEHOLDER,
        State.MISSING,
        State.TROUBLE,
    ]
    gathering.has_begun = True
    assert [entry.state for entry in gathering.entries()] == [State.HERE, *[State.LEFT] * (len(Deed) - 1)]


def test_only_what_was_chosen_is_told_of(gathering: Gathering) -> None:
    first, second, third = (item(number, "a", str(number)) for number in (3, 5, 9))
    for one in (first, third):
        gathering.plan(planned(one))
    gathering.ended(made(second), None)
    gathering.passed(second)
    gathering.ended(made(third), None)
    assert [(entry.asked["item"], bool(entry.found)) for entry in gathering.entries()] == [(3, False), (9, True)]


def test_what_was_here_before_is_told_by_the_cache(gathering: Gathering) -> None:
    here, new = item(1, "a"), item(2, "b")
    gathering.plan(planned(here, Deed.HERE))
    gathering.plan(planned(new))
    gathering.has_begun = True
    assert list(gathering.untold()) == [(0, here.key)]
    gathering.tell(0, asset(here, Source.CACHED))
    assert list(gathering.untold()) == []
    assert [(entry.asset or {}).get("asset_id") for entry in gathering.entries()] == ["asset-1", None]


def test_nothing_stays_on_the_disk(tmp_path: Path) -> None:
    gathering = Gathering(tmp_path / "scratch")
    an_evening(gathering)
    gathering.close()
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_disk_that_fills_up_costs_no_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, places = Scratch(tmp_path / "scratch"), []
    records = [bytes([65 + number % 26]) * 100_000 for number in range(12)]

    def full(descriptor: int, data: bytes) -> int:
        if kept._written > 200_000:
            raise OSError(errno.ENOSPC, "no room")
        return write(descriptor, data[:150_000])

    write = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        places = [kept.append(record) for record in records]
    assert [kept.read(place or 0, 100_000) for place in places] == records
    assert kept._written < 400_000
    kept.close()


def test_what_neither_disk_nor_memory_has_room_for_is_counted(
    gathering: Gathering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scratch, "MAX_KEPT_BYTES", 2_000)
    monkeypatch.setattr(scratch, "_BUFFER_BYTES", 1)

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "no room")

    monkeypatch.setattr(os, "write", full)
    for number in range(20):
        gathering.plan(planned(item(number, f"scene-{number}")))
    assert 0 < gathering.lost < 20
    assert len(list(gathering.entries())) == len(list(gathering.scenes())) == 20


def test_a_folder_that_cannot_be_written_is_known_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CacheError):
        Gathering(tmp_path / "file" / "scratch")


def test_memory_grows_by_bytes_for_each_asset(gathering: Gathering) -> None:
    count = 20_000
    items = [item(number, f"scene-{number // 10}", prompt="x" * 200) for number in range(count)]
    results = [made(one) for one in items[:100]]
    tracemalloc.start()
    for one in items:
        gathering.plan(planned(one))
    for result in results:
        gathering.ended(result, 1.0)
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown / count < 100
