"""A server for `backend.py`: the files of one folder, as fast as the system sends them; prints its port, then serves.

Faster than any backend of the real world, so that what is measured is who fetches.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path


def talk(connection: socket.socket, folder: Path) -> None:
    """Answer until the other side goes; requests come one after the other."""
    with suppress(OSError), connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        waiting = b""
        while True:
            while b"\r\n\r\n" not in waiting:
                data = connection.recv(65_536)
                if not data:
                    return
                waiting += data
            request, _, waiting = waiting.partition(b"\r\n\r\n")
            answer(connection, folder / Path(request.split(b" ", 2)[1].decode()).name)


def answer(connection: socket.socket, path: Path) -> None:
    """Send the file with its length and an entity tag."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        kind = "video/mp4" if path.suffix == ".mp4" else "image/png"
        headers = f'HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nETag: "{path.stem}"\r\nContent-Length: {size}\r\n\r\n'
        # Headers and the first bytes of the file leave in one packet.
        connection.sendall(headers.encode(), getattr(socket, "MSG_MORE", 0))
        connection.sendfile(file)


def main() -> None:
    """Serve until killed."""
    folder = Path(sys.argv[1])
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    print(listener.getsockname()[1], flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=talk, args=(connection, folder), daemon=True).start()


if __name__ == "__main__":
    main()
