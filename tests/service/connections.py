"""Connections: one request after the other, each counted, hit by its fault or served."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from typing import TYPE_CHECKING, Final

from service.delivery import deliver
from service.faults import Fault
from service.media import vendor
from service.messages import MOST_HEAD_BYTES, BadRequest, FileBody, Request, Response, read_request
from service.replies import Refused, dressed, identifiers, json_reply, refusal
from service.routes import answer
from service.sockets import is_handshake

if TYPE_CHECKING:
    from service.world import World

READ_LIMIT: Final = MOST_HEAD_BYTES
_NO_FAULT: Final = Fault("")


class Host:
    """One of the server's faces, `api` or `vendor`, on a port of its own."""

    def __init__(self, world: World, name: str) -> None:
        self._world = world
        self._name = name

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Everything on one connection, until it ends."""
        try:
            fault = self._world.faults.strike("connect" if self._name == "api" else "vendor connect")
            if fault is not None:
                self._world.keep_faults()
                await self._fail(fault, reader, writer)
                return
            while await self._exchange(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, BadRequest, TimeoutError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, TimeoutError):
                await writer.wait_closed()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection goes on after one request and its answer."""
        request = await read_request(reader, writer, self._name)
        if request is None:
            return False
        route = f"{request.method} {request.path}"
        what = route if self._name == "api" else f"vendor {route}"
        self._world.ledger.look(request, what)
        fault = self._world.faults.strike(what)
        if fault is None and is_handshake(request) and self._name == "api":
            self._world.ledger.record("request", host=self._name, route=route, status=101, query=request.query)
            await self._world.sockets.serve(request, reader, writer)
            return False
        if fault is None:
            fault = _NO_FAULT
        else:
            self._world.keep_faults()
        if fault.when == "before":
            await asyncio.sleep(fault.delay_s)
        if fault.when != "after" and fault.gives_no_answer:
            self._note(request, 0)
            if fault.when == "later":
                asyncio.get_running_loop().call_later(fault.delay_s, self._respond, request, _NO_FAULT)
            await self._fail(fault, reader, writer)
            return False
        response, headers = self._respond(request, fault)
        self._note(request, response.status if not fault.gives_no_answer else 0)
        if fault.when == "after":
            await asyncio.sleep(fault.delay_s)
        if fault.gives_no_answer:
            await self._fail(fault, reader, writer)
            return False
        return await self._send(request, (response, headers), fault, reader, writer)

    async def _send(
        self,
        request: Request,
        answered: tuple[Response, list[tuple[str, str]]],
        fault: Fault,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> bool:
        response, headers = answered
        stays = request.keeps_alive and fault.framing != "close"
        if not stays:
            headers.append(("connection", "close"))
        is_whole = await deliver(writer, response, headers, fault, with_body=request.method != "HEAD")
        if not is_whole:
            await self._fail(fault, reader, writer)
        return stays and is_whole

    def _respond(self, request: Request, fault: Fault) -> tuple[Response, list[tuple[str, str]]]:
        """The answer and all its headers, after the fault had its way with them; the deed is done unless it forbids."""
        if fault.forgets_ranges:
            kept = tuple(pair for pair in request.headers if pair[0] != "range")
            request = Request(request.method, request.target, kept, request.body, request.host)
        ids = identifiers(request)
        response = None
        if fault.when == "after" or not fault.replaces_answer:
            response = self._served(request, ids)
        if fault.replaces_answer:
            response = _replacement(self._world, fault)
        assert response is not None
        for name, value in fault.headers.items():
            response.replace(name, value)
        if self._name == "vendor":
            length = [] if "content-length" in dict(response.headers) else [("content-length", str(response.length))]
            return response, [*response.headers, *length]
        return response, dressed(response, *ids, self._world.now())

    def _served(self, request: Request, ids: tuple[str, str]) -> Response:
        if self._name == "vendor":
            return vendor(self._world, request)
        try:
            return answer(self._world, request)
        except Refused as refused:
            return refusal(refused, request, *ids)

    def _note(self, request: Request, status: int) -> None:
        self._world.ledger.record(
            "request",
            host=self._name,
            route=f"{request.method} {request.path}",
            status=status,
            query=request.query,
            range=request.header("range"),
        )

    async def _fail(self, fault: Fault, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The connection's end, as the fault has it; `hang` lasts until the client has had enough."""
        match fault.end:
            case "reset":
                reset(writer)
            case "hang":
                while await reader.read(1 << 16):
                    pass
            case _:
                writer.close()


def reset(writer: asyncio.StreamWriter) -> None:
    """Ends the connection with RST: what was not read yet is lost on the other side."""
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def _replacement(world: World, fault: Fault) -> Response:
    if fault.json_depth:
        body = b'{"assets":' + b"[" * fault.json_depth + b"]" * fault.json_depth + b"}"
        return Response(200, body, [("content-type", "application/json")])
    if fault.json_bytes:
        path = world.folder / f"{fault.json_bytes}.json"
        if not path.exists():
            path.write_bytes(b'{"assets":["' + b"x" * (fault.json_bytes - 15) + b'"]}')
        return Response(200, FileBody(path, 0, fault.json_bytes), [("content-type", "application/json")])
    status = fault.status or 200
    if fault.body is None:
        return json_reply({"code": f"http_{status}", "message": "trouble"}, status)
    return Response(status, fault.body.encode(), [("content-type", "application/json")])
