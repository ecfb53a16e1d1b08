"""The small answers: health, version, providers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from service.accounts import signed_in
from service.providers import OPERATIONS
from service.replies import json_reply, moment

if TYPE_CHECKING:
    from service.messages import Request, Response
    from service.world import World

_ERROR_CODES: Final = {
    ("moderation", False): ("content_prompt_rejected", "content_text_rejected", "external_partner_refused"),
    ("moderation", True): (
        "content_output_rejected",
        "content_image_rejected",
        "content_filtered",
        "content_render_moderated",
    ),
    ("param", False): ("param_too_long", "param_invalid", "param_missing", "param_asset_unresolvable"),
    ("provider", True): (
        "provider_quota",
        "provider_rate_limit",
        "provider_concurrent_limit",
        "provider_timeout",
        "provider_unavailable",
        "provider_generic",
    ),
    ("provider", False): ("provider_auth",),
}


def root(_world: World, _request: Request) -> Response:
    return json_reply({"name": "PixSim7", "version": "0.1.0", "status": "running"})


def health(world: World, _request: Request) -> Response:
    names = [provider["provider_id"] for provider in world.options.providers]
    return json_reply({"status": "healthy", "database": "connected", "redis": "connected", "providers": names})


def ready(_world: World, _request: Request) -> Response:
    return json_reply({"status": "ready", "database": "connected", "redis": "connected", "plugins_loaded": True})


def version(world: World, _request: Request) -> Response:
    now = moment(world.now())
    return json_reply({"api_version": "0.1.0", "build_sha": "3d20eed89c2e", "build_time": None, "server_time": now})


def providers(world: World, request: Request) -> Response:
    signed_in(world, request)
    return json_reply(world.options.providers)


def operations(_world: World, _request: Request) -> Response:
    return json_reply(
        [
            {"generation_type": name, "operation_type": name, "owner": None, "is_semantic_alias": False}
            for name in OPERATIONS
        ]
    )


def error_catalog(world: World, request: Request) -> Response:
    signed_in(world, request)
    codes = [
        {
            "code": code,
            "description": code.replace("_", " "),
            "category": category,
            "default_retryable": is_retried,
            "effective_retryable": is_retried,
            "tweakable": category == "moderation" and is_retried,
            "override": None,
            "count_24h": 0,
            "count_7d": 0,
        }
        for (category, is_retried), named in _ERROR_CODES.items()
        for code in named
    ]
    return json_reply({"codes": codes, "global_max_attempts": world.options.retry_cap})
