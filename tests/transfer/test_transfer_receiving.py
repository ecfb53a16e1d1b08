"""A file is taken in whole and as described, or not at all; whatever the server sends, and however slowly."""

from __future__ import annotations

import errno
import gzip
import os
import socket
import threading
import tracemalloc
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from transfer_samples import LARGE, MB, SMALL, FileServer, digest, files_in, remote

from assetctl.errors import (
    IntegrityError,
    ServiceError,
    ServiceUnreachable,
    StorageFull,
)
from assetctl.transfer import TransferLimits
from byte_server import Asked, always, head, plain, serving
from fakes import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from assetctl.transfer import Downloads

    Build = Callable[..., Downloads]

pytestmark = pytest.mark.anyio


async def test_file_comes_whole_with_its_digest(build: Build, tmp_path: Path):
    with serving(FileServer(SMALL)) as server:
        done = await build(server.url).fetch(remote(server.url), tmp_path / "a.mp4")
    assert (done.path, done.hashed.sha256, done.hashed.size_bytes) == (tmp_path / "a.mp4", digest(SMALL), len(SMALL))
    assert done.path.read_bytes() == SMALL
    assert done.path.stat().st_mode & 0o777 == 0o600


async def test_progress_is_told_from_the_first_byte_to_the_last(build: Build, tmp_path: Path):
    told: list[tuple[int, int | None]] = []
    with serving(FileServer(LARGE)) as server:
        await build(server.url).fetch(remote(server.url), tmp_path / "a", lambda *facts: told.append(facts))
    assert told == [(0, len(LARGE)), (len(LARGE), len(LARGE))]  # the clock stood still: nothing in between


async def test_progress_is_told_ten_times_a_second_at_most(build: Build, tmp_path: Path):
    class Ticking(FakeClock):
        def elapsed_s(self) -> float:
            self.advance(seconds=0.03)
            return super().elapsed_s()

    told: list[tuple[int, float]] = []
    clock, pieces = Ticking(), FileServer(LARGE)

    def slowly(asked: Asked, connection: socket.socket) -> bool:
        connection.sendall(pieces.headers(asked))
        for start in range(0, len(LARGE), 16_384):
            connection.sendall(LARGE[start : start + 16_384])
        return True

    def tell(received: int, _: int | None) -> None:
        told.append((received, clock.moment.timestamp()))

    with serving(slowly) as server:
        await build(server.url, clock=clock).fetch(remote(server.url), tmp_path / "a", tell)
    assert told == sorted(told)
    # However the network cuts it, it comes in more pieces than are told of; the end is told whenever it is there.
    between = [moment for _, moment in told[:-1]]
    assert len(between) >= 2
    assert all(later - earlier >= 0.1 for earlier, later in pairwise(between))


async def test_chunked_file_of_unknown_length_comes_whole(build: Build, tmp_path: Path):
    def chunked(_: Asked, connection: socket.socket) -> bool:
        connection.sendall(head("200 OK", Transfer_Encoding="chunked"))
        for start in range(0, len(SMALL), 1000):
            piece = SMALL[start : start + 1000]
            connection.sendall(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        connection.sendall(b"0\r\n\r\n")
        return True

    with serving(chunked) as server:
        assert (await build(server.url).fetch(remote(server.url), tmp_path / "a")).hashed.sha256 == digest(SMALL)


async def test_body_that_ends_with_its_connection_is_believed_only_with_a_digest_or_length(
    build: Build, tmp_path: Path
):
    with serving(always(head("200 OK") + SMALL, keep=False)) as server:
        downloads = build(server.url)
        for facts in ({"sha256": digest(SMALL)}, {"size_bytes": len(SMALL)}):
            await downloads.fetch(remote(server.url, **facts), tmp_path / "a")
            await downloads.forget(tmp_path / "a")
        with pytest.raises(ServiceError, match="part of it"):
            await downloads.fetch(remote(server.url), tmp_path / "a")
        with pytest.raises(ServiceUnreachable, match="did not send"):
            await downloads.fetch(remote(server.url, size_bytes=len(SMALL) + 1), tmp_path / "b")


WRONG = {
    "shorter than stated": (plain(SMALL), {"size_bytes": len(SMALL) + 1}, IntegrityError),
    "longer than stated": (plain(SMALL), {"size_bytes": len(SMALL) - 1}, IntegrityError),
    "another digest": (plain(SMALL), {"sha256": "0" * 64}, IntegrityError),
    "empty": (plain(b""), {}, IntegrityError),
    "no film": (plain(b"<html>" + SMALL), {}, IntegrityError),
    "a page": (plain(SMALL, Content_Type="text/html"), {}, ServiceError),
    "a message": (plain(b'{"code": "x"}', Content_Type="application/json"), {}, ServiceError),
    "gzip": (plain(gzip.compress(SMALL), Content_Encoding="gzip"), {}, ServiceError),
    "double gzip": (plain(gzip.compress(gzip.compress(bytes(MB))), Content_Encoding="gzip, gzip"), {}, ServiceError),
    "unasked part": (
        plain(SMALL, "206 Partial Content", Content_Range=f"bytes 0-{len(SMALL) - 1}/{len(SMALL)}"),
        {},
        ServiceError,
    ),
    "accepted": (plain(b'{"code": "http_202"}', "202 Accepted", Content_Type="application/json"), {}, ServiceError),
    "no content": (head("204 No Content"), {}, ServiceError),
    "unknown": (plain(b"", "299 Odd"), {}, ServiceError),
    "error": (plain(b'{"code": "internal_error"}', "500 Internal Server Error"), {}, ServiceError),
    "not HTTP": (b"SSH-2.0-OpenSSH\r\n", {}, ServiceUnreachable),
    "two lengths": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nfilm:x", {}, ServiceUnreachable),
    "larger than any": (head("200 OK", Content_Length=1 << 40) + SMALL, {}, IntegrityError),
}


@pytest.mark.parametrize("case", WRONG)
async def test_what_is_not_the_file_never_becomes_one(build: Build, tmp_path: Path, case: str):
    data, facts, error = WRONG[case]
    with serving(always(data, keep=False)) as server, pytest.raises(error):
        await build(server.url).fetch(remote(server.url, **facts), tmp_path / "a")
    assert not (tmp_path / "a").exists()
    if error is IntegrityError:
        assert files_in(tmp_path) == []


async def test_drip_is_given_up_and_gone_on_with(build: Build, tmp_path: Path):
    class Ticking(FakeClock):
        def elapsed_s(self) -> float:
            self.advance(seconds=1)
            return super().elapsed_s()

    files = FileServer(LARGE)

    def drip(asked: Asked, connection: socket.socket) -> bool:
        connection.sendall(files.headers(asked) + LARGE[files.start(asked) : 2 * MB])
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number in range(MB):  # a byte at a time until the client goes
            connection.sendall(LARGE[2 * MB + number :][:1])
            threading.Event().wait(0.002)
        return False

    files.faults = [drip]
    with serving(files) as server:
        # Each piece takes a second: more of them than what comes at once is ever cut into.
        limits = TransferLimits(min_bytes_per_s=MB, window_s=400)
        done = await build(server.url, clock=Ticking(), limits=limits).fetch(remote(server.url), tmp_path / "a")
    assert done.path.read_bytes() == LARGE
    assert int(server.asked[1].headers["range"][6:-1]) >= 2 * MB


async def test_silence_within_the_body_ends_with_the_window(build: Build, tmp_path: Path):
    released = threading.Event()

    def silent(_: Asked, connection: socket.socket) -> bool:
        # Chunk extensions never become bytes of the file: no read times out, nothing arrives.
        connection.sendall(head("200 OK", Transfer_Encoding="chunked") + b"1")
        while not released.wait(0.01):
            connection.sendall(b";")
        return False

    with serving(silent) as server:
        limits = TransferLimits(window_s=0.1)
        with pytest.raises(ServiceUnreachable, match="too slowly"):
            await build(server.url, limits=limits).fetch(remote(server.url), tmp_path / "a")
        released.set()
    assert len(server.asked) == 5


async def test_headers_that_never_end_end_with_the_deadline(build: Build, tmp_path: Path):
    released = threading.Event()

    def endless(_: Asked, connection: socket.socket) -> bool:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while not released.wait(0.01):
            connection.sendall(b"X: y\r\n")
        return False

    with serving(endless) as server:
        limits = TransferLimits(deadline_s=0.3)
        with pytest.raises(ServiceUnreachable, match="in time"):
            await build(server.url, limits=limits).fetch(remote(server.url), tmp_path / "a")
        released.set()


async def test_server_that_says_nothing_is_silent_for_too_long(build: Build, tmp_path: Path):
    released = threading.Event()

    def silent(_: Asked, __: socket.socket) -> bool:
        released.wait(20)
        return False

    with serving(silent) as server:
        with pytest.raises(ServiceUnreachable) as caught:
            await build(server.url, timeout_s=0.1).fetch(remote(server.url), tmp_path / "a")
        released.set()
    assert "silent" in (caught.value.why or "")


async def test_full_disk_is_said_and_nothing_tried_again(build: Build, tmp_path: Path):
    def step(change: str, path: Path) -> None:
        if change == "write" and path.name == "a.part":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with serving(FileServer(LARGE)) as server:
        with pytest.raises(StorageFull):
            await build(server.url, step=step).fetch(remote(server.url), tmp_path / "a")
        assert len(server.asked) == 1


async def test_file_for_which_there_is_no_room_is_not_begun(build: Build, tmp_path: Path):
    with serving(always(head("200 OK", Content_Length=1 << 30))) as server, pytest.raises(StorageFull) as caught:
        await build(server.url, free_bytes=lambda _: MB).fetch(remote(server.url), tmp_path / "a")
    assert "1.07 GB needed" in (caught.value.why or "")


async def test_room_that_nobody_knows_is_taken_for_enough(build: Build, tmp_path: Path):
    data = b"film:" + bytes(20 * MB)
    with serving(FileServer(data)) as server:
        done = await build(server.url, free_bytes=lambda _: None).fetch(remote(server.url), tmp_path / "a")
    assert done.hashed.size_bytes == len(data)


async def test_memory_stays_small_whatever_comes(build: Build, tmp_path: Path):
    data = b"film:" + bytes(64 * MB)

    with serving(FileServer(data)) as server:
        downloads = build(server.url)
        await downloads.fetch(remote(server.url), tmp_path / "warm")
        tracemalloc.start()
        await downloads.fetch(remote(server.url), tmp_path / "a")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 8 * MB


async def test_more_than_was_described_is_cut_off_at_once(build: Build, tmp_path: Path):
    sent = 0

    def endless(_: Asked, connection: socket.socket) -> bool:
        nonlocal sent
        connection.sendall(head("200 OK", Transfer_Encoding="chunked"))
        piece = b"film:" + bytes(65_531)
        while True:
            connection.sendall(b"10000\r\n" + piece + b"\r\n")
            sent += 65_536

    with serving(endless) as server, pytest.raises(IntegrityError, match="larger"):
        await build(server.url).fetch(remote(server.url, size_bytes=MB), tmp_path / "a")
    assert sent < 64 * MB
    assert files_in(tmp_path) == []
