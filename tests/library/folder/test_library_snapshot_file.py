"""A snapshot is a shortcut: it is used when it is sound, and nothing is lost without it."""

from __future__ import annotations

import json
import stat

import pytest

from assetctl.library.folder.sidecar import Sidecar
from assetctl.library.folder.snapshot import Snapshot
from assetctl.library.folder.snapshot_file import load_snapshot, save_snapshot
from assetctl.models import Style

FULL = Snapshot(
    "/assets",
    sidecars={"a.mp4.toml": (5, 10**18, Sidecar(scene="a", style=Style.ANIME, tags=frozenset({"x"}), duration_s=2.5))},
    durations={"a.mp4": (7, 10**18, 5.0), "b.mp4": (7, 10**18, None)},
)


def test_what_is_saved_is_loaded(tmp_path):
    path = tmp_path / "lookups" / "library.json"
    assert save_snapshot(path, FULL)
    assert load_snapshot(path, "/assets") == FULL
    assert [entry.name for entry in path.parent.iterdir()] == ["library.json"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_snapshot_of_another_folder_is_ignored(tmp_path):
    save_snapshot(tmp_path / "s.json", FULL)
    assert load_snapshot(tmp_path / "s.json", "/other") == Snapshot("/other")


def test_without_a_place_nothing_is_kept():
    assert not save_snapshot(None, FULL)
    assert load_snapshot(None, "/assets") == Snapshot("/assets")


def damaged(**changes):
    document = {"schema": "assetctl.library-snapshot/1", "root": "/assets", "sidecars": {}, "durations": {}}
    return json.dumps(document | changes).encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[" * 100_000,
        b"\xff\xfe",
        b"null",
        damaged(schema="assetctl.library-snapshot/2"),
        damaged(sidecars={"a": [1, 2]}),
        damaged(sidecars={"a": [1, 2, {"scene": 5}]}),
        damaged(sidecars={"a": [1, 2, {"unknown": "x"}]}),
        damaged(durations={"a": ["x", 2, 3.0]}),
    ],
)
def test_a_damaged_snapshot_is_ignored(tmp_path, content):
    (tmp_path / "s.json").write_bytes(content)
    assert load_snapshot(tmp_path / "s.json", "/assets") == Snapshot("/assets")


def test_a_snapshot_that_cannot_be_read_or_written_costs_nothing(tmp_path):
    (tmp_path / "file").touch()
    folder = tmp_path / "folder"
    (folder / "inside").mkdir(parents=True)
    assert not save_snapshot(tmp_path / "file" / "s.json", FULL)
    assert not save_snapshot(folder, FULL)
    assert load_snapshot(folder, "/assets") == Snapshot("/assets")
    assert sorted(entry.name for entry in tmp_path.iterdir() if "s.json" in entry.name or ".tmp" in entry.name) == []
