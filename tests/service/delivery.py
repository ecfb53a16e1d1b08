"""How an answer goes over the wire: whole and fast, or as a fault has it."""

from __future__ import annotations

import asyncio
import gzip
from typing import TYPE_CHECKING, Final

from service.messages import FileBody, Response, head_of

if TYPE_CHECKING:
    from service.faults import Fault

# Smaller files cost less when read than when handed to the kernel.
_SENDFILE_FROM_BYTES: Final = 1 << 17


async def deliver(
    writer: asyncio.StreamWriter,
    response: Response,
    headers: list[tuple[str, str]],
    fault: Fault,
    *,
    with_body: bool,
) -> bool:
    """Whether all that was announced has been sent; if not, the connection must end as the fault says."""
    if fault.encoding or fault.flips_bytes:
        response, headers = _altered(response, headers, fault)
    headers, is_true = _framed(headers, response, fault)
    head = head_of(response.status, headers)
    if fault.head_bytes is not None:
        writer.write(head[: fault.head_bytes])
        await writer.drain()
        return False
    if not with_body:
        writer.write(head)
        await writer.drain()
        return is_true
    body = response.body
    if fault.after_bytes is not None:
        body = response.content()[: fault.after_bytes]
        is_true = False
    if fault.drip or fault.framing == "chunked":
        await _slowly(writer, head, body if isinstance(body, bytes) else response.content(), fault, ends=is_true)
    else:
        await _at_once(writer, head, body)
    return is_true and fault.framing != "close"


async def _at_once(writer: asyncio.StreamWriter, head: bytes, body: bytes | FileBody) -> None:
    if isinstance(body, bytes):
        writer.write(head + body)
        await writer.drain()
        return
    with body.path.open("rb") as file:
        if body.length < _SENDFILE_FROM_BYTES:
            file.seek(body.offset)
            writer.write(head + file.read(body.length))
            await writer.drain()
            return
        writer.write(head)
        await writer.drain()
        if writer.transport.is_closing():
            raise ConnectionResetError
        await asyncio.get_running_loop().sendfile(writer.transport, file, body.offset, body.length)


async def _slowly(writer: asyncio.StreamWriter, head: bytes, body: bytes, fault: Fault, *, ends: bool) -> None:
    size, pause_s = fault.drip or (1 << 16, 0.0)
    chunked = fault.framing == "chunked"
    writer.write(head)
    await writer.drain()
    for start in range(0, len(body), size):
        piece = body[start : start + size]
        writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        await writer.drain()
        await asyncio.sleep(pause_s)
    if chunked and ends:
        writer.write(b"0\r\n\r\n")
        await writer.drain()


def _framed(headers: list[tuple[str, str]], response: Response, fault: Fault) -> tuple[list[tuple[str, str]], bool]:
    """The headers with the length they shall tell of, and whether they tell the truth."""
    if fault.framing != "length":
        rest = [pair for pair in headers if pair[0] != "content-length"]
        return [*rest, ("transfer-encoding", "chunked")] if fault.framing == "chunked" else rest, True
    if fault.length_off_by:
        told = max(0, response.length + fault.length_off_by)
        return [(name, str(told) if name == "content-length" else value) for name, value in headers], False
    return headers, True


def _altered(
    response: Response, headers: list[tuple[str, str]], fault: Fault
) -> tuple[Response, list[tuple[str, str]]]:
    body = response.content()
    if fault.flips_bytes:
        middle = len(body) // 2
        body = body[:middle] + bytes(byte ^ 0xFF for byte in body[middle : middle + 16]) + body[middle + 16 :]
    for _ in range(fault.encoding):
        body = gzip.compress(body, 6)
    headers = [(name, str(len(body)) if name == "content-length" else value) for name, value in headers]
    if fault.encoding:
        headers.append(("content-encoding", ", ".join(["gzip"] * fault.encoding)))
    return Response(response.status, body), headers
