"""A file that is written piece by piece, and hashed as it grows; whoever needs it to survive a power cut seals it."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Self

from assetctl.filesystem.files import create, open_to_continue, remove, write_all
from assetctl.filesystem.hashed import HashedFile
from assetctl.filesystem.steps import Step, no_step
from assetctl.filesystem.trouble import translated

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_CHUNK = 1 << 20


class GrowingFile:
    """Open until `close`; for one thread at a time."""

    def __init__(self, path: Path, descriptor: int, *, step: Step = no_step) -> None:
        """Write to `descriptor`, which is open at the end of `path`, an empty file; it is closed with us."""
        self._path = path
        self._descriptor = descriptor
        self._step = step
        self._digest = hashlib.sha256()
        self.size_bytes = 0

    @classmethod
    def new(cls, path: Path, *, step: Step = no_step) -> Self:
        """An empty file at `path`, in place of what was there; private, and never through a link.

        Raises:
            CacheError: it could not be made (see `translated`).
        """
        remove(path, step=step)
        with translated(path):
            return cls(path, create(path, step=step), step=step)

    @classmethod
    def continued(cls, path: Path, *, step: Step = no_step) -> Self | None:
        """The file at `path` with what it holds, all of it read and hashed; None when there is no regular file.

        Raises:
            CacheError: it could not be read (see `translated`).
        """
        with translated(path):
            descriptor = open_to_continue(path)
            if descriptor is None:
                return None
            file = cls(path, descriptor, step=step)
            try:
                while data := os.read(descriptor, _CHUNK):
                    file._take_in(data)
            except BaseException:
                os.close(descriptor)
                raise
            return file

    @property
    def sha256(self) -> str:
        """Of all it holds now, as 64 lower-case hex digits."""
        return self._digest.hexdigest()

    def finish(self) -> HashedFile:
        """What it is now, all of it hashed as it was written; nothing of it is open any more.

        Raises:
            CacheError: the system doesn't say what it is (see `translated`).
        """
        with translated(self._path):
            hashed = HashedFile.of_descriptor(self._descriptor, self.sha256, self.size_bytes)
        self.close()
        return hashed

    def append(self, pieces: Iterable[bytes]) -> None:
        """`pieces` are at its end; after an error, part of them may be.

        Raises:
            CacheError: they could not be written (see `translated`).
        """
        for piece in pieces:
            with translated(self._path, needed_bytes=len(piece)):
                write_all(self._descriptor, piece, self._path, self._step)
            self._take_in(piece)

    def close(self) -> None:
        """Nothing of it is open any more; more than once does no harm."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _take_in(self, data: bytes) -> None:
        self._digest.update(data)
        self.size_bytes += len(data)
