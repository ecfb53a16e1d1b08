"""The event sockets: no login, every event to everyone, `ping` answered by `pong` as plain text, nothing repeated.

Frames are RFC 6455 by hand: texts of ours go out whole and unmasked, what clients send is read and mostly ignored.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from typing import TYPE_CHECKING, Any, Final

from service.messages import as_json, head_of

if TYPE_CHECKING:
    import asyncio

    from service.messages import Request
    from service.world import World

GREETINGS: Final = {
    "/api/v1/ws/generations": "Connected to generation updates",
    "/api/v1/ws/events": "Connected to event stream",
    "/api/v1/ws/jobs": "Connected to jobs feed",
}
_MAGIC: Final = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10
_MOST_UNREAD_BYTES: Final = 1 << 22


def is_handshake(request: Request) -> bool:
    return (request.header("upgrade") or "").lower() == "websocket"


class Sockets:
    """Who listens now."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.open: set[asyncio.StreamWriter] = set()

    async def serve(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
        """The status of the handshake, once the connection has ended. Any path but the three is refused with 403."""
        greeting = GREETINGS.get(request.path)
        if greeting is None or not self._world.options.sockets_open:
            writer.write(head_of(403, [("content-length", "0"), ("connection", "close")]))
            await writer.drain()
            return 403
        key = (request.header("sec-websocket-key") or "") + _MAGIC
        accept = base64.b64encode(hashlib.sha1(key.encode(), usedforsecurity=False).digest()).decode()
        headers = [("upgrade", "websocket"), ("connection", "Upgrade"), ("sec-websocket-accept", accept)]
        writer.write(head_of(101, headers))
        hello = {"type": "connected", "payload": None, "data": None, "error": None, "message": greeting, "user_id": 1}
        writer.write(_frame(_TEXT, as_json(hello)))
        self.open.add(writer)
        try:
            await self._listen(reader, writer)
        finally:
            self.open.discard(writer)
        return 101

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            kind, payload = await _read_frame(reader)
            match kind:
                case 8:
                    writer.write(_frame(_CLOSE, payload[:2]))
                    await writer.drain()
                    return
                case 9:
                    writer.write(_frame(_PONG, payload))
                case 1 if payload == b"ping":
                    writer.write(_frame(_TEXT, b"pong"))
                case _:
                    pass

    def tell(self, kind: str, head: dict[str, Any], data: dict[str, Any]) -> None:
        """Everyone connected is sent this event, unless the sockets are told to be silent."""
        if not self.open or not self._world.options.sockets_speak:
            return
        known = {key: value for key, value in head.items() if key in {"user_id", "asset_id"}}
        self.send({"type": kind, **head, "data": data | known, "timestamp": self._world.now().isoformat()})

    def send(self, message: Any) -> None:
        """A message as it stands; a text goes out as it is. Who reads too slowly is cut off."""
        frame = _frame(_TEXT, message.encode() if isinstance(message, str) else as_json(message))
        for writer in list(self.open):
            if writer.transport.get_write_buffer_size() > _MOST_UNREAD_BYTES:
                writer.transport.abort()
            elif not writer.is_closing():
                writer.write(frame)

    def drop(self) -> int:
        """How many connections were just cut, without a word of goodbye."""
        dropped = list(self.open)
        for writer in dropped:
            writer.transport.abort()
        return len(dropped)


def _frame(kind: int, payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        return struct.pack(">BB", 0x80 | kind, size) + payload
    if size < 1 << 16:
        return struct.pack(">BBH", 0x80 | kind, 126, size) + payload
    return struct.pack(">BBQ", 0x80 | kind, 127, size) + payload


async def _read_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    first, second = await reader.readexactly(2)
    size = second & 0x7F
    if size == 126:
        size = int.from_bytes(await reader.readexactly(2), "big")
    elif size == 127:
        size = int.from_bytes(await reader.readexactly(8), "big")
    mask = await reader.readexactly(4) if second & 0x80 else bytes(4)
    payload = await reader.readexactly(size)
    return first & 0x0F, bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
