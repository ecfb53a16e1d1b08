"""What the processes of a machine know of one server's window, in a file that they change one at a time.

The file is worth nothing: without it a process orders by what it knows itself, and the server refuses what is too much.
So it is written in place and never synced, and what is garbled, or of another start of the machine, counts as empty.
Who could not write it believes only itself, until it can.
"""

from __future__ import annotations

import errno
import json
import os
import time
from typing import TYPE_CHECKING, Any, Final, TypeVar

from assetctl import filesystem, locks
from assetctl.errors import CacheError
from assetctl.eventloop import in_thread
from assetctl.pixsim.window import Window

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")
_SCHEMA: Final = "assetctl.turns/1"
_MAX_BYTES: Final = 1 << 20
#: Whoever holds it longer was stopped in the middle; it is a matter of microseconds.
_LOCK_LIMIT_S: Final = 5.0
_PAUSE_S: Final = 0.001
_OPEN: Final = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


class WindowFile:
    """One server's window in `path`; `tell` hears once when it cannot be shared."""

    def __init__(self, path: Path, *, tell: Callable[[str], None], lock_limit_s: float = _LOCK_LIMIT_S) -> None:
        """Make nothing yet."""
        self._path = path
        self._tell = tell
        self._lock_limit_s = lock_limit_s
        self._own = Window()
        self._is_unwritten = False
        self._has_told = False

    async def change(self, work: Callable[[Window], tuple[Window, T]]) -> T:
        """What `work` made of the window that all know, else of the one that this process knows."""
        return await in_thread(self._change, work)

    def _change(self, work: Callable[[Window], tuple[Window, T]]) -> T:
        done: list[T] = []
        try:
            descriptor = self._opened()
            try:
                self._wait_for(descriptor)
                before = self._own if self._is_unwritten else _read(descriptor)
                self._own, result = work(before)
                done.append(result)
                if self._is_unwritten or self._own != before:
                    self._is_unwritten = True
                    _write(descriptor, self._own)
                    self._is_unwritten = False
            finally:
                os.close(descriptor)
        except (OSError, CacheError) as error:
            self._tell_once(error)
            if not done:
                self._own, result = work(self._own)
                done.append(result)
        return done[0]

    def _opened(self) -> int:
        try:
            return os.open(self._path, _OPEN)
        except FileNotFoundError:
            filesystem.make_private_folder(self._path.parent)
        try:
            return filesystem.create(self._path)
        except FileExistsError:
            return os.open(self._path, _OPEN)

    def _wait_for(self, descriptor: int) -> None:
        end_s = time.monotonic() + self._lock_limit_s
        while not locks.try_mark(descriptor):
            if time.monotonic() > end_s:
                raise CacheError(f"`{self._path}` stays locked", why="another process was stopped while it had it")
            time.sleep(_PAUSE_S)

    def _tell_once(self, error: OSError | CacheError) -> None:
        if not self._has_told:
            self._has_told = True
            self._tell(f"turns to order are not shared with other processes: {error}")


def _read(descriptor: int) -> Window:
    try:
        # Windows marks by moving to a byte far behind.
        os.lseek(descriptor, 0, os.SEEK_SET)
        document: Any = json.loads(os.read(descriptor, _MAX_BYTES))
        is_ours = document["schema"] == _SCHEMA and document["boot"] == filesystem.current_writer().boot
        return Window.of(document) if is_ours else Window()
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return Window()


def _write(descriptor: int, window: Window) -> None:
    document = {"schema": _SCHEMA, "boot": filesystem.current_writer().boot, **window.document()}
    data = json.dumps(document).encode()
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.ftruncate(descriptor, 0)
    if os.write(descriptor, data) < len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
