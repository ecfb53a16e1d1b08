"""Chapters that stand in the backend, as commands read them: as the manifest that their scenes come to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assetctl.eventloop import in_thread

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any

    from assetctl.cli.output import Printer
    from assetctl.prefetch.manifest.source import ManifestSource
    from assetctl.prefetch.scenes.chapter import GameChapter
    from assetctl.wiring import Stack


async def scenes_source(stack: Stack, chapter: GameChapter, scratch: Path, printer: Printer) -> ManifestSource:
    """The manifest of `chapter`, kept in `scratch` meanwhile; what was odd about its scenes is told to `printer`.

    Raises:
        ConfigError: no backend is set.
        AssetUnavailable: this is offline.
        ManifestError: there is no such scene or world, or nothing in it to have, or too much.
        ServiceError: the backend cannot be asked, or does not let us.
        CacheError: it cannot be kept.
    """
    from assetctl.prefetch.manifest.source import written_source  # noqa: PLC0415 - as below
    from assetctl.prefetch.scenes.writing import json_lines  # noqa: PLC0415 - only such a chapter needs it

    title, rows = await read_rows(stack, chapter, printer)
    named = (chapter.address, title)
    return await in_thread(lambda: written_source(chapter.name, json_lines(rows), scratch, named, chapter.option))


async def read_rows(stack: Stack, chapter: GameChapter, printer: Printer) -> tuple[str | None, list[Mapping[str, Any]]]:
    """The title of `chapter` and a row for each of its moments.

    Raises:
        ConfigError, AssetUnavailable, ManifestError, ServiceError: as `scenes_source`.
    """
    from assetctl.prefetch.scenes.gathering import gather  # noqa: PLC0415 - brings task groups
    from assetctl.prefetch.scenes.writing import rows  # noqa: PLC0415 - only such a chapter needs it

    gathered = await gather(stack.backend.game_server, chapter, tell=stack.events.publish)
    for note in gathered.notes:
        printer.note(f"{chapter.name}: {note}")
    # The backend's ids mean something in the backend's library alone.
    with_assets = stack.settings.library.kind == "pixsim"
    if not with_assets:
        printer.note(f"{chapter.name}: the library is a folder, so the clips that scenes name are not looked for")
    return gathered.title, await in_thread(lambda: rows(gathered, chapter, with_assets=with_assets))
