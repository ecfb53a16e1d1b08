"""Folders that a group of users shares on purpose: set-group-id, closed to everybody else, nobody's work another's.

The top folder is made by whoever answers for the group and is only checked here. Folders made below it are sticky, so
that the kernel lets members remove their own files alone. Nothing here changes what belongs to another user.
"""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import Final

from assetctl.errors import StorageUnusable
from assetctl.filesystem.files import sync_folder
from assetctl.filesystem.folders import check_way, user_name
from assetctl.filesystem.steps import Step, no_step
from assetctl.filesystem.trouble import translated

if sys.platform != "win32":
    import grp
    import pwd

SHARED_FOLDER: Final = 0o3770
SHARED_FILE: Final = 0o440


def check_shared_folder(path: Path) -> int:
    """The group that shares the folder `path`; this user is a member of it.

    Raises:
        StorageUnusable: it is a link, a stranger's, open to strangers, or not set up for a group of this user's.
        CacheError: it cannot be looked at; a missing folder is one of those.
    """
    if sys.platform == "win32":  # pragma: no cover - Windows
        raise StorageUnusable(
            f"`{path}` cannot be shared",
            why="that needs the users and groups of a POSIX system",
            hint="leave `cache.shared` out",
        )
    path = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow the links we refuse
    with translated(path):
        found = path.lstat()
        if (why := _unfit(found)) is not None:
            raise _refused(path, why, found.st_gid)
        check_way(path)
    return found.st_gid


def _unfit(found: os.stat_result) -> str | None:
    if not stat.S_ISDIR(found.st_mode):
        return "it is a link or no folder"
    if found.st_mode & stat.S_IWOTH:
        return "everybody may write to it"
    if not found.st_mode & stat.S_ISGID or not found.st_mode & stat.S_IWGRP:
        return "it is not set up for a group"
    if found.st_gid not in {os.getegid(), *os.getgroups()}:
        return f"you are not in its group {_group_name(found.st_gid)}"
    if found.st_uid not in (0, os.geteuid()) and not _is_member(found.st_uid, found.st_gid):
        return f"it belongs to {user_name(found.st_uid)}, who is not in its group"
    return None


def make_shared_folder(path: Path, group: int, *, step: Step = no_step) -> None:
    """`path`, below a folder of `check_shared_folder`, is a folder of the same group, closed to everybody else.

    Raises:
        StorageUnusable: something else is there.
        CacheError: it cannot be made.
    """
    with translated(path):
        if not os.path.lexists(path):
            _make(path, group, step)
        if not is_shared_folder(path, group):
            raise _refused(path, "it is not as assetctl makes it", group)


def is_shared_folder(path: Path, group: int) -> bool:
    """Whether `path` is a folder of `group` that nobody else may write to; False also when it is not there."""
    try:
        found = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_gid == group and not found.st_mode & stat.S_IWOTH


def _make(path: Path, group: int, step: Step) -> None:
    step("mkdir", path)
    try:
        path.mkdir(0o700)
    except FileExistsError:
        return  # another member was faster; what they made is checked like everything that was there before
    if path.lstat().st_gid != group:  # pragma: no cover - mounted so that set-group-id means nothing
        os.chown(path, -1, group)
    path.chmod(SHARED_FOLDER)
    sync_folder(path.parent, step=step)


def _is_member(user: int, group: int) -> bool:
    try:
        entry = pwd.getpwuid(user)
        return entry.pw_gid == group or entry.pw_name in grp.getgrgid(group).gr_mem
    except KeyError:
        return False


def _group_name(group: int) -> str:
    try:
        return f"`{grp.getgrgid(group).gr_name}`"
    except KeyError:
        return str(group)


def _refused(path: Path, why: str, group: int) -> StorageUnusable:
    hint = f"have it made by an administrator: install -d -g {_group_name(group).strip('`')} -m 2770 '{path}'"
    return StorageUnusable(f"`{path}` cannot be shared", why=why, hint=hint)
