"""From a command's options to an answer: settings, a stack, the work under signals, progress on stderr."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from assetctl import wiring
from assetctl.cli.output import Printer
from assetctl.cli.progress import showing_progress
from assetctl.cli.running import run
from assetctl.clock import SystemClock
from assetctl.events import AssetEventBus

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from assetctl.cli.state import CliState
    from assetctl.wiring import Stack

T = TypeVar("T")


def printer_for(state: CliState, *, as_json: bool = False) -> Printer:
    """The printer for a command run with these options."""
    return Printer.for_process(as_json=as_json, quiet=state.quiet, verbose=state.verbose)


def with_stack(state: CliState, printer: Printer, work: Callable[[Stack], Awaitable[T]]) -> T:
    """What `work` returns, given a ready stack that is closed afterwards.

    Raises:
        AssetctlError: whatever the settings, the stack or the work found wrong.
    """
    settings = state.load_settings()
    events = AssetEventBus()
    clock = SystemClock()

    async def in_loop() -> T:
        async with wiring.open_stack(settings, events=events, clock=clock, offline=state.offline) as stack:
            return await work(stack)

    with showing_progress(events, printer, state.progress, clock=clock):
        return run(in_loop, events)
