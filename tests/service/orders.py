"""Create bodies for tests, plain requests, and waiting for what a job comes to."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable

_WITHIN_S = 60.0


def order(prompt: str | None = "two people talk in a park", **changes: Any) -> dict[str, Any]:
    """A body that is accepted. `operation`, `strategy` and `assets` go where they belong, the rest on the top level."""
    config: dict[str, Any] = {
        "generation_type": changes.pop("operation", "text_to_video"),
        "purpose": "gap_fill",
        "style": changes.pop("style", {"pacing": "medium"}),
        "duration": {"target": 3},
        "constraints": {"rating": "PG-13"},
        "strategy": changes.pop("strategy", "once"),
        "fallback": {"mode": "skip"},
        "prompt": prompt,
    }
    if "assets" in changes:
        config["composition_assets"] = changes.pop("assets")
    scenes = {"from_scene": {"id": "scene-a"}, "to_scene": {"id": changes.pop("scene", "scene-b")}}
    return {"config": config, "provider_id": "pixverse", "name": "client test", **scenes, **changes}


def get(url: str, **options: Any) -> httpx.Response:
    """As `httpx.get`, without the certificates whose loading takes longer than most tests."""
    return httpx.get(url, verify=False, **({"timeout": _WITHIN_S} | options))


def post(url: str, **options: Any) -> httpx.Response:
    return httpx.post(url, verify=False, **({"timeout": _WITHIN_S} | options))


def wait_for(ask: Callable[[], Any], within_s: float = _WITHIN_S) -> Any:
    """The first answer that is not empty.

    Raises:
        TimeoutError: there was none in time.
    """
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if answer := ask():
            return answer
        time.sleep(0.005)
    raise TimeoutError


def ended(api: httpx.Client, job_id: int, *statuses: str) -> dict[str, Any]:
    """The job, once it has one of these statuses; by default `completed`."""

    def look() -> dict[str, Any] | None:
        job = api.get(f"/api/v1/generations/{job_id}").json()
        return job if job["status"] in (statuses or ("completed",)) else None

    return wait_for(look)


def stored(api: httpx.Client, job_id: int) -> dict[str, Any]:
    """The asset of a job, once its file is the backend's own."""

    def look() -> dict[str, Any] | None:
        asset = api.get(f"/api/v1/assets/{ended(api, job_id)['asset']['id']}").json()
        return asset if asset["sync_status"] == "downloaded" else None

    return wait_for(look)
