"""Addresses of files: keys within the API, signed links on the vendor's and the store's host."""

from __future__ import annotations

import hashlib
import hmac
import time
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from service.samples import SUFFIXES

if TYPE_CHECKING:
    from service.rows import Asset
    from service.world import World

_SIGNS: Final = b"the vendor's own key"


def suffix_of(asset: Asset) -> str:
    return SUFFIXES.get(asset.mime_type, PurePosixPath(asset.file).suffix)


def stored_key(asset: Asset) -> str:
    return f"u/{asset.user_id}/content/{asset.sha256[:2]}/{asset.sha256}{suffix_of(asset)}"


def thumbnail_key(asset: Asset) -> str:
    return f"u/{asset.user_id}/thumbnails/{asset.sha256[:2]}/{asset.sha256}.jpg"


def media_url(key: str) -> str:
    return "/api/v1/media/" + key.replace(" ", "%20")


def vendor_link(world: World, asset: Asset) -> str:
    """Where the vendor gives the file away, fresh from now."""
    return world.vendor_url + signed(world, f"/out/{quote(asset.provider_asset_id)}{suffix_of(asset)}")


def store_link(world: World, asset: Asset) -> str:
    return world.vendor_url + signed(world, f"/store/{quote(stored_key(asset))}")


def signed(world: World, path: str) -> str:
    """The path, good for as long as links live; bare when they live for ever."""
    if world.options.link_life_s is None:
        return path
    expires = time.time() + world.options.link_life_s
    return f"{path}?Expires={expires:.3f}&Signature={_signature(path, f'{expires:.3f}')}"


def is_good(path: str, query: dict[str, str]) -> bool:
    """Whether a link opens: unsigned ones always do, signed ones until they expire."""
    if "Expires" not in query:
        return True
    right = hmac.compare_digest(query.get("Signature", ""), _signature(path, query["Expires"]))
    return right and float(query["Expires"]) > time.time()


def _signature(path: str, expires: str) -> str:
    return hmac.new(_SIGNS, f"{path} {expires}".encode(), hashlib.sha256).hexdigest()[:32]
