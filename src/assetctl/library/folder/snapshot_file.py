"""Keeps a snapshot of a library folder in a file, from one run to the next.

Only a shortcut: each value is used while size and time of its file are still the same, every value passes the same
checks as a sidecar does, and no path in it is ever opened. A snapshot that is missing, damaged, of another folder or
unwritable costs time and nothing else.
"""

from __future__ import annotations

import logging
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from assetctl.library.folder.snapshot import Snapshot

_log = logging.getLogger(__name__)


def load_snapshot(path: Path | None, root: str) -> Snapshot:
    """The snapshot at `path` if it is one of `root`, otherwise an empty one."""
    if path is None:
        return Snapshot(root)
    try:
        content = path.read_bytes()
        from assetctl.library.folder import wire  # noqa: PLC0415 - brings pydantic, which nothing remembered doesn't need

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
    from assetctl.library.folder import wire  # noqa: PLC0415 - as above

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
