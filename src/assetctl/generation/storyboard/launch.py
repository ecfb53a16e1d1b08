"""Starts a renderer as a process that nobody's end ends: not the asker's, not its terminal's.

The renderer gets the same interpreter and the same places to import from, and nothing else of the asker's: no terminal,
no open files, no environment that steers the interpreter.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, BinaryIO, Final

from assetctl import filesystem, interpreter
from assetctl.errors import ServiceError

if TYPE_CHECKING:
    from pathlib import Path

    from assetctl.generation.storyboard.job import Job

_READY_WITHIN_S: Final = 20.0
_WORKER: Final = "assetctl.generation.storyboard.worker"


def launch(job: Job, *, ready_within_s: float = _READY_WITHIN_S) -> None:
    """A renderer of its own works on `job` and holds its lock, or it died and `job.log` says why.

    On a machine too busy to start one within `ready_within_s` neither may be true yet; a later look sees to it.

    Raises:
        CacheError: the log could not be written.
        ServiceError: the system starts no process.
    """
    command = interpreter.command(_WORKER, str(job.folder.absolute()))
    with filesystem.translated(job.log):
        job.log.touch(mode=0o600)
        log = job.log.open("ab")
    with log:
        process = _started(command, log, job.folder.parent)
    _await_ready(process, ready_within_s)


def _started(command: list[str], log: BinaryIO, folder: Path) -> subprocess.Popen[bytes]:
    try:
        # No shell, no text of strangers: interpreter, our own line, our own folder.
        return subprocess.Popen(  # noqa: S603 - as said above
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=folder,
            start_new_session=True,
            creationflags=_creation_flags(),
        )
    except OSError as error:
        raise ServiceError(
            "no renderer could be started",
            why=error.strerror,
            hint="free memory or raise the limit of processes (`ulimit -u`), then ask again",
        ) from error


def _creation_flags() -> int:
    if sys.platform == "win32":  # pragma: no cover - Windows, where `start_new_session` means nothing
        flags = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
        return flags | subprocess.BELOW_NORMAL_PRIORITY_CLASS
    return 0


def _await_ready(process: subprocess.Popen[bytes], limit_s: float) -> None:
    """Return when the renderer closed its end of the pipe (it has the lock, or it is gone), or after `limit_s`."""
    if sys.platform == "win32":  # pragma: no cover - Windows: no fork, so the process itself goes on
        if process.stdout:
            process.stdout.read()
            process.stdout.close()
        process.returncode = 0  # nobody waits for it; without this the interpreter warns that we forgot it
        return
    try:
        # What was started only forks the renderer and ends, so that the asker has no child to wait for.
        process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        with process:  # closes the pipe and takes note of the end
            process.kill()
