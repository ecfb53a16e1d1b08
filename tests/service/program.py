"""The process: three ports, one world, an end when its stdin ends."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Final

from service.connections import READ_LIMIT, Host
from service.control import Control
from service.course import Course
from service.sockets import Sockets
from service.world import World

_BACKLOG: Final = 2048


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.service", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="the API; 0: any that is free")
    parser.add_argument("--vendor-port", type=int, default=0)
    parser.add_argument("--control-port", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="where its rows and files are kept; made anew if not given")
    parser.add_argument("--user", metavar="NAME:PASSWORD", help="somebody who may log in")
    parser.add_argument("--until-stdin-ends", action="store_true")
    arguments = parser.parse_args()
    try:
        asyncio.run(_serve(arguments))
    except KeyboardInterrupt:
        sys.exit(130)


async def _serve(arguments: argparse.Namespace) -> None:
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="pixsim7-look-alike-"))
    world = World(folder)
    world.sockets = Sockets(world)
    world.course = Course(world)
    faces = [
        (Host(world, "api").serve, arguments.port),
        (Host(world, "vendor").serve, arguments.vendor_port),
        (Control(world).serve, arguments.control_port),
    ]
    servers = [
        await asyncio.start_server(serve, "127.0.0.1", port, limit=READ_LIMIT, backlog=_BACKLOG)
        for serve, port in faces
    ]
    ports = [server.sockets[0].getsockname()[1] for server in servers]
    world.api_url, world.vendor_url = (f"http://127.0.0.1:{port}" for port in ports[:2])
    said = {"url": world.api_url, "vendor_url": world.vendor_url, "ports": ports, "folder": str(folder)}
    if arguments.user:
        name, _, password = arguments.user.partition(":")
        said["token"] = Control(world).pull_user(name, password)["token"]
    world.course.resume_all()
    gc.freeze()
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()
    if arguments.until_stdin_ends:
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), _end)
    await asyncio.Event().wait()


def _end() -> None:
    if not os.read(sys.stdin.fileno(), 1):
        os._exit(0)
