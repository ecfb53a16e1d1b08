"""Who is writing: a process told apart from every other one that ever had its number, and whether it still lives.

Temporary files and lock owners carry this identity, so that what a killed process left behind can be told from what a
living one is at work on. Nothing here signals or ends a process; where a system cannot tell, "alive" is assumed.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

if sys.platform == "win32":  # pragma: no cover - Windows
    import ctypes
    import socket

_UNKNOWN: Final = "0"
_TOKEN: Final = re.compile(r"(\d{1,10})-(\d{1,20})-([0-9a-f]{8})-([0-9a-f]{8})")


@dataclass(frozen=True, slots=True)
class Writer:
    """One process of one boot of one host.

    `started` is the process's start time in the kernel's own unit, "0" where the system does not tell. `host` and
    `boot` are eight hex digits each, hashes of what identifies them; `host` also tells containers with process numbers
    of their own apart.
    """

    pid: int
    started: str
    host: str
    boot: str

    @property
    def token(self) -> str:
        """The identity as part of a file name."""
        return f"{self.pid}-{self.started}-{self.host}-{self.boot}"


def current_writer() -> Writer:
    """This process."""
    return _writer_of(os.getpid())


@lru_cache(maxsize=1)
def _writer_of(pid: int) -> Writer:
    # A forked child asks with another number; the rest stays as it is for as long as a process lives.
    return Writer(pid, _start_time(pid) or _UNKNOWN, _host(), _boot())


def writer_from_token(text: str) -> Writer | None:
    """The writer whose token `text` is, None when it is none."""
    match = _TOKEN.fullmatch(text)
    return None if match is None else Writer(int(match[1]), match[2], match[3], match[4])


def is_alive(writer: Writer) -> bool | None:
    """Whether `writer` still runs; None for another host, which cannot be asked from here."""
    if writer.host != _host():
        return None
    if writer.boot != _boot() or not _process_exists(writer.pid):
        return False
    started = _start_time(writer.pid)
    return started is None or writer.started in (_UNKNOWN, started)


def host_name() -> str:
    """What this machine calls itself; for people, it proves nothing."""
    if sys.platform == "win32":  # pragma: no cover - Windows
        return socket.gethostname()
    return os.uname().nodename


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:8]


def _host() -> str:
    try:
        # Two containers may share a host name and a folder; their process numbers still mean different processes.
        number_space = str(Path("/proc/self/ns/pid").readlink())
    except OSError:  # pragma: no cover - only Linux has it
        number_space = ""
    return _hashed(f"{host_name()}|{number_space}")


def _boot() -> str:
    try:
        return _hashed(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii"))
    except OSError:  # pragma: no cover - only Linux has one
        # Without a boot id a number reused after a restart looks alive; the age limit of sweeping bounds that.
        return "0" * 8


def _start_time(pid: int) -> str | None:
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # proc_pid_stat(5): the name may hold spaces and brackets; state is the first field after it, start time the 20th.
    fields = status.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else fields[19]


def _process_exists(pid: int) -> bool:
    if sys.platform == "win32":  # pragma: no cover - Windows
        return _windows_process_exists(pid)
    if sys.platform == "linux" and Path("/proc/self/stat").exists():
        return _start_time(pid) is not None
    return _answers_signals(pid)  # pragma: no cover - Linux asks /proc


def _answers_signals(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


if sys.platform == "win32":  # pragma: no cover - Windows

    def _windows_process_exists(pid: int) -> bool:
        # os.kill(pid, 0) would end the process on Windows. 0x1000 is PROCESS_QUERY_LIMITED_INFORMATION, 259 is
        # STILL_ACTIVE.
        kernel = ctypes.WinDLL("kernel32")
        handle = kernel.OpenProcess(0x1000, False, pid)  # noqa: FBT003 - the call takes its arguments by place
        if not handle:
            return False
        code = ctypes.c_ulong()
        known = kernel.GetExitCodeProcess(handle, ctypes.byref(code))
        kernel.CloseHandle(handle)
        return not known or code.value == 259  # noqa: PLR2004 - named above
