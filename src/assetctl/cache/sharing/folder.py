"""The folder in which a group shares finished files: each member adds files of their own and reads everybody's.

Files there never change. Their bytes are hashed by whoever takes them, what another member wrote is never removed,
renamed or given other rights, and nothing in it is needed: without the folder each member works alone.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import re
import stat
import threading
from collections import defaultdict
from typing import TYPE_CHECKING, BinaryIO, Final

from assetctl import filesystem
from assetctl.cache.entries import CacheEntry, entry_document, entry_from_document
from assetctl.errors import CacheError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from assetctl.filesystem import Step

_FORMAT: Final = "v1"
_NAME: Final = re.compile(r"([0-9a-f]{64})\.([0-9a-f]{64})\.json")
_KEY: Final = re.compile(r"[0-9a-f]{64}")
_MAX_ENTRY: Final = 1 << 20
_NOT_THERE: Final = frozenset({errno.ENOENT, errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENXIO, errno.EACCES})
_CHUNK: Final = 1 << 20

_log = logging.getLogger(__name__)


class SharedFolder:
    """`v1/entries` tells which key has which bytes, `v1/blobs` has them; both hold one folder per two hex digits."""

    def __init__(self, folder: Path, *, step: Step = filesystem.no_step) -> None:
        """Touch nothing yet."""
        self.folder = folder
        self._top = folder / _FORMAT
        self._step = step
        self._opening = threading.Lock()
        self._group: int | None = None
        self._is_swept = False

    def open(self) -> int:
        """The group that shares the folder, which was found fit when it was first asked for.

        Raises:
            StorageUnusable: a stranger could write to it, or it is not set up for a group of this user's.
            CacheError: it cannot be reached.
        """
        with self._opening:
            if self._group is None:
                self._group = filesystem.check_shared_folder(self.folder)
            return self._group

    def entries(
        self, keys: Iterable[str], now: datetime, *, on_trouble: Callable[[CacheError], None]
    ) -> dict[str, CacheEntry]:
        """For each of `keys` that has any, the newest current entry whose bytes are there; they are not read.

        Each folder on the way is listed once. A part that cannot be read is told to `on_trouble`, and nothing is in it.

        Raises:
            StorageUnusable, CacheError: as `open`.
        """
        group = self.open()
        wanted: defaultdict[str, list[str]] = defaultdict(list)
        for key in keys:
            if _KEY.fullmatch(key):
                wanted[key[:2]].append(key)
        found: dict[str, CacheEntry] = {}
        for shard, some in wanted.items():
            try:
                notes = self._notes(self._top / "entries" / shard, group)
            except CacheError as error:
                on_trouble(error)
                continue
            for key in some:
                try:
                    fit = [entry for name in notes.get(key, ()) if (entry := self._fit(name, now, group)) is not None]
                except CacheError as error:
                    on_trouble(error)
                    continue
                if fit:
                    found[key] = max(fit, key=lambda entry: entry.created_at)
        return found

    def _notes(self, folder: Path, group: int) -> Mapping[str, Sequence[str]]:
        """The names of the notes in `folder` by the key they begin with."""
        notes: defaultdict[str, list[str]] = defaultdict(list)
        for name in filesystem.names_in(folder) if self._is_ours(folder, group) else ():
            notes[name[:64]].append(name)
        return notes

    def _fit(self, name: str, now: datetime, group: int) -> CacheEntry | None:
        entry = self._read(name)
        return entry if entry is not None and entry.is_current(now) and self._has_bytes(entry, group) else None

    def take(self, entry: CacheEntry, target: Path) -> bool:
        """Whether `target`, which did not exist before, has the very bytes of `entry`. If not, nobody has them there.

        Raises:
            StorageUnusable, CacheError: as `open`, or `target` cannot be written.
        """
        self.open()
        source = self._opened(entry)
        if source is None:
            return False
        with os.fdopen(source, "rb") as reader, filesystem.translated(target):
            # One byte too many shows that it is another file; more of that one must not fill the disk.
            self._write(target, reader, at_most=entry.size_bytes + 1)
        # Hashed where its owner cannot change it any more.
        return filesystem.sha256_of(target) == entry.sha256

    def add(self, entry: CacheEntry, path: Path, now: datetime) -> None:
        """Members find `entry` and its bytes, those of the file `path`; what is there already is left as it is.

        Raises:
            StorageUnusable, CacheError: as `open`, or it cannot be written.
        """
        group = self.open()
        blob, note = self._blob(entry), self._note(entry)
        partial = self._top / "partial"
        for folder in (self._top, partial, blob.parent.parent, blob.parent, note.parent.parent, note.parent):
            filesystem.make_shared_folder(folder, group, step=self._step)
        self._sweep(partial, now)
        if not self._is_whole(entry):
            temporary = filesystem.temporary_path(partial)
            filesystem.copy(path, temporary, step=self._step)
            self._publish(temporary, blob)
        if not os.path.lexists(note):
            temporary = filesystem.temporary_path(partial, ".json")
            filesystem.write_new(temporary, json.dumps(entry_document(entry), indent=1).encode(), step=self._step)
            self._publish(temporary, note)

    def _publish(self, temporary: Path, final: Path) -> None:
        try:
            filesystem.seal(temporary, step=self._step)
            with filesystem.translated(temporary):
                temporary.chmod(filesystem.SHARED_FILE)
            filesystem.publish(temporary, final, step=self._step)
            filesystem.sync_folder(final.parent, step=self._step)
        except CacheError:
            filesystem.remove(temporary)
            # In a sticky folder nobody replaces another member's file: they were faster, or theirs is damaged.
            if not os.path.lexists(final):
                raise
        except BaseException:
            filesystem.remove(temporary)
            raise

    def _sweep(self, partial: Path, now: datetime) -> None:
        if not self._is_swept:
            filesystem.sweep_dead(partial, now=now, owner=os.geteuid(), step=self._step)
            self._is_swept = True

    def _write(self, target: Path, reader: BinaryIO, *, at_most: int) -> None:
        with os.fdopen(filesystem.create(target, step=self._step), "wb") as writer:
            while data := read_some(reader, min(_CHUNK, at_most)):
                self._step("write", target)
                writer.write(data)
                at_most -= len(data)

    def _opened(self, entry: CacheEntry) -> int | None:
        path = self._blob(entry)
        try:
            return filesystem.open_below(self._top, "blobs", path.parent.name, path.name)
        except OSError as error:
            if error.errno not in _NOT_THERE:
                _log.warning("a shared file cannot be read: %s", error)
            return None

    def _is_whole(self, entry: CacheEntry) -> bool:
        descriptor = self._opened(entry)
        if descriptor is None:
            return False
        try:
            return filesystem.sha256_of_descriptor(descriptor) == entry.sha256
        finally:
            os.close(descriptor)

    def _read(self, name: str) -> CacheEntry | None:
        match = _NAME.fullmatch(name)
        if match is None:
            return None
        try:
            descriptor = filesystem.open_below(self._top, "entries", name[:2], name)
        except OSError as error:
            if error.errno in _NOT_THERE:
                return None
            raise filesystem.storage_error(error, self._top / "entries" / name[:2] / name) from error
        with os.fdopen(descriptor, "rb") as file:
            text = file.read(_MAX_ENTRY)
        try:
            entry = entry_from_document(json.loads(text))
        except (ValueError, RecursionError):
            return None
        return entry if (entry.key, entry.sha256) == match.groups() else None

    def _has_bytes(self, entry: CacheEntry, group: int) -> bool:
        path = self._blob(entry)
        if not self._is_ours(path.parent, group):
            return False
        try:
            found = path.lstat()
        except FileNotFoundError:
            return False
        return stat.S_ISREG(found.st_mode) and found.st_size == entry.size_bytes

    def _is_ours(self, folder: Path, group: int) -> bool:
        return all(filesystem.is_shared_folder(one, group) for one in (self._top, folder.parent, folder))

    def _blob(self, entry: CacheEntry) -> Path:
        return self._top / "blobs" / entry.sha256[:2] / entry.blob

    def _note(self, entry: CacheEntry) -> Path:
        return self._top / "entries" / entry.key[:2] / f"{entry.key}.{entry.sha256}.json"


def read_some(reader: BinaryIO, at_most: int = _CHUNK) -> bytes:
    """The next bytes, `at_most` so many; none at the end, and none when they cannot be read, which is told."""
    try:
        return reader.read(at_most)
    except OSError as error:
        # What is cut short here is found by its hash: trouble of the server is not taken for trouble of our own disk.
        _log.warning("a shared file cannot be read: %s", error)
        return b""
