"""What was cleared, kept for a day so that it can be had back: one folder for each deed.

Files come in and go out by one rename each, whole or not at all, and that needs no room. What there is to know of a
batch stands in the name of its folder. A batch whose process died is settled: each of its entries is then either in the
cache or in the trash. Trash counts as used room and is the first to go when room is needed.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from assetctl import filesystem
from assetctl.cache.entries import milliseconds
from assetctl.cache.files.blobs import BLOB_NAME, SIDECAR_NAME
from assetctl.cache.removal.pruning import SIDECAR_BYTES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from assetctl.filesystem import Step

KEPT_FOR: Final = timedelta(hours=24)
UNDONE: Final = "undone"
"""The command of a batch that was brought back; what is left of it cannot be."""

_DONE: Final = re.compile(r"(\d{13,15})-([0-9a-f]{8})-(clear|prune|undone)-(\d{1,18})")
_OPEN: Final = re.compile(r"open\.([0-9a-f-]{1,80})\.(\d{13,15})-([0-9a-f]{8})-(clear|prune)")


@dataclass(frozen=True, slots=True)
class Batch:
    """One deed: when it was done, by which command, and the bytes it takes, sidecars counted as `pruning.py` does.

    `writer` is the token of the process that is at it, None when it is finished.
    """

    path: Path
    made_ms: int
    tag: str
    command: str
    size_bytes: int
    writer: str | None = None

    @property
    def is_abandoned(self) -> bool:
        """Whether its process died over it."""
        writer = None if self.writer is None else filesystem.writer_from_token(self.writer)
        return writer is not None and filesystem.is_alive(writer) is False

    def is_over(self, now: datetime) -> bool:
        """Whether it was kept for long enough; a date that is as far ahead is a broken clock's."""
        return self.writer is None and abs(milliseconds(now) - self.made_ms) > KEPT_FOR / timedelta(milliseconds=1)

    def names(self) -> list[str]:
        """Its files in the order of their names; none when it is gone."""
        return filesystem.names_in(self.path)


class Trash:
    """The batches in one folder."""

    def __init__(self, folder: Path, *, inside: Path, step: Step) -> None:
        """Make nothing yet; `folder` will lie within `inside`, which was checked before."""
        self._folder = folder
        self._inside = inside
        self._step = step

    def batches(self) -> list[Batch]:
        """Every batch, the oldest first."""
        names = filesystem.names_in(self._folder)
        found = [batch for name in names if (batch := self._batch(name)) is not None]
        return sorted(found, key=lambda batch: (batch.made_ms, batch.tag))

    def begin(self, command: str, now: datetime) -> Batch:
        """A new, empty batch of this process.

        Raises:
            StorageFull: no room even for a folder.
            CacheError: it cannot be made.
        """
        made_ms = milliseconds(now)
        if newest := self.batches():
            # The last batch is the one to undo, whatever the clock says.
            made_ms = max(made_ms, newest[-1].made_ms + 1) if not newest[-1].is_over(now) else made_ms
        tag, writer = secrets.token_hex(4), filesystem.current_writer().token
        path = self._folder / f"open.{writer}.{made_ms:013d}-{tag}-{command}"
        filesystem.make_private_folder(path, inside=self._inside, step=self._step)
        return Batch(path, made_ms, tag, command, 0, writer)

    def take(self, batch: Batch, names: Sequence[str], folder: Path) -> list[str]:
        """Those of `names` that lay in `folder`; they lie in `batch` now, moved in their order."""
        return filesystem.move_all(names, folder, batch.path, step=self._step)

    def give_back(self, batch: Batch, name: str, home: Path) -> bool:
        """Whether `batch` had a file `name`; it is `home` now."""
        filesystem.make_private_folder(home.parent, inside=self._inside, step=self._step)
        return filesystem.move(batch.path / name, home, step=self._step)

    def finish(self, batch: Batch, size_bytes: int | None = None, *, command: str | None = None) -> Batch | None:
        """`batch` as it can be undone from now on; None when there is nothing in it and it is gone.

        Without `size_bytes` its files are added up.
        """
        if filesystem.remove_folder(batch.path, step=self._step):
            return None
        size = self.measured(batch) if size_bytes is None else size_bytes
        word = command or batch.command
        path = self._folder / f"{batch.made_ms:013d}-{batch.tag}-{word}-{size}"
        filesystem.move(batch.path, path, step=self._step)
        return replace(batch, path=path, command=word, size_bytes=size, writer=None)

    def measured(self, batch: Batch) -> int:
        """The bytes that the files in `batch` take."""
        names = batch.names()
        total = SIDECAR_BYTES * sum(1 for name in names if SIDECAR_NAME.fullmatch(name))
        with filesystem.translated(batch.path):
            for name in filter(BLOB_NAME.fullmatch, names):
                try:
                    total += (batch.path / name).lstat().st_size
                except FileNotFoundError:
                    continue  # somebody brings it back just now
        return total

    def empty(self, batch: Batch) -> int:
        """`batch` is gone for good; the bytes it took."""
        freed = self.measured(batch)
        for name in batch.names():
            filesystem.remove(batch.path / name, step=self._step)
        filesystem.remove_folder(batch.path, step=self._step)
        return freed

    def size_bytes(self) -> int:
        """The bytes that all of the trash takes."""
        return sum(self.measured(batch) if batch.writer else batch.size_bytes for batch in self.batches())

    def _batch(self, name: str) -> Batch | None:
        path = self._folder / name
        if match := _DONE.fullmatch(name):
            made_ms, tag, command, size = match.groups()
            return Batch(path, int(made_ms), tag, command, int(size)) if _is_folder(path) else None
        if match := _OPEN.fullmatch(name):
            writer, made_ms, tag, command = match.groups()
            return Batch(path, int(made_ms), tag, command, 0, writer) if _is_folder(path) else None
        return None


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()
