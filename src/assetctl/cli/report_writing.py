"""Writes the reports of a run in a worker thread: hurried by the first Ctrl-C, left at once by the second."""

from __future__ import annotations

import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, assert_never

import anyio

from assetctl.eventloop import in_thread
from assetctl.prefetch.report.as_json import json_report
from assetctl.prefetch.report.kinds import ReportKind
from assetctl.prefetch.report.target import Target, write_report

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Iterator

    from assetctl.prefetch.report.facts import Facts
    from assetctl.prefetch.report.gathering import Gathering
    from assetctl.wiring import Stack

_KEYS_AT_ONCE: Final = 2_000
#: How many of what was here before are looked up although somebody is in a hurry.
_KEYS_IN_A_HURRY: Final = 2_000


class _Left(Exception):
    """Nobody waits for the report any more."""


@asynccontextmanager
async def hurried(*, from_the_start: bool) -> AsyncGenerator[threading.Event]:
    """Within the block nothing is cancelled; the event says that somebody would have."""
    hurry = threading.Event()
    if from_the_start:
        hurry.set()
    with anyio.CancelScope(shield=from_the_start):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_set_when_cancelled, hurry)
            with anyio.CancelScope(shield=True):
                yield hurry
            tasks.cancel_scope.cancel()


async def _set_when_cancelled(event: threading.Event) -> None:
    try:
        await anyio.sleep_forever()
    finally:
        event.set()


async def write(target: Target, facts: Facts, gathering: Gathering) -> None:
    """The report stands at `target`.

    Raises:
        CacheError: it could not be written, or what it should tell not be read any more.
    """
    left = threading.Event()
    try:
        await in_thread(write_report, target.path, _until(left, _pieces(target.kind, facts, gathering)))
    except BaseException:
        # When the loop itself is torn down the thread would go on, and the interpreter wait for it.
        left.set()
        raise


def _until(left: threading.Event, pieces: Iterable[str]) -> Iterator[str]:
    for piece in pieces:
        if left.is_set():
            raise _Left
        yield piece


def _pieces(kind: ReportKind, facts: Facts, gathering: Gathering) -> Iterator[str]:
    match kind:
        case ReportKind.JSON:
            return json_report(facts, gathering)
        case _ as unknown:
            assert_never(unknown)


async def look_up(gathering: Gathering, stack: Stack, hurry: threading.Event) -> None:
    """What was here before is told with what the cache knows of it; in a hurry only of the first of very many.

    Raises:
        CacheError: the cache cannot be used.
    """
    waiting: dict[str, int] = {}
    for looked_up, (position, key) in enumerate(gathering.untold()):
        if hurry.is_set() and looked_up >= _KEYS_IN_A_HURRY:
            break
        waiting[key] = position
        if len(waiting) >= _KEYS_AT_ONCE:
            await _tell(gathering, stack, waiting)
    await _tell(gathering, stack, waiting)


async def _tell(gathering: Gathering, stack: Stack, waiting: dict[str, int]) -> None:
    for key, asset in (await stack.holdings(list(waiting))).items() if waiting else ():
        gathering.tell(waiting[key], asset)
    waiting.clear()
