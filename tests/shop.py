"""A generator that charges: a shop on disk, shared by processes, that counts every purchase and forgives none.

It understands no idempotency key: whoever sends an order twice pays twice, and the test sees it. Run as a program it
is one customer: it asks for one asset and can die at any state of the order.
"""

from __future__ import annotations

import json
import os
import sys
import uuid
from collections import Counter
from contextlib import nullcontext
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from assetctl.clock import SystemClock
from assetctl.errors import AssetctlError, JobError, JobFailed, OutcomeUnknown, ServiceUnreachable
from assetctl.generation.base import GeneratedFile, JobState, JobStatus, ParameterSpec
from assetctl.generation.journal import Journal
from assetctl.models import AssetType, Cost, Estimate
from fakes import REQUEST, House, attempts_of, film

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractAsyncContextManager

    from assetctl.generation.base import GenerationOrder, Hints
    from assetctl.generation.orders import Order, OrderState

PRICE = Cost(Decimal("0.40"), "USD")


class Shop:
    """Makes films for money. What it does is set by its fields, and may be changed between two calls.

    `checks` is what a check raises. `submits`: accept, lose (charges, then gives no answer), refuse, unreachable, or
    mistake: charges for another film than was ordered.
    `finds`: tell, silent, unreachable, or late: what was charged is on its list only `settles_s` later, and until then
    it says so. `ends`: how jobs end, after `looks` looks at them. `after_charge` runs between the charge and the
    answer.
    """

    asset_types = frozenset({AssetType.VIDEO, AssetType.IMAGE})

    def __init__(self, folder: Path, *, name: str = "shop", is_paid: bool = True, is_stand_in: bool = False) -> None:
        self.name = name
        self.is_paid = is_paid
        self.is_stand_in = is_stand_in
        self.needs_network = True
        self.submits = "accept"
        self.finds = "tell"
        self.ends = JobState.SUCCEEDED
        self.settles_s = 0.3
        self.looks = 1
        self.forgets = False
        self.checks: AssetctlError | None = None
        self.asked_about: list[datetime | None] = []
        self.hints: Hints | None = None
        self.after_charge: Callable[[], None] = lambda: None
        self._folder = folder
        self._jobs = folder / "jobs"
        self._jobs.mkdir(parents=True, exist_ok=True)

    @property
    def charges(self) -> int:
        """How often somebody paid."""
        return len(self._lines("charges"))

    @property
    def submissions(self) -> int:
        """How often an order arrived, whether it was taken or not."""
        return len(self._lines("submissions"))

    def parameters(self) -> Sequence[ParameterSpec]:
        return (ParameterSpec("fps", int, default=4, minimum=1, maximum=60),)

    async def estimate(self, order: GenerationOrder) -> Estimate:
        del order
        return Estimate(cost_low=PRICE, cost_high=PRICE)

    async def submit(self, order: GenerationOrder, idempotency_key: str) -> str:
        self._note("submissions", order.key)
        match self.submits:
            case "refuse":
                raise JobFailed("the shop refuses this prompt")
            case "unreachable":
                raise ServiceUnreachable("the shop is closed")
            case _:
                job_id = f"job-{uuid.uuid4().hex[:12]}"
                _write(self._job(job_id), json.dumps({"order": idempotency_key, "key": order.key}).encode())
                self._note("charges", job_id)
        self.after_charge()
        if self.submits == "lose":
            wait_s = self.settles_s if self.finds == "late" else None
            raise OutcomeUnknown("the shop's answer got lost", ask_again_in_s=wait_s)
        if self.submits == "mistake":
            raise JobFailed(f"the shop makes another film in its job `{job_id}`", job_id=job_id)
        return job_id

    async def check(self, order: GenerationOrder) -> None:
        if self.checks is not None:
            raise self.checks
        del order

    async def find(self, order: GenerationOrder, idempotency_key: str, sent_at: datetime | None) -> str | None:
        del order
        self.asked_about.append(sent_at)
        if self.finds == "silent":
            raise OutcomeUnknown("the shop keeps no list")
        if self.finds == "unreachable":
            raise ServiceUnreachable("the shop is closed")
        if self.finds == "late":
            self._require_settled(sent_at)
        for path in self._jobs.glob("*.json"):
            if json.loads(path.read_text())["order"] == idempotency_key:
                return path.stem
        return None

    async def status(self, job_id: str) -> JobStatus:
        self._known(job_id)
        self._note(f"looks-{job_id}", "look")
        if len(self._lines(f"looks-{job_id}")) < self.looks:
            return JobStatus(JobState.RUNNING, fraction=0.5, message="drawing", poll_after_s=0.05)
        return JobStatus(self.ends, message=None if self.ends is JobState.SUCCEEDED else "it cannot be drawn")

    async def cancel(self, job_id: str) -> JobStatus:
        self._known(job_id)
        return JobStatus(self.ends)

    async def result(self, job_id: str) -> GeneratedFile:
        self._known(job_id)
        path = self._folder / f"{job_id}.mp4"
        if not path.exists():
            _write(path, film(job_id))
        return GeneratedFile(f"shop:{job_id}", path=path, model="m1", cost=PRICE, generation_time_ms=1500)

    def watch(self) -> AbstractAsyncContextManager[Hints | None]:
        return nullcontext(self.hints)

    async def announce(self, job_id: str, order: GenerationOrder) -> None:
        self._note("announced", f"{job_id} {order.key}")

    async def discard(self, job_id: str) -> None:
        self._note("discarded", job_id)

    def spoil(self, data: bytes) -> None:
        """Every file that was made is replaced by `data`."""
        for path in self._jobs.glob("*.json"):
            (self._folder / f"{path.stem}.mp4").write_bytes(data)

    def _require_settled(self, sent_at: datetime | None) -> None:
        assert sent_at is not None, "an order that may have arrived was sent at some time"
        left_s = self.settles_s - (datetime.now(UTC) - sent_at).total_seconds()
        if left_s > 0:
            raise OutcomeUnknown("the list may be old", ask_again_in_s=left_s)

    @property
    def charges_by_key(self) -> Counter[str]:
        """How often somebody paid for each key."""
        return Counter(json.loads(self._job(job_id).read_text())["key"] for job_id in self._lines("charges"))

    def _known(self, job_id: str) -> None:
        if self.forgets or not self._job(job_id).exists():
            raise JobError(f"the shop has no job `{job_id}`")

    def _job(self, job_id: str) -> Path:
        return self._jobs / f"{job_id}.json"

    def _note(self, name: str, line: str) -> None:
        with (self._folder / f"{name}.log").open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def _lines(self, name: str) -> list[str]:
        path = self._folder / f"{name}.log"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def _write(path: Path, data: bytes) -> None:
    """`path` holds `data`; in one step, as other customers may read it at any moment."""
    new = path.with_name(f"{path.name}.{os.getpid()}")
    new.write_bytes(data)
    new.replace(path)


class DeadlyJournal(Journal):
    """A journal whose process dies, as `kill -9` does, once `deadly` is durable."""

    deadly: str = ""

    async def intend(self, key: str, generator: str, request: object, **limits: object) -> tuple[Order, bool]:
        found = await super().intend(key, generator, request, **limits)  # type: ignore[arg-type]
        self._die_at(found[0].state)
        return found

    async def advance(self, order: Order, state: OrderState, **facts: object) -> Order:
        advanced = await super().advance(order, state, **facts)  # type: ignore[arg-type]
        self._die_at(state)
        return advanced

    def _die_at(self, state: str) -> None:
        if state == self.deadly:
            os._exit(66)


async def _buy(folder: str, deadly: str, submits: str, finds: str, looks: str) -> int:
    shop = Shop(Path(folder) / "shop")
    shop.submits, shop.finds, shop.looks = submits, finds, int(looks)
    if deadly == "submitted":
        shop.after_charge = lambda: os._exit(66)
    house = House(Path(folder) / "house", generator=shop, clock=SystemClock(), journal=DeadlyJournal)
    house.journal.deadly = deadly  # type: ignore[attr-defined]
    try:
        asset = await house.service.request_asset(REQUEST)
    except AssetctlError as error:
        told = {"code": error.code, "attempts": attempts_of(error)}
        code = error.exit_code
    else:
        told = {"film": asset.path.read_text(), "source": asset.source, "cost": str(asset.cost and asset.cost.amount)}
        code = 0
    sys.stdout.write(json.dumps(told) + "\n")
    await house.cache.aclose()
    return code


if __name__ == "__main__":
    sys.exit(anyio.run(_buy, *sys.argv[1:]))
