"""A preview drawn in a process of its own, so that what a foreign file does to its decoder is done to nobody else.

`preview_worker.py` is the other end: it draws with `thumbnail.py` and is bounded in memory, time and output.
"""

from __future__ import annotations

import subprocess
from threading import Timer
from typing import TYPE_CHECKING, Final

from assetctl import interpreter
from assetctl.errors import AssetctlError
from assetctl.media.cells import MAX_CELLS, cells_from_bytes
from assetctl.media.limits import DEFAULT_LIMITS, refusal

if TYPE_CHECKING:
    from pathlib import Path

    from assetctl.media.cells import Cell
    from assetctl.models import AssetType

WORKER: Final = "assetctl.media.preview_worker"
REFUSED_EXIT_CODE: Final = 3
"""How the worker ends when the file is to blame; its stderr says why."""

# Starting takes time too, on a busy machine a lot of it.
_LIMIT_S: Final = DEFAULT_LIMITS.seconds + 10
_MAX_OUTPUT_BYTES: Final = MAX_CELLS * MAX_CELLS * 6 + 64
_MAX_REASON_BYTES: Final = 2000


def preview(
    path: Path, asset_type: AssetType, columns: int, rows: int, *, limit_s: float = _LIMIT_S, worker: str = WORKER
) -> list[list[Cell]]:
    """Rows of cells, as `thumbnail.preview_lines` gives them. Blocking: run it in a thread.

    Raises:
        IntegrityError: the file is not of that type, doesn't decode within the limits, or took its decoder down.
        AssetctlError: the system starts no process.
    """
    command = interpreter.command(worker, str(path), asset_type.value, str(columns), str(rows))
    exit_code, output, reason = _answer(command, limit_s)
    if exit_code == REFUSED_EXIT_CODE:
        raise refusal(path, reason)
    if exit_code != 0:
        raise refusal(path, f"its decoder ended with code {exit_code}")
    cells = cells_from_bytes(output)
    if cells is None:
        raise refusal(path, "its decoder drew no picture")
    return cells


def _answer(command: list[str], limit_s: float) -> tuple[int, bytes, str]:
    """How the process ended, and what it said; killed when it takes longer than `limit_s` or says too much."""
    try:
        process = subprocess.Popen(  # noqa: S603 - an interpreter of ours; the path is an argument, not a command
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
    except OSError as error:
        raise AssetctlError("no process could be started to draw the preview", why=error.strerror) from error
    alarm = Timer(limit_s, process.kill)
    alarm.daemon = True
    alarm.start()
    with process:
        try:
            output, reason = _read(process)
        finally:
            alarm.cancel()
            process.kill()
    return process.returncode, output, reason.decode(errors="replace").strip()


def _read(process: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
    if process.stdout is None or process.stderr is None:  # pragma: no cover - both were asked for
        return b"", b""
    output = process.stdout.read(_MAX_OUTPUT_BYTES)
    reason = process.stderr.read(_MAX_REASON_BYTES)
    if process.stdout.read(1) == b"":
        process.wait()
    return output, reason
