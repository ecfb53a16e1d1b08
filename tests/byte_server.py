"""A server that says exactly what a test wants it to say, byte by byte, on real sockets of this machine.

Each request is answered by the function the test hands in; it may send whatever it likes in whatever pieces, and close.
Runs in threads, so that it answers whatever the client's event loop is doing.
"""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path


@dataclass(frozen=True)
class Asked:
    """One request as it came in; header names in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    connection: int
    raw: bytes

    def range_start(self) -> int:
        """Where a `Range: bytes=N-` begins, 0 without one."""
        return int(self.headers.get("range", "bytes=0-").removeprefix("bytes=").split("-")[0])


class RawServer:
    """Answers each request with what `answer` sends, and nothing else; True from it keeps the connection."""

    def __init__(self, answer: Callable[[Asked, socket.socket], bool | None], context: ssl.SSLContext | None) -> None:
        self.answer = answer
        self.asked: list[Asked] = []
        self.connections = 0
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self._open: set[socket.socket] = set()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"{'http' if self._context is None else 'https'}://127.0.0.1:{self.port}"

    def saw(self, text: str) -> bool:
        """Whether `text` stood anywhere in what came in."""
        return any(text.encode() in asked.raw for asked in self.asked)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join(5)
        self._listener.close()
        for connection in tuple(self._open):
            with suppress(OSError):
                # Not TLS's own, which takes from a thread that reads what it reads with.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                self._open.add(connection)
                thread = threading.Thread(target=self._talk, args=(connection, self.connections), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _talk(self, connection: socket.socket, number: int) -> None:
        # An OSError: the client went, or the test is over.
        with suppress(OSError), connection:
            connection.settimeout(30)
            if self._context is None:
                self._answer_all(connection, number)
                return
            with self._context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False) as secured:
                self._open.add(secured)
                secured.do_handshake()
                self._answer_all(secured, number)

    def _answer_all(self, connection: socket.socket, number: int) -> None:
        while (asked := read_request(connection, number)) is not None:
            self.asked.append(asked)
            if not self.answer(asked, connection):
                return


@contextmanager
def serving(
    answer: Callable[[Asked, socket.socket], bool | None], *, certificate: Path | None = None
) -> Generator[RawServer]:
    """Within the block, a server that answers with `answer`; over TLS with the key and certificate in `certificate`."""
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    server = RawServer(answer, context)
    try:
        yield server
    finally:
        server.close()


def read_request(connection: socket.socket, number: int) -> Asked | None:
    raw = b""
    while b"\r\n\r\n" not in raw:
        data = connection.recv(65_536)
        if not data:
            return None
        raw += data
    first, *lines = raw.split(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return Asked(method, target, headers, number, raw)


def head(status: str, **headers: object) -> bytes:
    """The first lines of an answer; `_` in a header's name stands for `-`."""
    lines = [f"HTTP/1.1 {status}", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def plain(body: bytes, status: str = "200 OK", **headers: object) -> bytes:
    """A whole answer that states its length."""
    return head(status, **({"Content_Length": len(body)} | headers)) + body


def always(data: bytes, *, keep: bool = True) -> Callable[[Asked, socket.socket], bool]:
    """Answers everything with `data`."""

    def answer(_: Asked, connection: socket.socket) -> bool:
        connection.sendall(data)
        return keep

    return answer


def make_authority(folder: Path) -> tuple[Path, Path]:
    """An authority of our own, and the key and certificate it gave to `media.example` and 127.0.0.1, in one file."""

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, timeout=240)

    (folder / "names").write_text("subjectAltName=DNS:media.example,IP:127.0.0.1\n")
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Studio", "-days", "2")
    openssl("req", *key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=media.example")
    signing = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names")
    openssl("x509", "-req", "-in", "server.csr", "-out", "server.pem", *signing)
    pair = folder / "pair.pem"
    pair.write_text((folder / "server.key").read_text() + (folder / "server.pem").read_text())
    return folder / "ca.pem", pair
