"""The one exit code of a command that answered several times."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def common_exit_code(codes: Iterable[int]) -> int:
    """0 when all of `codes` are, the code that all which are not 0 share, else 1."""
    bad = set(codes) - {0}
    return bad.pop() if len(bad) == 1 else min(1, len(bad))
