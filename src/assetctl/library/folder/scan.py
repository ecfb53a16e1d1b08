"""Walks a library folder once and lists its asset files and sidecars by name.

No file is opened, and only sidecars are looked at one by one: ten thousand media files cost a listing of their folders.
Links to folders are not followed; each thing left out that somebody may miss is told as a problem.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from assetctl.library.folder.files import unreadable
from assetctl.library.folder.naming import SIDECAR_SUFFIX, asset_type_by_name, described_by

if TYPE_CHECKING:
    from pathlib import Path

Stamp = tuple[int, int]
"""Size in bytes and time of the last change in nanoseconds: whether a file is still the one that was read."""

_MAX_DEPTH: Final = 16
_SKIPPED_STARTS: Final = (".", "~", "#")


@dataclass(slots=True)
class Tree:
    """What lies in a library folder, by path relative to it with `/` between the parts."""

    files: list[str] = field(default_factory=list[str])
    sidecars: dict[str, Stamp] = field(default_factory=dict[str, Stamp])
    problems: list[str] = field(default_factory=list[str])


def scan_tree(root: Path) -> Tree:
    """Everything below the folder `root`, the files in the order of their paths.

    Raises:
        LibraryError: a folder cannot be listed.
    """
    tree = Tree()
    pending = [""]
    while pending:
        pending += _scan_folder(root, pending.pop(), tree)
    tree.files.sort()
    return tree


def _scan_folder(root: Path, folder: str, tree: Tree) -> list[str]:
    """The folders inside `folder`, whose own files are then in `tree`."""
    prefix = f"{folder}/" if folder else ""
    try:
        with os.scandir(root / folder) as entries:
            return [name for entry in entries if (name := _take(entry, prefix, tree)) is not None]
    except FileNotFoundError:
        return []  # Removed since its parent was listed.
    except OSError as error:
        raise unreadable(root / folder, error) from error


def _take(entry: os.DirEntry[str], prefix: str, tree: Tree) -> str | None:
    """The path of `entry` when it is a folder to scan; a file is put into `tree` instead."""
    relative = prefix + entry.name
    if entry.name.startswith(_SKIPPED_STARTS):
        return None
    if not _is_text(entry.name):
        tree.problems.append(f"`{relative!a}` is left out: its name is no Unicode text")
    elif asset_type_by_name(entry.name) is not None:
        _take_asset(entry, relative, tree)
    elif entry.name.endswith(SIDECAR_SUFFIX) and asset_type_by_name(described_by(entry.name)) is not None:
        _take_sidecar(entry, relative, tree)
    elif entry.is_dir(follow_symlinks=False):
        return _folder_to_scan(relative, tree)
    elif entry.is_symlink() and os.path.isdir(entry.path):  # noqa: PTH112 - no Path per entry
        tree.problems.append(f"`{relative}` is left out: it is a link to a folder")
    return None


def _is_text(name: str) -> bool:
    # Linux gives bytes that are no UTF-8 as lone surrogates; no key, JSON document or terminal could hold them.
    return name.isascii() or not any("\ud800" <= character <= "\udfff" for character in name)


def _take_asset(entry: os.DirEntry[str], relative: str, tree: Tree) -> None:
    # Where a link leads is checked when the file is looked at (files.py).
    if entry.is_file(follow_symlinks=False) or entry.is_symlink():
        tree.files.append(relative)
    else:
        tree.problems.append(f"`{relative}` is left out: it is no file")


def _folder_to_scan(relative: str, tree: Tree) -> str | None:
    if relative.count("/") < _MAX_DEPTH:
        return relative
    tree.problems.append(f"`{relative}` is left out: it lies more than {_MAX_DEPTH} folders deep")
    return None


def _take_sidecar(entry: os.DirEntry[str], relative: str, tree: Tree) -> None:
    if not entry.is_file(follow_symlinks=False):
        tree.problems.append(f"`{relative}` is left out: a sidecar must be a file, not a link")
        return
    with suppress(FileNotFoundError):  # Removed since its folder was listed.
        status = entry.stat(follow_symlinks=False)
        tree.sidecars[relative] = (status.st_size, status.st_mtime_ns)
