"""A server on a real local port that answers byte for byte what a test tells it to, and keeps what it was sent."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import ssl
    from collections.abc import Generator, Iterable

_TIMEOUT_S = 20.0


@dataclass
class Request:
    """One request as it came."""

    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> dict:
        return json.loads(self.body)


def answer(status: int, body: object = None, *, headers: Iterable[tuple[str, str]] = (), raw: bytes | None = None):
    """A whole answer: `body` as JSON, or `raw` bytes."""
    data = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Text", f"content-length: {len(data)}", "content-type: application/json"]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


def complaint(status: int, message: str, code: str = "internal_error", **extra):
    return answer(status, {"code": code, "message": message, "request_id": "r", "trace_id": "t"}, **extra)


@contextmanager
def unanswered() -> Generator[str]:
    """Within the block, an address that refuses every connection; nobody else is given it meanwhile."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


#: Close the connection without a word.
HANG_UP = b""


@dataclass
class Cut:
    """Say `first` and hang up."""

    first: bytes


@dataclass
class Silence:
    """Say `first`, then nothing until the client goes."""

    first: bytes = b""


@dataclass
class Drip:
    """Say `first`, then one byte of `rest` at each beat of the client's patience, for ever."""

    first: bytes
    rest: bytes
    every_s: float = 0.05


@dataclass
class Flood:
    """Say `first`, then `chunk` over and over, `times` times."""

    first: bytes
    chunk: bytes
    times: int


@dataclass
class RawServer:
    """Answers each request with the next of `script`; the last one stands for all that follow."""

    script: list = field(default_factory=list)
    tls: ssl.SSLContext | None = None
    requests: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(_TIMEOUT_S)
        self._closing = threading.Event()
        self._connections: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def port(self) -> int:
        return self._listener.getsockname()[1]

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        for connection in [self._listener, *self._connections]:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        for thread in self._threads:
            thread.join(_TIMEOUT_S)

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            connection.settimeout(_TIMEOUT_S)
            self._connections.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            if self.tls is not None:
                connection = self.tls.wrap_socket(connection, server_side=True)
                self._connections.append(connection)
            with connection, connection.makefile("rb") as reader:
                while self._exchange(connection, reader):
                    pass
        except (OSError, ValueError):
            return

    def _exchange(self, connection: socket.socket, reader) -> bool:
        line = reader.readline().decode().strip()
        if not line:
            return False
        headers = {}
        while header := reader.readline().decode().strip():
            name, _, value = header.partition(":")
            headers[name.lower()] = value.strip()
        body = reader.read(int(headers.get("content-length", 0)))
        self.requests.append(Request(line, headers, body))
        said = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        return self._say(connection, said)

    def _say(self, connection: socket.socket, said) -> bool:
        match said:
            case Cut():
                connection.sendall(said.first)
                return False
            case Silence():
                connection.sendall(said.first)
                connection.recv(1)
                return False
            case Drip():
                connection.sendall(said.first)
                while not self._closing.wait(said.every_s):
                    connection.sendall(said.rest)
                return False
            case Flood():
                connection.sendall(said.first)
                for _ in range(said.times):
                    connection.sendall(said.chunk)
                return True
            case _:
                connection.sendall(said)
                return said != HANG_UP
