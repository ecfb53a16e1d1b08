"""Files whose bytes were hashed, and whether one that is found later is still such a file.

A digest says nothing of whatever has the same name a moment later. So it is kept together with what the system said of
the very descriptor that the bytes went through, and is believed of no other file.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from assetctl.filesystem.files import sha256_of_descriptor
from assetctl.filesystem.trouble import translated

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class HashedFile:
    """A file of `size_bytes`, all of them hashed: `sha256`, 64 lower-case hex digits; and by what it is known again."""

    sha256: str
    size_bytes: int
    device: int
    inode: int
    modified_ns: int

    @classmethod
    def of_descriptor(cls, descriptor: int, sha256: str, size_bytes: int) -> Self:
        """The file behind `descriptor`, through which `size_bytes` with this digest were read or written."""
        found = os.fstat(descriptor)
        return cls(sha256, size_bytes, found.st_dev, found.st_ino, found.st_mtime_ns)

    def is_still(self, found: os.stat_result) -> bool:
        """Whether `found` is of this file, and nobody has written to it since.

        A write within the same tick of the file system's clock is not seen: ask only of files that nobody else may
        write to.
        """
        known = (self.size_bytes, self.device, self.inode, self.modified_ns)
        return known == (found.st_size, found.st_dev, found.st_ino, found.st_mtime_ns)


def hash_file(path: Path) -> HashedFile:
    """`path` with all its bytes read and hashed.

    Raises:
        CacheError: it could not be read (see `translated`).
    """
    with translated(path), path.open("rb") as file:
        return hash_descriptor(file.fileno())


def hash_descriptor(descriptor: int) -> HashedFile:
    """The file behind `descriptor`, which is open at its beginning, with all its bytes read and hashed."""
    before = os.fstat(descriptor)
    sha256 = sha256_of_descriptor(descriptor)
    return HashedFile(sha256, before.st_size, before.st_dev, before.st_ino, before.st_mtime_ns)
