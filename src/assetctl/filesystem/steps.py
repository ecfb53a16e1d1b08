"""The seam through which every change of the file system passes, so that tests can make any of them fail or fatal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path


class Step(Protocol):
    """Called before each change with its name and path; tests raise an `OSError` or end the process in it."""

    def __call__(self, change: str, path: Path) -> None:
        """Return to let the change happen."""
        ...


def no_step(change: str, path: Path) -> None:
    """Let everything happen."""
