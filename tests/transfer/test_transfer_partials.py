"""What came of a file is gone on with where that is safe, and only there."""

from __future__ import annotations

import json
import socket
import threading
from typing import TYPE_CHECKING

import anyio
import pytest
from transfer_samples import LARGE, MB, SMALL, FileServer, digest, files_in, remote

from assetctl.errors import (
    LinkExpired,
    ServiceUnreachable,
)
from assetctl.models import AssetType
from assetctl.transfer import RemoteFile
from byte_server import Asked, always, head, plain, serving

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from pathlib import Path

    from assetctl.transfer import Downloads

    Build = Callable[..., Downloads]

pytestmark = pytest.mark.anyio


async def test_download_that_broke_off_goes_on_where_it_stopped(build: Build, tmp_path: Path):
    files = FileServer(LARGE)
    files.faults = [files.cut(2 * MB), files.cut(2 * MB + MB // 2)]
    with serving(files) as server:
        done = await build(server.url).fetch(remote(server.url), tmp_path / "a")
    assert done.hashed.sha256 == digest(LARGE)
    assert done.path.read_bytes() == LARGE
    first, second, third = server.asked
    assert "range" not in first.headers
    assert (second.headers["range"], second.headers["if-range"]) == (f"bytes={2 * MB}-", '"v1"')
    assert third.headers["range"] == f"bytes={2 * MB + MB // 2}-"


async def test_file_that_changed_meanwhile_comes_anew(build: Build, tmp_path: Path):
    files = FileServer(b"film:old" * MB)

    def cut_and_change(asked: Asked, connection: socket.socket) -> bool:
        files.serve(asked, connection, stop_at=2 * MB)
        files.data, files.etag = LARGE, '"v2"'
        return False

    files.faults = [cut_and_change]
    with serving(files) as server:
        done = await build(server.url).fetch(remote(server.url), tmp_path / "a")
    assert done.path.read_bytes() == LARGE
    assert server.asked[1].headers["if-range"] == '"v1"'


async def test_without_a_strong_etag_or_a_digest_nothing_is_gone_on_with(build: Build, tmp_path: Path):
    files = FileServer(LARGE, etag=None)
    files.faults = [files.cut(2 * MB)]
    with serving(files) as server:
        done = await build(server.url).fetch(remote(server.url), tmp_path / "a")
    assert done.path.read_bytes() == LARGE
    assert "range" not in server.asked[1].headers


async def test_with_a_digest_it_goes_on_without_an_etag_and_the_whole_is_hashed(build: Build, tmp_path: Path):
    files = FileServer(LARGE, etag=None)
    files.faults = [files.cut(2 * MB)]
    with serving(files) as server:
        done = await build(server.url).fetch(remote(server.url, sha256=digest(LARGE)), tmp_path / "a")
    assert done.path.read_bytes() == LARGE
    assert server.asked[1].headers["range"] == f"bytes={2 * MB}-"


async def test_two_parts_of_different_files_are_found_out_and_fetched_anew(build: Build, tmp_path: Path):
    files = FileServer(b"film:old" + bytes(len(LARGE) - 8), etag=None)

    def cut_and_change(asked: Asked, connection: socket.socket) -> bool:
        files.serve(asked, connection, stop_at=2 * MB)
        files.data = LARGE
        return False

    files.faults = [cut_and_change]
    with serving(files) as server:
        done = await build(server.url).fetch(remote(server.url, sha256=digest(LARGE)), tmp_path / "a")
    assert done.path.read_bytes() == LARGE
    assert ["range" in asked.headers for asked in server.asked] == [False, True, False]


@pytest.mark.parametrize("shift", [-1, 1, -2 * MB])
async def test_part_that_begins_elsewhere_is_never_appended(build: Build, tmp_path: Path, shift: int):
    files = FileServer(LARGE)

    def shifted(asked: Asked, connection: socket.socket) -> bool:
        start, total = asked.range_start() + shift, len(LARGE)
        where = f"bytes {start}-{total - 1}/{total}"
        connection.sendall(head("206 Partial Content", Content_Range=where, Content_Length=total - start, ETag='"v1"'))
        connection.sendall(LARGE[start:])
        return True

    files.faults = [files.cut(2 * MB), shifted]
    with serving(files) as server:
        done = await build(server.url).fetch(remote(server.url), tmp_path / "a")
    assert done.path.read_bytes() == LARGE
    assert "range" not in server.asked[2].headers


async def test_unsatisfiable_range_begins_anew(build: Build, tmp_path: Path):
    files = FileServer(LARGE)
    files.faults = [files.cut(2 * MB), always(plain(b"", "416 Range Not Satisfiable", Content_Range="bytes */5"))]
    with serving(files) as server:
        assert (await build(server.url).fetch(remote(server.url), tmp_path / "a")).hashed.sha256 == digest(LARGE)
    assert "range" not in server.asked[2].headers


async def test_another_process_goes_on_with_what_came(build: Build, tmp_path: Path):
    files = FileServer(LARGE)
    files.faults = [files.cut(2 * MB)] + [always(b"", keep=False)] * 9
    with serving(files) as server:
        with pytest.raises(ServiceUnreachable):
            await build(server.url).fetch(remote(server.url), tmp_path / "a.mp4")
        assert files_in(tmp_path) == ["a.mp4.part", "a.mp4.resume"]
        files.faults, before = [], len(server.asked)
        done = await build(server.url).fetch(remote(server.url), tmp_path / "a.mp4")
        assert [asked.headers["range"] for asked in server.asked[before:]] == [f"bytes={2 * MB}-"]
    assert done.path.read_bytes() == LARGE


async def test_fresh_link_to_the_same_place_goes_on_and_one_to_another_does_not(build: Build, tmp_path: Path):
    files = FileServer(LARGE)
    for link, goes_on in (("clip.mp4?signature=new", True), ("other.mp4", False)):
        files.faults = [files.cut(2 * MB), *[always(plain(b"", "410 Gone"))]]
        with serving(files) as server:
            downloads = build(server.url)
            with pytest.raises(LinkExpired):
                await downloads.fetch(
                    RemoteFile(f"{server.url}/clip.mp4?signature=old", AssetType.VIDEO), tmp_path / "a"
                )
            await downloads.fetch(RemoteFile(f"{server.url}/{link}", AssetType.VIDEO), tmp_path / "a")
            assert ("range" in server.asked[-1].headers) == goes_on
        await downloads.forget(tmp_path / "a")


async def test_what_came_before_a_restart_of_the_machine_is_not_gone_on_with(build: Build, tmp_path: Path):
    files = FileServer(LARGE)
    files.faults = [files.cut(2 * MB), always(plain(b"", "410 Gone"))]
    with serving(files) as server:
        downloads = build(server.url)
        with pytest.raises(LinkExpired):
            await downloads.fetch(remote(server.url), tmp_path / "a")
        note = tmp_path / "a.resume"
        note.write_text(json.dumps(json.loads(note.read_text()) | {"boot": "00000000"}))
        done = await downloads.fetch(remote(server.url), tmp_path / "a")
        assert "range" not in server.asked[-1].headers
    assert done.path.read_bytes() == LARGE


@pytest.mark.parametrize(
    "note", ["", "{", "[]", "{}", '{"identity": 1}', '{"identity": "x", "boot": "y", "total_bytes": "9"}', "[" * 9999]
)
async def test_garbled_record_is_no_record(build: Build, tmp_path: Path, note: str):
    (tmp_path / "a.part").write_bytes(b"film:garbage")
    (tmp_path / "a.resume").write_text(note)
    with serving(FileServer(SMALL)) as server:
        done = await build(server.url).fetch(remote(server.url), tmp_path / "a")
    assert done.path.read_bytes() == SMALL


async def test_what_was_damaged_on_the_disk_is_found_out_by_the_digest(build: Build, tmp_path: Path):
    files = FileServer(LARGE)
    files.faults = [files.cut(2 * MB), always(plain(b"", "410 Gone"))]
    file_facts = {"sha256": digest(LARGE)}
    with serving(files) as server:
        downloads = build(server.url)
        with pytest.raises(LinkExpired):
            await downloads.fetch(remote(server.url, **file_facts), tmp_path / "a")
        with (tmp_path / "a.part").open("r+b") as part:
            part.seek(MB)
            part.write(b"damage")
        done = await downloads.fetch(remote(server.url, **file_facts), tmp_path / "a")
    assert done.path.read_bytes() == LARGE


async def test_link_planted_at_a_name_of_ours_is_not_followed(build: Build, tmp_path: Path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    folder = tmp_path / "downloads"
    folder.mkdir()
    for name in ("a", "a.part", "a.resume"):
        (folder / name).symlink_to(victim)
    with serving(FileServer(SMALL)) as server:
        done = await build(server.url).fetch(remote(server.url), folder / "a")
    assert done.path.read_bytes() == SMALL
    assert not done.path.is_symlink()
    assert victim.read_text() == "precious"


async def test_file_that_came_whole_is_not_asked_for_again(build: Build, tmp_path: Path):
    with serving(FileServer(SMALL)) as server:
        downloads = build(server.url)
        first = await downloads.fetch(remote(server.url), tmp_path / "a")
        assert await downloads.fetch(remote(server.url), tmp_path / "a") == first
        assert await downloads.fetch(remote(server.url, sha256=digest(SMALL)), tmp_path / "a") == first
        assert len(server.asked) == 1
        (tmp_path / "a").write_bytes(b"film:changed")
        again = await downloads.fetch(remote(server.url), tmp_path / "a")
        assert again.hashed.sha256 == first.hashed.sha256
        assert len(server.asked) == 2


async def test_what_was_hashed_on_its_way_is_the_file_that_came(build: Build, tmp_path: Path):
    with serving(FileServer(SMALL)) as server:
        done = await build(server.url).fetch(remote(server.url), tmp_path / "a")
        assert done.hashed.is_still(done.path.stat())
        found = await build(server.url).fetch(remote(server.url), tmp_path / "a")
        assert found.hashed == done.hashed


async def test_process_killed_after_the_last_byte_leaves_nothing_to_ask_for(build: Build, tmp_path: Path):
    files = FileServer(LARGE)

    def all_but_the_end(asked: Asked, connection: socket.socket) -> bool:
        connection.sendall(files.headers(asked) + LARGE[:-1])
        return False

    files.faults = [all_but_the_end, always(plain(b"", "410 Gone"))]
    with serving(files) as server:
        downloads = build(server.url)
        with pytest.raises(LinkExpired):
            await downloads.fetch(remote(server.url), tmp_path / "a")
        with (tmp_path / "a.part").open("ab") as part:
            part.write(LARGE[-1:])
        assert (await downloads.fetch(remote(server.url), tmp_path / "a")).hashed.sha256 == digest(LARGE)
        assert len(server.asked) == 2


async def test_cancelled_download_can_be_gone_on_with(build: Build, tmp_path: Path):
    arrived, released = threading.Event(), threading.Event()
    files = FileServer(LARGE)

    def stuck(asked: Asked, connection: socket.socket) -> bool:
        connection.sendall(files.headers(asked) + LARGE[: 2 * MB])
        arrived.set()
        released.wait(20)
        return False

    files.faults = [stuck]
    with serving(files) as server:
        downloads = build(server.url)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(downloads.fetch, remote(server.url), tmp_path / "a")
            while not (tmp_path / "a.part").exists() or (tmp_path / "a.part").stat().st_size < MB:  # noqa: ASYNC110 - the disk tells nobody
                await anyio.sleep(0.01)
            tasks.cancel_scope.cancel()
        released.set()
        done = await downloads.fetch(remote(server.url), tmp_path / "a")
        assert "range" in server.asked[-1].headers
    assert done.path.read_bytes() == LARGE
