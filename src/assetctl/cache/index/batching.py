"""Many values for one statement: SQLite takes only so many at once, and each needs its question mark."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BATCH: Final = 500


def batches(values: Sequence[str]) -> Iterator[Sequence[str]]:
    """`values` in pieces that one statement can take."""
    for start in range(0, len(values), BATCH):
        yield values[start : start + BATCH]


def marks(values: Sequence[str]) -> str:
    """As many question marks as there are values."""
    return ", ".join("?" * len(values))
