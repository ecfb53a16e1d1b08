"""One entry looked at closely: all its bytes, their length and rights, and its sidecar. Nothing is changed.

Bytes are read in large pieces, and the generator gives way after each few megabytes, so that a film of many gigabytes
can be left at any time. What was read is dropped from the system's cache: a verification must not push out the files
that others work with.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from assetctl import filesystem
from assetctl.cache.verification.findings import Problem
from assetctl.filesystem.files import READ_ONLY_FILE

if TYPE_CHECKING:
    from collections.abc import Generator

    from assetctl.cache.entries import CacheEntry
    from assetctl.cache.files.blobs import Blobs

# Small enough to stay in the processor's own cache between reading and hashing, which is faster than larger pieces.
_PIECE: Final = 1 << 18
_SLICE: Final = 1 << 23
_TOO_MANY_OPEN: Final = (errno.EMFILE, errno.ENFILE)
_NO_FILE: Final = (errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENXIO)


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at the bytes of an entry found: `problem` None when they are whole."""

    problem: Problem | None
    detail: str | None = None
    has_wrong_mode: bool = False


def look_at(entry: CacheEntry, blobs: Blobs) -> Generator[int, None, Look]:
    """Read and hash the bytes of `entry`; yields how many were read since it last did, and returns what was found.

    Raises:
        CacheError: too many files are open.
    """
    try:
        descriptor = filesystem.open_below(blobs.files, entry.sha256[:2], entry.blob)
    except OSError as error:
        return _unopened(entry, blobs, error)
    try:
        found = os.fstat(descriptor)
        if found.st_size != entry.size_bytes:
            return Look(Problem.WRONG_SIZE, f"{found.st_size:,} bytes instead of {entry.size_bytes:,}")
        digest = yield from _hashed(descriptor, found.st_size)
    except OSError as error:
        return Look(Problem.UNREADABLE, error.strerror)
    finally:
        os.close(descriptor)
    if digest != entry.sha256:
        return Look(Problem.DAMAGED, f"its bytes hash to {digest[:12]}…")
    return Look(None, has_wrong_mode=_is_changeable(found))


def _unopened(entry: CacheEntry, blobs: Blobs, error: OSError) -> Look:
    path = blobs.path_of(entry)
    if isinstance(error, FileNotFoundError):
        return Look(Problem.MISSING)
    if error.errno in _NO_FILE:
        if any(part.is_symlink() for part in (path, path.parent, path.parent.parent)):
            return Look(Problem.LINK, "a link is never followed")
        return Look(Problem.DAMAGED, "it is no file")
    if error.errno in _TOO_MANY_OPEN:
        raise filesystem.storage_error(error, path) from error
    return Look(Problem.UNREADABLE, error.strerror)


def _hashed(descriptor: int, size: int) -> Generator[int, None, str]:
    digest, waiting = hashlib.sha256(), 0
    piece = memoryview(bytearray(max(1, min(size, _PIECE))))
    _advise(descriptor, "POSIX_FADV_SEQUENTIAL")
    with os.fdopen(descriptor, "rb", buffering=0, closefd=False) as file:
        while count := file.readinto(piece):
            digest.update(piece[:count])
            waiting += count
            if waiting >= _SLICE:
                yield waiting
                waiting = 0
    _advise(descriptor, "POSIX_FADV_DONTNEED")
    yield waiting
    return digest.hexdigest()


def _advise(descriptor: int, advice: str) -> None:
    # Linux has it; macOS and Windows don't.
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(descriptor, 0, 0, getattr(os, advice))


def _is_changeable(found: os.stat_result) -> bool:
    # On Windows inherited access lists decide.
    return sys.platform != "win32" and stat.S_IMODE(found.st_mode) != READ_ONLY_FILE


def sidecar_trouble(entry: CacheEntry, blobs: Blobs) -> str | None:
    """What is wrong with the sidecar of `entry`; None when a rebuilt index would know the entry from it.

    Raises:
        CacheError: it could not be read.
    """
    told = blobs.sidecar(entry.sha256, entry.key)
    if told is None:
        return "there is none, or it is damaged"
    # The times are kept by the index alone.
    timed = replace(told, checked_at=entry.checked_at, last_used_at=entry.last_used_at)
    return None if timed == entry else "it tells something else than the index"
