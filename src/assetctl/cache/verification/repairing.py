"""What a verification found wrong is put right, as far as what lies in the cache allows; nothing is ever bought.

Each repair looks again behind the index's write lock: what somebody else has put right meanwhile, or replaced, stays as
it is.
"""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from typing import TYPE_CHECKING

from assetctl import filesystem
from assetctl.cache.entries import milliseconds
from assetctl.cache.index import strays
from assetctl.cache.index.index import blob_of, is_used, put
from assetctl.cache.removal.sweeping import ORPHAN_AGE_S
from assetctl.errors import IntegrityError
from assetctl.filesystem.files import READ_ONLY_FILE
from assetctl.filesystem.folders import PRIVATE_FOLDER

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence
    from datetime import datetime
    from pathlib import Path

    from assetctl.cache.entries import CacheEntry
    from assetctl.cache.files.blobs import Blobs
    from assetctl.cache.index.database import Run
    from assetctl.cache.index.index import Index


def put_back(temporary: Path, entries: Sequence[CacheEntry], blobs: Blobs, index: Index, now: datetime) -> int:
    """How many of `entries`, which share their bytes, have them again; the others got a newer answer meanwhile.

    Raises:
        IntegrityError: `temporary` holds other bytes.
        CacheError: it could not be stored.
    """
    if (digest := filesystem.sha256_of(temporary)) != entries[0].sha256:
        raise IntegrityError("what is there now has other bytes", why=f"they hash to {digest[:12]}…")
    filesystem.seal(temporary, step=blobs.step)
    count = 0
    for entry in entries:
        count += _put_back(temporary, replace(entry, verified_at=now), blobs, index)
    blobs.forget_lost([entry.key for entry in entries])
    return count


def _put_back(temporary: Path, entry: CacheEntry, blobs: Blobs, index: Index) -> bool:
    def work(run: Run) -> bool:
        known = run("SELECT created_ms FROM entries WHERE key = ?", (entry.key,))
        if known and known[0][0] > milliseconds(entry.created_at):
            return False
        blobs.make_shards([entry])
        blobs.place(temporary, sidecar, entry)
        blobs.sync_names([entry])
        put(run, entry)
        return True

    sidecar = blobs.sealed_sidecar(entry)
    try:
        return index.exclusively(work)
    finally:
        filesystem.remove(sidecar)


def mend_sidecar(entry: CacheEntry, blobs: Blobs, index: Index) -> bool:
    """Whether the sidecar of `entry` says what `entry` says; not so when the index knows it no longer.

    Raises:
        CacheError: it could not be written.
    """

    def work(run: Run) -> bool:
        if blob_of(run, entry.key) != entry.blob:
            return False
        blobs.rewrite_sidecars([entry])
        return True

    return index.exclusively(work)


def list_again(entry: CacheEntry, blobs: Blobs, index: Index) -> bool:
    """Whether `entry`, which its sidecar tells of, had no row and has one now.

    Raises:
        CacheError: it could not be listed.
    """
    return index.adopt([replace(entry, verified_at=None)], blobs.is_on_disk) == 1


def mend_mode(path: Path) -> bool:
    """Whether `path`, a blob or a folder of blobs, has the rights it should have.

    Raises:
        CacheError: they could not be changed.
    """
    with filesystem.translated(path):
        mode = path.lstat().st_mode
        wanted = PRIVATE_FOLDER if stat.S_ISDIR(mode) else READ_ONLY_FILE
        if stat.S_ISLNK(mode):
            return False
        path.chmod(wanted)
        return stat.S_IMODE(path.lstat().st_mode) == wanted


def clear_away(path: Path, blobs: Blobs) -> None:
    """`path`, a link or what a dead writer left, is gone; what a link points to is untouched.

    Raises:
        CacheError: it could not be removed.
    """
    filesystem.remove(path, step=blobs.step)


def set_aside(path: Path, blobs: Blobs) -> None:
    """`path` lies in quarantine.

    Raises:
        CacheError: it could not be moved.
    """
    filesystem.publish(path, filesystem.temporary_path(blobs.quarantined, f".{path.name}"), step=blobs.step)


def let_go(path: Path, blobs: Blobs, index: Index, now: datetime, in_use: Callable[[], Container[str]]) -> str | None:
    """What became of the blob `path` that nothing tells of; None when it is wanted again.

    One that is in use, or was left a moment ago, is listed, so that pruning takes it first.

    Raises:
        CacheError: it could not be removed, or not be listed.
    """

    def work(run: Run) -> str | None:
        if is_used(run, path.name) or not os.path.lexists(path):
            return None
        found = path.lstat()
        if now.timestamp() - found.st_ctime > ORPHAN_AGE_S and path.name not in in_use():
            strays.unlist(run, [path.name])
            filesystem.remove(path, step=blobs.step)
            return "removed"
        strays.leave(run, path.name, found.st_size)
        return "may be in use: listed, so that pruning takes it first"

    return index.exclusively(work)
