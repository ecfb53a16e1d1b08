"""Stills: a small picture of a clip or an image, the levels of a sound; drawn by decoders that live for many files.

A decoder that a file took down is replaced for the next one.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Self

from assetctl.errors import AssetctlError
from assetctl.media.decoder import LIMIT_S, NO_ANSWER, WORKER, Decoder
from assetctl.media.limits import refusal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

    from assetctl.models import AssetType

#: The longest side of a picture, in pixels.
SIDE: Final = 360
#: How many equal parts a sound is told in.
LEVELS: Final = 96

_MAX_PICTURE_BYTES: Final = SIDE * SIDE * 4
_LOUDEST: Final = 100


@dataclass(frozen=True, slots=True)
class Still:
    """A WebP picture with its size in pixels, or the levels (0 to 100) of a sound; neither for a 3d model."""

    picture: bytes = b""
    width: int = 0
    height: int = 0
    levels: tuple[int, ...] = ()


class Stills:
    """Draws stills; for several threads at once, each gets a decoder. Closed at the end of the block."""

    def __init__(self, *, limit_s: float = LIMIT_S, worker: str = WORKER) -> None:
        """Start nothing yet; a file that takes longer than `limit_s` is given up."""
        self._limit_s = limit_s
        self._worker = worker
        self._lock = Lock()
        self._idle: list[Decoder] = []
        self._busy: set[Decoder] = set()
        self._is_closed = False

    def __enter__(self) -> Self:
        """Draw from now on."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """As `close`."""
        self.close()

    def close(self) -> None:
        """Every decoder has ended; whoever waits for a still gets none, at once. From any thread, more than once."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
            for decoder in self._busy:
                decoder.kill()
        for decoder in idle:
            decoder.end()

    def still(self, path: Path, asset_type: AssetType) -> Still:
        """The still of `path`. Blocking.

        Raises:
            IntegrityError: the file is not of that type, doesn't decode within the limits, or took its decoder down.
            AssetctlError: the system starts no process, or this is closed.
        """
        decoder = self._taken()
        asked = {"draw": "still", "path": str(path), "type": asset_type.value}
        answer: Still | str | None = None
        try:
            answer = decoder.answer(asked, _still, limit_s=self._limit_s, max_bytes=_MAX_PICTURE_BYTES)
        finally:
            self._given_back(decoder, is_of_use=answer is not None)
        if isinstance(answer, Still):
            return answer
        if self._is_closed:
            raise _closed()
        raise refusal(path, answer or NO_ANSWER)

    def _taken(self) -> Decoder:
        with self._lock:
            if self._is_closed:
                raise _closed()
            decoder = self._idle.pop() if self._idle else Decoder(self._worker)
            self._busy.add(decoder)
            return decoder

    def _given_back(self, decoder: Decoder, *, is_of_use: bool) -> None:
        with self._lock:
            self._busy.discard(decoder)
            is_kept = is_of_use and not self._is_closed
            if is_kept:
                self._idle.append(decoder)
        if not is_kept:
            decoder.end()


def _closed() -> AssetctlError:
    return AssetctlError("nobody waited for more pictures")


def _still(facts: Mapping[str, Any], picture: bytes) -> Still:
    if not picture:
        levels = facts.get("levels", [])
        return Still(levels=tuple(min(_LOUDEST, max(0, int(level))) for level in levels[:LEVELS]))
    width, height = int(facts["width"]), int(facts["height"])
    if not (0 < width <= SIDE and 0 < height <= SIDE):
        raise ValueError("no still is as large")
    return Still(picture, width, height)
