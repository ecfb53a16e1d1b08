"""Downloads are repeated as often as it takes and no more, and leave nothing behind that nobody wants."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import anyio
import pytest
from transfer_samples import LARGE, MB, SMALL, FileServer, digest, files_in, remote

from assetctl.errors import (
    AssetctlError,
    LinkExpired,
    NotAllowed,
    RateLimited,
    ServiceError,
    ServiceUnreachable,
)
from assetctl.models import AssetType
from assetctl.network import Origin
from assetctl.transfer import RemoteFile, TransferLimits
from byte_server import Asked, always, plain, serving

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from assetctl.transfer import Downloads
    from fakes import FakeClock

    Build = Callable[..., Downloads]

pytestmark = pytest.mark.anyio


async def test_forgetting_leaves_nothing(build: Build, tmp_path: Path):
    files = FileServer(LARGE)
    files.faults = [files.cut(2 * MB), always(plain(b"", "410 Gone"))]
    with serving(files) as server:
        downloads = build(server.url)
        with pytest.raises(LinkExpired):
            await downloads.fetch(remote(server.url), tmp_path / "a")
    await downloads.forget(tmp_path / "a")
    assert files_in(tmp_path) == []


async def test_what_is_not_to_be_kept_leaves_its_file_or_nothing(build: Build, tmp_path: Path):
    files = FileServer(LARGE)
    files.faults = [files.cut(2 * MB)]
    with serving(files) as server:
        url = f"{server.url}/clip.mp4"
        downloads = build(server.url)
        await downloads.fetch(RemoteFile(url, AssetType.VIDEO, None, len(LARGE)), tmp_path / "a", keep_partial=False)
        assert files_in(tmp_path) == ["a"]
        assert server.asked[1].headers["range"] == f"bytes={2 * MB}-"
        files.faults = [files.cut(2 * MB), always(plain(b"", "410 Gone"))]
        with pytest.raises(LinkExpired):
            await downloads.fetch(RemoteFile(url, AssetType.VIDEO, None, None), tmp_path / "b", keep_partial=False)
    assert files_in(tmp_path) == ["a"]


async def test_file_that_is_not_ready_is_asked_for_again(build: Build, tmp_path: Path, clock: FakeClock):
    not_ready = always(plain(b'{"code":"http_202"}', "202 Accepted", Content_Type="application/json", Retry_After=3))
    with serving(FileServer(SMALL, not_ready, not_ready)) as server:
        assert (await build(server.url).fetch(remote(server.url), tmp_path / "a")).hashed.sha256 == digest(SMALL)
    assert len(clock.slept) == 2
    assert all(3 <= slept <= 4 for slept in clock.slept)


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable", "500 Internal Server Error"])
async def test_busy_server_is_asked_again_and_not_for_ever(build: Build, tmp_path: Path, status: str):
    busy = always(plain(b"", status))
    with serving(FileServer(SMALL, busy)) as server:
        await build(server.url).fetch(remote(server.url), tmp_path / "a")
    with serving(busy) as server:
        with pytest.raises(ServiceError) as caught:
            await build(server.url).fetch(remote(server.url), tmp_path / "b")
        assert len(server.asked) == 5
    assert isinstance(caught.value, RateLimited) == status.startswith("429")


async def test_held_server_is_left_alone_by_every_transfer(build: Build, tmp_path: Path, clock: FakeClock):
    busy = always(plain(b"", "429 Too Many Requests", Retry_After=100))
    started = clock.elapsed_s()
    seen: list[float] = []
    files = FileServer(SMALL, busy)

    def watched(asked: Asked, connection: socket.socket) -> bool | None:
        seen.append(clock.elapsed_s() - started)
        return files(asked, connection)

    with serving(watched) as server:
        downloads = build(server.url)
        downloads._hold(Origin.of(server.url), 40.0)
        await downloads.fetch(remote(server.url), tmp_path / "a")
    assert seen[0] >= 40
    assert seen[1] >= 140


async def test_wait_beyond_the_deadline_is_not_begun(build: Build, tmp_path: Path, clock: FakeClock):
    busy = always(plain(b"", "503 Service Unavailable", Retry_After=200))
    with serving(busy) as server, pytest.raises(ServiceError):
        await build(server.url, limits=TransferLimits(deadline_s=100)).fetch(remote(server.url), tmp_path / "a")
    assert clock.slept == []


async def test_nobody_there_is_unreachable(build: Build, tmp_path: Path):
    with socket.socket() as nobodys:
        # Bound, so that nobody else is given the port, and not listened at.
        nobodys.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobodys.getsockname()[1]}"
        with pytest.raises(ServiceUnreachable) as caught:
            await build(url).fetch(remote(url), tmp_path / "a")
    assert caught.value.exit_code == 9


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ("401 Unauthorized", NotAllowed),
        ("403 Forbidden", NotAllowed),
        ("404 Not Found", LinkExpired),
        ("410 Gone", LinkExpired),
    ],
)
async def test_refusal_is_not_asked_again(build: Build, tmp_path: Path, status: str, error: type[AssetctlError]):
    with serving(always(plain(b'{"message": "/srv/secret/path"}', status))) as server:
        with pytest.raises(error) as caught:
            await build(server.url).fetch(remote(server.url), tmp_path / "a")
        assert len(server.asked) == 1
    assert "secret" not in f"{caught.value} {caught.value.why}"


async def test_foreign_refusal_is_an_expired_link(build: Build, tmp_path: Path):
    with serving(always(plain(b"", "403 Forbidden"))) as other, serving(FileServer(SMALL)) as home:
        downloads = build(home.url)
        with pytest.raises(LinkExpired):
            await downloads.fetch(remote(other.url), tmp_path / "a")


async def test_no_more_transfers_than_allowed_run_at_once(build: Build, tmp_path: Path):
    running = most = 0
    lock = threading.Lock()
    files = FileServer(SMALL)

    def counted(asked: Asked, connection: socket.socket) -> bool | None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        threading.Event().wait(0.01)
        with lock:
            running -= 1
        return files(asked, connection)

    with serving(counted) as server:
        downloads = build(server.url, max_transfers=3)
        async with anyio.create_task_group() as tasks:
            for number in range(20):
                tasks.start_soon(downloads.fetch, remote(server.url), tmp_path / f"{number}")
    assert len(files_in(tmp_path)) == 40
    assert most <= 3
