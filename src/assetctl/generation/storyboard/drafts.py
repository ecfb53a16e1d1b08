"""Folders of jobs that are on their way in or out: made under another name, and renamed at once. Nothing here locks."""

from __future__ import annotations

import shutil
import stat
import sys
from typing import TYPE_CHECKING

from assetctl import filesystem

if TYPE_CHECKING:
    from pathlib import Path

    from assetctl.generation.storyboard.job import Job


def rename_unless_there(draft: Path, job: Job) -> None:
    """The folder of `job` is there: `draft`, or that of a faster one."""
    try:
        draft.rename(job.folder)
    except OSError:
        # A folder that is not empty is never replaced: the same order came from two sides, and one job is enough.
        if not job.exists:
            raise


def delete_tree(folder: Path) -> None:
    """`folder` and all in it are gone."""
    if sys.platform == "win32":  # pragma: no cover - Windows doesn't remove what is read-only
        for path in folder.rglob("*"):
            path.chmod(stat.S_IWRITE)
    shutil.rmtree(folder)


def sweep(drafts: Path) -> None:
    """The drafts of dead processes are gone; a living one's are left alone."""
    with filesystem.translated(drafts):
        found = list(drafts.iterdir())
    for draft in found:
        writer = filesystem.writer_from_token(draft.name.split(".")[0])
        if writer is not None and filesystem.is_alive(writer) is False:
            # Another process may sweep the same one at this moment; what is left goes next time.
            shutil.rmtree(draft, ignore_errors=True)
