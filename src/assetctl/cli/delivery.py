"""What happens with an asset once it is there: put somewhere, shown, opened, printed."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Final

import typer

from assetctl import export, filesystem
from assetctl.cli.exit_codes import delivered_exit_code
from assetctl.cli.progress.labels import attempt_label
from assetctl.documents import asset_document
from assetctl.errors import AssetctlError, InvalidRequest
from assetctl.events import AssetPlayed

if TYPE_CHECKING:
    from pathlib import Path

    from assetctl.cli.output import Printer
    from assetctl.models import Asset
    from assetctl.wiring import Stack

_CHUNK_BYTES: Final = 1 << 20
_REFUSES_WITHIN_S: Final = 2.0
_AFTERWARDS: Final = "What to do with it"


@dataclass(frozen=True, slots=True)
class DeliveryOptions:
    """Where an asset goes besides its line on stdout."""

    output: str | None
    open_player: bool
    preview: bool


def delivery_options(
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE|DIR|-",
            rich_help_panel=_AFTERWARDS,
            help="Also put it there; `-` streams its bytes to stdout.",
        ),
    ] = None,
    open_player: Annotated[
        bool, typer.Option("--open", rich_help_panel=_AFTERWARDS, help="Open it in the player of this desktop.")
    ] = False,
    preview: Annotated[
        bool, typer.Option("--preview", rich_help_panel=_AFTERWARDS, help="Show it in the terminal.")
    ] = False,
) -> DeliveryOptions:
    """Where the asset goes."""
    return DeliveryOptions(output, open_player, preview)


def check_delivery(options: DeliveryOptions, *, as_json: bool) -> None:
    """Return when `options` make sense together.

    Raises:
        InvalidRequest: two of them want stdout for themselves.
    """
    if options.output is not None and not options.output.strip():
        raise InvalidRequest("`--output` is empty", hint="name a file or a folder, or `-` for stdout")
    if options.output == "-" and (as_json or options.preview):
        other = "--json" if as_json else "--preview"
        raise InvalidRequest(f"`--output -` and `{other}` both want stdout", hint="leave one of them out")


async def deliver(asset: Asset, options: DeliveryOptions, printer: Printer, stack: Stack) -> int:
    """The exit code, after `asset` was put where `options` say, printed, shown and opened.

    Raises:
        AssetctlError: it could not be put there or opened.
    """
    for warning in asset.warnings:
        printer.warning(warning)
    for attempt in asset.attempts:
        printer.detail(attempt_label(attempt))
    if options.output == "-":
        _stream(asset.path, printer)
    else:
        await _put_and_print(asset, options, printer)
    if options.preview:
        printer.picture(await stack.preview(asset, *printer.picture_size()))
    if options.open_player:
        open_in_player(asset.path)
        stack.events.publish(AssetPlayed(asset.key, asset))
    return delivered_exit_code(asset)


async def _put_and_print(asset: Asset, options: DeliveryOptions, printer: Printer) -> None:
    target = None if options.output is None else await export.export(asset, options.output)
    if not printer.as_json:
        printer.path(target or asset.path)
        return
    document: dict[str, Any] = asset_document(asset)
    if target is not None:
        document["output"] = str(target)
    printer.document(document)


def _stream(path: Path, printer: Printer) -> None:
    # Told apart: what the file refuses, and what stdout does.
    with filesystem.translated(path):
        file = path.open("rb")
    with file:
        while chunk := _chunk(file, path):
            printer.bytes(chunk)


def _chunk(file: BinaryIO, path: Path) -> bytes:
    with filesystem.translated(path):
        return file.read(_CHUNK_BYTES)


def open_in_player(path: Path, *, refuses_within_s: float = _REFUSES_WITHIN_S) -> None:
    """The desktop was asked to open `path` in the program that belongs to its type, which nobody waits for.

    Raises:
        AssetctlError: there is no desktop, or it refused within that time.
    """
    try:
        if sys.platform == "win32":
            import os  # noqa: PLC0415 - `startfile` exists on Windows alone

            os.startfile(path)  # noqa: S606 - a verified media file of ours
        else:
            _start_opener("open" if sys.platform == "darwin" else "xdg-open", path, refuses_within_s)
    except OSError as error:
        raise AssetctlError(
            "the asset is there, but it could not be opened",
            why=f"the desktop's opener is missing or refused: {error.strerror or error}",
            hint=f"open it yourself: {path}",
        ) from error


def _start_opener(opener: str, path: Path, refuses_within_s: float) -> None:
    import subprocess  # noqa: PLC0415 - only `--open` starts a program

    nothing = subprocess.DEVNULL
    # A session of its own: neither our end nor Ctrl-C closes the player.
    process = subprocess.Popen(  # noqa: S603 - a fixed program and a path of ours
        [opener, str(path)], stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True
    )
    try:
        exit_code = process.wait(timeout=refuses_within_s)
    except subprocess.TimeoutExpired:
        process.returncode = 0  # some openers stay as long as the player; without this the interpreter warns of it
        return
    if exit_code:
        raise OSError(None, f"`{opener}` ended with code {exit_code}")
