"""File calls that fail: one of them, as a step, or all that need room until there is some."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

ERRNOS: Final = ("ENOSPC", "EDQUOT", "EROFS", "EIO", "EACCES", "EMFILE")

#: What needs no room: taking away, and moving within one file system.
_FREE_OF_CHARGE: Final = frozenset({"unlink", "rmdir", "remove folder"})


class FailOnce:
    """The file call of the given number fails with `name`; counts them with 0."""

    def __init__(self, at: int, name: str) -> None:
        self.at = at
        self.seen = 0
        self.failed: str | None = None
        self._number = getattr(errno, name)

    def __call__(self, change: str, path: Path) -> None:
        self.seen += 1
        if self.seen == self.at:
            self.failed = change
            raise OSError(self._number, os.strerror(self._number), str(path))


class Full:
    """While `is_full`, nothing that needs room succeeds; with `is_read_only` nothing at all."""

    def __init__(self, name: str) -> None:
        self.is_full = False
        self._number = getattr(errno, name)
        self._is_read_only = name == "EROFS"

    def __call__(self, change: str, path: Path) -> None:
        if self.is_full and (self._is_read_only or change not in _FREE_OF_CHARGE):
            raise OSError(self._number, os.strerror(self._number), str(path))
