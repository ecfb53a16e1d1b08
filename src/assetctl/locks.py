"""Kernel file locks: who works on a thing, so that a second one waits instead of paying again.

The kernel frees a lock when its process ends, however it ends; no lock is broken by age and no lock file is removed.
Locks save work and money; that no bytes are wrong is the business of renames, never of a lock.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Final, Protocol

from assetctl import filesystem
from assetctl.errors import CacheError, StorageUnusable
from assetctl.text import safe
from assetctl.units import human_duration

if sys.platform == "win32":  # pragma: no cover - Windows
    import msvcrt
else:
    import fcntl

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator
    from pathlib import Path

    import filelock

    from assetctl.clock import Clock

_FIRST_PAUSE_S: Final = 0.01
_LONGEST_PAUSE_S: Final = 0.5
_TELL_AFTER_S: Final = 0.2
_OWNER_LENGTH: Final = 200
_NO_LOCKS_HERE: Final = frozenset({errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP})
_BUSY: Final = frozenset({errno.EAGAIN, errno.EACCES, errno.EDEADLK})
# Windows lets nobody read what is locked: the byte that stands for the lock lies behind any content.
_LOCKED_BYTE: Final = 1 << 30


class WaitListener(Protocol):
    """Told while a lock is waited for: soon after the wait began, then at each further try."""

    def __call__(self, owner: str, waited_s: float) -> None:
        """`owner` describes the holder for a person."""
        ...


@asynccontextmanager
async def hold(
    path: Path, *, clock: Clock, limit_s: float, on_wait: WaitListener | None = None
) -> AsyncGenerator[None]:
    """Within the block no other process, thread or task of this machine holds the lock `path`.

    The folder of `path` is made if needed; `path` itself stays for ever. Waiting can be cancelled at any time. Not
    re-entrant: a task that asks for what it holds waits for itself, up to the limit.

    Raises:
        CacheError: somebody else held it for `limit_s`; says who.
        StorageUnusable: no lock can be had there (rights, a link, a file system without locks).
    """
    lock, start, pause = _prepared(path), clock.elapsed_s(), _FIRST_PAUSE_S
    # No await stands between getting the lock and the block: a cancelled waiter never keeps it.
    while not _acquire(lock, path):
        waited_s = clock.elapsed_s() - start
        if waited_s >= limit_s:
            raise _timed_out(path, waited_s)
        if on_wait is not None and waited_s >= _TELL_AFTER_S:
            on_wait(owner(path), waited_s)
        await clock.sleep(min(pause, limit_s - waited_s))
        pause = min(pause * 2, _LONGEST_PAUSE_S)
    with _released_after(lock, path):
        yield


@contextmanager
def held(path: Path, *, limit_s: float) -> Generator[None]:
    """As `hold`, for a worker thread: the thread sleeps while it waits and cannot be cancelled.

    Raises:
        CacheError: somebody else held it for `limit_s`; says who.
        StorageUnusable: as `hold`.
    """
    lock, start, pause = _prepared(path), time.monotonic(), _FIRST_PAUSE_S
    while not _acquire(lock, path):
        waited_s = time.monotonic() - start
        if waited_s >= limit_s:
            raise _timed_out(path, waited_s)
        time.sleep(min(pause, limit_s - waited_s))
        pause = min(pause * 2, _LONGEST_PAUSE_S)
    with _released_after(lock, path):
        yield


@contextmanager
def try_hold(path: Path) -> Generator[bool]:
    """Within the block, whether this process holds the lock `path`; False at once when somebody else does.

    Raises:
        StorageUnusable: as `hold`.
    """
    lock = _prepared(path)
    if not _acquire(lock, path):
        yield False
        return
    with _released_after(lock, path):
        yield True


def is_held(path: Path) -> bool:
    """Whether somebody, this process included, holds the lock `path` at this moment; makes nothing where nothing is.

    Raises:
        StorageUnusable: it cannot be asked.
    """
    if not os.path.lexists(path):
        return False
    lock = _prepared(path)
    if not _acquire(lock, path):
        return True
    lock.release()
    return False


def owner(path: Path) -> str:
    """Who holds, or held last, the lock `path`, for a person: `process 4711 on buildbox`."""
    try:
        with _owner_file(path).open(encoding="utf-8", errors="replace") as file:
            text = file.read(_OWNER_LENGTH)
    except OSError:
        text = ""
    return safe(text) or "another process"


def try_mark(descriptor: int, *, shared: bool = False) -> bool:
    """Whether the open file `descriptor` is marked as used until it is closed or its process ends, however that ends.

    Shared marks bear one another and nothing else. Cheap, for what is taken often: no library is loaded for it and
    nobody's name is written down. The names of marked files may change.

    Raises:
        OSError: the file system has no locks.
    """
    try:
        if sys.platform == "win32":  # pragma: no cover - Windows; it knows no shared locks here, one asker is enough
            os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _BUSY:
            return False
        raise
    return True


def _prepared(path: Path) -> filelock.BaseFileLock:
    import filelock  # noqa: PLC0415 - it takes 20 ms to load, and a warm hit only marks

    filesystem.make_private_folder(path.parent)
    # Without a kernel lock there is none: the library's fall-back is a file that outlives its dead owner.
    return filelock.FileLock(path, mode=0o600, thread_local=False, fallback_to_soft=False)


def _acquire(lock: filelock.BaseFileLock, path: Path) -> bool:
    import filelock  # noqa: PLC0415 - as above

    try:
        lock.acquire(blocking=False)
    except filelock.Timeout:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS_HERE:
            raise filesystem.storage_error(error, path) from error
        raise StorageUnusable(
            f"`{path}` cannot be locked",
            why=f"its file system has no locks ({error.strerror})",
            hint="keep the data directory on a local disk (`--data-dir`)",
        ) from error
    return True


@contextmanager
def _released_after(lock: filelock.BaseFileLock, path: Path) -> Generator[None]:
    try:
        _write_owner(path)
        yield
    finally:
        lock.release()


def _write_owner(path: Path) -> None:
    # Beside the lock file, not in it: Windows lets nobody read what is locked.
    text = f"process {os.getpid()} on {filesystem.host_name()}"
    filesystem.remove(_owner_file(path))
    filesystem.write_new(_owner_file(path), text.encode(errors="replace"))


def _owner_file(path: Path) -> Path:
    return path.with_name(path.name + ".owner")


def _timed_out(path: Path, waited_s: float) -> CacheError:
    return CacheError(
        f"`{path.name}` is still locked after {human_duration(waited_s)}",
        why=f"{owner(path)} holds it",
        hint="let it finish or end it, then ask again",
    )
