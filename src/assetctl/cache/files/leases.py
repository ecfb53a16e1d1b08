"""Which blobs are in use: each process says so in a file of its own, which the kernel marks for as long as it lives.

What a process handed out is not thrown away by another one while it lives. No lease is broken by age, none outlives its
process, and taking one needs no lock, no library and no sync: it costs one `write`.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import threading
from collections import deque
from typing import TYPE_CHECKING, Final, TypeVar

from assetctl import filesystem, locks
from assetctl.errors import CacheError
from assetctl.text import safe

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from assetctl.clock import Clock
    from assetctl.filesystem import Step

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

_LEASE: Final = ".lease"
_UNMARKED: Final = ".new"
_LINE: Final = re.compile(r"[+-][0-9a-f]{64}\.[a-z0-9]{1,10}")
_HOLDER_LENGTH: Final = 120
_JUST_STORED: Final = 16
_PAUSE_S: Final = 0.1


class Leases:
    """What this process uses, and what others do; safe to use from any thread."""

    def __init__(self, folder: Path, *, inside: Path, step: Step) -> None:
        """Make nothing yet; `folder` will lie within `inside`, which was checked before."""
        self._folder = folder
        self._inside = inside
        self._step = step
        self._guard = threading.Lock()
        self._handed_out: set[str] = set()
        self._just_stored: deque[str] = deque()
        self._file: tuple[int, Path] | None = None

    @property
    def own(self) -> frozenset[str]:
        """The blobs this process uses."""
        with self._guard:
            return frozenset(self._handed_out).union(self._just_stored)

    def hand_out(self, blob: str) -> None:
        """`blob` is in use until `close` or the end of this process. To be called before its bytes are verified.

        Where that cannot be written down only this process knows it.
        """
        with self._guard:
            if blob not in self._handed_out:
                self._handed_out.add(blob)
                self._note(f"+{blob}\n")

    def keep_new(self, blob: str) -> None:
        """`blob`, just stored, is in use until this process has stored some more."""
        with self._guard:
            if blob in self._just_stored:
                return
            self._just_stored.append(blob)
            lines = f"+{blob}\n"
            if len(self._just_stored) > _JUST_STORED:
                oldest = self._just_stored.popleft()
                lines += "" if oldest in self._handed_out else f"-{oldest}\n"
            self._note(lines)

    def of_others(self) -> dict[str, str]:
        """Every blob that another process uses, with its holder for a person: `process 4711 on buildbox`.

        What dead processes left is removed.

        Raises:
            CacheError: it cannot be read.
        """
        found: dict[str, str] = {}
        mine = None if self._file is None else self._file[1].name
        for name in filesystem.names_in(self._folder):
            if name.endswith(_LEASE) and name != mine:
                found |= self._read(self._folder / name)
            elif name.endswith(_UNMARKED) and not _may_live(name):
                filesystem.remove(self._folder / name, step=self._step)
        return found

    def close(self) -> None:
        """This process uses nothing."""
        with self._guard:
            self._handed_out.clear()
            self._just_stored.clear()
            if self._file is not None:
                descriptor, path = self._file
                self._file = None
                os.close(descriptor)
                try:
                    filesystem.remove(path, step=self._step)
                except CacheError as error:
                    _log.info("a lease that nobody holds was left behind: %s", error)

    def _note(self, lines: str) -> None:
        try:
            if self._file is None:
                self._file = self._opened()
            with filesystem.translated(self._file[1]):
                os.write(self._file[0], lines.encode("ascii"))
        except CacheError as error:
            # Where nothing can be written nothing can be thrown away either, or it is a disk without room.
            _log.info("that a blob is in use was not noted: %s", error)

    def _opened(self) -> tuple[int, Path]:
        filesystem.make_private_folder(self._folder, inside=self._inside, step=self._step)
        final = self._folder / f"{filesystem.current_writer().token}.{secrets.token_hex(4)}{_LEASE}"
        unmarked = final.with_suffix(_UNMARKED)
        with filesystem.translated(final):
            descriptor = filesystem.create(unmarked, step=self._step)
            try:
                # Nobody looks at it before it is marked: an unmarked lease is a dead one's.
                locks.try_mark(descriptor)
                os.write(descriptor, f"process {os.getpid()} on {filesystem.host_name()}\n".encode(errors="replace"))
                filesystem.move(unmarked, final, step=self._step)
            except BaseException:
                os.close(descriptor)
                raise
        return descriptor, final

    def _read(self, path: Path) -> dict[str, str]:
        with filesystem.translated(path):
            try:
                descriptor = filesystem.open_below(self._folder, path.name)
            except FileNotFoundError:
                return {}
            with os.fdopen(descriptor, "rb") as file:
                if not _is_held(descriptor, path.name):
                    filesystem.remove(path, step=self._step)
                    return {}
                holder, *lines = file.read().decode(errors="replace").split("\n")
        used: set[str] = set()
        for line in filter(_LINE.fullmatch, lines):
            (used.add if line[0] == "+" else used.discard)(line[1:])
        return dict.fromkeys(used, safe(holder[:_HOLDER_LENGTH]) or "another process")


async def when_released(
    look: Callable[[], Awaitable[_T]], is_held: Callable[[_T], bool], *, clock: Clock, limit_s: float
) -> _T:
    """What `look` sees when nothing `is_held` any more, or after `limit_s`."""
    start = clock.elapsed_s()
    while is_held(seen := await look()) and (left_s := limit_s - (clock.elapsed_s() - start)) > 0:
        await clock.sleep(min(_PAUSE_S, left_s))
    return seen


def _is_held(descriptor: int, name: str) -> bool:
    try:
        return not locks.try_mark(descriptor, shared=True)
    except OSError:
        # A file system without locks: the name says who it was.
        return _may_live(name)


def _may_live(name: str) -> bool:
    writer = filesystem.writer_from_token(name.split(".", maxsplit=1)[0])
    return writer is None or filesystem.is_alive(writer) is not False
