"""`assetctl available`: is it there, without spending."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assetctl.cli.chapter.manifests import FormatOption, opened, require_sound
from assetctl.cli.chapter.options import Chapter, chapter_of, game_options
from assetctl.cli.explaining import availability_document, estimate_text
from assetctl.cli.options import Json, Refresh, request_options
from assetctl.cli.session import printer_for, with_stack
from assetctl.cli.state import CliState, command_app, shared_options, takes
from assetctl.documents import request_document
from assetctl.errors import AssetUnavailable, InvalidRequest
from assetctl.models import AssetRequest, Availability, Would
from assetctl.prefetch.deeds import Selection
from assetctl.prefetch.scenes.chapter import GameChapter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from assetctl.cli.output import Printer
    from assetctl.prefetch.walking import Planned
    from assetctl.wiring import Stack

app = command_app()


@dataclass(frozen=True, slots=True)
class _Row:
    asked: AssetRequest | str
    availability: Availability

    @property
    def is_available(self) -> bool:
        return self.availability.would in (Would.NOTHING, Would.DOWNLOAD)


@app.command(epilog="Example: assetctl available --scene romance_5 --choice confess")
@takes(request=request_options, game=game_options, state=shared_options)
def available(
    request: AssetRequest,
    asset_ids: Annotated[list[str] | None, typer.Argument(metavar="[ASSET_ID]...", help="Ids to look for.")] = None,
    manifest: Annotated[
        str | None, typer.Option("--manifest", metavar="FILE", help="All assets of a chapter, or `-` for JSON Lines.")
    ] = None,
    format_: FormatOption = None,
    refresh: Refresh = False,
    as_json: Json = False,
    *,
    game: GameChapter | None,
    state: CliState,
) -> int:
    """Whether assets are there. Never generates, never downloads. Exit code 0 when all are, else 7."""
    printer = printer_for(state, as_json=as_json)
    is_chapter = manifest is not None or game is not None
    chapter = chapter_of(manifest, format_, game, command="assetctl available --manifest") if is_chapter else None
    asked = _asked(asset_ids or [], request, chapter)

    async def work(stack: Stack) -> bool:
        if chapter is not None:
            return await _of_chapter(stack, chapter, printer)
        rows = [_Row(one, await stack.service.is_asset_available(one)) for one in asked]
        _print([_told(row, printer) for row in rows], printer)
        return all(row.is_available for row in rows)

    return 0 if with_stack(state, printer, work, refresh=refresh) else AssetUnavailable.exit_code


async def _of_chapter(stack: Stack, chapter: Chapter, printer: Printer) -> bool:
    """Whether all of `chapter` is there, after it was told; nothing is told of one with a mistake in it."""
    from assetctl.cli.chapter.row_file import RowFile  # noqa: PLC0415 - only a chapter needs it
    from assetctl.prefetch.planning import plan_chapter  # noqa: PLC0415 - as above

    is_all = True

    def add(planned: Planned) -> None:
        nonlocal is_all
        decision = planned.decision
        availability = None if decision is None else decision.availability
        reasons = () if decision is None or decision.error is None else (decision.error.what,)
        row = _Row(planned.item.request, availability or Availability(None, reasons=reasons))
        is_all = is_all and row.is_available
        rows.add(_told(row, printer))

    with closing(RowFile(stack.data.prefetch)) as rows:
        async with opened(stack, chapter, printer) as source:
            plan = await plan_chapter(source, stack.service, Selection(), add)
        require_sound(plan.check, printer)
        _print(rows, printer)
    return is_all


def _asked(asset_ids: list[str], request: AssetRequest, chapter: Chapter | None) -> list[AssetRequest | str]:
    if chapter is not None:
        if asset_ids or request != AssetRequest():
            words = chapter.words if chapter.game else f"--manifest {chapter.words}"
            raise InvalidRequest("a chapter and other assets can't be mixed", hint=f"assetctl available {words}")
        return []
    if not asset_ids:
        return [request]
    if request != AssetRequest():
        raise InvalidRequest("ids and request options can't be mixed", hint="assetctl available ID, or: --scene ID")
    return list(asset_ids)


def _told(row: _Row, printer: Printer) -> Any:
    """What is printed of `row`: a document, an id if there is one, or the cells of a table."""
    if printer.as_json:
        return _document(row)
    if printer.quiet:
        return row.availability.asset_id if row.is_available else None
    return _cells(row)


def _print(told: Iterable[Any], printer: Printer) -> None:
    if printer.as_json:
        printer.documents(told)
    elif printer.quiet:
        for asset_id in told:
            if asset_id is not None:
                printer.line(asset_id)
    else:
        printer.table(("asked for", "available", "source", "would", "asset"), told)


def _document(row: _Row) -> dict[str, Any]:
    asked = {"id": row.asked} if isinstance(row.asked, str) else {"request": request_document(row.asked)}
    return {**asked, "available": row.is_available, **availability_document(row.availability)}


def _cells(row: _Row) -> list[str]:
    availability = row.availability
    would = "nobody has it" if availability.would is None else availability.would.value
    if availability.estimate is not None:
        would += f" ({estimate_text(availability.estimate)})"
    return [
        row.asked if isinstance(row.asked, str) else _named(row.asked),
        "yes" if row.is_available else "no",
        availability.source or "-",
        would,
        availability.asset_id or "-",
    ]


def _named(request: AssetRequest) -> str:
    parts = (request.scene_id, request.choice_id, request.character_id, request.location_id)
    return " / ".join(part for part in parts if part) or (request.prompt or "")[:40]
