"""Writes the reports of a run in a worker thread: hurried by the first Ctrl-C, left at once by the second."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Literal, assert_never

import anyio

from assetctl import filesystem
from assetctl.eventloop import in_thread
from assetctl.prefetch.report.as_json import json_report
from assetctl.prefetch.report.as_junit import junit_report
from assetctl.prefetch.report.as_markdown import MAX_BYTES, markdown_report
from assetctl.prefetch.report.as_page import page_report
from assetctl.prefetch.report.gallery import Gallery
from assetctl.prefetch.report.kinds import ReportKind
from assetctl.prefetch.report.target import Target, write_report

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Iterator, Mapping, Sequence
    from pathlib import Path

    from assetctl.models import Asset
    from assetctl.prefetch.report.facts import Facts
    from assetctl.prefetch.report.gathering import Gathering
    from assetctl.wiring import Stack

    #: What the cache has for some keys.
    Holdings = Callable[[Sequence[str]], Awaitable[Mapping[str, Asset]]]

_KEYS_AT_ONCE: Final = 2_000
#: How many of what was here before are looked up although somebody is in a hurry.
_KEYS_IN_A_HURRY: Final = 2_000


class _Left(Exception):
    """Nobody waits for the report any more."""


class Hurry:
    """Whether somebody wants to leave; those who do long work are told so."""

    def __init__(self) -> None:
        """Nobody does yet."""
        self._is_set = threading.Event()
        self._stops: list[Callable[[], None]] = []

    def __bool__(self) -> bool:
        """Whether somebody does."""
        return self._is_set.is_set()

    def begin(self) -> None:
        """Somebody wants to leave."""
        self._is_set.set()
        for stop in self._stops:
            stop()

    @contextmanager
    def stopping(self, stop: Callable[[], None]) -> Generator[None]:
        """Within the block, `stop` is called when somebody wants to leave; at once when somebody does already."""
        self._stops.append(stop)
        if self:
            stop()
        try:
            yield
        finally:
            self._stops.remove(stop)


async def hurried(work: Callable[[Hurry], Awaitable[None]], *, from_the_start: bool) -> None:
    """`work` is done, to its end: who is cancelled meanwhile is in a hurry, and is cancelled afterwards."""
    hurry = Hurry()
    if from_the_start:
        hurry.begin()

    async def whole() -> None:
        with anyio.CancelScope(shield=True):
            await work(hurry)
        tasks.cancel_scope.cancel()

    # A task of its own, because a signal cancels the task of the command itself, and no shield holds against that.
    with anyio.CancelScope(shield=from_the_start):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_begin_when_cancelled, hurry)
            tasks.start_soon(whole)


async def _begin_when_cancelled(hurry: Hurry) -> None:
    try:
        await anyio.sleep_forever()
    finally:
        hurry.begin()


async def write(target: Target, facts: Facts, gathering: Gathering, stack: Stack, hurry: Hurry) -> None:
    """The report stands at `target`; in a hurry without pictures.

    Raises:
        CacheError: it could not be written, or what it should tell not be read any more.
    """
    if target.kind is not ReportKind.PAGE:
        await _written(target, _text(target.kind, facts, gathering))
        return
    with stack.stills() as stills, hurry.stopping(stills.close):
        await _written(target, page_report(facts, gathering, Gallery(stills.still, stack.clock)))


async def _written(target: Target, pieces: Iterator[str]) -> None:
    left = threading.Event()
    try:
        await in_thread(write_report, target.path, _until(left, pieces))
    except BaseException:
        # When the loop itself is torn down the thread would go on, and the interpreter wait for it.
        left.set()
        raise


def _until(left: threading.Event, pieces: Iterator[str]) -> Iterator[str]:
    for piece in pieces:
        if left.is_set():
            raise _Left
        yield piece


def _text(
    kind: Literal[ReportKind.JSON, ReportKind.MARKDOWN, ReportKind.JUNIT], facts: Facts, gathering: Gathering
) -> Iterator[str]:
    match kind:
        case ReportKind.JSON:
            return json_report(facts, gathering)
        case ReportKind.MARKDOWN:
            return markdown_report(facts, gathering)
        case ReportKind.JUNIT:
            return junit_report(facts, gathering)
        case _ as unknown:
            assert_never(unknown)


async def add_summary(path: Path, facts: Facts, gathering: Gathering) -> None:
    """The report stands at the end of the file `path`, in Markdown, as far as a step's summary has room.

    Raises:
        CacheError: it could not be written.
    """
    await in_thread(_add_summary, path, facts, gathering)


def _add_summary(path: Path, facts: Facts, gathering: Gathering) -> None:
    with filesystem.translated(path), path.open("ab") as file:
        room = MAX_BYTES - file.tell() - 1
        text = "".join(markdown_report(facts, gathering, max_bytes=max(0, room)))
        file.write(text.encode(errors="backslashreplace"))


async def look_up(gathering: Gathering, holdings: Holdings, hurry: Hurry) -> None:
    """What was here before is told with what `holdings` say of it; in a hurry only of the first of very many.

    Raises:
        CacheError: the cache cannot be used.
    """
    waiting: dict[str, int] = {}
    for looked_up, (position, key) in enumerate(gathering.untold()):
        if hurry and looked_up >= _KEYS_IN_A_HURRY:
            break
        waiting[key] = position
        if len(waiting) >= _KEYS_AT_ONCE:
            await _tell(gathering, holdings, waiting)
    await _tell(gathering, holdings, waiting)


async def _tell(gathering: Gathering, holdings: Holdings, waiting: dict[str, int]) -> None:
    for key, asset in (await holdings(list(waiting))).items() if waiting else ():
        gathering.tell(waiting[key], asset)
    waiting.clear()
