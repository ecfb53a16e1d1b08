"""Files that are whole or not there: written under a temporary name, synced, renamed into place.

A final name is never written into, a link never followed, and what is made is private whatever the umask. Nothing here
knows what the files mean.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import sys
from typing import TYPE_CHECKING, BinaryIO, Final

from assetctl.filesystem.steps import Step, no_step
from assetctl.filesystem.trouble import translated

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

PRIVATE_FILE: Final = 0o600
READ_ONLY_FILE: Final = 0o400

_CHUNK: Final = 1 << 20
_NO_FOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)
_BINARY: Final = getattr(os, "O_BINARY", 0)
# linux/fs.h: share the blocks of one file with another; what the file system may answer when it cannot.
_FICLONE: Final = 0x40049409
_CANNOT_CLONE: Final = frozenset({errno.EOPNOTSUPP, errno.ENOTTY, errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EPERM})
# link(2), what is said where there are no hard links, or none from here to there.
_CANNOT_LINK: Final = frozenset({errno.EOPNOTSUPP, errno.EPERM, errno.EXDEV, errno.EMLINK, errno.ENOSYS, errno.EINVAL})


def create(path: Path, *, step: Step = no_step) -> int:
    """A descriptor to write to `path`, which did not exist before: 0600 whatever the umask, never through a link."""
    step("create", path)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _NO_FOLLOW | _BINARY, PRIVATE_FILE)
    if sys.platform != "win32":
        os.fchmod(descriptor, PRIVATE_FILE)
    return descriptor


def write_new(path: Path, data: bytes, *, step: Step = no_step) -> None:
    """`path`, which did not exist before, holds all of `data`, not yet synced; on failure there is no such file.

    Raises:
        CacheError: it could not be written (see `translated`).
    """
    _write(path, data, step, sealed=False)


def write_sealed(path: Path, data: bytes, *, step: Step = no_step) -> None:
    """As `write_new`, and sealed.

    Raises:
        CacheError: it could not be written or synced (see `translated`).
    """
    _write(path, data, step, sealed=True)


def _write(path: Path, data: bytes, step: Step, *, sealed: bool) -> None:
    with translated(path, needed_bytes=len(data)):
        descriptor = create(path, step=step)
        try:
            write_all(descriptor, data, path, step)
            if sealed:
                _seal(descriptor, path, step)
        except BaseException:
            os.close(descriptor)
            path.unlink(missing_ok=True)
            raise
        os.close(descriptor)


def write_all(descriptor: int, data: bytes, path: Path, step: Step) -> None:
    """All of `data` is written to `descriptor`, which belongs to `path`.

    Raises:
        OSError: part of it may be.
    """
    left = memoryview(data)
    while left:
        step("write", path)
        left = left[os.write(descriptor, left[:_CHUNK]) :]


def copy(source: Path, target: Path, *, step: Step = no_step) -> None:
    """`target`, which did not exist before, has the bytes of `source` and shares no future change with it.

    The blocks are shared where the file system can copy on write; a hard link is never made. On failure there is no
    `target`.

    Raises:
        CacheError: it could not be copied (see `translated`).
    """
    with translated(source), source.open("rb") as reader, translated(target):
        descriptor = create(target, step=step)
        try:
            if not _clone(reader.fileno(), descriptor):
                while data := _chunk(reader, source):
                    write_all(descriptor, data, target, step)
        except BaseException:
            os.close(descriptor)
            target.unlink(missing_ok=True)
            raise
        os.close(descriptor)


def _chunk(reader: BinaryIO, source: Path) -> bytes:
    with translated(source):
        return reader.read(_CHUNK)


def _clone(source: int, target: int) -> bool:
    if sys.platform != "linux":
        return False
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError as error:
        if error.errno in _CANNOT_CLONE:
            return False
        raise
    return True


def seal(path: Path, *, step: Step = no_step) -> os.stat_result:
    """What the system says of `path`, a regular file and no link: it is on the disk, nobody may write to it any more.

    Raises:
        CacheError: it is something else or could not be synced (see `translated`).
    """
    with translated(path):
        # Windows syncs only what is open for writing; elsewhere a file sealed before is not.
        mode = os.O_RDWR if sys.platform == "win32" else os.O_RDONLY | os.O_NONBLOCK
        descriptor = _regular(os.open(path, mode | _NO_FOLLOW | _BINARY))
        try:
            return _seal(descriptor, path, step)
        finally:
            os.close(descriptor)


def _seal(descriptor: int, path: Path, step: Step) -> os.stat_result:
    step("sync", path)
    _sync(descriptor)
    step("chmod", path)
    if sys.platform == "win32":
        path.chmod(READ_ONLY_FILE)
    else:
        os.fchmod(descriptor, READ_ONLY_FILE)
    return os.fstat(descriptor)


def _sync(descriptor: int) -> None:
    if sys.platform == "darwin":  # pragma: no cover - macOS: fsync(2) stops at the drive's own memory there
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    else:
        os.fsync(descriptor)


def publish(temporary: Path, final: Path, *, step: Step = no_step) -> None:
    """`final` is the sealed file `temporary` was, at once and whole; survives a power cut after `sync_folder`.

    Raises:
        CacheError: it could not be renamed (see `translated`).
    """
    with translated(final):
        _allow_change(final)
        step("rename", final)
        temporary.replace(final)


def move(source: Path, final: Path, *, step: Step = no_step) -> bool:
    """Whether there was a `source`; it is `final` now, in place of what was there. Works without room on the disk.

    Not synced: after a power cut it lies at one of the two places, whole.

    Raises:
        CacheError: it could not be renamed (see `translated`).
    """
    with translated(final):
        step("move", source)
        try:
            os.replace(source, final)  # noqa: PTH105 - twice as fast, and called for each of many thousand files
        except FileNotFoundError:
            return False
        return True


def move_all(names: Iterable[str], source: Path, target: Path, *, step: Step = no_step) -> list[str]:
    """Those of `names` that lay in the folder `source`; they lie in `target` now, moved one by one as `move` does.

    Raises:
        CacheError: one could not be renamed (see `translated`); those before it are.
    """
    moved: list[str] = []
    here, there = str(source) + os.sep, str(target) + os.sep
    with translated(target):
        for name in names:
            if step is not no_step:
                step("move", source / name)
            try:
                os.replace(here + name, there + name)  # noqa: PTH105 - of ten thousand files, paths would take half the time
            except FileNotFoundError:
                continue
            moved.append(name)
    return moved


def remove_folder(folder: Path, *, step: Step = no_step) -> bool:
    """Whether `folder` is gone: it was, or it was empty.

    Raises:
        CacheError: it could not be removed (see `translated`).
    """
    with translated(folder):
        step("rmdir", folder)
        try:
            folder.rmdir()
        except FileNotFoundError:
            return True
        except OSError as error:
            # rmdir(2): either number says that something is left in it.
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            return False
        return True


def sync_folder(folder: Path, *, step: Step = no_step) -> None:
    """The names in `folder` are on the disk; Windows syncs them by itself.

    Raises:
        CacheError: they could not be synced (see `translated`).
    """
    if sys.platform == "win32":  # pragma: no cover - Windows
        return
    with translated(folder):
        step("sync folder", folder)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        except OSError as error:
            # fsync(2): some network file systems have nothing to sync for a folder and say so.
            if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
                raise
        finally:
            os.close(descriptor)


def remove(path: Path, *, step: Step = no_step) -> bool:
    """Whether `path` was there; it is not any more. A link is removed, not what it points to.

    Raises:
        CacheError: it could not be removed (see `translated`).
    """
    with translated(path):
        step("unlink", path)
        _allow_change(path)
        try:
            path.unlink()
        except FileNotFoundError:
            return False
        return True


def _allow_change(path: Path) -> None:
    # Windows refuses to replace or remove a read-only file; elsewhere the folder decides.
    if sys.platform == "win32" and path.exists():  # pragma: no cover - Windows
        path.chmod(stat.S_IWRITE)


def open_below(root: Path, *names: str) -> int:
    """A descriptor to read the regular file `names` below `root`, no part of that way being a link.

    Raises:
        OSError: as `os.open`; ELOOP or ENOTDIR where a link or something else than a file or folder was found.
    """
    if os.open not in os.supports_dir_fd:  # pragma: no cover - Windows
        return _regular(_open_checking(root, names))
    held = os.open(root, os.O_RDONLY | os.O_DIRECTORY | _NO_FOLLOW)
    try:
        for name in names[:-1]:
            inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | _NO_FOLLOW, dir_fd=held)
            os.close(held)
            held = inner
        # Without O_NONBLOCK a planted pipe would hold us for ever.
        return _regular(os.open(names[-1], os.O_RDONLY | os.O_NONBLOCK | _NO_FOLLOW, dir_fd=held))
    finally:
        os.close(held)


def open_to_continue(path: Path) -> int | None:
    """A descriptor to read and write the regular file `path`, at its beginning; None when there is none, or a link.

    Raises:
        OSError: it may not be opened.
    """
    try:
        return _regular(os.open(path, os.O_RDWR | getattr(os, "O_NONBLOCK", 0) | _NO_FOLLOW | _BINARY))
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP, errno.ENOTDIR, errno.EISDIR):
            return None
        raise


def link_or_copy(source: Path, target: Path, *, step: Step = no_step) -> None:
    """`target`, which did not exist before, has the bytes of `source`, which nobody changes any more.

    They are one file with two names where the file system can, so that neither is lost with the other.

    Raises:
        CacheError: it could not be made (see `translated`).
    """
    with translated(target):
        step("link", target)
        try:
            os.link(source, target, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _CANNOT_LINK:
                raise
        else:
            return
    copy(source, target, step=step)


def _open_checking(root: Path, names: tuple[str, ...]) -> int:  # pragma: no cover - Windows
    path = root
    for name in names:
        path = path / name
        if path.is_symlink():
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    return os.open(path, os.O_RDONLY | _BINARY)


def _regular(descriptor: int) -> int:
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.ENOTDIR, "not a regular file")


def sha256_of(path: Path) -> str:
    """The SHA-256 of the file's bytes as 64 lower-case hex digits.

    Raises:
        CacheError: it could not be read (see `translated`).
    """
    with translated(path), path.open("rb") as file:
        return sha256_of_descriptor(file.fileno())


def sha256_of_descriptor(descriptor: int) -> str:
    """The SHA-256 of what is left to read from `descriptor`, as 64 lower-case hex digits."""
    digest = hashlib.sha256()
    while data := os.read(descriptor, _CHUNK):
        digest.update(data)
    return digest.hexdigest()
