"""A digest is believed of the very file that was hashed, as long as nobody wrote to it since."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from assetctl import filesystem
from assetctl.filesystem import GrowingFile

if TYPE_CHECKING:
    from pathlib import Path

DIGEST = hashlib.sha256(b"film").hexdigest()


def written(path: Path) -> filesystem.HashedFile:
    file = GrowingFile.new(path)
    file.append([b"fi", b"lm"])
    return file.finish()


def moved_on(path: Path) -> None:
    """Makes the next moment of the file system's clock differ, however coarse it is."""
    found = path.stat()
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns + 1_000_000_000))


def test_file_is_known_again_under_another_name_and_sealed(tmp_path: Path):
    hashed = written(tmp_path / "a")
    assert (hashed.sha256, hashed.size_bytes) == (DIGEST, 4)
    filesystem.move(tmp_path / "a", tmp_path / "b")
    filesystem.link_or_copy(tmp_path / "b", tmp_path / "c")
    assert hashed.is_still(filesystem.seal(tmp_path / "c"))
    assert filesystem.hash_file(tmp_path / "b") == hashed


def test_file_that_was_written_to_since_is_another(tmp_path: Path):
    hashed = written(tmp_path / "a")
    (tmp_path / "a").write_bytes(b"clip")
    moved_on(tmp_path / "a")
    assert not hashed.is_still((tmp_path / "a").stat())


def test_file_of_the_same_bytes_in_its_place_is_another(tmp_path: Path):
    hashed = written(tmp_path / "a")
    found = (tmp_path / "a").stat()
    filesystem.copy(tmp_path / "a", tmp_path / "b")
    os.utime(tmp_path / "b", ns=(found.st_atime_ns, found.st_mtime_ns))
    filesystem.move(tmp_path / "b", tmp_path / "a")
    assert not hashed.is_still((tmp_path / "a").stat())


def test_file_that_somebody_else_writes_to_as_well_is_not_what_was_hashed(tmp_path: Path):
    file = GrowingFile.new(tmp_path / "a")
    file.append([b"film"])
    with (tmp_path / "a").open("ab") as other:
        other.write(b"s")
    hashed = file.finish()
    assert not hashed.is_still((tmp_path / "a").stat())


def test_finished_file_is_closed(tmp_path: Path):
    file = GrowingFile.new(tmp_path / "a")
    file.finish()
    file.close()
    assert file.size_bytes == 0
