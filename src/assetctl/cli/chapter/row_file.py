"""Rows of a chapter put aside on disk until all of them are known: they are printed whole or not at all."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from assetctl import filesystem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class RowFile:
    """Values that JSON knows, in their order; can be walked more than once, and takes no memory. To be closed."""

    def __init__(self, folder: Path) -> None:
        """Keep them in `folder`.

        Raises:
            CacheError: nothing can be written there.
        """
        self._folder = folder
        self._file = filesystem.unnamed(folder, ".rows")

    def add(self, row: Any) -> None:
        """`row` is the last one; none is added once they were walked.

        Raises:
            CacheError: there is no room for it.
        """
        with filesystem.translated(self._folder):
            self._file.write(json.dumps(row).encode() + b"\n")

    def __iter__(self) -> Iterator[Any]:
        """The rows.

        Raises:
            CacheError: they cannot be read back, or the last ones not be written.
        """
        with filesystem.translated(self._folder):
            self._file.seek(0)
        for line in self._file:
            yield json.loads(line)

    def close(self) -> None:
        """Nothing is left of them."""
        with filesystem.translated(self._folder):
            self._file.close()
