"""`POST /generations`: the limit, the checks in the real order, old rows handed out again, a new row."""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from typing import TYPE_CHECKING, Any

from service.accounts import hold_creation, jobs_today, json_object, signed_in
from service.asking import canonical, check_inputs, check_provider, check_shape, inputs_of, parameter_fault, snake
from service.jobs import job_document
from service.replies import Refused, json_reply
from service.rows import Generation
from service.scripts import Script

if TYPE_CHECKING:
    from service.messages import Request, Response
    from service.rows import User
    from service.world import World


def create(world: World, request: Request) -> Response:
    user = signed_in(world, request)
    body = json_object(request)
    check_shape(body)
    hold_creation(world, user)
    config = snake(body["config"])
    operation = config["generation_type"]
    check_provider(operation, body["provider_id"], world.options.providers)
    check_inputs(operation, config)
    if not user.is_admin and user.max_daily_jobs is not None and jobs_today(world, user) >= user.max_daily_jobs:
        words = f"Daily job limit exceeded ({user.max_daily_jobs}). Resets at midnight UTC."
        raise Refused(500, f"Failed to create generation: {words}")
    params = canonical(body)
    keys = [_hash_key(params), *_cache_keys(body, config, user)]
    job = None if body.get("force_new") else _reused(world, keys)
    if job is None:
        job = _new_job(world, user, body, params)
        _remember(world, keys[:1] if body.get("force_new") else keys, job)
    return json_reply(job_document(job), 201)


def _new_job(world: World, user: User, body: dict[str, Any], params: dict[str, Any]) -> Generation:
    operation = snake(body["config"])["generation_type"]
    nonce = (body.get("to_scene") or {}).get("id")
    about = {
        "prompt": params.get("prompt"),
        "name": body.get("name"),
        "operation": operation,
        "provider": body["provider_id"],
        "user": user.username,
        "scene": nonce,
        "params": params,
    }
    script = _script(world, user, about)
    now = world.now()
    seedless = {key: value for key, value in params.items() if key != "seed"}
    job = Generation(
        id=world.store.next_id("generation"),
        user_id=user.id,
        operation_type=operation,
        provider_id=body["provider_id"],
        canonical_params=params,
        inputs=inputs_of(params),
        reproducible_hash=_digest({"canonical_params": seedless, "inputs": inputs_of(params)}),
        prompt_version_id=str(uuid.uuid4()),
        final_prompt=params.get("prompt"),
        name=body.get("name") or f"{operation} generation",
        created_at=now,
        updated_at=now,
        description=body.get("description"),
        priority=body.get("priority", 5),
        wait_reason=script.wait_reason,
        is_listed=world.options.dedup != "silent",
        nonce=nonce,
    )
    world.course.begin(job, script)
    params_told = {"operation_type": operation, "provider_id": job.provider_id, "params": params}
    world.course.tell(job, "job:created", **params_told, priority=job.priority)
    return job


def _script(world: World, user: User, about: dict[str, Any]) -> Script:
    """What was scripted; with nothing scripted, a vendor still fails what it cannot do."""
    script = world.script_for(about)
    if script is not None:
        return script.for_prompt(about["prompt"])
    code = parameter_fault(about, world.options.providers)
    for entry in about["params"].get("composition_assets", []):
        asset = world.store.assets.get(int((entry["asset"] or "asset:0").partition(":")[2]))
        if entry["asset"] and (asset is None or asset.user_id != user.id):
            code = "param_asset_unresolvable"
    return Script(outcomes=(f"failed:{code}",), error_message=f"provider refused: {code}") if code else Script()


def _hash_key(params: dict[str, Any]) -> str:
    """Over the parameters and inputs alone: neither user nor provider nor operation is in it."""
    return "hash:" + _digest({"canonical_params": params, "inputs": inputs_of(params)})


def _cache_keys(body: dict[str, Any], config: dict[str, Any], user: User) -> list[str]:
    """As coarse as the real one: prompt, provider and inputs are not in it, and every playthrough is `unknown`."""
    seeds = {"once": [], "per_playthrough": ["pt:unknown"], "per_player": [f"player:{user.id}"]}
    strategy = config["strategy"]
    if strategy not in seeds:
        return []
    scenes = [(body.get(key) or {}).get("id") or "none" for key in ("from_scene", "to_scene")]
    parts = [config["generation_type"], config["purpose"], *scenes, strategy, *seeds[strategy], "v1"]
    return ["generation:" + "|".join(parts)]


def _reused(world: World, keys: list[str]) -> Generation | None:
    """The old row that the real server would hand out, cancelled, paused and other users' rows among them."""
    if world.options.dedup == "silent":
        return None
    now = time.time()
    for key in keys:
        seen = [entry["id"] for entry in world.store.values.get(key, []) if entry["seen_at"] <= now]
        job = world.store.generations.get(seen[-1]) if seen else None
        if job is not None and job.status != "failed":
            return job
    return None


def _remember(world: World, keys: list[str], job: Generation) -> None:
    """Each key leads to the job once the server has settled; until then to the one before it, if it had one."""
    now = time.time()
    seen_at = now + (world.options.settle_s if world.options.dedup == "racy" else 0.0)
    for key in keys:
        entries = world.store.values.get(key, [])
        settled = [entry for entry in entries if entry["seen_at"] <= now][-1:]
        unsettled = [entry for entry in entries if entry["seen_at"] > now]
        world.store.keep(key, [*settled, *unsettled, {"id": job.id, "seen_at": seen_at}])


def _digest(document: dict[str, Any]) -> str:
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
