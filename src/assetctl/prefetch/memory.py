"""What runs leave for the next one: which items failed, and which have a placeholder instead of an asset.

Both are lists of keys and disposable: they choose what to try again, never what is true.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
from typing import TYPE_CHECKING, Final

from assetctl import filesystem
from assetctl.errors import CacheError

if TYPE_CHECKING:
    from pathlib import Path

_log = logging.getLogger(__name__)
_KEY: Final = re.compile(r"[0-9a-f]{64}")
_MAX_BYTES: Final = 256 << 20


def placeholder_keys(folder: Path) -> frozenset[str]:
    """The keys that a card was drawn for, which lies in `folder`; empty when there is no such folder.

    Raises:
        CacheError: the folder cannot be read.
    """
    with filesystem.translated(folder):
        names = os.listdir(folder) if os.path.lexists(folder) else []  # noqa: PTH208 - names, no paths
    return frozenset(stem for name in names if _KEY.fullmatch(stem := name.partition(".")[0]))


class Failures:
    """The keys that failed in the last run of a chapter, in a file of their own."""

    def __init__(self, path: Path) -> None:
        """Remember them at `path`; nothing is touched yet."""
        self._path = path

    def keys(self) -> frozenset[str]:
        """The keys that failed; what is no key is passed over.

        Raises:
            CacheError: they cannot be read.
        """
        with filesystem.translated(self._path):
            if not self._path.exists():
                return frozenset()
            with self._path.open("rb") as file:
                text = file.read(_MAX_BYTES).decode("ascii", errors="replace")
        return frozenset(line for line in text.split() if _KEY.fullmatch(line))

    def forget(self) -> None:
        """A run over the whole chapter begins: none has failed in it yet."""
        filesystem.remove(self._path)

    def add(self, key: str) -> None:
        """`key` failed; where there is no room to note it the run goes on, it tells of its failures anyway."""
        try:
            filesystem.make_private_folder(self._path.parent)
            filesystem.append(self._path, key.encode() + b"\n")
        except CacheError as error:
            _log.info("what failed could not be noted: %s", error.what)


def chapter_token(manifest: str) -> str:
    """A short name for the chapter whose manifest lies at the absolute path `manifest`, fit for a file name."""
    return hashlib.sha256(manifest.encode(errors="surrogatepass")).hexdigest()[:16]
