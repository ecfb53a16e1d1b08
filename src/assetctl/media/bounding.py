"""Bounds that a process sets itself before it decodes what a stranger made."""

from __future__ import annotations

import sys
from typing import Final

from assetctl.media.limits import DEFAULT_LIMITS

_MAX_MEMORY_BYTES: Final = 4 << 30


def bound_memory() -> None:
    """This process gets no more memory than decoding may take; Windows has no such limit."""
    if sys.platform == "win32":  # pragma: no cover - the asker's time limit holds there
        return
    import resource  # noqa: PLC0415 - there is none on Windows

    _limit(resource.RLIMIT_AS, _MAX_MEMORY_BYTES)


def bound_time() -> None:
    """From now on this process may work as long as one file may take, then it is ended; Windows has no such limit."""
    if sys.platform == "win32":  # pragma: no cover - the asker's time limit holds there
        return
    import resource  # noqa: PLC0415 - there is none on Windows

    used = resource.getrusage(resource.RUSAGE_SELF)
    _limit(resource.RLIMIT_CPU, round(used.ru_utime + used.ru_stime + DEFAULT_LIMITS.seconds) + 1)


def _limit(kind: int, limit: int) -> None:
    if sys.platform == "win32":  # pragma: no cover - never called there
        return
    import resource  # noqa: PLC0415 - there is none on Windows

    _, hard = resource.getrlimit(kind)
    # The soft limit alone: it is put further for the next file.
    resource.setrlimit(kind, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))
