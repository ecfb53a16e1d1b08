"""Files that nobody else sees: for what a process puts aside and reads back."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, BinaryIO

from assetctl.filesystem.files import create, remove
from assetctl.filesystem.folders import make_private_folder
from assetctl.filesystem.temporaries import temporary_path
from assetctl.filesystem.trouble import translated

if TYPE_CHECKING:
    from pathlib import Path


def unnamed(folder: Path, ending: str = "") -> BinaryIO:
    """An empty file in `folder`, which is made if needed, to write and to read; it goes with this process.

    Raises:
        CacheError: it could not be made (see `translated`).
    """
    make_private_folder(folder)
    path = temporary_path(folder, ending)
    with translated(path):
        file = os.fdopen(create(path), "r+b")
    # Windows removes no open file; what stays there is swept as that of a dead process.
    if sys.platform != "win32":
        remove(path)
    return file
