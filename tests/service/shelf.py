"""Assets as rows and as the API writes them, and the files behind them."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any, Final

from service.links import media_url, stored_key, thumbnail_key, vendor_link
from service.replies import moment
from service.rows import Asset
from service.samples import HEIGHT, SUFFIXES, WIDTH, sample

if TYPE_CHECKING:
    from service.world import World

#: Where an asset's bytes are said to be. `stored`: under a key; `local`: in a file without a key; `remote`: with the
#: vendor alone; `none`: nowhere; `archived`: in an object store the media route redirects to; `away`: in one that
#: cannot be reached; `lost`: under a key that opens nothing; `opaque`: at an address that is none of the web.
PLACES: Final = ("stored", "local", "remote", "none", "archived", "away", "lost", "opaque")
_KEYED: Final = frozenset({"stored", "archived", "away", "lost"})
_HERE: Final = frozenset({"stored", "local", "lost"})
_MIME_TYPES: Final = {"video": "video/mp4", "image": "image/png", "audio": "audio/wav", "3d_model": "model/gltf-binary"}


def put_asset(world: World, *, user_id: int, media_type: str, file: dict[str, Any], **facts: Any) -> Asset:
    """A new asset whose bytes are on disk. `file` says which: see `scripts.Script`; sample media if it says little."""
    content, mime_type = bytes_of(media_type, file, f"{user_id}/{world.store.values.get('last asset', 0)}")
    sha256 = hashlib.sha256(content).hexdigest()
    name = sha256 + SUFFIXES.get(mime_type, file.get("suffix", ".bin"))
    (world.store.files / name).write_bytes(content)
    number = world.store.next_id("asset")
    facts.setdefault("provider_id", "local")
    facts.setdefault("provider_asset_id", f"local_{sha256[:16]}")
    pictures = media_type in {"video", "image"}
    asset = Asset(
        id=number,
        user_id=user_id,
        media_type=media_type,
        created_at=facts.pop("created_at", None) or world.now(),
        file=name,
        sha256=sha256,
        size_bytes=len(content),
        mime_type=mime_type,
        duration_s=facts.pop("duration_s", float(file.get("duration_s", 5.0)) if media_type != "image" else None),
        width=facts.pop("width", WIDTH if pictures else None),
        height=facts.pop("height", HEIGHT if pictures else None),
        **facts,
    )
    keep_asset(world, asset)
    return asset


def keep_asset(world: World, asset: Asset) -> None:
    world.store.save(asset)
    world.keys[stored_key(asset)] = asset.id
    world.vendor_files[asset.provider_asset_id] = asset.id


def bytes_of(media_type: str, file: dict[str, Any], seed: str) -> tuple[bytes, str]:
    if "content" in file:
        return base64.b64decode(file["content"]), file.get("mime_type", _MIME_TYPES[media_type])
    content, mime_type = sample(
        file.get("media_type", media_type),
        seed=file.get("seed", seed),
        duration_s=file.get("duration_s", 5.0),
        size_bytes=file.get("size_bytes", 0),
    )
    return content, file.get("mime_type", mime_type)


def asset_document(world: World, asset: Asset) -> dict[str, Any]:
    """AssetResponse, all fields, in the real order."""
    keyed, here = asset.placed in _KEYED, asset.placed in _HERE
    known = keyed or here
    thumbnail = thumbnail_key(asset) if asset.has_thumbnail else None
    remote = _remote_url(world, asset)
    key = stored_key(asset)
    file_url = media_url(key) if keyed else f"/api/v1/assets/{asset.id}/file" if here else remote
    thumbnail_url = media_url(thumbnail) if thumbnail else file_url if asset.media_type == "image" else None
    document = {
        "id": asset.id,
        "user_id": asset.user_id,
        "sha256": asset.sha256 if known else None,
        "media_type": asset.media_type,
        "provider_id": asset.provider_id,
        "provider_asset_id": asset.provider_asset_id,
        "model": asset.model,
        "source_generation_id": asset.source_generation_id,
        "operation_type": asset.operation_type,
        "reproducible_hash": asset.reproducible_hash,
        "input_assets_key": None,
        "prompt_version_id": asset.prompt_version_id,
        "prompt_family_id": None,
        "gen_seed": None,
        "stored_key": key if keyed else None,
        "thumbnail_key": thumbnail,
        "preview_key": None,
        "remote_url": remote,
        "thumbnail_url": thumbnail_url,
        "preview_url": thumbnail_url if asset.media_type == "image" else None,
        "local_path": f"/srv/pixsim7/home/media/{key}" if here else None,
        "file_url": file_url,
        "sync_status": "downloaded" if known else "remote",
        "is_archived": asset.is_archived,
        "file_size_bytes": asset.size_bytes if known else None,
        "duration_sec": asset.duration_s,
        "width": asset.width,
        "height": asset.height,
        "mime_type": asset.mime_type if known else None,
        "prompt": asset.prompt,
        "description": asset.description,
        "tags": _tags(world, asset),
        "provider_status": asset.provider_status if asset.source_generation_id else "local_only",
        "provider_removal_failed": False,
        "recovered": False,
        "signal_score": None,
        "signal_override": asset.signal_override,
        "signal_suspicious": False,
        "asset_kind": asset.asset_kind,
        "upload_method": asset.upload_method,
        "upload_context": None,
        "provider_uploads": {asset.provider_id: asset.provider_asset_id} if asset.source_generation_id else {},
        "last_upload_status_by_provider": None if asset.source_generation_id else {"local": "success"},
        "version_family_id": None,
        "version_number": None,
        "parent_asset_id": None,
        "version_message": None,
        "has_generation_context": asset.source_generation_id is not None,
        "has_children": False,
        "artificial_extend": None,
        "created_at": moment(asset.created_at),
    }
    return document | asset.overrides


def slugs_of(asset: Asset) -> set[str]:
    return {*asset.tags, *asset.automatic_tags}


def _remote_url(world: World, asset: Asset) -> str | None:
    if asset.remote_url:
        return asset.remote_url
    if asset.placed == "opaque":
        return f"{asset.provider_id}:{asset.provider_asset_id}"
    is_vendors = asset.source_generation_id is not None or asset.placed == "remote"
    return vendor_link(world, asset) if is_vendors and asset.placed != "none" else None


def _tags(world: World, asset: Asset) -> list[dict[str, Any]]:
    return [
        tag_document(world, slug, "auto" if slug in asset.automatic_tags else "manual")
        for slug in sorted(slugs_of(asset))
    ]


def tag_document(world: World, slug: str, source: str | None) -> dict[str, Any]:
    namespace, _, name = slug.partition(":")
    number = world.store.tag_id(slug)
    return {
        "id": number,
        "slug": slug,
        "namespace": namespace,
        "name": name,
        "display_name": slug,
        "source": source,
    }
