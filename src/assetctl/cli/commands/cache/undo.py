"""`assetctl cache undo`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assetctl.cli.cache_options import SHOWN_KEY
from assetctl.cli.cache_plans import entries
from assetctl.cli.options import Json
from assetctl.cli.session import printer_for, with_stack
from assetctl.cli.state import CliState, shared_options, takes
from assetctl.documents import timestamp
from assetctl.errors import AssetUnavailable
from assetctl.units import counted, human_size

if TYPE_CHECKING:
    from assetctl.cache.removal.undoing import UndoReport
    from assetctl.cli.output import Printer
    from assetctl.wiring import Stack


@takes(state=shared_options)
def undo(as_json: Json = False, *, state: CliState) -> int:
    """Bring back what the last `cache clear` or `cache prune` took, as long as it is in the trash: for 24 hours.

    Exit code 7 when there is nothing to bring back, or some of it is gone for good.
    """
    printer = printer_for(state, as_json=as_json)

    async def work(stack: Stack) -> UndoReport:
        return await stack.cache.shrink(lambda shrinking, now: shrinking.undo(now))

    report = with_stack(state, printer, work)
    if as_json:
        printer.document(
            {
                "schema": "assetctl.undo/1",
                "command": report.command,
                "made_at": timestamp(report.made_at),
                "restored": list(report.restored),
                "overwritten": list(report.overwritten),
                "gone": list(report.gone),
                "restored_bytes": report.size_bytes,
            }
        )
    else:
        _print(report, printer)
    if report.gone:
        raise AssetUnavailable(
            f"{entries(len(report.gone))} could not be brought back",
            why="the room was needed, or the record of it is damaged",
            hint="ask for the assets again: what a library or a paid job has is fetched for nothing",
        )
    return 0


def _print(report: UndoReport, printer: Printer) -> None:
    for key in report.restored:
        printer.line(key if printer.quiet else key[:SHOWN_KEY])
    printer.note(f"brought back {entries(len(report.restored))}, {human_size(report.size_bytes)}")
    if report.overwritten:
        printer.note(f"{counted(len(report.overwritten), 'entry has', 'entries have')} a newer answer, which stays")
