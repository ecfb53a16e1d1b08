"""Where the bytes of a stored asset are, in the order in which they should be tried.

The server's own copy comes first: it does not expire, and what it is was hashed. A vendor's address is taken only where
it is one, and never where the vendor shows a placeholder for what it withholds.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

from assetctl.network import Origin

if TYPE_CHECKING:
    from datetime import datetime

    from assetctl.pixsim.records import StoredAsset

FRESH_S: Final = 120.0
"""How old an asset may be and still be on its way into the server's store; clocks may differ by this, too."""

# What Pixverse shows instead of moderated media (PixSim7, services/provider/adapters/pixverse_url_resolver.py).
_PLACEHOLDER: Final = re.compile(r"/media/default\.(mp4|jpe?g|png|webp|webm)", re.IGNORECASE)


def links(stored: StoredAsset, origin: Origin) -> tuple[str, ...]:
    """The addresses of the file of `stored`, absolute; empty when it has none that can be fetched."""
    candidates = [_absolute(stored.file_url, f"{origin}/"), _absolute(stored.remote_url, "")]
    found = {link: server for link, server in filter(None, candidates) if not is_placeholder(link)}
    return tuple(sorted(found, key=lambda link: found[link] != origin))


def is_own(link: str, origin: Origin) -> bool:
    """Whether `link`, an absolute one, leads to the server itself."""
    return Origin.of(link) == origin


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


def _absolute(link: str | None, base: str) -> tuple[str, Origin] | None:
    """`link` as it reads at `base`, and whom it leads to; None when it is no address."""
    if not link:
        return None
    try:
        whole = urljoin(base, link)
        urlsplit(whole)
        return whole, Origin.of(whole)
    except ValueError:
        return None
