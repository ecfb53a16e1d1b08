"""How far a foreign media file is followed, and how its refusal is worded.

A decoder fed by strangers needs bounds: a few kilobytes can ask for gigabytes of pixels or for hours of work.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from assetctl.clock import SystemClock
from assetctl.errors import IntegrityError

if TYPE_CHECKING:
    from pathlib import Path

    from assetctl.clock import Clock


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that one look into a file may take: pixels of one picture, packets of one file, seconds of work."""

    pixels: int = 8192 * 8192
    packets: int = 2_000_000
    seconds: float = 30.0


DEFAULT_LIMITS: Final = Limits()


class Deadline:
    """The moment after which a look into a file is given up."""

    def __init__(self, path: Path, seconds: float, clock: Clock | None = None) -> None:
        """Give `path` that many seconds from now."""
        self._path = path
        self._seconds = seconds
        self._clock = SystemClock() if clock is None else clock
        self._start = self._clock.elapsed_s()

    def check(self) -> None:
        """Return while there is time.

        Raises:
            IntegrityError: there is none left.
        """
        if self._clock.elapsed_s() - self._start > self._seconds:
            raise refusal(self._path, f"looking into it takes longer than {self._seconds:g} s")


def refusal(path: Path, why: str) -> IntegrityError:
    """The error for a file that is not the intact media it should be; `why` is a clause about the file."""
    return IntegrityError(
        f"`{path.name}` is not usable media",
        why=why,
        hint=f"replace it or export it again: `{path}`",
    )


def check_pixels(path: Path, width: int, height: int, limits: Limits) -> None:
    """Return when a picture of `width` x `height` may be decoded.

    Raises:
        IntegrityError: it has no pixels, or more than `limits` allow.
    """
    if width <= 0 or height <= 0:
        # A stream decoder that was told the limit says nothing of a picture beyond it.
        raise refusal(path, f"it has no picture of at most {limits.pixels:,} pixels")
    if width * height > limits.pixels:
        raise refusal(path, f"its picture has {width} x {height} pixels, at most {limits.pixels:,} are decoded")
