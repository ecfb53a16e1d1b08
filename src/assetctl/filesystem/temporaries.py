"""Names for files that are not finished, and the removal of those whose writer is dead.

A temporary says in its name which process of which boot of which host writes it; a killed one's is swept at the next
start, a living one's never.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Final

from assetctl.filesystem.files import remove
from assetctl.filesystem.steps import Step, no_step
from assetctl.filesystem.trouble import translated
from assetctl.filesystem.writers import current_writer, is_alive, writer_from_token

if TYPE_CHECKING:
    from datetime import datetime

STRAY_AGE_S: Final = 7 * 86_400.0
"""How old a temporary must be before it is removed although nobody can tell whether its writer lives."""


def temporary_path(folder: Path, suffix: str = "") -> Path:
    """A name in `folder` that nobody has used, by which a later start can tell that its writer is dead."""
    return folder / f"{current_writer().token}.{secrets.token_hex(8)}{suffix}"


def sweep_dead(folder: Path, *, now: datetime, owner: int | None = None, step: Step = no_step) -> int:
    """How many files that no living writer can be at work on were removed from `folder`; sub-folders are left alone.

    A temporary goes when its writer is known to be dead. One of another host, or of an unknown name, goes at
    `STRAY_AGE_S`. With `owner`, only files of the user with that number go.

    Raises:
        CacheError: the folder cannot be read or a file not be removed.
    """
    removed = 0
    with translated(folder), os.scandir(folder) as found:
        for file in found:
            if not file.is_dir(follow_symlinks=False) and _is_of(file, owner) and _is_stray(file, now):
                removed += remove(Path(file.path), step=step)
    return removed


def _is_of(file: os.DirEntry[str], owner: int | None) -> bool:
    try:
        return owner is None or file.stat(follow_symlinks=False).st_uid == owner
    except FileNotFoundError:
        return False


def _is_stray(file: os.DirEntry[str], now: datetime) -> bool:
    writer = writer_from_token(file.name.split(".")[0])
    alive = None if writer is None else is_alive(writer)
    if alive is not None:
        return not alive
    try:
        return now.timestamp() - file.stat(follow_symlinks=False).st_mtime > STRAY_AGE_S
    except FileNotFoundError:
        return False  # its writer was faster
