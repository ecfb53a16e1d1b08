"""Bytes: `/media/{key}`, `/assets/{id}/file`, and what the vendor's and the store's host give away.

Ranges and conditions are those of the framework the real server runs on: If-None-Match is not looked at, If-Range is.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from email.utils import formatdate
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from service.accounts import owner_of_token, signed_in
from service.catalogue import owned
from service.links import is_good, store_link, suffix_of, thumbnail_key, vendor_link
from service.messages import FileBody, Response
from service.replies import Refused

if TYPE_CHECKING:
    from service.messages import Request
    from service.rows import Asset, User
    from service.world import World

_RANGE: Final = re.compile(r"\s*(\d*)-(\d*)\s*")
_THUMBNAIL: Final = Path(__file__).with_name("thumbnail.jpg")
_EXPIRED: Final = b'<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>'


def media(world: World, request: Request, key: str) -> Response:
    user = _media_user(world, request)
    if not key.startswith(f"u/{user.id}/"):
        raise Refused(403, "Access denied")
    if "/thumbnails/" in key:
        return _thumbnail(world, request, key)
    asset = world.store.assets.get(world.keys.get(key, 0))
    if asset is None or asset.placed in {"remote", "none", "lost"}:
        raise Refused(404, "File not found")
    match asset.placed:
        case "archived":
            return Response(307, b"", [("location", store_link(world, asset))])
        case "away":
            if asset.source_generation_id is None:
                raise Refused(503, "Asset is archived but the store is unreachable", code="service_unavailable")
            return Response(307, b"", [("location", vendor_link(world, asset))])
        case _:
            if request.method == "HEAD":
                return Response(200, b"", [("content-length", "0")])
            return file_reply(request, world.store.files / asset.file, asset.mime_type, Path(key).name)


def _media_user(world: World, request: Request) -> User:
    """A header or a token in the address; the header counts when both are there."""
    if request.header("authorization") is not None:
        return signed_in(world, request)
    if "token" not in request.query:
        raise Refused(401, "Missing authorization")
    return owner_of_token(world, request.query["token"])


def _thumbnail(world: World, request: Request, key: str) -> Response:
    name = Path(key).stem
    asset = next((asset for asset in world.store.assets.values() if asset.sha256 == name), None)
    if asset is None or thumbnail_key(asset) != key:
        raise Refused(404, "File not found")
    if not asset.has_thumbnail:
        raise Refused(202, "Thumbnail regeneration queued, retry in a few seconds")
    return file_reply(request, _THUMBNAIL, "image/jpeg", Path(key).name)


def asset_file(world: World, request: Request, number: str) -> Response:
    asset = owned(world, request, number, "serve file")
    if asset.placed not in {"stored", "local"}:
        state = "REMOTE" if asset.placed in {"remote", "none", "opaque"} else "DOWNLOADED"
        raise Refused(404, f"Asset has no local file (sync_status is {state})")
    name = f"asset_{asset.id}{suffix_of(asset)}"
    return file_reply(request, world.store.files / asset.file, asset.mime_type, name)


def vendor(world: World, request: Request) -> Response:
    """The host of finished files: no login, and no patience with who brings one.

    A request that carries a secret of ours, or any Authorization, is refused; that it was seen stands in the ledger.
    """
    if world.options.vendor_checks_tokens and request.header("authorization") is not None:
        return Response(400, b"<Error><Code>InvalidArgument</Code></Error>", [("content-type", "application/xml")])
    if request.method not in {"GET", "HEAD"}:
        return Response(405, b"", [])
    asset = _vendor_asset(world, request.path)
    if asset is None:
        return Response(404, b"<Error><Code>NoSuchKey</Code></Error>", [("content-type", "application/xml")])
    if not is_good(request.target.partition("?")[0], request.query):
        return Response(403, _EXPIRED, [("content-type", "application/xml")])
    return file_reply(request, world.store.files / asset.file, asset.mime_type, None)


def _vendor_asset(world: World, path: str) -> Asset | None:
    if path.startswith("/out/"):
        name = unquote(path.removeprefix("/out/"))
        number = world.vendor_files.get(name) or world.vendor_files.get(name.rpartition(".")[0])
    else:
        number = world.keys.get(path.removeprefix("/store/"))
    return world.store.assets.get(number or 0)


def file_reply(request: Request, path: Path, mime_type: str, filename: str | None) -> Response:
    """The file, or the part of it that was asked for."""
    facts = path.stat()
    size = facts.st_size
    tag = '"' + hashlib.md5(f"{facts.st_mtime}-{size}".encode(), usedforsecurity=False).hexdigest() + '"'
    changed = formatdate(facts.st_mtime, usegmt=True)
    named = [("content-disposition", f'attachment; filename="{filename}"')] if filename else []
    plain = [("content-type", mime_type), ("accept-ranges", "bytes"), *named]
    marks = [("last-modified", changed), ("etag", tag)]
    asked = request.header("range")
    condition = request.header("if-range")
    if asked is None or (condition is not None and condition not in {tag, changed}):
        return Response(200, FileBody(path, 0, size), [*plain, ("content-length", str(size)), *marks])
    ranges = _ranges(asked, size)
    if isinstance(ranges, str):
        return Response(400, ranges.encode(), [("content-type", "text/plain; charset=utf-8")])
    if not ranges:
        no_such = [("content-range", f"bytes */{size}"), ("content-length", "0")]
        return Response(416, b"", [*no_such, ("content-type", "text/plain; charset=utf-8")])
    if len(ranges) > 1:
        return _many(path, ranges, size, mime_type, [*named, *marks])
    start, stop = ranges[0]
    length = [("content-length", str(stop - start)), *marks, ("content-range", f"bytes {start}-{stop - 1}/{size}")]
    return Response(206, FileBody(path, start, stop - start), [*plain, *length])


def _ranges(asked: str, size: int) -> list[tuple[int, int]] | str:
    """The parts asked for, cut to the file; none of them if one lies outside it; a text says what is wrong."""
    unit, _, listed = asked.partition("=")
    if unit.strip().lower() != "bytes":
        return "Only support bytes range"
    parts: list[tuple[int, int]] = []
    for text in listed.split(","):
        found = _RANGE.fullmatch(text)
        if found is None or found.groups() == ("", ""):
            return "Malformed range header."
        first, last = found.groups()
        start = int(first) if first else max(0, size - int(last))
        stop = min(size, int(last) + 1) if first and last else size
        if start >= size or start >= stop:
            return []
        parts.append((start, stop))
    return parts


def _many(
    path: Path, ranges: list[tuple[int, int]], size: int, mime_type: str, headers: list[tuple[str, str]]
) -> Response:
    boundary = secrets.token_hex(13)
    content = path.read_bytes()
    body = b"".join(
        f"--{boundary}\r\nContent-Type: {mime_type}\r\nContent-Range: bytes {start}-{stop - 1}/{size}\r\n\r\n".encode()
        + content[start:stop]
        + b"\r\n"
        for start, stop in ranges
    )
    kind = ("content-type", f"multipart/byteranges; boundary={boundary}")
    return Response(206, body + f"--{boundary}--".encode(), [kind, ("accept-ranges", "bytes"), *headers])
