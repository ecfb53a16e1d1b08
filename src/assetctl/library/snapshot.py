"""Remembers between runs what a library folder's sidecars said and how long its files are.

Only a shortcut: each value is used while size and time of its file are still the same, every value passes the same
checks as a sidecar does, and no path in it is ever opened. A snapshot that is missing, damaged, of another folder or
unwritable costs time and nothing else.
"""

from __future__ import annotations

import logging
import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from assetctl.library.sidecar import Sidecar

SNAPSHOT_SCHEMA: Final = "assetctl.library-snapshot/1"

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Snapshot:
    """What is known of the library folder `root`: by path, the file's size and time, and what was in it.

    `durations` has None for a file that was looked into and has no duration.
    """

    root: str
    sidecars: dict[str, tuple[int, int, Sidecar]] = field(default_factory=dict[str, tuple[int, int, Sidecar]])
    durations: dict[str, tuple[int, int, float | None]] = field(
        default_factory=dict[str, tuple[int, int, float | None]]
    )


def load_snapshot(path: Path | None, root: str) -> Snapshot:
    """The snapshot at `path` if it is one of `root`, otherwise an empty one."""
    if path is None:
        return Snapshot(root)
    try:
        content = path.read_bytes()
        from assetctl.library import wire  # noqa: PLC0415 - brings pydantic, which nothing remembered doesn't need

        snapshot = wire.parse_snapshot(content)
    except FileNotFoundError:
        return Snapshot(root)
    except (OSError, ValueError) as error:
        _log.debug("the library snapshot `%s` is not used: %s", path, type(error).__name__)
        return Snapshot(root)
    return snapshot if snapshot.root == root else Snapshot(root)


def save_snapshot(path: Path | None, snapshot: Snapshot) -> bool:
    """Whether `path` now holds `snapshot`, written in one step; False when it cannot be written."""
    if path is None:
        return False
    from assetctl.library import wire  # noqa: PLC0415 - as above

    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _replace(path, wire.snapshot_bytes(snapshot))
    except OSError as error:
        _log.debug("the library snapshot `%s` cannot be written: %s", path, error.strerror)
        return False
    return True


def _replace(path: Path, content: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        temporary.replace(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
        raise
