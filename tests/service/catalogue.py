"""Assets over HTTP: one, many, search, tags, upload."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from service.accounts import json_object, signed_in
from service.forms import form_of
from service.jobs import checked_number
from service.replies import Refused, json_reply, no_content
from service.shelf import asset_document, keep_asset, put_asset, slugs_of, tag_document

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.messages import Request, Response
    from service.rows import Asset, User
    from service.world import World

    Condition = Callable[[Asset], bool]

_BULK_LOOKED_AT: Final = 200
_LONGEST_SLUG: Final = 196
_COLUMNS: Final = {
    "asset_operation_type": "operation_type",
    "source_generation_id": "source_generation_id",
    "sha256": "sha256",
    "provider_status": "provider_status",
    "asset_ids": "id",
}


def get(world: World, request: Request, number: str) -> Response:
    return json_reply(asset_document(world, owned(world, request, number, "get asset")))


def owned(world: World, request: Request, number: str, deed: str) -> Asset:
    """The asset, if it is the caller's.

    Raises:
        Refused: 422 for no number, 404, and 500 for another user's, as the real server has it.
    """
    user = signed_in(world, request)
    asset = world.store.assets.get(checked_number(["path", "asset_id"], number, -(1 << 62), None))
    if asset is None:
        raise Refused(404, "Asset not found")
    if asset.user_id != user.id and not user.is_admin:
        raise Refused(500, f"Failed to {deed}: Cannot access other users' assets")
    return asset


def bulk_get(world: World, request: Request) -> Response:
    user = signed_in(world, request)
    found = [
        world.store.assets[number]
        for number in json_object(request).get("asset_ids", [])[:_BULK_LOOKED_AT]
        if number in world.store.assets
    ]
    if any(asset.user_id != user.id and not user.is_admin for asset in found):
        raise Refused(400, "Failed to get assets: Cannot access other users' assets")
    return json_reply([asset_document(world, asset) for asset in found])


def delete(world: World, request: Request, number: str) -> Response:
    world.store.remove(owned(world, request, number, "delete asset"))
    return no_content()


def archive(world: World, request: Request, number: str) -> Response:
    asset = owned(world, request, number, "archive asset")
    asset.is_archived = bool(json_object(request).get("archived", True))
    keep_asset(world, asset)
    return json_reply(asset_document(world, asset))


def check_by_hash(world: World, request: Request) -> Response:
    """Own assets alone, and the digest compared as it was sent."""
    user = signed_in(world, request)
    sha256 = json_object(request).get("sha256")
    mine = (asset for asset in world.store.assets.values() if asset.user_id == user.id and asset.sha256 == sha256)
    found = next(mine, None)
    known = {"exists": found is not None, "asset_id": found.id if found else None}
    known["provider_id"] = found.provider_id if found else None
    return json_reply(known | {"uploaded_to_providers": [], "note": None})


def search(world: World, request: Request) -> Response:
    user = signed_in(world, request)
    body = json_object(request)
    limit = checked_number(["body", "limit"], body.get("limit", 50), 1, 100)
    offset = checked_number(["body", "offset"], body.get("offset", 0), 0, None)
    wanted = _conditions(body)
    rows = [
        asset
        for asset in world.store.assets.values()
        if (user.is_admin or asset.user_id == user.id) and all(condition(asset) for condition in wanted)
    ]
    by_size = body.get("sort_by") == "file_size_bytes"
    rows.sort(
        key=lambda asset: (asset.size_bytes if by_size else asset.created_at.timestamp(), asset.id),
        reverse=body.get("sort_dir", "desc") != "asc",
    )
    total = len(rows)
    # The cursor means "older than" whatever the order is, which pages wrongly in any other than the default.
    if after := _cursor(body.get("cursor")):
        rows = [asset for asset in rows if (asset.created_at, asset.id) < after]
    page = rows[offset : offset + limit]
    cursor = f"{page[-1].created_at.isoformat()}|{page[-1].id}" if len(page) == limit else None
    answer = {"assets": [asset_document(world, asset) for asset in page], "total": total, "limit": limit}
    return json_reply(answer | {"offset": offset, "next_cursor": cursor})


def _conditions(body: dict[str, Any]) -> list[Condition]:
    """What every found asset must be. Keys that are not known widen the result without a word."""
    filters = body.get("filters") or {}
    mode = filters.get("tag__mode")
    wanted = [_tagged(_slugs(given), all_of=mode == "all") for given in (body.get("tag"), filters.get("tag")) if given]
    # Two filters that look like columns compare tags.
    wanted += [
        _tagged(_slugs(filters[key]), all_of=False) for key in ("provider_id", "operation_type") if key in filters
    ]
    wanted += [
        _one_of("media_type", filters.get("media_type")),
        _one_of("asset_kind", filters.get("asset_kind", "content")),
    ]
    wanted.append(_archived(body, filters.get("include_archived", body.get("include_archived", False))))
    if text := body.get("q"):
        wanted.append(lambda asset: _mentions(asset, text.lower()))
    wanted += [_one_of(name, body.get(key)) for key, name in _COLUMNS.items()]
    return wanted


def _tagged(slugs: set[str], *, all_of: bool) -> Condition:
    return lambda asset: slugs <= slugs_of(asset) if all_of else bool(slugs & slugs_of(asset))


def _one_of(name: str, given: Any) -> Condition:
    values = _listed(given)
    return lambda asset: not values or getattr(asset, name) in values


def _archived(body: dict[str, Any], included: Any) -> Condition:
    if body.get("archived_only"):
        return lambda asset: asset.is_archived
    return lambda asset: bool(included) or not asset.is_archived


def _mentions(asset: Asset, text: str) -> bool:
    words = [asset.prompt, asset.description, *slugs_of(asset)]
    return any(text in word.lower() for word in words if word)


def _slugs(given: Any) -> set[str]:
    return {slug for value in _listed(given) for slug in str(value).split(",") if slug}


def _listed(given: Any) -> list[Any]:
    if given is None:
        return []
    return list(given) if isinstance(given, list) else [given]


def _cursor(given: Any) -> tuple[datetime, int] | None:
    at, _, number = str(given or "").partition("|")
    try:
        return datetime.fromisoformat(at), int(number)
    except ValueError:
        return None


def assign_tags(world: World, request: Request, number: str) -> Response:
    asset = owned(world, request, number, "assign tags")
    body = json_object(request)
    add = [_slug(tag) for tag in body.get("add") or []]
    remove = {_slug(tag) for tag in body.get("remove") or []}
    asset.tags = [tag for tag in dict.fromkeys([*asset.tags, *add]) if tag not in remove]
    for tag in add:
        world.store.tag_id(tag)
    keep_asset(world, asset)
    return json_reply(asset_document(world, asset))


def _slug(given: Any) -> str:
    namespace, colon, name = str(given).strip().lower().partition(":")
    if not (namespace and colon and name) or len(str(given)) > _LONGEST_SLUG:
        words = f"Invalid namespaced ID: '{given}'. Expected 'namespace:name' with a non-empty namespace."
        raise Refused(400, f"Invalid slug format: {words}")
    return f"{namespace}:{name}"


def tags(world: World, request: Request) -> Response:
    signed_in(world, request)
    namespace, text = request.query.get("namespace"), request.query.get("q", "")
    slugs = sorted(
        slug
        for slug in world.store.tag_ids
        if (namespace is None or slug.startswith(f"{namespace}:")) and text.lower() in slug
    )
    limit, offset = int(request.query.get("limit", "50")), int(request.query.get("offset", "0"))
    page = [tag_document(world, slug, None) for slug in slugs[offset : offset + limit]]
    return json_reply({"tags": page, "total": len(slugs), "limit": limit, "offset": offset})


def upload(world: World, request: Request) -> Response:
    user = signed_in(world, request)
    form = form_of(request)
    file = form.files.get("file")
    if file is None:
        raise Refused(422, "Invalid request data", None, [{"loc": ["body", "file"], "msg": "Field required"}])
    if not file.content_type.startswith(("image/", "video/")):
        raise Refused(400, f"Unsupported content type: {file.content_type}")
    target = form.values.get("save_target", "provider")
    if target == "provider" and not form.values.get("provider_id"):
        raise Refused(400, "provider_id is required when save_target='provider'")
    media_type = file.content_type.partition("/")[0]
    old, how = _same(world, user, media_type, file.content)
    if old is not None:
        return _uploaded(old, f"Deduplicated by {how}, already on {old.provider_id}")
    asset = put_asset(
        world,
        user_id=user.id,
        media_type=media_type,
        file={"content": base64.b64encode(file.content).decode(), "mime_type": file.content_type},
        provider_id="local" if target == "library" else form.values["provider_id"],
        upload_method=form.values.get("upload_method", "api"),
        width=None,
        height=None,
        duration_s=None,
    )
    return _uploaded(asset, "Saved to library (backend storage only).")


def _same(world: World, user: User, media_type: str, content: bytes) -> tuple[Asset | None, str]:
    sha256 = hashlib.sha256(content).hexdigest()
    mine = [asset for asset in world.store.assets.values() if asset.user_id == user.id]
    for asset in mine:
        if asset.sha256 == sha256:
            return asset, "sha256"
    if media_type == "image" and world.options.similar_images:
        similar = next((asset for asset in mine if asset.media_type == "image"), None)
        return similar, "phash"
    return None, ""


def _uploaded(asset: Asset, note: str) -> Response:
    return json_reply(
        {
            "provider_id": asset.provider_id,
            "media_type": asset.media_type,
            "external_url": f"/api/v1/assets/{asset.id}/file",
            "provider_asset_id": asset.provider_asset_id,
            "asset_id": asset.id,
            "note": note,
            "versioning_status": "not_requested",
        }
    )
