"""Stills: a small picture of a clip or an image, the levels of a sound; drawn by processes that live for many files.

What a foreign file does to its decoder is done to nobody else: its process is ended, the next file gets a new one.
`still_worker.py` is the other end, bounded in memory and time.
"""

from __future__ import annotations

import json
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock, Timer
from typing import IO, TYPE_CHECKING, Any, Final, Self, cast

from assetctl import interpreter
from assetctl.errors import AssetctlError
from assetctl.media.limits import DEFAULT_LIMITS, refusal

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from assetctl.models import AssetType

#: The longest side of a picture, in pixels.
SIDE: Final = 360
#: How many equal parts a sound is told in.
LEVELS: Final = 96
WORKER: Final = "assetctl.media.still_worker"

# Starting takes time too, on a busy machine a lot of it.
_LIMIT_S: Final = DEFAULT_LIMITS.seconds + 10
_MAX_HEAD_BYTES: Final = 4_000
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
    """Draws stills; for several threads at once, each gets a process. Closed at the end of the block."""

    def __init__(self, *, limit_s: float = _LIMIT_S, worker: str = WORKER) -> None:
        """Start nothing yet; a file that takes longer than `limit_s` is given up."""
        self._limit_s = limit_s
        self._worker = worker
        self._lock = Lock()
        self._idle: list[_Process] = []
        self._busy: set[_Process] = set()
        self._is_closed = False

    def __enter__(self) -> Self:
        """Draw from now on."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """As `close`."""
        self.close()

    def close(self) -> None:
        """Every process has ended; whoever waits for a still gets none, at once. From any thread, more than once."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
            for process in self._busy:
                process.kill()
        for process in idle:
            process.end()

    def still(self, path: Path, asset_type: AssetType) -> Still:
        """The still of `path`. Blocking.

        Raises:
            IntegrityError: the file is not of that type, doesn't decode within the limits, or took its decoder down.
            AssetctlError: the system starts no process, or this is closed.
        """
        process = self._taken()
        answer: Still | str | None = None
        try:
            answer = process.answer({"path": str(path), "type": asset_type.value}, self._limit_s)
        finally:
            self._given_back(process, is_of_use=answer is not None)
        if isinstance(answer, Still):
            return answer
        if self._is_closed:
            raise _closed()
        raise refusal(path, answer or "its decoder ended, took too long or drew no still")

    def _taken(self) -> _Process:
        with self._lock:
            if self._is_closed:
                raise _closed()
            process = self._idle.pop() if self._idle else _Process(self._worker)
            self._busy.add(process)
            return process

    def _given_back(self, process: _Process, *, is_of_use: bool) -> None:
        with self._lock:
            self._busy.discard(process)
            is_kept = is_of_use and not self._is_closed
            if is_kept:
                self._idle.append(process)
        if not is_kept:
            process.end()


def _closed() -> AssetctlError:
    return AssetctlError("nobody waited for more pictures")


class _Process:
    """One worker, which answers one question at a time."""

    def __init__(self, worker: str) -> None:
        try:
            self._process = subprocess.Popen(  # noqa: S603 - an interpreter of ours; paths come as data
                interpreter.command(worker),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        except OSError as error:
            raise AssetctlError("no process could be started to draw pictures", why=error.strerror) from error

    def answer(self, asked: dict[str, str], limit_s: float) -> Still | str | None:
        """The still, why there is none, or None when the process is of no use any more."""
        alarm = Timer(limit_s, self._process.kill)
        alarm.daemon = True
        alarm.start()
        try:
            stdin, stdout = cast("IO[bytes]", self._process.stdin), cast("IO[bytes]", self._process.stdout)
            stdin.write(json.dumps(asked).encode() + b"\n")
            stdin.flush()
            return _read(stdout)
        except (OSError, ValueError, TypeError, KeyError):
            return None
        finally:
            alarm.cancel()

    def kill(self) -> None:
        self._process.kill()

    def end(self) -> None:
        self._process.kill()
        # What it was not told any more is flushed once more when its pipe is closed, and refused.
        with suppress(BrokenPipeError), self._process:
            pass


def _read(answers: IO[bytes]) -> Still | str | None:
    """What the process says, which is believed as little as the file it decodes.

    Raises:
        ValueError, TypeError, KeyError: it says nothing that makes sense.
    """
    found: Any = json.loads(answers.readline(_MAX_HEAD_BYTES))
    if not isinstance(found, dict):
        return None
    head = cast("dict[str, Any]", found)
    if "why" in head:
        return str(head["why"])
    if "size" not in head:
        levels = head.get("levels", [])
        return Still(levels=tuple(min(_LOUDEST, max(0, int(level))) for level in levels[:LEVELS]))
    width, height, size = (int(head[name]) for name in ("width", "height", "size"))
    if not (0 < size <= _MAX_PICTURE_BYTES and 0 < width <= SIDE and 0 < height <= SIDE):
        return None
    picture = answers.read(size)
    return Still(picture, width, height) if len(picture) == size else None
