"""Keeps what is known of a library folder: one listing for searches close together, and a snapshot between runs.

Sidecars and lengths are read again only when size or time of their file changed. Safe to use from many threads.
"""

from __future__ import annotations

import stat
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from assetctl.errors import LibraryError
from assetctl.library.folder.files import check_folder, is_absent, unreadable
from assetctl.library.folder.naming import sidecar_of
from assetctl.library.folder.scan import Tree, scan_tree
from assetctl.library.folder.shelf import fill_shelf
from assetctl.library.folder.sidecar import Sidecar
from assetctl.library.folder.snapshot_file import load_snapshot, save_snapshot

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from assetctl.clock import Clock
    from assetctl.library.folder.files import FoundFile
    from assetctl.library.folder.scan import Stamp
    from assetctl.library.folder.shelf import Shelf
    from assetctl.library.folder.snapshot import Snapshot

SHELF_FRESH_S: Final = 1.0
"""How long one listing of the folder serves the searches of this process."""

# A file may change twice within one tick of the file system's clock; what was read so soon is not remembered.
_SETTLED: Final = timedelta(seconds=2)


class FolderIndex:
    """The assets of the folder `root` as last listed, and what is remembered of its files."""

    def __init__(self, root: Path, *, snapshot: Path | None, clock: Clock, must_exist: bool) -> None:
        """Read nothing yet; `snapshot` is the file to remember in, None to remember nothing after this process."""
        self.root = root
        self._must_exist = must_exist
        self._snapshot_path = snapshot
        self._clock = clock
        self._lock = threading.RLock()
        self._snapshot: Snapshot | None = None
        self._is_changed = False
        self._shelf: Shelf | None = None
        self._scanned_at_s = 0.0

    def exists(self) -> bool:
        """Whether there is a folder to look into.

        Raises:
            LibraryError: it cannot be used, or is missing although it must exist.
        """
        return check_folder(self.root, must_exist=self._must_exist)

    def shelf(self) -> Shelf:
        """The assets of the folder, from a listing at most `SHELF_FRESH_S` old.

        Raises:
            LibraryError: the folder cannot be read.
        """
        with self._lock:
            now_s = self._clock.elapsed_s()
            if self._shelf is None or now_s - self._scanned_at_s > SHELF_FRESH_S:
                tree = scan_tree(self.root) if self.exists() else Tree()
                self._shelf = fill_shelf(tree, self._sidecars(tree))
                self._scanned_at_s = now_s
                self._forget_durations(tree)
                self.save()
            return self._shelf

    def sidecar(self, relative: str) -> Sidecar | None:
        """What the sidecar of the file at `relative` says now, None when there is none.

        Raises:
            LibraryError: it cannot be read or used.
        """
        path = sidecar_of(relative)
        try:
            status = (self.root / path).lstat()
        except OSError as error:
            if is_absent(error):
                return None
            raise unreadable(self.root / path, error) from error
        if not stat.S_ISREG(status.st_mode):
            raise LibraryError(f"the sidecar `{path}` is refused", why="a sidecar must be a file, not a link")
        return self._read(path)

    def duration(self, relative: str, found: FoundFile, measure: Callable[[], float | None]) -> float | None:
        """The length of `found`, which is at `relative`; `measure` is called when it is not known."""
        stamp = (found.size_bytes, found.mtime_ns)
        with self._lock:
            known = self._known().durations.get(relative)
        if known is not None and known[:2] == stamp:
            return known[2]
        duration_s = measure()
        if self._is_settled(stamp):
            with self._lock:
                self._known().durations[relative] = (*stamp, duration_s)
                self._is_changed = True
        return duration_s

    def save(self) -> None:
        """What was learned is in the snapshot file, if there is one and it can be written."""
        with self._lock:
            if self._is_changed:
                self._is_changed = False
                save_snapshot(self._snapshot_path, self._known())

    def _known(self) -> Snapshot:
        if self._snapshot is None:
            self._snapshot = load_snapshot(self._snapshot_path, str(self.root))
        return self._snapshot

    def _sidecars(self, tree: Tree) -> dict[str, Sidecar | LibraryError]:
        known = self._known().sidecars
        sidecars: dict[str, Sidecar | LibraryError] = {}
        kept: dict[str, tuple[int, int, Sidecar]] = {}
        for path, stamp in tree.sidecars.items():
            entry = known.get(path)
            if entry is not None and entry[:2] == stamp:
                kept[path], sidecars[path] = entry, entry[2]
                continue
            sidecar = sidecars[path] = self._read_or_trouble(path)
            if isinstance(sidecar, Sidecar) and self._is_settled(stamp):
                kept[path] = (*stamp, sidecar)
                self._is_changed = True
        self._is_changed |= len(kept) != len(known)
        self._known().sidecars = kept
        return sidecars

    def _forget_durations(self, tree: Tree) -> None:
        durations = self._known().durations
        gone = durations.keys() - frozenset(tree.files) if durations else frozenset[str]()
        for relative in gone:
            del durations[relative]
        self._is_changed |= bool(gone)

    def _read_or_trouble(self, path: str) -> Sidecar | LibraryError:
        try:
            return self._read(path)
        except LibraryError as error:
            return error

    def _read(self, path: str) -> Sidecar:
        from assetctl.library.folder import wire  # noqa: PLC0415 - brings pydantic, which a folder without sidecars doesn't need

        try:
            with (self.root / path).open("rb") as file:
                content = file.read(wire.MAX_SIDECAR_BYTES + 1)
        except OSError as error:
            raise unreadable(self.root / path, error) from error
        return wire.parse_sidecar(content, path)

    def _is_settled(self, stamp: Stamp) -> bool:
        return self._clock.now().timestamp() - stamp[1] / 1e9 > _SETTLED.total_seconds()
