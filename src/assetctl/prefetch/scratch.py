"""Where records wait until they are told: a file without a name, gone with the process however it ends."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from assetctl import filesystem

if TYPE_CHECKING:
    from pathlib import Path

_BUFFER_BYTES: Final = 256 << 10
#: What is kept in memory once the disk takes no more; records beyond it are lost.
MAX_KEPT_BYTES: Final = 32 << 20


class Scratch:
    """Records one after the other, read back in any order; for one thread at a time.

    A disk that fills up in the middle of a run costs no record as long as few are left: they wait in memory.
    """

    def __init__(self, folder: Path) -> None:
        """Keep records in `folder`, which is made if needed.

        Raises:
            CacheError: nothing can be written there.
        """
        self._folder = folder
        self._file = filesystem.unnamed(folder, ".records")
        self._written = 0
        self._waiting = bytearray()
        self._is_full = False

    def append(self, record: bytes) -> int | None:
        """Where `record` begins; None when it was lost because neither disk nor memory has room for it."""
        if len(self._waiting) >= _BUFFER_BYTES and not self._is_full:
            self._flush()
        if self._is_full and len(self._waiting) + len(record) > MAX_KEPT_BYTES:
            return None
        start = self._written + len(self._waiting)
        self._waiting += record
        return start

    def read(self, start: int, length: int) -> bytes:
        """The record of `length` bytes that begins at `start`.

        Raises:
            CacheError: it cannot be read.
        """
        if start >= self._written:
            return bytes(self._waiting[start - self._written : start - self._written + length])
        descriptor, found = self._file.fileno(), bytearray()
        with filesystem.translated(self._folder):
            os.lseek(descriptor, start, os.SEEK_SET)
            while len(found) < length and (piece := os.read(descriptor, length - len(found))):
                found += piece
        rest = length - len(found)
        return bytes(found + self._waiting[:rest]) if rest else bytes(found)

    def close(self) -> None:
        """Nothing is left of it."""
        self._file.close()

    def _flush(self) -> None:
        # By its descriptor: what the disk refuses must not stay in a buffer that is flushed later.
        descriptor = self._file.fileno()
        try:
            os.lseek(descriptor, self._written, os.SEEK_SET)
            while self._waiting:
                done = os.write(descriptor, self._waiting)
                self._written += done
                del self._waiting[:done]
        except OSError:
            # What is told of the run must not end it: the run itself meets a full disk soon enough, and says so.
            self._is_full = True
