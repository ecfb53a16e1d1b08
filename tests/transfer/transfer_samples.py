"""What the tests of transfers share."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from assetctl.models import AssetType
from assetctl.transfer import RemoteFile
from byte_server import head

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from pathlib import Path

    from byte_server import Asked


TOKEN = "sentinel-5c1d-token-value"


def recognise(head: bytes, asset_type: AssetType) -> str | None:
    """A film begins with `film:`, whatever it goes on with."""
    assert asset_type is AssetType.VIDEO
    return None if head.startswith(b"film:") else "it does not begin as a film does"


MB = 1 << 20
SMALL = b"film:" + bytes(range(256)) * 40
LARGE = b"film:" + os.urandom(3 * MB)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def remote(url: str, **facts: object) -> RemoteFile:
    return RemoteFile(f"{url}/clip.mp4", AssetType.VIDEO, **facts)


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file())


class FileServer:
    """Serves `data` as a careful server does, with ranges; each of `faults` befalls one request, in turn."""

    def __init__(self, data: bytes, *faults: Callable[[Asked, socket.socket], bool | None], etag: str | None = '"v1"'):
        self.data = data
        self.etag = etag
        self.faults = list(faults)

    def __call__(self, asked: Asked, connection: socket.socket) -> bool | None:
        if self.faults:
            return self.faults.pop(0)(asked, connection)
        return self.serve(asked, connection)

    def serve(self, asked: Asked, connection: socket.socket, *, stop_at: int | None = None) -> bool:
        connection.sendall(self.headers(asked))
        connection.sendall(self.data[self.start(asked) : stop_at])
        return stop_at is None

    def start(self, asked: Asked) -> int:
        if "range" not in asked.headers or asked.headers.get("if-range", self.etag) != self.etag:
            return 0
        return asked.range_start()

    def headers(self, asked: Asked) -> bytes:
        start, total = self.start(asked), len(self.data)
        known = {"Content_Length": total - start, "Content_Type": "video/mp4"}
        if self.etag is not None:
            known["ETag"] = self.etag
        if start:
            return head("206 Partial Content", Content_Range=f"bytes {start}-{total - 1}/{total}", **known)
        return head("200 OK", **known)

    def cut(self, at: int) -> Callable[[Asked, socket.socket], bool]:
        """The connection breaks off before byte `at` of the file."""
        return lambda asked, connection: self.serve(asked, connection, stop_at=at)
