"""Which address is answered by whom."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from service import accounts, catalogue, creating, game, gamedata, jobs, media, plain
from service.messages import Response
from service.replies import Refused

if TYPE_CHECKING:
    from service.messages import Request
    from service.world import World

_NUMBER: Final = r"(-?\d+)"
_WORD: Final = r"([^/]+)"
_TABLE: Final[list[tuple[str, str, Any]]] = [
    ("GET", "/", plain.root),
    ("GET", "/health", plain.health),
    ("GET", "/ready", plain.ready),
    ("GET", "/api/v1/version", plain.version),
    ("GET", "/api/v1/providers", plain.providers),
    ("GET", "/api/v1/generation-operations", plain.operations),
    ("POST", "/api/v1/auth/login", accounts.login),
    ("POST", "/api/v1/auth/register", accounts.register),
    ("POST", "/api/v1/auth/logout", accounts.logout),
    ("POST", "/api/v1/auth/introspect", accounts.introspect),
    ("GET", "/api/v1/users/me", accounts.me),
    ("POST", "/api/v1/generations", creating.create),
    ("GET", "/api/v1/generations", jobs.listed),
    ("POST", "/api/v1/generations/validate", jobs.validate),
    ("GET", "/api/v1/generations/error-catalog", plain.error_catalog),
    ("GET", f"/api/v1/generations/{_NUMBER}", jobs.get),
    ("DELETE", f"/api/v1/generations/{_NUMBER}", jobs.delete),
    ("POST", f"/api/v1/generations/{_NUMBER}/cancel", jobs.cancel),
    ("POST", f"/api/v1/generations/{_NUMBER}/pause", jobs.pause),
    ("POST", f"/api/v1/generations/{_NUMBER}/resume", jobs.resume),
    ("POST", f"/api/v1/generations/{_NUMBER}/retry", jobs.retry),
    ("POST", "/api/v1/assets/search", catalogue.search),
    ("POST", "/api/v1/assets/bulk/get", catalogue.bulk_get),
    ("POST", "/api/v1/assets/check-by-hash", catalogue.check_by_hash),
    ("POST", "/api/v1/assets/upload", catalogue.upload),
    ("GET", f"/api/v1/assets/{_WORD}", catalogue.get),
    ("DELETE", f"/api/v1/assets/{_WORD}", catalogue.delete),
    ("PATCH", f"/api/v1/assets/{_WORD}/archive", catalogue.archive),
    ("GET", f"/api/v1/assets/{_WORD}/file", media.asset_file),
    ("POST", f"/api/v1/assets/{_WORD}/tags/assign", catalogue.assign_tags),
    ("GET", "/api/v1/tags", catalogue.tags),
    ("GET", "/api/v1/media/(.+)", media.media),
    ("HEAD", "/api/v1/media/(.+)", media.media),
    ("GET", "/api/v1/game/scenes/", gamedata.scenes),
    ("GET", f"/api/v1/game/scenes/{_WORD}", gamedata.scene),
    ("GET", "/api/v1/game/worlds/", gamedata.worlds),
    ("GET", f"/api/v1/game/worlds/{_WORD}", gamedata.one_world),
    ("GET", f"/api/v1/game/worlds/{_WORD}/project/export", gamedata.export),
    ("POST", "/api/v1/game/assets/request", game.request_asset),
]
_COMPILED: Final = [(method, re.compile(pattern), handler) for method, pattern, handler in _TABLE]


def answer(world: World, request: Request) -> Response:
    """What the API says, or its refusal.

    Raises:
        Refused: in the handler's words, or 404 and 405 in those of the framework.
    """
    known = False
    for method, pattern, handler in _COMPILED:
        found = pattern.fullmatch(request.path)
        if found is None:
            continue
        if method == request.method:
            return handler(world, request, *found.groups())
        known = True
    if known:
        raise Refused(405, "Method Not Allowed")
    other = request.path[:-1] if request.path.endswith("/") else request.path + "/"
    if any(pattern.fullmatch(other) for _, pattern, _ in _COMPILED):
        _, mark, query = request.target.partition("?")
        location = f"{world.api_url}{other}{mark}{query}"
        return Response(307, b"", [("location", location), ("content-length", "0")])
    raise Refused(404, "Not Found")
