"""Somebody who wants one clip from a look-alike of the backend, with all real parts and real sockets in between.

Also a program: what it is told is its only argument, a JSON object; what it got is the JSON object that it prints.
Waits are ten times as short as they are meant to be, so that a minute is enough for a hundred faults.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import anyio

from assetctl import settings as settings_room
from assetctl.clock import SystemClock
from assetctl.errors import AssetctlError
from assetctl.events import AssetEventBus
from assetctl.generation.pixsim.generator import PixsimGenerator
from assetctl.models import AssetRequest
from assetctl.wiring import open_stack

if TYPE_CHECKING:
    from assetctl.wiring import Stack

_HURRY: Final = 10.0
#: Real seconds after which an order that is not there never arrived: what the look-alike hides one, and what a loaded
#: machine may take to read an order.
SETTLE_S: Final = 3.0
HIDES_S: Final = 0.3


class Hurried(SystemClock):
    """Waits pass ten times as fast as they should; what day it is stays true."""

    def elapsed_s(self) -> float:
        return super().elapsed_s() * _HURRY

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds / _HURRY)


@dataclass(frozen=True)
class Told:
    """What one ask came to: `code` is `delivered`, or that of the error, whose parts stand in `text`."""

    code: str
    exit_code: int = 0
    text: str = ""
    has_reason: bool = True
    has_hint: bool = True
    sha256: str = ""
    source: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def is_delivered(self) -> bool:
        return self.code == "delivered"


@dataclass(frozen=True)
class Wish:
    """What is wanted, where, by whom."""

    folder: str
    url: str
    token: str
    scene: str
    timeout_s: float = 60.0
    max_wait_s: float = 300.0

    @property
    def data(self) -> Path:
        return Path(self.folder) / "data"

    @property
    def text(self) -> str:
        return json.dumps(asdict(self))

    async def ask(self) -> Told:
        """What an asker gets who starts anew, knowing only what is on the disk."""
        settings = settings_room.load(
            environ={"ASSETCTL_TOKEN": self.token},
            cwd=Path(self.folder),
            overrides={"data_dir": self.data, "backend.url": self.url, "backend.timeout_s": self.timeout_s},
        )
        request = AssetRequest(
            scene_id=self.scene,
            choice_id="confess",
            prompt=f"She says it in {self.scene}",
            provider="pixverse",
            max_wait_s=self.max_wait_s,
            allow_placeholder=False,
        )
        async with open_stack(settings, events=AssetEventBus(), clock=Hurried()) as stack:
            _settle_soon(stack)
            try:
                asset = await stack.service.request_asset(request)
            except AssetctlError as error:
                parts = [part for part in (error.what, error.why, error.hint) if part]
                attempts = [attempt.detail or "" for attempt in error.attempts]
                return Told(
                    error.code, error.exit_code, "\n".join([*parts, *attempts]), error.why is not None,
                    error.hint is not None,
                )  # fmt: skip
            sha256 = hashlib.sha256(asset.path.read_bytes()).hexdigest()
            return Told("delivered", sha256=sha256, source=asset.source.value, warnings=asset.warnings)


def _settle_soon(stack: Stack) -> None:
    stack.jobs.registry.register(PixsimGenerator(stack.jobs.registry._context, settle_s=SETTLE_S))


def main() -> None:
    logging.basicConfig(level=logging.WARNING)
    told = anyio.run(Wish(**json.loads(sys.argv[1])).ask)
    sys.stdout.write(json.dumps(asdict(told)) + "\n")


if __name__ == "__main__":
    main()
