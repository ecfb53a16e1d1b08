"""What stands beside a bar or on a line of progress, in words. Nothing here prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assetctl.text import safe
from assetctl.units import counted, human_duration, human_size

if TYPE_CHECKING:
    from assetctl.events import ItemsPlanned, JobProgressed, ScenesRead, ServiceAway, TurnAwaited, VerifyProgressed
    from assetctl.models import Attempt


def attempt_label(attempt: Attempt) -> str:
    """What a provider that was asked said, and how long that took."""
    detail = f": {attempt.detail}" if attempt.detail else ""
    return f"{attempt.provider}: {attempt.outcome.value}, {attempt.elapsed_ms:.1f} ms{detail}"


def job_label(event: JobProgressed, *, room: int) -> str:
    """How a job is doing, in at most `room` characters: `queued: all accounts are busy`, `drawing, typical 40s`.

    What such jobs took before stands there only while one runs that doesn't say how far it is, and only if it is known.
    """
    typical = ""
    if event.state == "running" and event.fraction is None and event.typical_s is not None:
        typical = f", typical {human_duration(_rounded(event.typical_s))}"
    words = event.state
    if event.message:
        words = event.message if event.state == "running" else f"{event.state}: {event.message}"
    if len(typical) >= room // 2:
        typical = ""
    return safe(words, max_length=max(1, room - len(typical))) + typical


def _rounded(seconds: float) -> float:
    # Nobody knows it to the tenth.
    return max(1, round(seconds))


def transfer_label(received_bytes: int, total_bytes: int | None, bytes_per_s: float | None = None) -> str:
    """How much has arrived, how fast, and how long the rest takes: `1.2 MB of 3.4 MB, 1.1 MB/s, 2s left`."""
    said = human_size(received_bytes) + ("" if total_bytes is None else f" of {human_size(total_bytes)}")
    if not bytes_per_s:
        return said
    said = f"{said}, {human_size(round(bytes_per_s))}/s"
    if total_bytes is None:
        return said
    left_s = max(0, total_bytes - received_bytes) / bytes_per_s
    return f"{said}, {human_duration(round(left_s))} left"


def turn_label(event: TurnAwaited) -> str:
    """That an order waits until it may be sent, and why if that is known."""
    why = "" if event.orders_per_minute is None else f", {event.orders_per_minute} orders a minute"
    return f"waiting for its turn{why}"


def away_label(event: ServiceAway) -> str:
    """That a service gives no answer, why, and how long it is tried again."""
    why = "" if event.why is None else f": {event.why}"
    return f"{event.what}{why}; it is tried again for up to {human_duration(round(event.limit_s))}"


#: That it does again.
BACK_LABEL = "it answers again"


def verify_label(event: VerifyProgressed) -> str:
    """How far a verification is, how fast, and how long it will take: `1.2 GB of 18.2 GB, 1.1 GB/s, 15s left`."""
    is_measured = event.read_bytes > 0 and event.elapsed_s > 0
    rate = event.read_bytes / event.elapsed_s if is_measured else None
    return transfer_label(event.read_bytes, event.total_bytes, rate)


def planning_label(event: ItemsPlanned) -> str:
    """How much of a chapter has been looked at: `planning: 42,000 assets`."""
    return f"planning: {counted(event.items, 'asset', 'assets')}"


def scenes_label(event: ScenesRead) -> str:
    """How many scenes have been read: `reading scenes: 12 of 200`."""
    return f"reading scenes: {event.scenes:,} of {event.known_scenes:,}"
