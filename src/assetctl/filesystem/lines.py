"""Files that many processes add lines to, without a lock and without reading them."""

from __future__ import annotations

import os
import stat
import sys
from typing import TYPE_CHECKING, Final

from assetctl.errors import StorageUnusable
from assetctl.filesystem.files import PRIVATE_FILE
from assetctl.filesystem.steps import Step, no_step
from assetctl.filesystem.trouble import translated

if TYPE_CHECKING:
    from pathlib import Path

# O_NONBLOCK: a planted pipe would hold us for ever.
_FLAGS: Final = (
    os.O_WRONLY
    | os.O_CREAT
    | os.O_APPEND
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_BINARY", 0)
)


def append(path: Path, data: bytes, *, step: Step = no_step) -> int:
    """How long `path` was before `data` was added to its end; made 0600 when it was missing, never through a link.

    Few bytes arrive in one piece whoever else writes (write(2), O_APPEND; not promised on Windows). They are not
    synced: a power cut may lose or tear them.

    Raises:
        CacheError: they could not be written (see `translated`); part of them may have been.
    """
    with translated(path, needed_bytes=len(data)):
        step("append", path)
        descriptor = os.open(path, _FLAGS, PRIVATE_FILE)
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise StorageUnusable(f"`{path}` cannot be used", why="it is no file", hint="remove it")
            if found.st_size == 0 and sys.platform != "win32":
                os.fchmod(descriptor, PRIVATE_FILE)
            os.write(descriptor, data)
        finally:
            os.close(descriptor)
        return found.st_size
