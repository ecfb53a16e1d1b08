"""A job's course in time: each step of its script comes due, changes the row, and is told to all sockets.

Steps are due at moments, not after pauses, so that a server that comes back catches up with what it missed. With a
capacity, a job starts only when an account has room for it, the most urgent and then the oldest first.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from service.providers import OPERATIONS
from service.scripts import Script, steps_of
from service.shelf import keep_asset, put_asset

if TYPE_CHECKING:
    from datetime import datetime

    from service.rows import Generation
    from service.world import World

_ACCOUNT: Final = 1


class Course:
    """Moves the jobs of a world on, on the running event loop."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self._running = {job.id for job in world.store.generations.values() if job.status == "processing"}
        self._queue: dict[int, Generation] = {}

    def begin(self, job: Generation, script: Script) -> None:
        """The job's steps start now; it is saved."""
        job.script = script.document()
        job.steps = steps_of(script)
        self._schedule(job, self._world.now())

    def at_once(self, job: Generation, script: Script) -> None:
        """All of the job's steps have happened; it is saved."""
        job.script = script.document()
        for step in steps_of(script):
            getattr(self, f"_to_{step['to']}")(job, step)
        job.updated_at = self._world.now()
        self._world.store.save(job)

    def resume_all(self) -> None:
        """Every job that has steps left goes on; what came due meanwhile happens at once, in its order."""
        for job in list(self._world.store.generations.values()):
            if job.steps and job.status == "pending" and job.due_at is None:
                self._queue[job.id] = job
            elif job.steps:
                self._arm(job)
        self._start_next()

    def stop(self, job: Generation) -> None:
        """Nothing further happens to the job by itself; its steps stay for `go_on`."""
        self._queue.pop(job.id, None)
        if timer := self._timers.pop(job.id, None):
            timer.cancel()

    def go_on(self, job: Generation) -> None:
        self._schedule(job, self._world.now())

    def _schedule(self, job: Generation, since: datetime) -> None:
        job.due_at = since + timedelta(seconds=job.steps[0]["after_s"]) if job.steps else None
        self._world.store.save(job)
        self._arm(job)

    def _arm(self, job: Generation) -> None:
        self.stop(job)
        if job.due_at is not None:
            wait_s = (job.due_at - self._world.now()).total_seconds()
            self._timers[job.id] = asyncio.get_running_loop().call_later(max(0.0, wait_s), self._take_step, job)

    def _take_step(self, job: Generation) -> None:
        self._timers.pop(job.id, None)
        if _starts(job) and not self._has_room():
            self._queue[job.id] = job
            job.wait_reason, job.due_at = "account_capacity_wait", None
            self._world.store.save(job)
            return
        due = job.due_at or self._world.now()
        step = job.steps.pop(0)
        getattr(self, f"_to_{step['to']}")(job, step)
        job.updated_at = self._world.now()
        self._schedule(job, due)
        if step["to"] == "paused":
            self.stop(job)
        if job.status == "processing":
            self._running.add(job.id)
        self._start_next()

    def _has_room(self) -> bool:
        capacity, known = self._world.options.capacity, self._world.store.generations
        self._running = {number for number in self._running if number in known and known[number].status == "processing"}
        return capacity is None or len(self._running) < capacity

    def _start_next(self) -> None:
        while self._queue and self._has_room():
            self._take_step(self._queue.pop(min(self._queue, key=lambda number: _turn(self._queue[number]))))

    def _to_processing(self, job: Generation, _step: dict[str, Any]) -> None:
        job.status, job.started_at, job.wait_reason = "processing", self._world.now(), None
        job.attempt_count += 1
        job.account_id = _ACCOUNT
        job.provider_job_id = f"sj-{job.id}-{job.attempt_count}"
        if not job.is_charged:
            job.is_charged = True
            self._world.ledger.record(
                "charge",
                generation_id=job.id,
                user_id=job.user_id,
                nonce=job.nonce,
                name=job.name,
                prompt=job.final_prompt,
            )
        self.tell(job, "job:started")

    def _to_completed(self, job: Generation, step: dict[str, Any]) -> None:
        if job.deferred_action == "cancel" and job.script["cancel"] == "honoured":
            self.end(job, "cancelled")
            return
        job.deferred_action = None
        if job.script["asset"] and step.get("asset", True):
            self._deliver(job)
        job.status, job.completed_at = "completed", self._world.now()
        job.error_message = job.error_code = None
        self.tell(job, "job:completed")

    def _to_failed(self, job: Generation, step: dict[str, Any]) -> None:
        job.status, job.completed_at = "failed", self._world.now()
        job.error_code, job.error_message = step["code"], step["message"]
        self.tell(job, "job:failed", error=job.error_message, error_code=job.error_code)

    def _to_pending(self, job: Generation, step: dict[str, Any]) -> None:
        job.status, job.started_at, job.completed_at, job.provider_job_id = "pending", None, None, None
        job.retry_count += 1
        job.wait_reason = step.get("wait_reason")

    def _to_paused(self, job: Generation, step: dict[str, Any]) -> None:
        job.status = "paused"
        job.error_code, job.error_message = step.get("code"), step.get("message")
        self.tell(job, "job:paused", error=job.error_message, error_code=job.error_code)

    def _to_cancelled(self, job: Generation, _step: dict[str, Any]) -> None:
        self.end(job, "cancelled")

    def _to_ingested(self, job: Generation, _step: dict[str, Any]) -> None:
        asset = self._world.store.assets.get(job.asset_id or 0)
        if asset is not None:
            asset.placed = job.script["place"]
            keep_asset(self._world, asset)
            self.tell_asset(asset.id, job, "asset:updated", reason="ingestion_completed", provider_removed=False)

    def _to_derived(self, job: Generation, _step: dict[str, Any]) -> None:
        asset = self._world.store.assets.get(job.asset_id or 0)
        if asset is not None:
            asset.has_thumbnail = True
            keep_asset(self._world, asset)
            self.tell_asset(asset.id, job, "asset:updated", reason="derivatives_completed")

    def end(self, job: Generation, status: str) -> None:
        """The job has ended for good, and nothing further happens to it."""
        job.status, job.completed_at, job.deferred_action = status, self._world.now(), None
        job.steps = []
        self.tell(job, f"job:{status}")

    def _deliver(self, job: Generation) -> None:
        media_type = OPERATIONS.get(job.operation_type, "video")
        script = job.script
        asked_s = job.canonical_params.get("duration")
        file = {"duration_s": asked_s or 5.0, **script["file"]}
        asset = put_asset(
            self._world,
            user_id=job.user_id,
            media_type=script["file"].get("media_type", media_type),
            file=file,
            provider_id=job.provider_id,
            provider_asset_id=job.provider_job_id or f"sj-{job.id}",
            placed="remote" if script["place"] != "none" else "none",
            prompt=job.final_prompt,
            model=job.canonical_params.get("model"),
            operation_type=job.operation_type,
            source_generation_id=job.id,
            reproducible_hash=job.reproducible_hash,
            prompt_version_id=job.prompt_version_id,
            automatic_tags=[
                f"operation:{job.operation_type.replace('_', '-')}",
                f"provider:{job.provider_id}",
                "source:generated",
            ],
            upload_method="generated",
            overrides=script["asset_overrides"],
        )
        job.asset_id = asset.id
        about = {"generation_id": job.id, "job_id": job.id, "provider_id": job.provider_id}
        self._world.sockets.tell(
            "asset:created", {"asset_id": asset.id, "user_id": job.user_id, "media_type": None}, about
        )

    def tell(self, job: Generation, kind: str, **facts: Any) -> None:
        """All sockets hear it; a new job says what it was asked, any other its status."""
        status = None if kind == "job:created" else job.status
        data = facts if status is None else {"status": status, **facts}
        head = {"generation_id": job.id, "status": status, "user_id": job.user_id}
        self._world.sockets.tell(kind, head, {"job_id": job.id, "generation_id": job.id} | data)

    def tell_asset(self, asset_id: int, job: Generation, kind: str, *, reason: str, **facts: Any) -> None:
        done = {"thumbnail_generated": reason == "derivatives_completed", "preview_generated": False}
        head = {"asset_id": asset_id, "user_id": job.user_id, "media_type": None}
        self._world.sockets.tell(kind, head, {"source_generation_id": job.id, "reason": reason} | done | facts)


def _starts(job: Generation) -> bool:
    return job.steps[0]["to"] == "processing"


def _turn(job: Generation) -> tuple[int, int]:
    return job.priority, job.id
