"""Processes that are started, killed and waited for: cheap ones, forked from one that has loaded everything."""

from __future__ import annotations

import multiprocessing
import time
from typing import TYPE_CHECKING, Any

from torture_work import DEADLINE_S

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.process import BaseProcess

_HAS_SERVER = "forkserver" in multiprocessing.get_all_start_methods()
CONTEXT: Any = multiprocessing.get_context("forkserver" if _HAS_SERVER else "spawn")
if _HAS_SERVER:
    CONTEXT.set_forkserver_preload(["torture_shelf", "torture_work", "torture_customers"])


def start(work: Callable[..., None], *arguments: object) -> BaseProcess:
    """A process that runs `work`, a function of `torture_work` or `torture_customers`."""
    process = CONTEXT.Process(target=work, args=arguments, daemon=True)
    process.start()
    return process


def ended(process: BaseProcess) -> int:
    """Its exit code; a process that does not end is killed and is an error."""
    process.join(DEADLINE_S)
    if process.exitcode is None:
        process.kill()
        process.join()
        raise TimeoutError(f"a process was still at work after {DEADLINE_S:g} s")
    code = process.exitcode
    process.close()
    return code


def wait_until(condition: Callable[[], object], what: str) -> None:
    """`condition` holds."""
    give_up_at = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > give_up_at:
            raise TimeoutError(f"in vain waited for {what}")
        time.sleep(0.002)
