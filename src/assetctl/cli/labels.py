"""What stands beside a bar or on a line of progress, in words. Nothing here prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assetctl.text import safe
from assetctl.units import human_duration, human_size

if TYPE_CHECKING:
    from assetctl.events import VerifyProgressed


def job_label(state: str, message: str | None) -> str:
    """What stands before the bar: the state in a fixed width, with the generator's own word for it if there is one."""
    return safe(message or state, max_length=24)


def transfer_label(received_bytes: int, total_bytes: int | None) -> str:
    """How much has arrived: `1.2 MB of 3.4 MB`."""
    total = "" if total_bytes is None else f" of {human_size(total_bytes)}"
    return f"{human_size(received_bytes)}{total}"


def verify_label(event: VerifyProgressed) -> str:
    """How far a verification is, how fast, and how long it will take: `1.2 GB of 18.2 GB, 1.1 GB/s, 15s left`."""
    said = transfer_label(event.read_bytes, event.total_bytes)
    if event.read_bytes <= 0 or event.elapsed_s <= 0:
        return said
    bytes_per_s = event.read_bytes / event.elapsed_s
    left_s = max(0, event.total_bytes - event.read_bytes) / bytes_per_s
    return f"{said}, {human_size(round(bytes_per_s))}/s, {human_duration(round(left_s))} left"
