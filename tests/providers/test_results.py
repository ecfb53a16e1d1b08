"""What was paid for and is somewhere else is fetched once: through kills, expired links and damaged downloads."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from download_program import KEY, FarShop, downloads_through

from assetctl.errors import IntegrityError, JobError, LinkExpired, ServiceUnreachable
from assetctl.events import TransferProgressed
from assetctl.generation.orders import OrderState
from assetctl.network import Origin, new_client
from byte_server import always, head, plain, serving
from fakes import REQUEST, FakeClock, House

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncGenerator, Callable

    from assetctl.generation.orders import Order
    from byte_server import Asked

pytestmark = pytest.mark.anyio

CLIP = b"film:" + os.urandom(4 << 20)
DIGEST = hashlib.sha256(CLIP).hexdigest()


def serve(asked: Asked, connection: socket.socket) -> bool:
    """The clip, or its rest."""
    start = asked.range_start()
    facts = {"Content_Length": len(CLIP) - start, "ETag": '"v1"', "Content_Type": "video/mp4"}
    if start:
        where = f"bytes {start}-{len(CLIP) - 1}/{len(CLIP)}"
        connection.sendall(head("206 Partial Content", Content_Range=where, **facts) + CLIP[start:])
    else:
        connection.sendall(head("200 OK", **facts) + CLIP)
    return True


@pytest.fixture
def far(tmp_path: Path) -> FarShop:
    return FarShop(tmp_path / "shop")


@pytest.fixture
async def house_at(build: Callable[..., House], far: FarShop) -> AsyncGenerator[Callable[[str], House]]:
    """Builds the house of somebody whose backend is at an address."""
    clients = []

    def built(url: str) -> House:
        clock = FakeClock()
        clients.append(new_client(home=Origin.of(url), timeout_s=60))
        return build(generator=far, clock=clock, downloads=downloads_through(clients[-1], url, clock))

    yield built
    for client in clients:
        await client.aclose()


async def ordered(house: House, shop: FarShop) -> Order:
    async with house.desk.exclusively(KEY):
        return await house.desk.place(shop, KEY, REQUEST)


async def state_of(house: House, order: Order) -> OrderState:
    found = await house.journal.get(order.order_id)
    assert found is not None
    return found.state


def waiting_files(house: House) -> list[str]:
    folder = house.folder / "downloads"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


async def test_file_at_a_web_address_is_brought_home(house_at: Callable[[str], House], far: FarShop):
    with serving(serve) as server:
        house = house_at(server.url)
        far.links = (f"{server.url}/clip.webm?signature=x",)
        order = await ordered(house, far)
        entry = (await house.follower.bring_home(far, order, 60)).entry
    path = await house.cache.verified(entry)
    assert (entry.sha256, entry.size_bytes) == (DIGEST, len(CLIP))
    assert path is not None
    assert (path.suffix, path.stat().st_nlink) == (".webm", 1)
    assert path.read_bytes() == CLIP
    assert await state_of(house, order) is OrderState.CLOSED
    assert waiting_files(house) == []
    told = [event for event in house.events if isinstance(event, TransferProgressed)]
    assert told[0] == TransferProgressed(KEY, 0, len(CLIP))
    assert told[-1] == TransferProgressed(KEY, len(CLIP), len(CLIP))


async def test_expired_link_is_asked_for_afresh(house_at: Callable[[str], House], far: FarShop):
    def answer(asked: Asked, connection: socket.socket) -> bool:
        if "old" in asked.target:
            connection.sendall(plain(b"", "410 Gone"))
            return True
        return serve(asked, connection)

    with serving(answer) as server:
        house = house_at(server.url)
        far.links = (f"{server.url}/old", f"{server.url}/old?again", f"{server.url}/new")
        order = await ordered(house, far)
        assert (await house.follower.bring_home(far, order, 60)).entry.sha256 == DIGEST
    assert far.results == 3
    assert far.charges == 1


async def test_link_that_stays_expired_keeps_the_order(house_at: Callable[[str], House], far: FarShop):
    with serving(always(plain(b"", "404 Not Found"))) as server:
        house = house_at(server.url)
        far.links = (f"{server.url}/gone",)
        order = await ordered(house, far)
        with pytest.raises(LinkExpired) as caught:
            await house.follower.bring_home(far, order, 60)
        assert caught.value.job_id == order.job_id
        assert len(server.asked) == 4
    assert await state_of(house, order) is OrderState.READY
    with serving(serve) as server:
        far.links = (f"{server.url}/there",)
        assert (await house_at(server.url).follower.bring_home(far, order, 60)).entry.sha256 == DIGEST
    assert far.charges == 1


async def test_job_without_a_file_keeps_the_order(house_at: Callable[[str], House], far: FarShop):
    house = house_at("http://127.0.0.1:9")
    far.links = (None,)
    order = await ordered(house, far)
    with pytest.raises(JobError, match="no file"):
        await house.follower.bring_home(far, order, 60)
    assert await state_of(house, order) is OrderState.READY


async def test_server_that_is_away_keeps_what_came(house_at: Callable[[str], House], far: FarShop):
    def half(asked: Asked, connection: socket.socket) -> bool:
        if asked.range_start() == 0:
            connection.sendall(head("200 OK", Content_Length=len(CLIP), ETag='"v1"') + CLIP[: 2 << 20])
        return False

    with serving(half) as server:
        house = house_at(server.url)
        far.links = (f"{server.url}/clip.mp4",)
        order = await ordered(house, far)
        with pytest.raises(ServiceUnreachable):
            await house.follower.bring_home(far, order, 60)
        assert waiting_files(house) == [f"{KEY}.mp4.part", f"{KEY}.mp4.resume"]
        server.answer = serve
        before = len(server.asked)
        await house.follower.bring_home(far, order, 60)
        assert [asked.range_start() for asked in server.asked[before:]] == [2 << 20]
    assert waiting_files(house) == []


async def test_wrong_file_is_refused_and_the_paid_order_kept(house_at: Callable[[str], House], far: FarShop):
    with serving(serve) as server:
        house = house_at(server.url)
        far.links, far.facts = (f"{server.url}/clip.mp4",), {"sha256": "0" * 64}
        order = await ordered(house, far)
        with pytest.raises(IntegrityError):
            await house.follower.bring_home(far, order, 60)
    assert await state_of(house, order) is OrderState.READY
    assert await house.cache.lookup(KEY) is None


async def test_what_nobody_follows_any_more_is_swept_after_a_day(house_at: Callable[[str], House], far: FarShop):
    with serving(serve) as server:
        house = house_at(server.url)
        far.links = (f"{server.url}/clip.mp4",)
        folder = house.folder / "downloads"
        folder.mkdir(mode=0o700)
        for name, days in (("b" * 64 + ".mp4", 2), ("c" * 64 + ".mp4.part", 0.5), (f"{KEY}.webm.part", 9), ("odd", 2)):
            (folder / name).write_text("left")
            then = house.clock.now().timestamp() - days * 86_400
            os.utime(folder / name, (then, then))
        order = await ordered(house, far)
        await house.follower.bring_home(far, order, 60)
    assert waiting_files(house) == [f"{KEY}.webm.part", "c" * 64 + ".mp4.part"]


@pytest.mark.parametrize("kills", [1, 3])
async def test_killed_in_mid_download_it_goes_on_and_pays_once(far: FarShop, tmp_path: Path, kills: int):
    released = threading.Event()
    stop_at = [(1 + number) << 20 for number in range(kills)]

    def answer(asked: Asked, connection: socket.socket) -> bool:
        if not stop_at:
            return serve(asked, connection)
        start, facts = asked.range_start(), {"ETag": '"v1"', "Content_Length": len(CLIP) - asked.range_start()}
        where = {"Content_Range": f"bytes {start}-{len(CLIP) - 1}/{len(CLIP)}"} if start else {}
        status = "206 Partial Content" if start else "200 OK"
        connection.sendall(head(status, **facts, **where) + CLIP[start : stop_at[0]])
        released.wait(120)
        return False

    def customer(url: str) -> subprocess.Popen[str]:
        program = Path(__file__).with_name("download_program.py")
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(program.parent), str(program.parents[1])])}
        command = [sys.executable, str(program), str(tmp_path / "house"), str(tmp_path / "shop"), url]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)

    part = tmp_path / "house" / "downloads" / f"{KEY}.mp4.part"
    with serving(answer) as server:
        while stop_at:
            with customer(server.url) as process:
                wanted = stop_at[0]
                deadline = time.monotonic() + 100
                while not part.exists() or part.stat().st_size < wanted:
                    assert process.poll() is None
                    assert time.monotonic() < deadline
                    time.sleep(0.01)  # noqa: ASYNC251 - nothing else runs in this loop
                process.kill()
            stop_at.pop(0)
        with customer(server.url) as process:
            said, _ = process.communicate(timeout=100)
        released.set()
        starts = [asked.range_start() for asked in server.asked]
    assert said.strip() == DIGEST
    assert starts == [number << 20 for number in range(kills + 1)]
    assert far.charges == 1
    assert not part.exists()
