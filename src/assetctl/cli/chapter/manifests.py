"""Manifests as commands read them: how one is named, and a walk through one off the event loop."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING, Annotated, Final, NoReturn, TypeVar

import anyio
import anyio.from_thread
import typer

from assetctl.cli.chapter.game import scenes_source
from assetctl.cli.options import one_of, words_of
from assetctl.errors import ManifestError
from assetctl.eventloop import in_thread
from assetctl.prefetch.manifest.reading import ManifestReader, check_manifest, placed
from assetctl.prefetch.manifest.source import Format, open_source
from assetctl.prefetch.scenes.writing import ScenesMistaken

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from assetctl.cli.chapter.options import Chapter
    from assetctl.cli.output import Printer
    from assetctl.models import AssetRequest
    from assetctl.prefetch.manifest.findings import Problem
    from assetctl.prefetch.manifest.reading import ManifestCheck
    from assetctl.prefetch.manifest.source import ManifestSource
    from assetctl.wiring import Stack

T = TypeVar("T")

ManifestArgument = Annotated[
    str | None,
    typer.Argument(help="The manifest (.toml, .json, .csv, .jsonl), or `-` for JSON Lines.", show_default=False),
]
FormatOption = Annotated[
    Format | None,
    typer.Option(
        "--format",
        parser=one_of("format", Format),
        autocompletion=words_of(Format),
        metavar="FORMAT",
        help="How the manifest is written, where its name doesn't say: toml, json, csv, jsonl.",
    ),
]
_PROBLEMS_SHOWN: Final = 50


@asynccontextmanager
async def opened(stack: Stack, chapter: Chapter, printer: Printer) -> AsyncGenerator[ManifestSource]:
    """Within the block, the manifest of `chapter`; a pipe was read to its end, and can be given up meanwhile.

    What was odd about the scenes of a backend is told to `printer`. What the manifest names is known to the stack.

    Raises:
        ManifestError, CacheError: it cannot be read, or not be kept.
        ConfigError, AssetUnavailable, ServiceError: the backend that it is read from cannot be asked.
    """
    scratch = stack.data.prefetch
    if chapter.game is None:
        source = await without_waiting_for(lambda: open_source(chapter.manifest, scratch, chapter.format))
    else:
        source = await scenes_source(stack, chapter.game, scratch, printer)
    source.on_named = stack.providers.named_assets.name
    try:
        yield source
    finally:
        source.close()


async def checked(stack: Stack, chapter: Chapter, printer: Printer) -> ManifestCheck:
    """What a whole walk through the manifest of `chapter` finds; a generator that isn't installed is a mistake too.

    Raises:
        ManifestError, CacheError: as `opened`.
    """
    try:
        async with opened(stack, chapter, printer) as source:
            return await in_thread(lambda: check_manifest(ManifestReader(source, _with_known_generators(stack))))
    except ScenesMistaken as error:
        return error.check


def _with_known_generators(stack: Stack) -> Callable[[AssetRequest], AssetRequest]:
    """Gives requests in effect, and refuses each unknown generator where it comes first: most often it is inherited.

    Only for who looks for mistakes: what is cached is had without the generator that made it.
    """
    met: set[str] = set()

    def effective(request: AssetRequest) -> AssetRequest:
        if request.generator is not None and request.generator not in met:
            met.add(request.generator)
            stack.jobs.registry.require_declared(request.generator)
        return stack.service.effective(request)

    return effective


async def without_waiting_for(read: Callable[[], T]) -> T:
    """What `read` returns, run in a thread of its own; when cancelled, nobody waits for it.

    Nothing ends a read of a pipe or a terminal that is under way.
    """
    done = anyio.Event()
    outcome: list[Callable[[], T]] = []

    def work(portal: anyio.from_thread.BlockingPortal) -> None:
        try:
            result = read()
        except BaseException as error:  # noqa: BLE001 - raised again where it was asked for
            outcome.append(partial(_fail, error))
        else:
            outcome.append(lambda: result)
        portal.start_task_soon(done.set)

    async with anyio.from_thread.BlockingPortal() as portal:
        Thread(target=work, args=(portal,), name="manifest", daemon=True).start()
        await done.wait()
    return outcome[0]()


def require_sound(found: ManifestCheck | None, printer: Printer) -> None:
    """Nothing is wrong with the manifest, as far as it was looked at.

    Raises:
        ManifestError: there are mistakes in it. Several stand on stderr, the first of very many, where people read it.
    """
    error = None if found is None else found.error()
    if found is None or error is None:
        return
    count = len(found.problems)
    if count == 1 or printer.quiet or printer.as_json:
        raise error
    for problem in found.problems[:_PROBLEMS_SHOWN]:
        for line in problem_lines(found.name, problem):
            printer.note(line)
    if count > _PROBLEMS_SHOWN:
        printer.note(f"and {count - _PROBLEMS_SHOWN:,} more")
    hint = f"`assetctl manifest check {found.words}` lists all that are left"
    raise ManifestError(f"`{found.name}` has {count:,} mistakes", hint=hint)


def problem_lines(name: str, problem: Problem) -> list[str]:
    """What is wrong where in the manifest `name`; below it why, and what to do."""
    parts = (part for part in (problem.why, problem.hint) if part)
    return [f"{placed(name, problem)}: {problem.what}", *(f"  {part}" for part in parts)]


def _fail(error: BaseException) -> NoReturn:
    raise error
