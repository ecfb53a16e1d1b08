"""Files of strangers, decoded by a process of its own: what one does to its decoder is done to nobody else.

`decoder_worker.py` is the other end, bounded in memory and time. What it says is believed as little as the file.
"""

from __future__ import annotations

import json
import subprocess
from contextlib import suppress
from threading import Timer
from typing import IO, TYPE_CHECKING, Any, Final, TypeVar, cast

from assetctl import interpreter
from assetctl.errors import AssetctlError
from assetctl.media.limits import DEFAULT_LIMITS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

WORKER: Final = "assetctl.media.decoder_worker"
#: How long one file may take. Starting takes time too, on a busy machine a lot of it.
LIMIT_S: Final = DEFAULT_LIMITS.seconds + 10
#: Why there is no picture of a file whose decoder gave no answer.
NO_ANSWER: Final = "its decoder ended, took too long or drew no picture"
_MAX_HEAD_BYTES: Final = 4_000


class Decoder:
    """One worker, which answers one question at a time. To be ended."""

    def __init__(self, worker: str = WORKER) -> None:
        """Start the module `worker`.

        Raises:
            AssetctlError: the system starts no process.
        """
        try:
            self._process = subprocess.Popen(  # noqa: S603 - an interpreter of ours; paths come as data
                interpreter.command(worker),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        except OSError as error:
            raise AssetctlError("no process could be started to draw pictures", why=error.strerror) from error

    def answer(
        self,
        asked: Mapping[str, Any],
        read: Callable[[Mapping[str, Any], bytes], T],
        *,
        limit_s: float,
        max_bytes: int,
    ) -> T | str | None:
        """What `read` makes of the facts and the bytes of an answer, why there is none, or None without a word of it.

        `read` raises ValueError, TypeError or KeyError for what makes no sense. After None the process is of no use.
        Blocking, for `limit_s` at most.
        """
        alarm = Timer(limit_s, self._process.kill)
        alarm.daemon = True
        alarm.start()
        try:
            stdin, stdout = cast("IO[bytes]", self._process.stdin), cast("IO[bytes]", self._process.stdout)
            stdin.write(json.dumps(asked).encode() + b"\n")
            stdin.flush()
            facts = _facts(stdout)
            return str(facts["why"]) if "why" in facts else read(facts, _data(stdout, facts, max_bytes))
        except (OSError, ValueError, TypeError, KeyError):
            return None
        finally:
            alarm.cancel()

    def kill(self) -> None:
        """Whoever waits for an answer gets none, at once; from any thread."""
        self._process.kill()

    def end(self) -> None:
        """The process has ended."""
        self._process.kill()
        # What it was not told any more is flushed once more when its pipe is closed, and refused.
        with suppress(BrokenPipeError), self._process:
            pass


def _facts(answers: IO[bytes]) -> dict[str, Any]:
    found: Any = json.loads(answers.readline(_MAX_HEAD_BYTES))
    if not isinstance(found, dict):
        raise TypeError("an answer begins with an object")
    return cast("dict[str, Any]", found)


def _data(answers: IO[bytes], facts: Mapping[str, Any], max_bytes: int) -> bytes:
    size = int(facts.get("size", 0))
    if not 0 <= size <= max_bytes:
        raise ValueError("no picture has so many bytes")
    data = answers.read(size)
    if len(data) < size:
        raise ValueError("the answer is cut off")
    return data
