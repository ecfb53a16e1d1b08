"""Scripts: what shall happen to a job, told as outcomes of its attempts, turned into steps in time.

An outcome is `completed`, `failed:<error code>`, `paused`, `cancelled`, `hang` (processing for ever) or `waits`
(pending for ever). All but the last must be failures: the job then turns back to pending, as by the real auto-retry.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from random import Random
from typing import Any


@dataclass(frozen=True)
class Script:
    """The course of a job. Seconds are real ones; `ingest_s` None: the file never leaves the vendor.

    With `longest_s` a job runs between `duration_s` and that: how long is drawn from its prompt.
    `file` may hold `media_type`, `size_bytes`, `duration_s`, `mime_type`, and `content` (base64) for own bytes.
    `place` is where the asset ends up, `asset` False a job that completes with nothing, `cancel` what a cancel of a
    running job does: `ignored` (it completes all the same, as was seen) or `honoured`. `steps` replaces everything.
    """

    queue_s: float = 0.02
    duration_s: float = 0.05
    longest_s: float | None = None
    ingest_s: float | None = 0.05
    derive_s: float | None = None
    retry_s: float = 0.05
    outcomes: tuple[str, ...] = ("completed",)
    wait_reason: str | None = None
    error_message: str = "stand-in: simulated provider failure"
    asset: bool = True
    place: str = "stored"
    cancel: str = "ignored"
    file: dict[str, Any] = field(default_factory=dict)
    steps: tuple[dict[str, Any], ...] | None = None
    asset_overrides: dict[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        return asdict(self)

    def for_prompt(self, prompt: str | None) -> Script:
        """This script with the duration drawn for a job of that prompt, always the same one."""
        if self.longest_s is None:
            return self
        drawn_s = Random(prompt).uniform(self.duration_s, self.longest_s)
        return replace(self, duration_s=drawn_s, longest_s=None)

    @classmethod
    def of(cls, document: dict[str, Any]) -> Script:
        return cls(**document)


def steps_of(script: Script) -> list[dict[str, Any]]:
    """What happens from `pending` on: each step is `after_s` later than the one before, and leads `to` a status.

    `ingested` and `derived` are steps of the asset: its file is here, its thumbnail is.
    """
    if script.steps is not None:
        return [dict(step) for step in script.steps]
    steps: list[dict[str, Any]] = []
    for index, outcome in enumerate(script.outcomes):
        if index:
            steps.append({"after_s": script.retry_s, "to": "pending"})
        steps += _attempt(script, outcome)
    return steps


def _attempt(script: Script, outcome: str) -> list[dict[str, Any]]:
    start = {"after_s": script.queue_s, "to": "processing"}
    ending, _, code = outcome.partition(":")
    match ending:
        case "waits":
            return []
        case "hang":
            return [start]
        case "completed":
            return [start, {"after_s": script.duration_s, "to": "completed"}, *_asset_steps(script)]
        case "failed":
            fault = {"code": code or "provider_generic", "message": script.error_message}
            return [start, {"after_s": script.duration_s, "to": "failed", **fault}]
        case "paused":
            fault = {"code": code or "provider_concurrent_limit_quarantine", "message": script.error_message}
            return [start, {"after_s": script.duration_s, "to": "paused", **fault}]
        case "cancelled":
            return [start, {"after_s": script.duration_s, "to": "cancelled"}]
        case _:
            raise ValueError(outcome)


def _asset_steps(script: Script) -> list[dict[str, Any]]:
    if not script.asset or script.ingest_s is None:
        return []
    steps = [{"after_s": script.ingest_s, "to": "ingested"}]
    if script.derive_s is not None:
        steps.append({"after_s": script.derive_s, "to": "derived"})
    return steps


def matches(wanted: dict[str, Any], job: dict[str, Any]) -> bool:
    """Whether a job is one of those a script is for; `prompt` and `name` are parts of the text, the rest is equal."""
    return all(
        value in (job.get(key) or "") if key in {"prompt", "name"} else value == job.get(key)
        for key, value in wanted.items()
    )
