"""Finding one library file, and refusing the ways out."""

from __future__ import annotations

import os

import pytest

from assetctl.errors import LibraryError
from assetctl.library.folder.files import LeadsElsewhere, check_folder, find_file, is_listed


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "assets"
    (folder / "scene").mkdir(parents=True)
    (folder / "scene" / "a.mp4").write_bytes(b"12345")
    return folder


def test_a_file_is_found_with_size_and_time(root):
    found = find_file(root, ("scene", "a.mp4"))
    status = (root / "scene" / "a.mp4").stat()
    assert found is not None
    assert found.path == root / "scene" / "a.mp4"
    assert found.fingerprint == f"5:{status.st_mtime_ns}"


@pytest.mark.parametrize("parts", [("b.mp4",), ("scene",), ("scene", "a.mp4", "b.mp4"), ("x" * 300 + ".mp4",)])
def test_what_is_no_file_is_not_found(root, parts):
    assert find_file(root, parts) is None


def test_a_pipe_is_not_found(root):
    os.mkfifo(root / "pipe.mp4")
    assert find_file(root, ("pipe.mp4",)) is None


def test_a_link_to_a_file_of_the_library_is_followed(root):
    (root / "b.mp4").symlink_to("scene/a.mp4")
    found = find_file(root, ("b.mp4",))
    assert found is not None
    assert found.size_bytes == 5


def test_a_link_out_of_the_library_is_refused(root, tmp_path):
    (tmp_path / "assets-secret.mp4").write_bytes(b"secret")
    (root / "b.mp4").symlink_to(tmp_path / "assets-secret.mp4")
    with pytest.raises(LeadsElsewhere) as caught:
        find_file(root, ("b.mp4",))
    assert "leads out of the library" in (caught.value.why or "")


@pytest.mark.parametrize("target", ["scene", "../elsewhere"])
def test_a_way_through_a_linked_folder_is_refused(root, tmp_path, target):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.mp4").write_bytes(b"x")
    (root / "linked").symlink_to(target)
    with pytest.raises(LeadsElsewhere) as caught:
        find_file(root, ("linked", "a.mp4"))
    assert "a folder that is a link" in (caught.value.why or "")


def test_the_library_itself_may_be_a_link(root, tmp_path):
    (tmp_path / "link").symlink_to(root)
    assert find_file(tmp_path / "link", ("scene", "a.mp4")) is not None


def test_a_file_that_cannot_be_looked_at_is_trouble(root):
    (root / "loop.mp4").symlink_to("loop.mp4")
    with pytest.raises(LibraryError) as caught:
        find_file(root, ("loop.mp4",))
    assert caught.value.why is not None
    assert str(root / "loop.mp4") in (caught.value.hint or "")


def test_two_spellings_of_one_name_are_two_files_where_the_system_says_so(root):
    (root / "scene" / "A.mp4").write_bytes(b"1")
    (root / "SCENE").mkdir()
    (root / "SCENE" / "A.MP4").write_bytes(b"22")
    found = find_file(root, ("scene", "a.mp4"))
    assert found is not None
    assert found.size_bytes == 5


def test_another_spelling_is_not_listed(root):
    assert is_listed(root, ("scene", "a.mp4"))
    assert not is_listed(root, ("scene", "A.mp4"))


def test_a_missing_folder_is_fine_unless_it_must_exist(tmp_path):
    assert check_folder(tmp_path, must_exist=True)
    assert not check_folder(tmp_path / "none", must_exist=False)
    with pytest.raises(LibraryError) as caught:
        check_folder(tmp_path / "none", must_exist=True)
    assert "library.path" in (caught.value.hint or "")


def test_a_folder_that_is_something_else_is_trouble(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to("nothing")
    (tmp_path / "loop").symlink_to("loop")
    for name in ("file", "dangling", "loop"):
        with pytest.raises(LibraryError):
            check_folder(tmp_path / name, must_exist=False)
