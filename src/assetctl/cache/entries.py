"""What the cache knows of an answer, and its form on disk.

Sidecars and index rows hold the same document. Whatever reads one back treats it as foreign: an unknown shape is
damage, never a guess.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar, cast

from assetctl import documents
from assetctl.errors import InvalidRequest
from assetctl.models import AssetType, Reuse, Source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assetctl.models import AssetRequest, Cost, MediaInfo, Origin

ENTRY_SCHEMA: Final = "assetctl.entry/1"
LONGEST_LIFE: Final = timedelta(days=400)
"""No result may be reused longer; a later expiry is a broken clock's or a forger's."""
FURTHEST_AHEAD: Final = timedelta(days=400)
"""How far ahead of us the clock that stamped an entry may have been: a clock that is off by a year loses nothing."""

_SUM: Final = "document_sha256"
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_SUFFIX: Final = re.compile(r"\.[a-z0-9]{1,10}")
_LARGEST: Final = 2**63
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_T = TypeVar("_T")
# By what is written: a listing reads thousands of these words, and an enumeration is slow to ask.
_TYPES: Final = {member.value: member for member in AssetType}
_SOURCES: Final = {member.value: member for member in Source}
_REUSES: Final = {member.value: member for member in Reuse}


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryDraft:
    """What is known of an answer before its bytes are stored.

    `suffix` begins with a dot and is lower case (`.mp4`). `source` says how the asset came first, pre-made or
    generated; a placeholder is no answer and is refused. `library` and `fingerprint` name the library that stands
    behind it, None for what was generated. `expires_at` is at most `LONGEST_LIFE` away, None never.
    """

    key: str
    suffix: str
    asset_id: str
    asset_type: AssetType
    request: AssetRequest
    origin: Origin
    source: Source
    media: MediaInfo
    reuse: Reuse = Reuse.ONCE
    library: str | None = None
    fingerprint: str | None = None
    stand_in: bool = False
    paid: bool = False
    expires_at: datetime | None = None
    cost: Cost | None = None
    generation_time_ms: int | None = None
    url: str | None = None

    def __post_init__(self) -> None:
        """Refuse what can never be an entry.

        Raises:
            ValueError: a placeholder, a cached answer, or a key or suffix that is none.
        """
        if self.source not in (Source.PRE_MADE, Source.GENERATED):
            raise ValueError(f"what came as {self.source.value} is not cached")
        if not _DIGEST.fullmatch(self.key):
            raise ValueError("a key is 64 lower-case hex digits")
        if not _SUFFIX.fullmatch(self.suffix):
            raise ValueError("a suffix is a dot and one to ten lower-case letters or digits")


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheEntry(EntryDraft):
    """An answer the cache holds.

    All times are UTC. `created_at` is when it was stored, `checked_at` when its source was last known to stand behind
    it, `last_used_at` when it was last handed out, to about a day. `verified_at` is when all its bytes were last hashed
    and found right; only the index knows that, None after a rebuild, and it is no part of what the entry is. A `pinned`
    entry is never thrown away unless somebody names it.
    """

    sha256: str
    size_bytes: int
    created_at: datetime
    checked_at: datetime
    last_used_at: datetime
    pinned: bool = False
    verified_at: datetime | None = field(default=None, compare=False)

    @property
    def blob(self) -> str:
        """The file name of its bytes; entries with the same bytes share it."""
        return self.sha256 + self.suffix

    def is_current(self, now: datetime) -> bool:
        """Whether it may still be served at `now`. Times that no sound clock can have written are not believed."""
        if self.created_at > now + FURTHEST_AHEAD:
            return False
        if self.expires_at is None:
            return True
        return now < self.expires_at <= self.created_at + LONGEST_LIFE


def complete(
    draft: EntryDraft, *, sha256: str, size_bytes: int, created_at: datetime, pinned: bool = False
) -> CacheEntry:
    """The entry that `draft` becomes with these bytes, just hashed; its times are to the millisecond, as on disk."""
    known = {known.name: getattr(draft, known.name) for known in fields(EntryDraft)}
    entry = CacheEntry(
        **known,
        sha256=sha256,
        size_bytes=size_bytes,
        created_at=created_at,
        checked_at=created_at,
        last_used_at=created_at,
        pinned=pinned,
    )
    stored = entry_from_document(entry_document(entry))
    return replace(stored, verified_at=stored.created_at)


def milliseconds(moment: datetime) -> int:
    """`moment` as whole milliseconds since 1970 in UTC."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def moment(value: object) -> datetime:
    """The moment that `milliseconds` gave.

    Raises:
        ValueError: it is no such number.
    """
    try:
        return _EPOCH + timedelta(milliseconds=_is(value, int))
    except OverflowError as error:
        raise ValueError(str(error)) from error


def entry_document(entry: CacheEntry) -> dict[str, Any]:
    """`entry` as JSON values."""
    return {
        "schema": ENTRY_SCHEMA,
        "key": entry.key,
        "sha256": entry.sha256,
        "size_bytes": entry.size_bytes,
        "suffix": entry.suffix,
        "asset_id": entry.asset_id,
        "type": entry.asset_type.value,
        "source": entry.source.value,
        "origin": documents.origin_document(entry.origin),
        "request": documents.request_document(entry.request),
        "media": documents.media_document(entry.media),
        "reuse": entry.reuse.value,
        "library": entry.library,
        "fingerprint": entry.fingerprint,
        "stand_in": entry.stand_in,
        "paid": entry.paid,
        "pinned": entry.pinned,
        "cost": documents.cost_document(entry.cost),
        "generation_time_ms": entry.generation_time_ms,
        "url": entry.url,
        "created_at": documents.timestamp(entry.created_at),
        "checked_at": documents.timestamp(entry.checked_at),
        "last_used_at": documents.timestamp(entry.last_used_at),
        "expires_at": documents.timestamp(entry.expires_at),
    }


def sidecar_bytes(entry: CacheEntry) -> bytes:
    """`entry` as JSON text that says its own check sum."""
    text = _sorted_text(entry_document(entry))
    return f'{text[:-1]}, "{_SUM}": "{_sum(text)}"}}'.encode()


def entry_from_sidecar(data: bytes) -> CacheEntry:
    """The entry that `sidecar_bytes` wrote.

    Raises:
        ValueError: it wrote something else.
        RecursionError: it is nested without end.
    """
    document = json.loads(data)
    # A flipped bit may leave a document that can be read and is another one. Older ones have no sum.
    if isinstance(document, dict) and _SUM in document:
        stated = cast("dict[str, Any]", document).pop(_SUM)
        if stated != _sum(_sorted_text(cast("dict[str, Any]", document))):
            raise ValueError("it is not as it was written")
    return entry_from_document(cast("object", document))


def _sorted_text(document: Mapping[str, Any]) -> str:
    # On one line: told to indent, Python's encoder takes ten times as long.
    return json.dumps(document, sort_keys=True)


def _sum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class EntryTimes(NamedTuple):
    """The times that change while an entry stays as it is; an index row knows them better than the document."""

    checked_at: datetime
    last_used_at: datetime
    verified_at: datetime | None = None


def entry_from_document(document: object, times: EntryTimes | None = None) -> CacheEntry:
    """The entry that `entry_document` wrote, with `times` in place of its own where they are given.

    Raises:
        ValueError: it wrote something else.
    """
    try:
        return _entry(cast("Mapping[str, Any]", _is(document, dict)), times)
    except (KeyError, TypeError, AttributeError, OverflowError, InvalidRequest) as error:
        raise ValueError(str(error)) from error


def _entry(found: Mapping[str, Any], times: EntryTimes | None) -> CacheEntry:
    checked_at, last_used_at, verified_at = times or EntryTimes(
        _time(found["checked_at"]), _time(found["last_used_at"])
    )
    if found["schema"] != ENTRY_SCHEMA:
        raise ValueError("an entry of another kind")
    cost = documents.cost_from_document(found["cost"])
    if cost is not None and not cost.amount.is_finite():
        raise ValueError("a cost that is no number")
    digest, size = _is(found["sha256"], str), _is(found["size_bytes"], int)
    if not _DIGEST.fullmatch(digest) or not 0 <= size < _LARGEST:
        raise ValueError("a digest or size that cannot be")
    return CacheEntry(
        key=_is(found["key"], str),
        sha256=digest,
        size_bytes=size,
        suffix=_is(found["suffix"], str),
        asset_id=_is(found["asset_id"], str),
        asset_type=_TYPES[found["type"]],
        source=_SOURCES[found["source"]],
        origin=_origin(found["origin"]),
        request=documents.request_from_document(found["request"]),
        media=_media(found["media"]),
        reuse=_REUSES[found["reuse"]],
        library=_optional(found["library"], str),
        fingerprint=_optional(found["fingerprint"], str),
        stand_in=_is(found["stand_in"], bool),
        paid=_is(found["paid"], bool),
        # Sidecars of the first version know no pins.
        pinned=_is(found.get("pinned", False), bool),
        cost=cost,
        generation_time_ms=_optional(found["generation_time_ms"], int),
        url=_optional(found["url"], str),
        created_at=_time(found["created_at"]),
        checked_at=checked_at,
        last_used_at=last_used_at,
        verified_at=verified_at,
        expires_at=documents.parse_timestamp(found["expires_at"]),
    )


def _origin(found: Mapping[str, Any]) -> Origin:
    for name in ("generator", "model", "job_id"):
        _optional(found[name], str)
    return documents.origin_from_document(found)


def _media(found: Mapping[str, Any]) -> MediaInfo:
    _is(found["mime_type"], str)
    for name in ("duration_s", "width", "height"):
        if found[name] is not None and not isinstance(found[name], float):
            _is(found[name], int)
    return documents.media_from_document(found)


def _is(value: object, kind: type[_T]) -> _T:
    # A bool is an int to `isinstance`.
    if type(value) is not kind:
        raise ValueError(f"`{value!r:.40}` is not what belongs there")
    return value


def _optional(value: object, kind: type[_T]) -> _T | None:
    return None if value is None else _is(value, kind)


def _time(value: object) -> datetime:
    found = documents.parse_timestamp(_is(value, str))
    if found is None:  # pragma: no cover - only None gives None
        raise ValueError("a missing time")
    return found
