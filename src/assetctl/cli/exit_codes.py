"""Exit codes that no error carries: of a placeholder, and of several answers as one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from assetctl.models import Source

if TYPE_CHECKING:
    from collections.abc import Iterable

    from assetctl.models import Asset

_PLACEHOLDER: Final = 5


def delivered_exit_code(asset: Asset) -> int:
    """0 for `asset` as it was asked for, another for a placeholder in its place."""
    return _PLACEHOLDER if asset.source is Source.PLACEHOLDER else 0


def common_exit_code(codes: Iterable[int]) -> int:
    """0 when all of `codes` are, the code that all which are not 0 share, else 1."""
    bad = set(codes) - {0}
    return bad.pop() if len(bad) == 1 else min(1, len(bad))
