"""Orders one thing after the other, many at once, as a process of its own: prints what became of each.

`order_program.py URL TOKEN FILE COUNT MOST WINDOW_S`: FILE is what processes share of the window.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from random import Random

import anyio

from assetctl.clock import SystemClock
from assetctl.network import Origin, new_client
from assetctl.pixsim.client import PixsimClient
from assetctl.pixsim.pacing import Pace
from assetctl.pixsim.session import HandedIn
from assetctl.pixsim.turn_file import WindowFile
from assetctl.pixsim.turns import Turns
from assetctl.pixsim.window import Rules
from assetctl.secret import Secret
from service.orders import order


def tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def main(*words: str) -> None:
    url, token, file, number_of_orders, most, window_s = words
    clock, origin, became = SystemClock(), Origin.of(url), Counter[str]()
    turns = Turns(
        clock=clock,
        rules=Rules(most=float(most), window_s=float(window_s)),
        shared=WindowFile(Path(file), tell=lambda what: became.update([what])),
    )

    async with new_client(timeout_s=20, home=origin) as http:
        client = PixsimClient(
            origin,
            http,
            tokens=HandedIn(Secret(token)),
            clock=clock,
            pace=Pace(clock=clock, random=Random(1)),
            turns=turns,
        )

        async def one(number: int) -> None:
            await client.create_generation(order(f"number {number} of {token[-6:]}", force_new=True))
            became.update(["ordered"])

        tell("ready")
        sys.stdin.readline()
        async with anyio.create_task_group() as tasks:
            for number in range(int(number_of_orders)):
                tasks.start_soon(one, number)
    tell(json.dumps(became))


anyio.run(main, *sys.argv[1:])
