"""The one place where what the modules log comes out: warnings as notes of the command that runs.

Nothing comes out when quiet, foreign text is made safe by the printer, and tracebacks are for `--debug` alone.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

    from assetctl.cli.output import Printer


@contextmanager
def showing_logs(printer: Printer, *, debug: bool) -> Generator[None]:
    """Within the block, warnings of our modules are notes of `printer`; with `debug` their tracebacks follow."""
    ours, handler = logging.getLogger("assetctl"), _Notes(printer, debug=debug)
    ours.addHandler(handler)
    try:
        yield
    finally:
        ours.removeHandler(handler)


class _Notes(logging.Handler):
    def __init__(self, printer: Printer, *, debug: bool) -> None:
        super().__init__(logging.WARNING)
        self._printer = printer
        self._debug = debug

    def emit(self, record: logging.LogRecord) -> None:
        self._printer.note(f"note: {record.getMessage()}")
        error = record.exc_info[1] if record.exc_info else None
        if self._debug and error is not None and not self._printer.quiet:
            self._printer.traceback(error)
