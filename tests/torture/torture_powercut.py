"""A disk that loses its memory: what a folder could look like after a cut of the power, by the steps of its writer.

Only what was synced is sure. Bytes of a file without a sync after them are gone, a name without a sync of its folder
after it is as it was before. SQLite syncs by itself: its files are as of the last commit, or lost altogether.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

Handle = tuple[int, int]
_FOLDER: Handle = (0, 0)
_OTHERS = re.compile(r".*\.(sqlite3(-wal|-shm|-journal)?|lock|owner)$")


@dataclass(frozen=True)
class Moment:
    """A point between two changes: names by folder, on the disk for sure and as a program saw them; bytes likewise."""

    log_size: int
    sure: dict[Path, dict[str, Handle]]
    seen: dict[Path, dict[str, Handle]]
    sure_bytes: dict[Handle, bytes]
    seen_bytes: dict[Handle, bytes]
    index: dict[str, bytes]


@dataclass
class ForgetfulDisk:
    """A step that watches `root`; `moments` has one before each change, and after `finish` one at the end."""

    root: Path
    log: Path
    moments: list[Moment] = field(default_factory=list)
    _sure: dict[Path, dict[str, Handle]] = field(default_factory=dict)
    _seen: dict[Path, dict[str, Handle]] = field(default_factory=dict)
    _sure_bytes: dict[Handle, bytes] = field(default_factory=dict)
    _seen_bytes: dict[Handle, bytes] = field(default_factory=dict)
    _index: dict[str, bytes] = field(default_factory=dict)
    _held: dict[Handle, int] = field(default_factory=dict)
    _last: tuple[str, Path] | None = None

    def __call__(self, change: str, path: Path) -> None:
        self._look()
        self._settle()
        self.moments.append(
            Moment(self.log.stat().st_size, dict(self._sure), dict(self._seen), dict(self._sure_bytes),
                   dict(self._seen_bytes), self._index)
        )  # fmt: skip
        self._last = (change, path)

    def finish(self) -> None:
        """Nothing is changed any more."""
        self("end", self.root)
        for descriptor in self._held.values():
            os.close(descriptor)

    def _settle(self) -> None:
        """What the last change made sure is sure."""
        match self._last:
            case ("sync", path):
                handle = _handle(path)
                self._sure_bytes[handle] = self._seen_bytes[handle]
            case ("sync folder", folder):
                self._sure[folder] = self._names(folder)
                self._keep_index()
            case ("committed", _):
                self._keep_index()
            case _:
                pass

    def _keep_index(self) -> None:
        files = (self.root / "v1").glob("index.sqlite3*")
        self._index = {path.name: path.read_bytes() for path in files if not path.name.endswith("-shm")}

    def _look(self) -> None:
        """What a program would see now is seen."""
        self._seen = {self.root.parent: self._names(self.root.parent)}
        for folder, _, _ in os.walk(self.root):
            self._seen[Path(folder)] = self._names(Path(folder))

    def _names(self, folder: Path) -> dict[str, Handle]:
        found: dict[str, Handle] = {}
        for name in os.listdir(folder):  # noqa: PTH208 - names
            path = folder / name
            # Beside the cache lies nothing of it.
            if not _OTHERS.match(name) and (folder != self.root.parent or path == self.root):
                found[name] = _FOLDER if stat.S_ISDIR(path.lstat().st_mode) else self._hold(path)
        return found

    def _hold(self, path: Path) -> Handle:
        handle = _handle(path)
        if handle not in self._held:
            # As long as it is open, no other file gets its number.
            self._held[handle] = os.open(path, os.O_RDONLY)
        size = path.lstat().st_size
        if len(self._seen_bytes.get(handle, b"")) != size:
            self._seen_bytes[handle] = os.pread(self._held[handle], size, 0)
        return handle


def _handle(path: Path) -> Handle:
    found = path.lstat()
    return found.st_dev, found.st_ino


def after_cut(moment: Moment, root: Path, target: Path, random: Random | None, *, keeps_index: bool) -> None:
    """`target` is what `root` may be after a cut at `moment`: without `random` the worst, with it something between."""
    if root.name in _chosen(moment, root.parent, random):
        _rebuild(moment, root, target, random)
        if keeps_index and (target / "v1").exists():
            for name, data in moment.index.items():
                (target / "v1" / name).write_bytes(data)


def _chosen(moment: Moment, folder: Path, random: Random | None) -> dict[str, Handle]:
    sure, seen = moment.sure.get(folder, {}), moment.seen.get(folder, {})
    if random is None:
        return sure
    names = sorted(sure.keys() | seen.keys())
    mixed = {name: (sure if random.random() < 0.5 else seen).get(name) for name in names}
    return {name: handle for name, handle in mixed.items() if handle is not None}


def _rebuild(moment: Moment, folder: Path, target: Path, random: Random | None) -> None:
    target.mkdir(mode=0o700)
    for name, handle in _chosen(moment, folder, random).items():
        if handle == _FOLDER:
            _rebuild(moment, folder / name, target / name, random)
        else:
            (target / name).write_bytes(_bytes(moment, handle, random))
            (target / name).chmod(0o400)


def _bytes(moment: Moment, handle: Handle, random: Random | None) -> bytes:
    if handle in moment.sure_bytes:
        return moment.sure_bytes[handle]
    seen = moment.seen_bytes.get(handle, b"")
    return b"" if random is None else seen[: random.choice([0, len(seen) // 2, len(seen)])]
