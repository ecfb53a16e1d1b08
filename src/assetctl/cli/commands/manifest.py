"""`assetctl manifest`: chapter manifests, checked and begun."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assetctl.cli.chapter.game import read_rows
from assetctl.cli.chapter.manifests import FormatOption, ManifestArgument, checked, problem_lines
from assetctl.cli.chapter.options import chapter_of, game_options
from assetctl.cli.examples import write_example
from assetctl.cli.options import Json
from assetctl.cli.session import printer_for, with_stack
from assetctl.cli.state import CliState, command_app, shared_options, takes
from assetctl.errors import InvalidRequest, ManifestError
from assetctl.prefetch.manifest.example import example_manifest
from assetctl.prefetch.manifest.findings import problem_document
from assetctl.prefetch.manifest.schema import manifest_schema
from assetctl.prefetch.scenes.chapter import GameChapter
from assetctl.prefetch.scenes.exporting import manifest_document, toml_lines
from assetctl.units import counted

if TYPE_CHECKING:
    from assetctl.cli.output import Printer
    from assetctl.prefetch.manifest.reading import ManifestCheck

app = command_app("Chapter manifests.")


@app.command(epilog="Example: assetctl manifest check chapter.toml")
@takes(game=game_options, state=shared_options)
def check(
    manifest: ManifestArgument = None,
    format_: FormatOption = None,
    *,
    game: GameChapter | None,
    as_json: Json = False,
    state: CliState,
) -> int:
    """Every mistake in a manifest, with its file, line and field, or in what `export` makes of the backend's scenes.

    Exit code 2 when there is one.
    """
    printer = printer_for(state, as_json=as_json)
    chapter = chapter_of(manifest, format_, game, command="assetctl manifest check")
    found = with_stack(state, printer, lambda stack: checked(stack, chapter, printer))
    if as_json:
        printer.document(_document(found))
    else:
        _print(found, printer)
    return ManifestError.exit_code if found.problems else 0


@app.command(epilog="Example: assetctl manifest init chapter.toml")
@takes(state=shared_options)
def init(
    file: Annotated[Path, typer.Argument(help="Where to: a name that ends in .toml.")] = Path("chapter.toml"),
    *,
    state: CliState,
) -> None:
    """A commented manifest in TOML to start from; an existing file is never replaced."""
    printer = printer_for(state)
    if file.suffix.lower() != ".toml":
        hint = f"assetctl manifest init {file.parent / f'{file.stem}.toml'}"
        raise InvalidRequest(f"`{file}` isn't called like TOML", why="TOML is what is written", hint=hint)
    write_example(example_manifest(), file, printer, refusal=ManifestError, checked_by="assetctl manifest check")


@app.command(epilog="Example: assetctl manifest export --from-scene 5")
@takes(game=game_options, state=shared_options)
def export(
    *,
    game: GameChapter | None,
    as_json: Json = False,
    state: CliState,
) -> None:
    """The scenes of the backend as a manifest in TOML, to keep or to say more in; with `--json` in JSON."""
    if game is None:
        hint = "assetctl manifest export --from-scene ID, or: --from-world ID"
        raise InvalidRequest("nothing says which scenes", hint=hint)
    printer = printer_for(state, as_json=as_json)
    title, rows = with_stack(state, printer, lambda stack: read_rows(stack, game, printer))
    document = manifest_document(game, title, rows)
    if as_json:
        printer.document(document)
        return
    for line in toml_lines(document):
        # What is kept as a file is exact, also where a CI job's log would take a text in it for a command.
        printer.bytes(f"{line}\n".encode())


@app.command(epilog="Example: assetctl manifest schema")
@takes(state=shared_options)
def schema(*, state: CliState) -> None:
    """The JSON Schema of manifests, for editors and other programs."""
    printer_for(state).document(manifest_schema())


def _print(found: ManifestCheck, printer: Printer) -> None:
    for problem in found.problems:
        for line in problem_lines(found.name, problem):
            printer.line(line)
    for line, number in found.duplicate_lines:
        where = found.name if line is None else f"{found.name}:{line}"
        printer.note(f"{where}: the same request as item {number:,}; it is done once")
    if not found.problems:
        repeated = f", {found.duplicates:,} more said twice" if found.duplicates else ""
        printer.note(
            f"no problem: {counted(found.items, 'asset', 'assets')} in {counted(found.scenes, 'scene', 'scenes')}"
            f"{repeated}"
        )


def _document(found: ManifestCheck) -> dict[str, Any]:
    return {
        "schema": "assetctl.manifest_check/1",
        "file": found.name,
        "chapter": {"id": found.chapter_id, "title": found.title},
        "scenes": found.scenes,
        "items": found.items,
        "duplicates": found.duplicates,
        "duplicate_lines": [{"line": line, "item": number} for line, number in found.duplicate_lines],
        "problems": [problem_document(problem) for problem in found.problems],
    }
