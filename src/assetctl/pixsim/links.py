"""Where the bytes of a stored asset are, in the order in which they should be tried.

The server's own copy comes first: it does not expire, and what it is was hashed. A vendor's address is taken only where
it is one, and never where the vendor shows a placeholder for what it withholds.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

from assetctl.network import Origin

if TYPE_CHECKING:
    from datetime import datetime

    from assetctl.pixsim.records import StoredAsset

FRESH_S: Final = 120.0
"""How old an asset may be and still be on its way into the server's store; clocks may differ by this, too."""

# What Pixverse shows instead of moderated media (PixSim7, services/provider/adapters/pixverse_url_resolver.py).
_PLACEHOLDER: Final = re.compile(r"/media/default\.(mp4|jpe?g|png|webp|webm)", re.IGNORECASE)


class Link(NamedTuple):
    """Where a file is: an absolute address, and whether it leads to the server itself."""

    address: str
    is_own: bool


def links(stored: StoredAsset, origin: Origin) -> tuple[Link, ...]:
    """Where the file of `stored` is, at the server `origin` or elsewhere; empty when it can be fetched nowhere."""
    candidates = [_link(stored.file_url, origin, base=f"{origin}/"), _link(stored.remote_url, origin)]
    found = dict.fromkeys(link for link in candidates if link is not None and not is_placeholder(link.address))
    return tuple(sorted(found, key=lambda link: not link.is_own))


def is_placeholder(link: str | None) -> bool:
    """Whether a vendor shows the same file there for everything it withholds."""
    return link is not None and _PLACEHOLDER.search(unquote(link).partition("?")[0]) is not None


def is_on_its_way(stored: StoredAsset, now: datetime) -> bool:
    """Whether the server may still be fetching the file of `stored` from the vendor: soon there is a better link."""
    if stored.stored_key is not None or stored.created_at is None:
        return False
    if stored.sync_status == "downloading":
        return True
    return stored.sync_status != "error" and abs((now - stored.created_at).total_seconds()) < FRESH_S


def shown(link: str) -> str:
    """`link` without what may be a signature or a password in it."""
    scheme, place, path, _, _ = urlsplit(link)
    return urlunsplit((scheme, place.rpartition("@")[2], path, "", ""))


def _link(address: str | None, origin: Origin, *, base: str | None = None) -> Link | None:
    if not address:
        return None
    try:
        whole = address if base is None else urljoin(base, address)
        # What only one of the two can read is no address either.
        urlsplit(whole)
        return Link(whole, Origin.of(whole) == origin)
    except ValueError:
        return None
