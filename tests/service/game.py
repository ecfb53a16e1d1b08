"""The proposed request of a game in one step, which no real server has: there only when `game_assets` says so."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Final

from service.accounts import json_object, signed_in
from service.replies import Refused, invalid, json_reply
from service.rows import Generation
from service.scripts import Script
from service.shelf import asset_document, slugs_of

if TYPE_CHECKING:
    from service.messages import Request, Response
    from service.rows import Asset, User
    from service.world import World

_PROVIDER: Final = "pixverse"
_OPERATION: Final = "text_to_video"


def request_asset(world: World, request: Request) -> Response:
    """An asset of the library, or one that is made while the game waits; without a strategy nothing is made."""
    if not world.options.game_assets:
        raise Refused(404, "Not Found")
    user = signed_in(world, request)
    if not request.body:
        raise invalid((["body"], "Field required", "missing"))
    body = json_object(request)
    strategy = body.get("strategy", "pre_made_only")
    found = None if strategy == "generate_always" else _in_library(world, user, body)
    if found is not None:
        return _answer(world, found, "cached" if found.source_generation_id else "pre_made", None)
    if strategy == "pre_made_only":
        raise Refused(404, "No asset matches the request")
    return _answer(world, _made(world, user, body), "generated", 40)


def _in_library(world: World, user: User, body: dict[str, Any]) -> Asset | None:
    context = body.get("context") or {}
    pairs = {"scene": body.get("scene_id"), "choice": body.get("choice_id")}
    pairs |= {"npc": context.get("character_id"), "loc": context.get("location_id")}
    wanted = {f"{key}:{value}".lower() for key, value in pairs.items() if value}
    fitting = [asset for asset in world.store.assets.values() if asset.user_id == user.id and wanted <= slugs_of(asset)]
    return fitting[-1] if fitting else None


def _made(world: World, user: User, body: dict[str, Any]) -> Asset:
    now, scene = world.now(), str(body.get("scene_id"))
    about = {"prompt": None, "name": "game", "operation": _OPERATION, "provider": _PROVIDER, "user": user.username}
    job = Generation(
        id=world.store.next_id("generation"),
        user_id=user.id,
        operation_type=_OPERATION,
        provider_id=_PROVIDER,
        canonical_params={},
        inputs=[],
        reproducible_hash=uuid.uuid4().hex,
        prompt_version_id=str(uuid.uuid4()),
        final_prompt=f"the server's own words for {scene}",
        name="game asset",
        created_at=now,
        updated_at=now,
    )
    world.course.at_once(job, world.script_for({**about, "scene": scene}) or Script())
    asset = world.store.assets.get(job.asset_id or 0)
    if asset is None:
        raise Refused(500, f"Failed to request asset: {job.error_message}")
    return asset


def _answer(world: World, asset: Asset, source: str, took_ms: int | None) -> Response:
    told = asset_document(world, asset)
    return json_reply(
        {"asset_id": told["id"], "url": told["file_url"], "source": source, "generation_time_ms": took_ms}
    )
