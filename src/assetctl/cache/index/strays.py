"""Blobs that no entry has any more: what a newer answer replaced, and what was too large to keep.

Somebody may be reading them, so they stay for a while; they are listed, so that the limits of the cache count them
and pruning takes them first. A rebuilt index forgets the list; a sweep of the files finds what it forgot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assetctl.cache.index.database import Run


def leave(run: Run, blob: str, size_bytes: int) -> None:
    """`blob`, whose row goes or is replaced in this transaction or which has none, is listed as a stray."""
    run("INSERT OR REPLACE INTO strays (blob, size_bytes) VALUES (?, ?)", (blob, size_bytes))


def unlist(run: Run, blobs: Sequence[str]) -> None:
    """None of `blobs` is listed."""
    if run("SELECT 1 FROM strays LIMIT 1"):
        for blob in blobs:
            run("DELETE FROM strays WHERE blob = ?", (blob,))


def listed(run: Run) -> list[tuple[str, int]]:
    """The strays and their bytes; those that an entry has again are left out, though still in the list."""
    return [
        (str(blob), int(size))
        for blob, size in run(
            "SELECT s.blob, s.size_bytes FROM strays s"
            " WHERE NOT EXISTS (SELECT 1 FROM entries e WHERE e.blob = s.blob) ORDER BY s.blob"
        )
    ]
