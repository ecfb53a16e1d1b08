"""What the server is asked to look for, and how its answer is read to the end.

The server's search only narrows: it ignores filters it does not know, and finds too much rather than too little. What
matches is decided here (`matching.py`). A search that had to be broken off found "no match" for nobody.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from assetctl.errors import LibraryError
from assetctl.models import Reuse
from assetctl.pixsim.tags import NoSlug, context_slugs, key_slug

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from assetctl.models import AssetRequest
    from assetctl.pixsim.records import AssetPage, StoredAsset

PAGE_SIZE: Final = 100
MAX_PAGES: Final = 50
"""How many pages of one search are read; more assets than that are not looked at."""

_LONGEST_TEXT: Final = 200
_PLAIN: Final = re.compile(r"[^\\\n\r]+")
"""What of a prompt the server can look for: a backslash means something else to its database."""


def bodies(request: AssetRequest, key: str) -> Iterator[dict[str, Any]]:
    """The searches that can find what answers `request`, whose key is `key`; the next is only for when one does not."""
    try:
        slugs = list(context_slugs(request).values())
    except NoSlug:
        slugs = None
    if slugs:
        yield _body(request, {"tag": slugs}, {"tag__mode": "all"})
    elif slugs is not None and request.prompt is not None and (text := _text(request.prompt)):
        yield _body(request, {"q": text}, {})
    is_told_in_full = bool(slugs) and request.reuse is Reuse.ONCE
    if request.reuse is not Reuse.ALWAYS and not is_told_in_full:
        yield _body(request, {"tag": [key_slug(key)]}, {})


def unspoken(request: AssetRequest) -> tuple[str, ...]:
    """A sentence when nothing can be tagged as an answer to `request`, why."""
    try:
        context_slugs(request)
    except NoSlug as error:
        return (f"no asset can be tagged for this: {error}",)
    return ()


@dataclass(slots=True)
class Found:
    """What searches found so far, by id; `is_all` tells whether there was an end to it."""

    assets: dict[int, StoredAsset] = field(default_factory=dict[int, "StoredAsset"])
    is_all: bool = True

    async def read(self, ask: Callable[[Mapping[str, Any]], Awaitable[AssetPage]], body: Mapping[str, Any]) -> None:
        """All that `ask` finds for `body` is in `assets`, unless it is more than `MAX_PAGES`."""
        cursor: str | None = None
        read: set[int] = set()
        for _ in range(MAX_PAGES):
            page = await ask({**body, "limit": PAGE_SIZE} | ({} if cursor is None else {"cursor": cursor}))
            new = {stored.id: stored for stored in page.assets if stored.id not in read}
            self.assets |= new
            read |= new.keys()
            if page.next_cursor is None or not page.assets:
                return
            if not new:
                # A server that doesn't understand its own cursor gives the first page for ever.
                break
            cursor = page.next_cursor
        self.is_all = False

    def check_end(self) -> None:
        """Return when there was an end.

        Raises:
            LibraryError: there was none, and what answers may be among the rest.
        """
        if not self.is_all:
            raise LibraryError(
                f"too much is tagged like this: {len(self.assets):,} assets were looked at and more exist",
                why="none of them matches, but one of the rest may",
                hint="archive what is not needed, or ask with `--generate-on-trouble` to generate one instead",
            )


def _body(request: AssetRequest, search: Mapping[str, Any], filters: Mapping[str, str]) -> dict[str, Any]:
    # The order is left to the server: its cursors are right for that one only.
    return {**search, "filters": {"media_type": request.asset_type.value, **filters}, "include_total": False}


def _text(prompt: str) -> str:
    return max((part.strip() for part in _PLAIN.findall(prompt)), key=len, default="")[:_LONGEST_TEXT].strip()
