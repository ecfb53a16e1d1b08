"""HTTP/1.1 as bytes: a request read off a stream, a response's head.

Kept by hand rather than left to a library, because a fault server must be able to say what no library lets it say.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

if TYPE_CHECKING:
    from pathlib import Path

MOST_HEAD_BYTES: Final = 1 << 16
# Frameworks differ in a few phrases; these are the real server's.
_PHRASES: Final = {413: "Request Entity Too Large", 416: "Requested Range Not Satisfiable", 422: "Unprocessable Entity"}


class BadRequest(Exception):
    """What came is no HTTP this server reads; the connection ends."""


@dataclass(frozen=True)
class Request:
    """One request as it came; header names are lower case, in the order and number they were sent."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    host: str = "api"

    @cached_property
    def path(self) -> str:
        return unquote(urlsplit(self.target).path)

    @cached_property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @cached_property
    def fields(self) -> dict[str, str]:
        """Each header's last value."""
        return dict(self.headers)

    def header(self, name: str) -> str | None:
        return self.fields.get(name)

    @property
    def keeps_alive(self) -> bool:
        return (self.header("connection") or "").lower() != "close"


@dataclass(frozen=True)
class FileBody:
    """A part of a file, sent by the kernel."""

    path: Path
    offset: int
    length: int


@dataclass
class Response:
    """A response before it is sent; a fault may still change it. No `content-length` in the headers means: by body."""

    status: int
    body: bytes | FileBody = b""
    headers: list[tuple[str, str]] = field(default_factory=list)

    @property
    def length(self) -> int:
        return self.body.length if isinstance(self.body, FileBody) else len(self.body)

    def replace(self, name: str, value: str | None) -> None:
        """The header has this one value; None: it is not sent."""
        self.headers = [pair for pair in self.headers if pair[0].lower() != name]
        if value is not None:
            self.headers.append((name, value))

    def content(self) -> bytes:
        """The whole body in memory."""
        if isinstance(self.body, bytes):
            return self.body
        with self.body.path.open("rb") as file:
            file.seek(self.body.offset)
            return file.read(self.body.length)


def head_of(status: int, headers: list[tuple[str, str]]) -> bytes:
    lines = [f"HTTP/1.1 {status} {_PHRASES.get(status) or _phrase(status)}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def as_json(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


async def read_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str) -> Request | None:
    """The next request of this connection; None once the other side has closed it.

    Raises:
        BadRequest: it is none, or it broke off.
    """
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial.strip():
            raise BadRequest from error
        return None
    except asyncio.LimitOverrunError as error:
        raise BadRequest from error
    method, target, headers = _parsed(head)
    fields = dict(headers)
    if fields.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    try:
        body = await _body(reader, fields)
    except asyncio.IncompleteReadError as error:
        raise BadRequest from error
    return Request(method, target, headers, body, host)


def _parsed(head: bytes) -> tuple[str, str, tuple[tuple[str, str], ...]]:
    first, *rest = head[:-4].decode("latin-1").split("\r\n")
    parts = first.split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
        raise BadRequest(first)
    pairs = (line.partition(":") for line in rest)
    return parts[0], parts[1], tuple((name.strip().lower(), value.strip()) for name, _, value in pairs)


async def _body(reader: asyncio.StreamReader, fields: dict[str, str]) -> bytes:
    if fields.get("transfer-encoding", "").lower() == "chunked":
        return await _chunked(reader)
    length = fields.get("content-length", "0")
    if not length.isdecimal():
        raise BadRequest(length)
    return await reader.readexactly(int(length))


async def _chunked(reader: asyncio.StreamReader) -> bytes:
    chunks: list[bytes] = []
    while True:
        size = int((await reader.readline()).split(b";")[0].strip() or b"0", 16)
        if not size:
            while (await reader.readline()).strip():
                pass
            return b"".join(chunks)
        chunks.append(await reader.readexactly(size))
        await reader.readexactly(2)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
