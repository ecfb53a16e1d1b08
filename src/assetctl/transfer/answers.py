"""What an answer means for the file that was asked for: pure decisions on status and headers (RFC 9110).

Only 200 and 206 carry a file, and only where they say so themselves: a success that brings JSON, a page that explains
an error, or an encoding that nobody asked for is none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from assetctl.errors import (
    IntegrityError,
    LinkExpired,
    NotAllowed,
    RateLimited,
    ServiceError,
    ServiceFault,
    ServiceUnreachable,
)
from assetctl.models import AssetType
from assetctl.text import safe
from assetctl.transfer.remote import MAX_BYTES
from assetctl.transfer.retries import Again
from assetctl.units import human_size

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from assetctl.network import Origin
    from assetctl.transfer.remote import RemoteFile

_OK: Final = 200
_ACCEPTED: Final = 202
_PARTIAL: Final = 206
_UNAUTHORIZED: Final = 401
_FORBIDDEN: Final = 403
_RANGE_NOT_SATISFIABLE: Final = 416
_TOO_MANY: Final = 429
_EXPIRED: Final = frozenset({401, 403, 404, 410})
_BUSY: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
#: What is answered for a server that is down.
_AWAY: Final = frozenset({502, 503, 504})

#: What to do about a file that is not what it should be; an order that made it stays open.
LOOK_AT_IT: Final = "ask again; if it is the same then, look at the asset where it comes from"

_CONTENT_RANGE: Final = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")
_STRONG_ETAG: Final = re.compile(r'"[\x21\x23-\x7e\x80-\xff]*"')
# What explains an error, or holds a list of files; of the models, some are text themselves.
_PAGES: Final = ("text/", "application/json", "application/problem+json", "application/xml", "application/xhtml+xml")
_TEXT_MODELS: Final = frozenset({"text/plain", "application/json"})


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for: the bytes from `offset` on, of the file that had `etag` and `total_bytes` then."""

    offset: int = 0
    etag: str | None = None
    total_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Body:
    """What comes now: the bytes from `offset` on of a file of `total_bytes`, None when nobody says.

    `etag` is a strong one or None.
    """

    offset: int
    total_bytes: int | None
    etag: str | None
    last_modified: str | None


@dataclass(frozen=True, slots=True)
class Head:
    """Status and headers, their names in lower case, of what `origin` said; `is_own` when that is the backend."""

    status: int
    headers: Mapping[str, str]
    origin: Origin
    is_own: bool


def body_of(head: Head, asked: Asked, file: RemoteFile, *, now: datetime) -> Body:
    """What `head` announces.

    Raises:
        Again: nothing of use, but another attempt may bring it.
        LinkExpired: there is nothing behind this link any more.
        NotAllowed: the backend does not give it to us.
        IntegrityError: it is not the file that was described.
        ServiceError: it is nothing that could be a file.
    """
    _check_status(head, asked, now)
    _check_kind(head, file)
    body = _part(head, asked) if head.status == _PARTIAL else _whole(head)
    total = body.total_bytes
    if total is not None and file.size_bytes is not None and total != file.size_bytes:
        raise IntegrityError(
            f"the file at `{head.origin}` is not the one that was described",
            why=f"it has {total} bytes, described were {file.size_bytes}",
            hint=LOOK_AT_IT,
        )
    if total is not None and total > MAX_BYTES[file.asset_type]:
        raise too_large(head.origin, file)
    if total is None and file.size_bytes is None and file.sha256 is None and not _is_chunked(head):
        raise ServiceError(
            f"the file at `{head.origin}` cannot be told from a part of it",
            why="the server says neither how long it is nor where it ends",
            hint=LOOK_AT_IT,
        )
    return body


def too_large(origin: Origin, file: RemoteFile) -> IntegrityError:
    """What to raise when more comes than may."""
    stated = file.size_bytes
    limit = MAX_BYTES[file.asset_type]
    why = (
        f"no {file.asset_type.value} is larger than {human_size(limit)}"
        if stated is None
        else f"described were {stated} bytes"
    )
    return IntegrityError(f"the file at `{origin}` is larger than it may be", why=why, hint=LOOK_AT_IT)


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """How long the server asks us to wait (RFC 9110, section 10.2.3), None when it doesn't or nobody can read it."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        until = parsedate_to_datetime(text)
        # Measured by the server's own clock where it tells it: ours may be wrong.
        since = parsedate_to_datetime(headers["date"]) if "date" in headers else now
        return max((until - since).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return None


def _check_status(head: Head, asked: Asked, now: datetime) -> None:
    status, said = head.status, f"`{head.origin}` answered {head.status}"
    if status in (_OK, _PARTIAL):
        return
    if status == _RANGE_NOT_SATISFIABLE and asked.offset:
        raise Again(ServiceError("the download could not go on where it stopped", why=said), anew=True)
    if status == _ACCEPTED:
        raise Again(
            ServiceError("the file is not ready yet", why=said, hint="ask again in a minute"),
            wait_s=retry_after_s(head.headers, now),
        )
    if head.is_own and status in (_UNAUTHORIZED, _FORBIDDEN):
        raise NotAllowed("the backend does not give us this file", why=said, hint="log in with `assetctl auth login`")
    if status in _EXPIRED:
        raise LinkExpired("the link to the file leads nowhere any more", why=said, hint="ask again for a fresh one")
    if status in _BUSY:
        wait_s = retry_after_s(head.headers, now)
        raise Again(_busy(status, said), wait_s=wait_s)
    raise ServiceError("the file cannot be had", why=said, hint=LOOK_AT_IT)


def _busy(status: int, said: str) -> ServiceError:
    what, hint = "the file cannot be had now", "ask again in a minute"
    if status == _TOO_MANY:
        return RateLimited(what, why=said, hint=hint)
    if status in _AWAY:
        return ServiceUnreachable(what, why=said, hint=hint)
    return ServiceFault(what, why=said, hint=hint)


def _check_kind(head: Head, file: RemoteFile) -> None:
    encoding = head.headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity"):
        raise ServiceError(
            f"what `{head.origin}` sends is refused",
            why=f"it is encoded (`{safe(encoding, max_length=40)}`), which was not asked for",
            hint=LOOK_AT_IT,
        )
    kind = head.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_text_model = file.asset_type is AssetType.MODEL_3D and kind in _TEXT_MODELS
    if (kind.startswith(_PAGES) and not is_text_model) or kind.startswith("multipart/"):
        raise ServiceError(
            f"what `{head.origin}` sends is no {file.asset_type.value}",
            why=f"it is `{safe(kind, max_length=60)}`, a page or a message",
            hint=LOOK_AT_IT,
        )


def _whole(head: Head) -> Body:
    return Body(0, _length(head), *_validators(head))


def _part(head: Head, asked: Asked) -> Body:
    """The part that was asked for, and no other."""
    etag, last_modified = _validators(head)
    stated = _CONTENT_RANGE.fullmatch(head.headers.get("content-range", "").strip())
    if stated is None or not asked.offset:
        raise _another_part(head, "it does not say which part of the file it sends, or sends one unasked")
    first, last = int(stated[1]), int(stated[2])
    total = None if stated[3] == "*" else int(stated[3])
    length = _length(head)
    if first != asked.offset or last < first or (length is not None and length != last - first + 1):
        raise _another_part(head, f"asked for was all from byte {asked.offset} on, it sends {first} to {last}")
    if total is not None and last != total - 1:
        raise _another_part(head, "it sends less than the rest of the file")
    if asked.etag is not None and etag is not None and etag != asked.etag:
        raise _another_part(head, "the file changed meanwhile")
    if asked.total_bytes is not None and total not in (None, asked.total_bytes):
        raise _another_part(head, "the file has another length than before")
    return Body(first, last + 1 if total is None else total, etag or asked.etag, last_modified)


def _another_part(head: Head, why: str) -> Again:
    return Again(ServiceError(f"`{head.origin}` sends another part of the file than was asked for", why=why), anew=True)


def _validators(head: Head) -> tuple[str | None, str | None]:
    etag = head.headers.get("etag", "").strip()
    return etag if _STRONG_ETAG.fullmatch(etag) else None, head.headers.get("last-modified")


def _is_chunked(head: Head) -> bool:
    return "chunked" in head.headers.get("transfer-encoding", "").lower()


def _length(head: Head) -> int | None:
    if _is_chunked(head):
        return None
    text = head.headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() else None
