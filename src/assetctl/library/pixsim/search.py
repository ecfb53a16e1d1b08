"""What the server is asked to look for, and how its answer is read to the end.

The server's search only narrows: it ignores filters it does not know, and finds too much rather than too little. What
matches is decided here (`matching.py`). A search that had to be broken off found "no match" for nobody.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from assetctl.errors import LibraryError
from assetctl.models import Reuse
from assetctl.pixsim.records import AssetPage
from assetctl.pixsim.tags import NoSlug, context_slugs, key_slug

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from assetctl.models import AssetRequest, AssetType
    from assetctl.pixsim.records import StoredAsset

Ask: TypeAlias = Callable[[Mapping[str, Any]], Awaitable[AssetPage]]
"""Gives a page of what the server finds for a body; raises as `PixsimClient.search_assets`."""

PAGE_SIZE: Final = 100
MAX_PAGES: Final = 50
"""How many pages of one search are read; more assets than that are not looked at."""

_LONGEST_TEXT: Final = 200
_PLAIN: Final = re.compile(r"[^\\\n\r]+")
"""What of a prompt the server can look for: a backslash means something else to its database."""


@dataclass(frozen=True, slots=True)
class Search:
    """What the server is asked to look for: assets of a type that have all of `tags`; without any, `text` in them."""

    asset_type: AssetType
    tags: tuple[str, ...] = ()
    text: str = ""

    @property
    def body(self) -> dict[str, Any]:
        """The question as the server takes it."""
        if not self.tags:
            return _body(self.asset_type, {"q": self.text}, {})
        return _body(self.asset_type, {"tag": list(self.tags)}, {"tag__mode": "all"})

    def finds(self, stored: StoredAsset) -> bool:
        """Whether the server finds `stored` for it, as far as tags and type decide; only where there are `tags`."""
        return stored.media_type == self.asset_type.value and all(tag in stored.tags for tag in self.tags)


def any_of(tags: Iterable[str], asset_type: AssetType) -> dict[str, Any]:
    """The question for assets of a type that have any of `tags`; how many there are is asked too."""
    return {**_body(asset_type, {"tag": list(tags)}, {}), "include_total": True}


def searches(request: AssetRequest, key: str) -> Iterator[Search]:
    """The searches that can find what answers `request`, whose key is `key`; the next is only for when one does not."""
    try:
        slugs = tuple(context_slugs(request).values())
    except NoSlug:
        slugs = None
    if slugs:
        yield Search(request.asset_type, slugs)
    elif slugs is not None and request.prompt is not None and (text := _text(request.prompt)):
        yield Search(request.asset_type, text=text)
    is_told_in_full = bool(slugs) and request.reuse is Reuse.ONCE
    if request.reuse is not Reuse.ALWAYS and not is_told_in_full:
        yield Search(request.asset_type, (key_slug(key),))


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

    async def read(self, ask: Ask, body: Mapping[str, Any], *, max_pages: int = MAX_PAGES) -> None:
        """All that `ask` finds for `body` is in `assets`, unless it is more than `max_pages`.

        Where the total is asked for and tells that it is more, no second page is read.
        """
        cursor: dict[str, Any] = {}
        read: set[int] = set()
        for _ in range(max_pages):
            page = await ask({**body, "limit": PAGE_SIZE} | cursor)
            new = {stored.id: stored for stored in page.assets if stored.id not in read}
            self.assets |= new
            read |= new.keys()
            if page.next_cursor is None or not page.assets:
                return
            is_too_much = not cursor and body.get("include_total") and (page.total or 0) > max_pages * PAGE_SIZE
            # A server that doesn't understand its own cursor gives the first page for ever.
            if is_too_much or not new:
                break
            cursor = {"cursor": page.next_cursor, "include_total": False}
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


def _body(asset_type: AssetType, search: Mapping[str, Any], filters: Mapping[str, str]) -> dict[str, Any]:
    # The order is left to the server: its cursors are right for that one only.
    return {**search, "filters": {"media_type": asset_type.value, **filters}, "include_total": False}


def _text(prompt: str) -> str:
    return max((part.strip() for part in _PLAIN.findall(prompt)), key=len, default="")[:_LONGEST_TEXT].strip()
