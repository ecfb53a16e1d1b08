"""`assetctl coverage`: how much of a chapter is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from assetctl.cli.chapter.manifests import FormatOption, ManifestArgument, opened, print_problems
from assetctl.cli.chapter.options import Chapter, chapter_of, game_options
from assetctl.cli.options import Json, Refresh
from assetctl.cli.session import printer_for, with_stack
from assetctl.cli.state import CliState, command_app, shared_options, takes
from assetctl.errors import PrefetchIncomplete
from assetctl.prefetch.coverage import COVERED, Cover, Coverage, cover_chapter
from assetctl.prefetch.deeds import Selection
from assetctl.prefetch.memory import placeholder_keys
from assetctl.prefetch.scenes.chapter import GameChapter
from assetctl.units import counted

if TYPE_CHECKING:
    from assetctl.cli.output import Printer
    from assetctl.wiring import Stack

app = command_app()

_COLUMNS: Final = 8


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
    found = with_stack(
        state,
        printer,
        lambda stack: _covered(stack, chapter, Selection(scene=scene), printer),
        refresh=refresh,
    )
    is_enough = min_percent is None or found.percent >= min_percent
    if printer.as_json:
        printer.document(_document(found, min_percent, is_enough=is_enough))
    else:
        _print(found, printer)
        if not is_enough:
            printer.note(
                f"that is less than {min_percent:g} %: `assetctl prefetch {chapter.words}` makes what is missing"
            )
    return 0 if is_enough else PrefetchIncomplete.exit_code


async def _covered(stack: Stack, chapter: Chapter, selection: Selection, printer: Printer) -> Coverage:
    cards = placeholder_keys(stack.data.placeholders)
    async with opened(stack, chapter, printer) as source:
        found = await cover_chapter(source, stack.service, stack.cache, selection, cards)
    if found.check is not None and (error := found.check.error()) is not None:
        print_problems(found.check, printer)
        raise error
    return found


def _print(found: Coverage, printer: Printer) -> None:
    parts = ", ".join(f"{count:,} {cover.value}" for cover, count in found.counts.items() if count)
    summary = f"{found.percent:.1f} % of {counted(found.items, 'asset', 'assets')}: {parts or 'nothing to do'}"
    printer.line(summary)
    if printer.quiet:
        return
    choices = list(dict.fromkeys(choice for choices in found.scenes.values() for choice in choices))
    if len(choices) <= _COLUMNS:
        columns = ["scene", *(choice or "-" for choice in choices)]
        rows = [
            [scene or "-", *(choices_of.get(choice, "") for choice in choices)]
            for scene, choices_of in found.scenes.items()
        ]
        right: list[str] = []
    else:
        covers = [cover for cover, count in found.counts.items() if count]
        columns = right = ["scene", *(cover.value for cover in covers)]
        rows = [
            [scene or "-", *(_count(list(choices_of.values()), cover) for cover in covers)]
            for scene, choices_of in found.scenes.items()
        ]
    printer.line("")
    printer.table(columns, rows, right=right[1:])


def _count(states: list[Cover], cover: Cover) -> str:
    return f"{states.count(cover):,}" if cover in states else "-"


def _document(found: Coverage, min_percent: float | None, *, is_enough: bool) -> dict[str, Any]:
    check = found.check
    return {
        "schema": "assetctl.coverage/1",
        "manifest": None if check is None else check.name,
        "chapter": None if check is None else {"id": check.chapter_id, "title": check.title},
        "items": found.items,
        "percent": round(found.percent, 2),
        "min_percent": min_percent,
        "is_enough": is_enough,
        "states": {cover.value: count for cover, count in found.counts.items()},
        "scenes": [
            {
                "scene_id": scene or None,
                "covered": sum(cover in COVERED for cover in choices.values()),
                "items": len(choices),
                "choices": [{"choice_id": choice or None, "state": cover.value} for choice, cover in choices.items()],
            }
            for scene, choices in found.scenes.items()
        ],
    }
