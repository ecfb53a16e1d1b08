"""The one form a remembered text has in its row: JSON that says since and until when it holds, and its check sum."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from typing import Final, cast

from assetctl.cache.lookups.shape import ForeignRowError

LONGEST_LIFE: Final = timedelta(days=1)
"""Nothing is remembered longer; a later end is a broken clock's."""

_SCHEMA: Final = "assetctl.lookup/1"
_LONGEST_MS: Final = LONGEST_LIFE // timedelta(milliseconds=1)


def row_key(key: str) -> str:
    """The row's own key for `key`: of one form and length, whatever stands in `key`."""
    return hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()


def row_of(key: str, text: str, made_ms: int, until_ms: int) -> str:
    """The row that `text` is remembered in, from `made_ms` to `until_ms` since 1970."""
    document = {"schema": _SCHEMA, "made_ms": made_ms, "until_ms": until_ms, "text": text}
    return json.dumps(document | {"sha256": _sum(key, made_ms, until_ms, text)})


def text_of(row: object, key: str, now_ms: int) -> str | None:
    """The text that `row_of` was given for `key`; None when its time is over or, by a changed clock, has not come.

    Raises:
        ForeignRowError: `row_of` wrote something else.
    """
    try:
        document = json.loads(cast("str", row))
        made_ms, until_ms, text = document["made_ms"], document["until_ms"], document["text"]
        is_ours = document["schema"] == _SCHEMA and document["sha256"] == _sum(key, made_ms, until_ms, text)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ForeignRowError("it is no text that we wrote") from error
    if not is_ours or not 0 <= until_ms - made_ms <= _LONGEST_MS:
        raise ForeignRowError("it is not as it was written")
    return text if made_ms <= now_ms < until_ms else None


def _sum(key: str, made_ms: int, until_ms: int, text: str) -> str:
    # Against bad disks, not against forgers: who can write here is the user.
    parts = (_SCHEMA, key, f"{made_ms:d}", f"{until_ms:d}", text)
    return hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()
