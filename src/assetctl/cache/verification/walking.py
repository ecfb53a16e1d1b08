"""The files of the cache walked by their names: what has no row, what nobody wants, what does not belong there.

Folders are read a batch of names at a time, whatever their size, and a suspicion is looked into behind the index's
write lock, because whoever stores or clears has files without rows for a moment. Nothing is changed.
"""

from __future__ import annotations

import os
import stat
import sys
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from assetctl import filesystem
from assetctl.cache.entries import milliseconds
from assetctl.cache.files.blobs import BLOB_NAME, LOST_NAME, SHARD_NAME, SIDECAR_NAME
from assetctl.cache.index.batching import BATCH, marks
from assetctl.cache.verification.findings import Problem
from assetctl.errors import StorageFull, StorageUnusable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from assetctl.cache.entries import CacheEntry
    from assetctl.cache.files.blobs import Blobs
    from assetctl.cache.index.database import Run
    from assetctl.cache.index.index import Index

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Loose:
    """A file that no row stands for, or a folder that does not belong where it is; `entry` is what it tells of."""

    problem: Problem
    path: Path
    entry: CacheEntry | None = None
    detail: str | None = None


def strays(blobs: Blobs) -> Iterator[Path]:
    """What dead writers left unfinished."""
    for names in _batches(blobs.partial):
        for name in names:
            writer = filesystem.writer_from_token(name.split(".")[0])
            if writer is not None and filesystem.is_alive(writer) is False:
                yield blobs.partial / name


def remembered(blobs: Blobs) -> Iterator[list[CacheEntry]]:
    """Entries whose bytes were lost before, a batch at a time."""
    for names in _batches(blobs.quarantined):
        keys = {name[:64] for name in names if LOST_NAME.fullmatch(name)}
        yield [entry for key in sorted(keys) if (entry := blobs.lost(key)) is not None]


def shards(blobs: Blobs) -> list[str]:
    """Everything that lies directly in the folder of blobs, in order; there should be 256 folders at most."""
    return sorted(name for names in _batches(blobs.files) for name in names)


def loose_in(shard: str, blobs: Blobs, index: Index) -> Iterator[Loose | None]:
    """What in the folder `shard` no row stands for; None now and then, to give way."""
    folder = blobs.files / shard
    if (misplaced := _misplaced(folder)) is not None:
        yield misplaced
        if misplaced.problem is not Problem.MODE:
            return
    unlisted: set[str] = set()
    for names in _batches(folder):
        yield None
        for loose in _sidecars(folder, names, blobs, index):
            unlisted.add(loose.path.name[:64])
            yield loose
    for names in _batches(folder):
        yield None
        yield from _others(folder, [name for name in names if name[:64] not in unlisted], index)


def _misplaced(folder: Path) -> Loose | None:
    mode = folder.lstat().st_mode
    if stat.S_ISLNK(mode):
        return Loose(Problem.LINK, folder, detail="a link is never followed")
    if not SHARD_NAME.fullmatch(folder.name) or not stat.S_ISDIR(mode):
        return Loose(Problem.ORPHAN, folder, detail="it is nothing of the cache's, and left alone")
    if sys.platform != "win32" and mode & (stat.S_IWGRP | stat.S_IWOTH):
        return Loose(Problem.MODE, folder, detail="others may write to it")
    return None


def _sidecars(folder: Path, names: Sequence[str], blobs: Blobs, index: Index) -> Iterator[Loose]:
    pairs = [match.groups() for name in names if (match := SIDECAR_NAME.fullmatch(name))]
    suspects = _unlisted(pairs, _rows(index.read, [key for _, key in pairs]))
    if not suspects:
        return
    settled = _settled(index, lambda run: _rows(run, [key for _, key in suspects]))
    for digest, key in _unlisted(suspects, settled):
        path = folder / f"{digest}.{key}.json"
        if os.path.lexists(path):
            yield _without_row(path, blobs.sidecar(digest, key), settled.get(key), blobs)


def _unlisted(pairs: Sequence[tuple[str, ...]], rows: dict[str, tuple[str, int]]) -> list[tuple[str, ...]]:
    return [(digest, key) for digest, key in pairs if not rows.get(key, ("", 0))[0].startswith(digest)]


def _without_row(path: Path, entry: CacheEntry | None, row: tuple[str, int] | None, blobs: Blobs) -> Loose:
    if entry is None:
        return Loose(Problem.NO_ROW, path, detail="its sidecar is damaged")
    if row is not None and row[1] >= milliseconds(entry.created_at):
        return Loose(Problem.STRAY, path, entry, "a newer answer took its place")
    if not blobs.is_present(entry):
        return Loose(Problem.MISSING, path, entry)
    return Loose(Problem.NO_ROW, path, entry)


def _others(folder: Path, names: Sequence[str], index: Index) -> Iterator[Loose]:
    blobs = [name for name in names if BLOB_NAME.fullmatch(name)]
    used = index.uses(blobs)
    if unused := [name for name in blobs if name not in used]:
        # What a newer answer left is listed as a stray: that is in order, and goes when its room is needed.
        accounted = _settled(index, lambda run: _accounted(run, unused))
        for name in unused:
            if name not in accounted and os.path.lexists(folder / name):
                yield _unwanted(folder / name)
    for name in names:
        if not BLOB_NAME.fullmatch(name) and not SIDECAR_NAME.fullmatch(name):
            yield _unwanted(folder / name, "it is nothing of the cache's, and left alone")


def _unwanted(path: Path, detail: str | None = None) -> Loose:
    if path.is_symlink():
        return Loose(Problem.LINK, path, detail="a link is never followed")
    return Loose(Problem.ORPHAN, path, detail=detail)


def _rows(run: Run, keys: Sequence[str]) -> dict[str, tuple[str, int]]:
    found = run(f"SELECT key, blob, created_ms FROM entries WHERE key IN ({marks(keys)})", keys)  # noqa: S608 - question marks
    return {key: (str(blob), created_ms) for key, blob, created_ms in found}


def _accounted(run: Run, blobs: Sequence[str]) -> set[str]:
    used = run(f"SELECT DISTINCT blob FROM entries WHERE blob IN ({marks(blobs)})", blobs)  # noqa: S608 - question marks
    left = run(f"SELECT blob FROM strays WHERE blob IN ({marks(blobs)})", blobs)  # noqa: S608 - as above
    return {blob for (blob,) in (*used, *left)}


def _settled(index: Index, ask: Callable[[Run], _T]) -> _T:
    """What `ask` finds once everybody who is writing has finished; what it finds now where nobody can write."""
    try:
        return index.exclusively(ask)
    except (StorageFull, StorageUnusable):
        return ask(index.read)


def _batches(folder: Path) -> Iterator[list[str]]:
    if not os.path.lexists(folder):
        return
    with filesystem.translated(folder), os.scandir(folder) as found:
        while batch := [file.name for file in islice(found, BATCH)]:
            yield batch
