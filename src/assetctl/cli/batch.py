"""`request -`: JSON Lines in, JSON Lines out, in the same order.

Some lines are worked on at once, each answer leaves as soon as all before it have, and a bad line costs only itself.
"""

from __future__ import annotations

import json
import os
import sys
from concurrent.futures import CancelledError
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from io import UnsupportedOperation
from threading import Thread
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast

import anyio
from anyio.from_thread import BlockingPortal

from assetctl.cli.exit_codes import common_exit_code, delivered_exit_code
from assetctl.documents import asset_document, error_document, request_document, request_from_document
from assetctl.errors import AssetctlError, InvalidRequest
from assetctl.models import AssetRequest

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from anyio.abc import ObjectReceiveStream, ObjectSendStream

    from assetctl.cli.output import Printer
    from assetctl.wiring import Stack

_AT_ONCE: Final = 8
_MAX_LINE_BYTES: Final = 1 << 20
_DEFAULTS: Final = request_document(AssetRequest())


class _Answer:
    """The document and exit code of one line, once they are there."""

    def __init__(self) -> None:
        self.ready = anyio.Event()
        self.document: dict[str, Any] = {}
        self.exit_code = 1

    def settle(self, document: dict[str, Any], exit_code: int) -> None:
        self.document, self.exit_code = document, exit_code
        self.ready.set()


async def answer_lines(stack: Stack, base: AssetRequest, printer: Printer) -> int:
    """The exit code, after every line of stdin was answered on stdout in order.

    A line is an object of request fields and may have an `id`, given back with its answer; what it leaves out is taken
    from `base`. 0 when all are there; the lines' own code when all that failed share it, else 1.

    Raises:
        InvalidRequest: stdin is closed.
    """
    source = _source()
    printer = replace(printer, indent=None)
    given = {name: value for name, value in request_document(base).items() if value != _DEFAULTS[name]}
    send, receive = anyio.create_memory_object_stream[_Answer](_AT_ONCE)
    codes: set[int] = set()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_read_lines, stack, given, source, send)
        await _print_answers(receive, printer, codes)
    return common_exit_code(codes)


async def _read_lines(stack: Stack, given: dict[str, Any], source: BinaryIO, send: ObjectSendStream[_Answer]) -> None:
    limiter = anyio.Semaphore(_AT_ONCE)
    async with send, anyio.create_task_group() as tasks, _lines_of(source) as lines:
        async for line in lines:
            if not line.strip():
                continue
            await limiter.acquire()
            answer = _Answer()
            try:
                await send.send(answer)
            except anyio.BrokenResourceError:
                # Nobody prints answers any more; why not is told by who did.
                return
            tasks.start_soon(_answer_line, stack, given, line, answer, limiter)


@asynccontextmanager
async def _lines_of(source: BinaryIO) -> AsyncGenerator[ObjectReceiveStream[bytes]]:
    """Within the block, the lines of `source` as they come; leaving it waits for no line that never comes."""
    send, receive = anyio.create_memory_object_stream[bytes]()
    async with send, receive, BlockingPortal() as portal:
        # A thread that the interpreter doesn't wait for: nothing ends a read that is under way.
        Thread(target=_read, args=(source, send, portal), name="stdin", daemon=True).start()
        yield receive


def _read(source: BinaryIO, send: ObjectSendStream[bytes], portal: BlockingPortal) -> None:
    # These say that nobody wants lines any more.
    with suppress(RuntimeError, CancelledError, anyio.BrokenResourceError):
        # A line over the limit arrives in pieces; each is refused as a line of its own, and none is held whole.
        while line := source.readline(_MAX_LINE_BYTES):
            portal.call(send.send, line)
        portal.call(send.aclose)


def _source() -> BinaryIO:
    if sys.stdin is None or sys.stdin.closed:  # pyright: ignore[reportUnnecessaryComparison] - None where it is closed
        raise InvalidRequest("there is nothing to read requests from", why="stdin is closed")
    try:
        descriptor = sys.stdin.fileno()
    except UnsupportedOperation:
        return sys.stdin.buffer
    # A reader of our own: the interpreter can't end while a thread is inside that of `sys.stdin`.
    return os.fdopen(descriptor, "rb", closefd=False)


async def _answer_line(
    stack: Stack, given: dict[str, Any], line: bytes, answer: _Answer, limiter: anyio.Semaphore
) -> None:
    own_id: dict[str, Any] = {}
    try:
        fields = _fields(line)
        if "id" in fields:
            own_id = {"id": fields.pop("id")}
        asset = await stack.service.request_asset(request_from_document(given | fields))
    except AssetctlError as error:
        answer.settle(own_id | error_document(error), error.exit_code)
    else:
        answer.settle(own_id | asset_document(asset), delivered_exit_code(asset))
    finally:
        limiter.release()


def _fields(line: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest("a line is not JSON", why=str(error), hint='{"id": 1, "scene_id": "romance_5"}') from error
    if not isinstance(fields, dict):
        raise InvalidRequest("a line is not a JSON object", hint='{"id": 1, "scene_id": "romance_5"}')
    return cast("dict[str, Any]", fields)


async def _print_answers(receive: ObjectReceiveStream[_Answer], printer: Printer, codes: set[int]) -> None:
    async with receive:
        async for answer in receive:
            await answer.ready.wait()
            printer.document(answer.document)
            codes.add(answer.exit_code)
