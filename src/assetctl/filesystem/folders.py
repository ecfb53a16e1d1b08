"""Folders that only their user can change, and the refusal of every other kind.

Made 0700 whatever the umask. A folder that is a link, belongs to somebody else or can be written by strangers is not
used, nor is one that strangers could swap from above. Rights of existing folders are never changed.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from assetctl.errors import StorageUnusable
from assetctl.filesystem.files import sync_folder
from assetctl.filesystem.steps import Step, no_step
from assetctl.filesystem.trouble import translated

if sys.platform != "win32":
    import grp
    import pwd

if TYPE_CHECKING:
    from collections.abc import Iterable

PRIVATE_FOLDER: Final = 0o700


def make_private_folder(path: Path, *, inside: Path | None = None, step: Step = no_step) -> None:
    """`path` is a folder that only this user can change, as are those made on the way to it.

    With `inside`, a folder above `path` that was checked before, the way down to it is not checked again.

    Raises:
        StorageUnusable: it, or a folder above it, is a link, a file, somebody else's, or writable by strangers.
        CacheError: it could not be made (see `translated`).
    """
    path = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow the links we refuse
    if inside is None:
        with translated(path):
            check_way(path)
    make_private_folders([path], step=step)


def make_private_folders(paths: Iterable[Path], *, step: Step = no_step) -> None:
    """As `make_private_folder` for each of `paths`, below folders that were checked before; each of those synced once.

    Raises:
        StorageUnusable, CacheError: as `make_private_folder`; some of them may be made.
    """
    grown: set[Path] = set()
    for path in paths:
        with translated(path):
            grown.update(
                folder.parent for folder in reversed([path, *_missing(path.parents)]) if _is_made(folder, step)
            )
            _check_folder(path)
    for folder in sorted(grown):
        sync_folder(folder, step=step)


def names_in(folder: Path) -> list[str]:
    """What lies in `folder`, in order; nothing if there is no such folder.

    Raises:
        CacheError: it cannot be read (see `translated`).
    """
    with translated(folder):
        try:
            return sorted(os.listdir(folder))  # noqa: PTH208 - names, no paths
        except FileNotFoundError:
            return []


def free_bytes(folder: Path) -> int | None:
    """How much this user may still write to the file system of `folder`; None when it does not say."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def _missing(folders: Iterable[Path]) -> list[Path]:
    missing: list[Path] = []
    for folder in folders:
        if os.path.lexists(folder):
            break
        missing.append(folder)
    return missing


def _is_made(folder: Path, step: Step) -> bool:
    """Whether `folder` was made, and is to be synced; not so if it was there."""
    if os.path.lexists(folder):
        return False
    step("mkdir", folder)
    try:
        folder.mkdir(PRIVATE_FOLDER)
    except FileExistsError:
        return False  # another process was faster; what it made is checked like everything that was there before
    folder.chmod(PRIVATE_FOLDER)
    return True


def _check_folder(path: Path) -> None:
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        raise _refused(path, "it is a link", "name the folder it points to")
    if not stat.S_ISDIR(found.st_mode):
        raise _refused(path, "it is no folder", "choose another place with `--data-dir`")
    if sys.platform != "win32":
        if found.st_uid != os.geteuid():
            raise _refused(path, f"it belongs to {user_name(found.st_uid)}", _OTHER_USER)
        if _strangers_may_write(found):
            raise _refused(path, "other users may write to it", f"chmod 700 '{path}'")


def check_way(path: Path) -> None:
    """No stranger can swap `path` by changing a folder or link above it.

    Raises:
        StorageUnusable: one can.
    """
    if sys.platform == "win32":  # pragma: no cover - Windows: inherited access lists decide there
        return
    real = Path(os.path.realpath(path.parent))
    for folder in (real, *real.parents):
        if os.path.lexists(folder):
            _check_above(path, folder, folder.stat())
    for folder in path.parents if real != path.parent else ():
        # Whoever owns a link on the way decides where we end up.
        if folder.is_symlink() and folder.lstat().st_uid not in (0, os.geteuid()):
            raise _refused(path, f"the link `{folder}` above it belongs to somebody else", _OTHER_USER)


def _check_above(path: Path, folder: Path, found: os.stat_result) -> None:
    if not stat.S_ISDIR(found.st_mode):
        raise _refused(path, f"`{folder}` above it is no folder", "choose another place with `--data-dir`")
    # Whoever owns the file system's root owns the machine, whatever number a container shows for it.
    if folder != folder.parent and found.st_uid not in (0, os.geteuid()):
        why = f"`{folder}` above it belongs to {user_name(found.st_uid)}"
        raise _refused(path, why, _OTHER_USER)
    if _strangers_may_write(found) and not found.st_mode & stat.S_ISVTX:
        raise _refused(path, f"other users may write to `{folder}` above it", f"chmod go-w '{folder}'")


_OTHER_USER: Final = "run as its owner, or choose another place with `--data-dir`"


def _strangers_may_write(found: os.stat_result) -> bool:
    if found.st_mode & stat.S_IWOTH:
        return True
    return bool(found.st_mode & stat.S_IWGRP) and not _is_private_group(found.st_gid)


def _is_private_group(group_id: int) -> bool:
    # Many systems give each user a group of their own and a umask of 002: group-writable means nobody else there.
    try:
        user, group = pwd.getpwuid(os.geteuid()), grp.getgrgid(group_id)
    except KeyError:
        return False
    return user.pw_gid == group_id and group.gr_name == user.pw_name and set(group.gr_mem) <= {user.pw_name}


def user_name(user_id: int) -> str:
    """The user for a person: the name, or the number of one that has none."""
    try:
        return f"`{pwd.getpwuid(user_id).pw_name}`"
    except KeyError:
        return f"user {user_id}"


def _refused(path: Path, why: str, hint: str) -> StorageUnusable:
    return StorageUnusable(f"`{path}` cannot hold assetctl's data", why=why, hint=hint)
