"""What a walk through a library folder finds, and what it leaves out."""

from __future__ import annotations

import os

import pytest

from assetctl.errors import LibraryError
from assetctl.library.folder.scan import scan_tree


def put(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")


def test_files_and_sidecars_are_listed_by_path(tmp_path):
    put(tmp_path, "b.mp4", "b.mp4.toml", "a/c.png", "a/d/e.wav")
    tree = scan_tree(tmp_path)
    assert tree.files == ["a/c.png", "a/d/e.wav", "b.mp4"]
    status = (tmp_path / "b.mp4.toml").stat()
    assert tree.sidecars == {"b.mp4.toml": (1, status.st_mtime_ns)}
    assert tree.problems == []


def test_other_and_hidden_files_are_nobodys_business(tmp_path):
    put(tmp_path, "notes.txt", "assetctl.toml", "notes.txt.toml", ".git/a.mp4", ".a.mp4", "a.mp4.partial", "~a.mp4")
    (tmp_path / "readme").symlink_to("notes.txt")
    tree = scan_tree(tmp_path)
    assert (tree.files, tree.sidecars, tree.problems) == ([], {}, [])


def test_links_to_folders_are_told_and_not_followed(tmp_path):
    put(tmp_path, "a/b.mp4")
    (tmp_path / "up").symlink_to(tmp_path)
    tree = scan_tree(tmp_path)
    assert tree.files == ["a/b.mp4"]
    assert tree.problems == ["`up` is left out: it is a link to a folder"]


def test_a_link_to_a_file_is_listed_and_a_linked_sidecar_is_told(tmp_path):
    put(tmp_path, "a.mp4", "other.toml")
    (tmp_path / "b.mp4").symlink_to("a.mp4")
    (tmp_path / "a.mp4.toml").symlink_to("other.toml")
    tree = scan_tree(tmp_path)
    assert tree.files == ["a.mp4", "b.mp4"]
    assert tree.sidecars == {}
    assert tree.problems == ["`a.mp4.toml` is left out: a sidecar must be a file, not a link"]


def test_a_folder_named_like_a_file_is_told(tmp_path):
    (tmp_path / "a.mp4").mkdir()
    assert scan_tree(tmp_path).problems == ["`a.mp4` is left out: it is no file"]


def test_a_name_that_is_no_text_is_told(tmp_path):
    try:
        (tmp_path / os.fsdecode(b"\xff.mp4")).touch()
    except OSError:
        pytest.skip("this file system has only Unicode names")
    put(tmp_path, "ü.mp4")
    tree = scan_tree(tmp_path)
    assert tree.files == ["ü.mp4"]
    assert tree.problems == ["`'\\udcff.mp4'` is left out: its name is no Unicode text"]


def test_a_bottomless_folder_is_told(tmp_path):
    put(tmp_path, "/".join(["d"] * 16) + "/a.mp4", "/".join(["d"] * 17) + "/b.mp4")
    tree = scan_tree(tmp_path)
    assert len(tree.files) == 1
    assert len(tree.problems) == 1
    assert "more than 16 folders deep" in tree.problems[0]


@pytest.mark.parametrize(("error", "is_trouble"), [(PermissionError(13, "denied"), True), (FileNotFoundError(), False)])
def test_a_folder_that_cannot_be_listed_is_trouble_unless_it_vanished(tmp_path, monkeypatch, error, is_trouble):
    put(tmp_path, "a/b.mp4", "c.mp4")
    scandir = os.scandir

    def refusing(path):
        if str(path).endswith("a"):
            raise error
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    if not is_trouble:
        assert scan_tree(tmp_path).files == ["c.mp4"]
        return
    with pytest.raises(LibraryError) as caught:
        scan_tree(tmp_path)
    assert str(tmp_path / "a") in caught.value.what
    assert caught.value.why == "denied"
