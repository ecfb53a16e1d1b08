"""`assetctl coverage`: how much of a chapter is there."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from assetctl.cli.chapter.covering import coverage_pieces, print_coverage
from assetctl.cli.chapter.manifests import FormatOption, ManifestArgument, opened, require_sound
from assetctl.cli.chapter.options import Chapter, chapter_of, game_options
from assetctl.cli.options import Json, Refresh
from assetctl.cli.session import printer_for, with_stack
from assetctl.cli.state import CliState, command_app, shared_options, takes
from assetctl.errors import PrefetchIncomplete
from assetctl.prefetch.coverage import Coverage, cover_chapter
from assetctl.prefetch.deeds import Selection
from assetctl.prefetch.memory import placeholder_keys
from assetctl.prefetch.scenes.chapter import GameChapter
from assetctl.prefetch.walking import Walk

if TYPE_CHECKING:
    from assetctl.cli.output import Printer
    from assetctl.wiring import Stack

app = command_app()


@app.command(epilog="Example: assetctl coverage chapter.toml")
@takes(game=game_options, state=shared_options)
def coverage(
    manifest: ManifestArgument = None,
    format_: FormatOption = None,
    *,
    game: GameChapter | None,
    scene: Annotated[
        str | None, typer.Option("--scene", metavar="GLOB", help="Only scenes with such an id: 'romance_*'.")
    ] = None,
    min_percent: Annotated[
        float | None, typer.Option("--min", min=0, max=100, metavar="PERCENT", help="Exit code 5 below it.")
    ] = None,
    refresh: Refresh = False,
    as_json: Json = False,
    state: CliState,
) -> int:
    """How much of a chapter is there: scenes and choices, each cached, in the library, being made, stale or missing.

    What has a placeholder only is told apart. Nothing is fetched or made.
    """
    printer = printer_for(state, as_json=as_json)
    chapter = chapter_of(manifest, format_, game, command="assetctl coverage")

    async def work(stack: Stack) -> bool:
        with closing(Coverage(stack.data.prefetch)) as found:
            await _cover(found, stack, chapter, Selection(scene=scene), printer)
            is_enough = min_percent is None or found.percent >= min_percent
            if printer.as_json:
                printer.pieces(coverage_pieces(found, min_percent, is_enough=is_enough))
            else:
                print_coverage(found, printer)
        return is_enough

    if with_stack(state, printer, work, refresh=refresh):
        return 0
    if not printer.as_json:
        printer.note(f"that is less than {min_percent:g} %: `assetctl prefetch {chapter.words}` makes what is missing")
    return PrefetchIncomplete.exit_code


async def _cover(found: Coverage, stack: Stack, chapter: Chapter, selection: Selection, printer: Printer) -> None:
    cards = placeholder_keys(stack.data.placeholders)
    async with opened(stack, chapter, printer) as source:
        await cover_chapter(Walk(source, stack.service, selection), stack.cache, stack.jobs.journal, cards, found)
    require_sound(found.check, printer)
