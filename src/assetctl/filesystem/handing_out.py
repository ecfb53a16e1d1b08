"""Files that are the user's own from now on: with the rights that any program would have given them."""

from __future__ import annotations

import os
from threading import Lock
from typing import TYPE_CHECKING

from assetctl.filesystem.trouble import translated

if TYPE_CHECKING:
    from pathlib import Path

_UMASK_LOCK = Lock()


def hand_out(partial: Path, final: Path) -> None:
    """`final` is the file that `partial` was, with the user's usual rights; what was there is replaced in one step.

    Raises:
        CacheError: it could not be done (see `translated`); what was at `final` still is.
    """
    with translated(final):
        partial.chmod(0o666 & ~_umask())
        partial.replace(final)


def _umask() -> int:
    # It can only be read by setting it, and two threads doing so would leave the wrong one behind.
    with _UMASK_LOCK:
        mask = os.umask(0o077)
        os.umask(mask)
    return mask
