"""The bytes: read-only files named by their SHA-256, and a small JSON sidecar for each key that has them.

One sidecar per digest and key, not one per digest: two processes that store the same bytes under two keys then never
write the same file, and every sidecar is made by one rename without a lock. No link below the root is ever followed.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from enum import Enum
from typing import TYPE_CHECKING, Final

from assetctl import filesystem
from assetctl.cache.entries import CacheEntry, entry_from_sidecar, sidecar_bytes

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from assetctl.filesystem import Step

SIDECAR_NAME: Final = re.compile(r"([0-9a-f]{64})\.([0-9a-f]{64})\.json")
BLOB_NAME: Final = re.compile(r"[0-9a-f]{64}\.[a-z0-9]{1,10}")
LOST_NAME: Final = re.compile(r"[0-9a-f]{64}\.[0-9a-f]{64}\.json")
SHARD_NAME: Final = re.compile(r"[0-9a-f]{2}")
_MAX_SIDECAR: Final = 1 << 20
_IS_NO_FILE: Final = frozenset({errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENXIO})
# https://bford.info/cachedir/
_TAG: Final = b"Signature: 8a477f597d28d172789f06886806bc55\n# What assetctl fetched or made. `assetctl cache clear`.\n"


class Condition(Enum):
    """What was found where a blob should be."""

    WHOLE = "whole"
    MISSING = "missing"
    DAMAGED = "damaged"


class Blobs:
    """The folders `blobs`, `partial` and `quarantine` of one cache format folder."""

    def __init__(self, root: Path, folder: Path, *, step: Step) -> None:
        """Touch nothing yet. `root` is the whole cache, `folder` the one of this format within it."""
        self._root = root
        self._folder = folder
        self._blobs = folder / "blobs"
        self._top = f"{self._blobs}{os.sep}"
        self.partial = folder / "partial"
        self.quarantined = folder / "quarantine"
        self.step = step

    @property
    def files(self) -> Path:
        """The folder of all blobs and sidecars, in a folder for each first two digits of a digest."""
        return self._blobs

    def open(self) -> None:
        """The cache's folders are this user's own; they are made when missing.

        Raises:
            StorageUnusable: they cannot be trusted.
            CacheError: they cannot be made.
        """
        filesystem.make_private_folder(self._root, step=self.step)
        filesystem.make_private_folder(self._folder, inside=self._root, step=self.step)

    def open_for_writing(self, now: datetime) -> None:
        """Everything that storing needs is there, and what dead writers left is gone."""
        for folder in (self._blobs, self.partial, self.quarantined):
            filesystem.make_private_folder(folder, inside=self._folder, step=self.step)
        filesystem.sweep_dead(self.partial, now=now, step=self.step)
        tag = self._root / "CACHEDIR.TAG"
        if not os.path.lexists(tag):
            self._publish_bytes(_TAG, tag)

    def temporary(self, suffix: str) -> Path:
        """A name in `partial` that nobody has used."""
        return filesystem.temporary_path(self.partial, suffix)

    def path_of(self, entry: CacheEntry) -> Path:
        """Where the bytes of `entry` are, or would be."""
        return self._shard(entry.sha256) / entry.blob

    def home(self, name: str) -> Path:
        """Where the blob or sidecar of this file name belongs; both begin with the digest."""
        return self._blobs / name[:2] / name

    def has_shard(self, name: str) -> bool:
        """Whether the folder of `home` is there, no link on the way: nothing behind one is ours to move or remove."""
        return self._is_shard(name[:2])

    def entry_at(self, folder: Path, name: str) -> CacheEntry | None:
        """What the sidecar `name` in `folder` says, None when it is missing, damaged or of another key or digest."""
        match, entry = SIDECAR_NAME.fullmatch(name), self._read(folder, name)
        return entry if entry and match and (entry.sha256, entry.key) == match.groups() else None

    def is_present(self, entry: CacheEntry) -> bool:
        """Whether there is a file of that name; says nothing of its bytes."""
        # Each answer of the cache is looked for here: as texts, because making paths takes longer than looking.
        shard = entry.sha256[:2]
        return self._is_shard(shard) and _is_file(f"{self._top}{shard}{os.sep}{entry.blob}")

    def present(self, names: Iterable[str]) -> set[str]:
        """Those of the blobs `names` that there is a file of; as `is_present`, for thousands at once."""
        if not _is_folder(self._blobs):
            return set()
        shards: dict[str, bool] = {}
        found: set[str] = set()
        for name in names:
            shard = name[:2]
            if shard not in shards:
                shards[shard] = _is_folder(self._top + shard)
            if shards[shard] and _is_file(f"{self._top}{shard}{os.sep}{name}"):
                found.add(name)
        return found

    def is_on_disk(self, entry: CacheEntry) -> bool:
        """Whether both the blob and the sidecar of `entry` are there."""
        return self.is_present(entry) and os.path.lexists(self._sidecar(entry))

    def condition(self, entry: CacheEntry) -> Condition:
        """How the bytes of `entry` are, all of them read and hashed.

        Raises:
            CacheError: they cannot be read; that is trouble of the machine, not damage.
        """
        return self.condition_of(entry.blob, entry.size_bytes)

    def condition_of(self, blob: str, size_bytes: int) -> Condition:
        """As `condition`, for the blob of this name, which should have so many bytes."""
        with filesystem.translated(self.home(blob)):
            try:
                descriptor = filesystem.open_below(self._blobs, blob[:2], blob)
            except FileNotFoundError:
                return Condition.MISSING
            except OSError as error:
                if error.errno in _IS_NO_FILE:
                    return Condition.DAMAGED
                raise
            try:
                sizes_agree = os.fstat(descriptor).st_size == size_bytes
                whole = sizes_agree and filesystem.sha256_of_descriptor(descriptor) == blob[:64]
            finally:
                os.close(descriptor)
        return Condition.WHOLE if whole else Condition.DAMAGED

    def make_shards(self, entries: Iterable[CacheEntry]) -> None:
        """The folders that the files of `entries` belong in are there, and on the disk.

        Raises:
            StorageUnusable: one cannot be trusted.
            CacheError: one could not be made.
        """
        shards = sorted({self._shard(entry.sha256) for entry in entries})
        filesystem.make_private_folders(shards, step=self.step)

    def place(self, temporary: Path | None, sidecar: Path, entry: CacheEntry) -> None:
        """The sealed file `temporary` is the blob of `entry`, the sealed `sidecar` its sidecar; see `sync_names`.

        With None the blob that is there stays. Bears to be called again with what an earlier call has placed already.
        `make_shards` comes before.

        Raises:
            CacheError: it could not be placed.
        """
        for source, final in ((temporary, self.path_of(entry)), (sidecar, self._sidecar(entry))):
            if source is not None and os.path.lexists(source):
                filesystem.publish(source, final, step=self.step)

    def sync_names(self, entries: Iterable[CacheEntry]) -> None:
        """What was placed for `entries` is on the disk, each folder synced once.

        Raises:
            CacheError: it could not be synced.
        """
        filesystem.sync_folders(sorted({self._shard(entry.sha256) for entry in entries}), step=self.step)

    def sealed_sidecar(self, entry: CacheEntry) -> Path:
        """A temporary that holds the sidecar of `entry`, sealed, to be placed.

        Raises:
            CacheError: it could not be written.
        """
        return self._sealed(sidecar_bytes(entry))

    def sidecar(self, digest: str, key: str) -> CacheEntry | None:
        """What the sidecar of that name says; None when there is none, or one that is damaged or a link."""
        entry = self._read(self._blobs, digest[:2], f"{digest}.{key}.json")
        return entry if entry is not None and (entry.sha256, entry.key) == (digest, key) else None

    def rewrite_sidecars(self, entries: Sequence[CacheEntry]) -> None:
        """The sidecars of `entries` say what `entries` say.

        Raises:
            CacheError: they could not be written; some may be.
        """
        written: list[tuple[Path, Path]] = []
        try:
            written += ((self._written(sidecar_bytes(entry)), self._sidecar(entry)) for entry in entries)
            filesystem.seal_all([temporary for temporary, _ in written], step=self.step)
            for temporary, final in written:
                filesystem.publish(temporary, final, step=self.step)
        except BaseException:
            for temporary, _ in written:
                filesystem.remove(temporary)
            raise
        self.sync_names(entries)

    def remove_sidecar(self, entry: CacheEntry) -> None:
        """A rebuilt index will not know `entry` again."""
        if self._has_shard(entry):
            filesystem.remove(self._sidecar(entry), step=self.step)

    def quarantine(self, entry: CacheEntry) -> None:
        """What lies at the blob's name is out of the way and kept to be looked at.

        Raises:
            CacheError: it could not be moved.
        """
        filesystem.make_private_folder(self.quarantined, inside=self._folder, step=self.step)
        target = filesystem.temporary_path(self.quarantined, f".{entry.blob}")
        path = self.path_of(entry)
        if self._has_shard(entry) and os.path.lexists(path):
            filesystem.publish(path, target, step=self.step)

    def remember_lost(self, entry: CacheEntry) -> None:
        """`lost` gives `entry` although it has no bytes: a job link or a library may have them still.

        Raises:
            CacheError: it could not be kept.
        """
        filesystem.make_private_folder(self.quarantined, inside=self._folder, step=self.step)
        self.remove_sidecar(entry)
        self._publish_bytes(sidecar_bytes(entry), self._lost_file(entry))

    def lost(self, key: str) -> CacheEntry | None:
        """The newest entry of `key` whose bytes were lost, None when none was."""
        found = [
            entry
            for name in filesystem.names_in(self.quarantined)
            if name.startswith(key) and LOST_NAME.fullmatch(name)
            if (entry := self._read(self.quarantined, name)) is not None and entry.key == key
        ]
        return max(found, key=lambda entry: entry.created_at, default=None)

    def forget_lost(self, keys: Container[str]) -> None:
        """`lost` gives nothing for `keys`: they have sound bytes again."""
        for name in filesystem.names_in(self.quarantined):
            if LOST_NAME.fullmatch(name) and name[:64] in keys:
                filesystem.remove(self.quarantined / name, step=self.step)

    def entries(self) -> Iterator[CacheEntry]:
        """Every entry that a sidecar tells of and whose blob is there; damaged sidecars are passed over."""
        for shard, name in self._files():
            if match := SIDECAR_NAME.fullmatch(name):
                entry = self._read(self._blobs, shard, name)
                if entry and (entry.sha256, entry.key) == match.groups() and self.is_present(entry):
                    yield entry

    def blob_files(self) -> Iterator[Path]:
        """Every blob, with a row or without."""
        for shard, name in self._files():
            if BLOB_NAME.fullmatch(name):
                yield self._blobs / shard / name

    def quarantined_files(self) -> Iterator[Path]:
        """Everything that was put away, except what is remembered of lost entries."""
        return (
            self.quarantined / name for name in filesystem.names_in(self.quarantined) if not LOST_NAME.fullmatch(name)
        )

    def _files(self) -> Iterator[tuple[str, str]]:
        for shard in filesystem.names_in(self._blobs):
            if SHARD_NAME.fullmatch(shard) and self.has_shard(shard):
                for name in filesystem.names_in(self._blobs / shard):
                    yield shard, name

    def _read(self, root: Path, *names: str) -> CacheEntry | None:
        with filesystem.translated(root.joinpath(*names)):
            try:
                descriptor = filesystem.open_below(root, *names)
            except OSError as error:
                if error.errno == errno.ENOENT or error.errno in _IS_NO_FILE:
                    return None
                raise
            with os.fdopen(descriptor, "rb") as file:
                text = file.read(_MAX_SIDECAR)
        try:
            return entry_from_sidecar(text)
        except (ValueError, RecursionError):
            return None

    def _has_shard(self, entry: CacheEntry) -> bool:
        # A folder that was swapped for a link leads out of the cache: nothing behind it is ours to read or remove.
        return self.has_shard(entry.sha256)

    def _is_shard(self, name: str) -> bool:
        return _is_folder(self._blobs) and _is_folder(self._top + name)

    def _shard(self, digest: str) -> Path:
        return self._blobs / digest[:2]

    def _sidecar(self, entry: CacheEntry) -> Path:
        return self._shard(entry.sha256) / f"{entry.sha256}.{entry.key}.json"

    def _lost_file(self, entry: CacheEntry) -> Path:
        return self.quarantined / f"{entry.key}.{entry.sha256}.json"

    def _written(self, data: bytes) -> Path:
        temporary = self.temporary(".json")
        filesystem.write_new(temporary, data, step=self.step)
        return temporary

    def _sealed(self, data: bytes) -> Path:
        temporary = self.temporary(".json")
        filesystem.write_sealed(temporary, data, step=self.step)
        return temporary

    def _publish_bytes(self, data: bytes, final: Path) -> None:
        filesystem.make_private_folder(self.partial, inside=self._folder, step=self.step)
        temporary = self._sealed(data)
        try:
            filesystem.publish(temporary, final, step=self.step)
            filesystem.sync_folder(final.parent, step=self.step)
        except BaseException:
            filesystem.remove(temporary)
            raise


def _is_folder(path: str | Path) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _is_file(path: str) -> bool:
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except FileNotFoundError:
        return False
