"""From a command's options to an answer: settings, a stack, the work under signals, progress on stderr."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any, Final, TypeVar

from assetctl import eventloop, wiring
from assetctl.cli.logs import showing_logs
from assetctl.cli.output import Printer
from assetctl.cli.progress.showing import showing_progress
from assetctl.cli.running import run
from assetctl.clock import SystemClock
from assetctl.events import AssetEventBus

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from assetctl.cli.state import CliState, ProgressMode
    from assetctl.settings import Settings
    from assetctl.wiring import Stack

T = TypeVar("T")

#: After so many new objects the youngest are looked through for garbage.
_NEW_OBJECTS: Final = 10_000


def printer_for(state: CliState, *, as_json: bool = False) -> Printer:
    """The printer for a command run with these options."""
    return Printer.for_process(as_json=as_json, quiet=state.quiet, verbose=state.verbose)


def with_stack(
    state: CliState,
    printer: Printer,
    work: Callable[[Stack], Coroutine[Any, Any, T]],
    *,
    may_be_quick: bool = False,
    refresh: bool = False,
    progress: ProgressMode | None = None,
) -> T:
    """What `work` returns, given a ready stack that is closed afterwards.

    With `may_be_quick` the event loop starts only when `work` first has to wait (`eventloop.py`). With `refresh` no
    remembered answer of a library is believed. `progress` takes the place of the option's, for work that shows its own.

    Raises:
        AssetctlError: whatever the settings, the stack or the work found wrong.
    """
    events = AssetEventBus()
    clock = SystemClock()
    mode = state.progress if progress is None else progress

    async def worked(settings: Settings) -> T:
        if not may_be_quick:
            # What is loaded by now stays, and of a chapter thousands of objects at a time are in use: neither must be
            # looked through for garbage again and again.
            gc.freeze()
            gc.set_threshold(_NEW_OBJECTS)
            await eventloop.started()
        async with wiring.open_stack(
            settings,
            events=events,
            clock=clock,
            offline=state.offline,
            refresh=refresh,
            tell=printer.detail,
            run_id=state.run_id,
        ) as stack:
            return await work(stack)

    with showing_logs(printer, debug=state.debug):
        settings = state.load_settings()
        with showing_progress(events, printer, mode, clock=clock):
            return run(lambda: worked(settings), events)
