"""What the system refuses, as our errors: told apart by its number, never by its words.

A full disk is one clear sentence with a path and figures. Nothing here tries again.
"""

from __future__ import annotations

import errno
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from assetctl.errors import CacheError, StorageFull, StorageUnusable
from assetctl.units import human_size

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

_FULL: Final = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG})
_UNUSABLE: Final = frozenset(
    {errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENODEV}
)


@contextmanager
def translated(path: Path, *, needed_bytes: int | None = None) -> Generator[None]:
    """Within the block, what the system refuses is raised as our error about `path`.

    Raises:
        StorageFull: no room, a quota, a size limit or a read-only file system. None of them is worth a second try.
        StorageUnusable: rights, or something that is not what it must be.
        CacheError: anything else.
    """
    try:
        yield
    except OSError as error:
        raise storage_error(error, path, needed_bytes=needed_bytes) from error


@contextmanager
def retold(what: str, *, hint: str) -> Generator[None]:
    """Within the block, storage trouble is told as `what` it keeps somebody from, and what to do then.

    Raises:
        CacheError: of the kind that it was, which says why.
    """
    try:
        yield
    except CacheError as error:
        raise type(error)(what, why=error.sentence, hint=hint) from error


def storage_error(error: OSError, path: Path, *, needed_bytes: int | None = None) -> CacheError:
    """Our error for what the system said about `path`, by number; the caller raises it `from` the original."""
    said = error.strerror or str(error)
    if error.errno == errno.EROFS:
        return StorageFull(
            f"`{path}` cannot be written",
            why="its file system is read-only",
            hint="choose another place with `--data-dir`",
        )
    if error.errno in _FULL:
        needed = "" if needed_bytes is None else f"{human_size(needed_bytes)} needed, "
        return StorageFull(
            f"no room to write `{path}`",
            why=f"{said} ({needed}{_free_text(path)})",
            hint="make room with `assetctl cache prune` or choose another place with `--data-dir`",
        )
    if error.errno in _UNUSABLE:
        return StorageUnusable(f"`{path}` cannot be used", why=said, hint="check its owner and its rights")
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return CacheError(f"`{path}` cannot be opened", why=said, hint="raise the limit of open files (`ulimit -n`)")
    return CacheError(f"`{path}` cannot be read or written", why=said)


def _free_text(path: Path) -> str:
    for folder in (path, *path.parents):
        try:
            return f"{human_size(shutil.disk_usage(folder).free)} free"
        except OSError:
            continue
    return "free space unknown"  # pragma: no cover - a missing drive on Windows
