"""A plug-in of generators that behave as a test needs them: slow, paid, silent, lying, unreachable.

Each is one entry point and differs by its name alone. Jobs are folders below the data directory, so that any process
sees them; `calls` lists every call in order. `slow` goes on until a file `release` lies beside it, and
heeds no wish to cancel while a file `deaf` does; nobody can then be told of an asset.
"""

from __future__ import annotations

import hashlib
import os
import signal
import time
import wave
from contextlib import nullcontext
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING

from assetctl.errors import JobFailed, NotAllowed, OutcomeUnknown, ServiceUnreachable
from assetctl.generation.base import GeneratedFile, JobState, JobStatus, ParameterSpec
from assetctl.models import AssetType, Cost, Estimate

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime
    from pathlib import Path

    from assetctl.generation.base import GenerationOrder, Hints
    from assetctl.generation.registry import GeneratorContext

HOSTILE = "\x1b[31mred\x1b[0m \x9b2J [red]markup[/] \u202eevil [/] \x07"
PRICE = Cost(Decimal("0.40"), "USD")


class ScriptedGenerator:
    """Makes half a second of silence, in the manner of its name."""

    asset_types = frozenset({AssetType.AUDIO})
    is_stand_in = False

    def __init__(self, name: str, context: GeneratorContext) -> None:
        self.name = name
        self.is_paid = name in ("paid", "lost", "silent")
        self.needs_network = name == "remote"
        self.folder = context.data_dir / "scripted"

    def parameters(self) -> list[ParameterSpec]:
        return [ParameterSpec("loudness", int, 5, 0, 11, help="[bold]how loud[/] it is")]

    async def estimate(self, order: GenerationOrder) -> Estimate:
        self._called("estimate", order.key)
        if self.is_paid:
            return Estimate(PRICE, PRICE, 1.0, 90.0)
        return Estimate()

    async def submit(self, order: GenerationOrder, idempotency_key: str) -> str:
        self._called("submit", order.key)
        match self.name:
            case "forbidden":
                raise NotAllowed("the service knows you not", why=HOSTILE, hint="log in")
            case "unreachable":
                raise ServiceUnreachable("the service gives no answer", why="connection refused", hint="try later")
            case "silent":
                raise OutcomeUnknown("the connection was cut after the order was sent")
        job_id = self._job_id(idempotency_key)
        _wav(self.folder / job_id / "result.wav", seed=order.key)
        self._called("submitted", order.key)
        return job_id

    async def check(self, order: GenerationOrder) -> None:
        self._called("check", order.key)

    async def find(self, order: GenerationOrder, idempotency_key: str, sent_at: datetime | None) -> str | None:
        del order, sent_at
        self._called("find", idempotency_key)
        job_id = self._job_id(idempotency_key)
        if self.name == "silent" and not (self.folder / "release").exists():
            raise OutcomeUnknown("the service keeps no list")
        return job_id if (self.folder / job_id).exists() else None

    async def status(self, job_id: str) -> JobStatus:
        self._called("status", job_id)
        if self.name == "stubborn":
            # A plug-in that hangs where no cancellation reaches it.
            time.sleep(3600)  # noqa: ASYNC251 - that is the misbehaviour
        if self.name == "failing":
            return JobStatus(JobState.FAILED, message=HOSTILE)
        if (self.folder / job_id / "cancelled").exists():
            return JobStatus(JobState.CANCELLED)
        is_slow = self.name == "slow" and not (self.folder / "release").exists()
        if is_slow or (self.folder / "busy").exists():
            said = self.folder / "says"
            fraction = self.folder / "fraction"
            return JobStatus(
                JobState.RUNNING,
                float(fraction.read_text()) if fraction.exists() else None,
                said.read_text(encoding="utf-8") if said.exists() else None,
                0.05,
            )
        return JobStatus(JobState.SUCCEEDED, 1.0)

    async def cancel(self, job_id: str) -> JobStatus:
        self._called("cancel", job_id)
        if (self.folder / "deaf").exists():
            # It goes on for now, as what a vendor works on does.
            return await self.status(job_id)
        (self.folder / job_id / "cancelled").touch()
        return await self.status(job_id)

    async def result(self, job_id: str) -> GeneratedFile:
        self._called("result", job_id)
        path = self.folder / job_id / "result.wav"
        if not path.exists():
            raise JobFailed("the file is gone", job_id=job_id)
        digest = "0" * 64 if self.name == "liar" else hashlib.sha256(path.read_bytes()).hexdigest()
        return GeneratedFile(job_id, path=path, sha256=digest, cost=PRICE if self.is_paid else None)

    def watch(self) -> AbstractAsyncContextManager[Hints | None]:
        return nullcontext()

    async def announce(self, job_id: str, order: GenerationOrder) -> None:
        del order
        self._called("announce", job_id)
        if (self.folder / "deaf").exists():
            raise ServiceUnreachable("the service hears nothing")

    async def discard(self, job_id: str) -> None:
        self._called("discard", job_id)
        if self.name == "lost":
            (self.folder / job_id / "result.wav").unlink()

    def _job_id(self, idempotency_key: str) -> str:
        return f"{self.name}-{idempotency_key[:12]}"

    def _called(self, what: str, about: str) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.folder / "calls").open("a", encoding="utf-8") as calls:
            calls.write(f"{what} {about}\n")
        if os.environ.get("SCRIPTED_KILL_AT") == what:
            os.kill(os.getpid(), signal.SIGKILL)


def _wav(path: Path, *, seed: str) -> None:
    path.parent.mkdir(exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(8000)
        # Different requests give different bytes, as from any real generator.
        file.writeframes(hashlib.sha256(seed.encode()).digest() + bytes(4000 - 32))


def _factory(name: str) -> partial[ScriptedGenerator]:
    return partial(ScriptedGenerator, name)


instant = _factory("instant")
slow = _factory("slow")
stubborn = _factory("stubborn")
paid = _factory("paid")
remote = _factory("remote")
failing = _factory("failing")
forbidden = _factory("forbidden")
unreachable = _factory("unreachable")
lost = _factory("lost")
silent = _factory("silent")
liar = _factory("liar")
