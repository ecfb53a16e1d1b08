"""Whether a transfer is still worth its time: a server that sends a byte a second never runs into a read timeout."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assetctl.transfer.remote import TransferLimits


class Pace:
    """Watches what comes in. Times are seconds of one clock that goes on while the machine sleeps."""

    def __init__(self, limits: TransferLimits, now_s: float) -> None:
        """Begin to watch now."""
        self._limits = limits
        self._since_s = now_s
        self._bytes = 0

    def is_too_slow(self, received: int, now_s: float) -> bool:
        """Whether, with `received` more bytes, less came within the last window than there must."""
        self._bytes += received
        taken_s = now_s - self._since_s
        if taken_s < self._limits.window_s:
            return False
        if self._bytes < self._limits.min_bytes_per_s * taken_s:
            return True
        self._since_s, self._bytes = now_s, 0
        return False
