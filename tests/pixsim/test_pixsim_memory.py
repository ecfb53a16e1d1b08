"""What bombs cost: measured in a fresh process, beside the same process without one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from raw_server import Flood, RawServer, answer

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from Linux")
HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n"
EXTRA_MB = 88

PROGRAM = """
import sys
from pathlib import Path
from random import Random
import anyio
from assetctl.clock import SystemClock
from assetctl.errors import ServiceError
from assetctl.network import Origin, new_client
from assetctl.pixsim.client import PixsimClient
from assetctl.pixsim.pacing import Pace
from assetctl.pixsim.session import HandedIn
from assetctl.secret import Secret

async def main():
    origin, clock = Origin.of(sys.argv[1]), SystemClock()
    async with new_client(timeout_s=20, home=origin) as http:
        pace = Pace(clock=clock, random=Random(1))
        client = PixsimClient(origin, http, tokens=HandedIn(Secret("t")), clock=clock, pace=pace)
        try:
            await (client.game_scene(5) if sys.argv[2] == "scene" else client.search_assets({}))
        except ServiceError as error:
            print(error.why, file=sys.stderr)

anyio.run(main)
# Not getrusage: its peak survives exec, and would be that of the process that started us.
print(next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")).split()[1])
"""

BOMBS = {
    "100 MB of JSON": Flood(HEAD, b'[{"a":1},' + b" " * 999_991, 100),
    "16 MB of empty lists": answer(200, raw=b"[" + b"[]," * 5_400_000 + b"[]]"),
    "as many values as are taken": answer(200, raw=b'{"assets":[' + b'{"a":{}},' * 49_000 + b"{}]}"),
    "as many assets as are taken": answer(200, raw=b'{"assets":[' + b'{"id":1,"media_type":""},' * 60_000 + b"{}]}"),
    "a large free part": answer(200, raw=b'{"assets":[],"a":[' + b'{"a":{}},' * 66_000 + b"{}]}"),
    "deep": answer(200, raw=b"[" * 8_000_000),
    "long text": answer(200, raw=b'{"assets":["' + b"x" * 16_000_000 + b'"]}'),
    "long error": answer(422, raw=b'{"code":"x","message":"' + b"x" * 90_000_000 + b'"}'),
}


SCENE = b'{"id":"5","startNodeId":"1","edges":[],"nodes":['
SCENES = {
    "a usual one": SCENE + b"]}",
    "as many nodes as are taken": SCENE + b'{"id":"1"},' * 49_999 + b'{"id":"1"}]}',
    "a large free part": SCENE + b'{"id":"1","meta":{"x":[' + b'{"a":1},' * 99_000 + b"0]}}]}",
    "as many objects for us as are taken": SCENE + b'{"id":"1","meta":{"assetctl":[' + b'{"a":1},' * 99_000 + b"0]}}]}",
    "as many texts for us as are taken": SCENE
    + b'{"id":"1","meta":{"assetctl":['
    + b'"abcdefg",' * 490_000
    + b"0]}}]}",
    "more objects than are taken": SCENE + b'{"id":"1","meta":{"assetctl":[' + b'{"a":1},' * 290_000 + b"0]}}]}",
    "a large name of a scene": SCENE + b'{"id":"1","meta":{"targetSceneId":"' + b"7" * 15_000_000 + b'"}}]}',
}


def peak_mb(said: object, call: str = "search") -> int:
    with RawServer([said]) as server:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, server.url, call],
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "src")},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    return int(done.stdout) // 1024


@pytest.fixture(scope="module")
def usual_mb() -> int:
    return peak_mb(answer(200, {"assets": []}))


@pytest.mark.parametrize("bomb", BOMBS)
def test_bomb_costs_little_memory(usual_mb, bomb):
    assert peak_mb(BOMBS[bomb]) - usual_mb <= EXTRA_MB


@pytest.mark.parametrize("scene", SCENES)
def test_scene_costs_little_memory(usual_mb, scene):
    assert peak_mb(answer(200, raw=SCENES[scene]), "scene") - usual_mb <= EXTRA_MB
