"""The tags that tie an asset of the server to a moment of the game, for whoever makes it and whoever searches.

The server compares slugs by the letter, having trimmed, lower-cased and joined them on writing. What it would change is
changed here first; what it would refuse has no slug, and then nothing is tagged or searched in its place.
"""

from __future__ import annotations

import unicodedata
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from assetctl.models import AssetRequest, Reuse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CONTEXT: Final[Mapping[str, str]] = MappingProxyType(
    {"scene_id": "scene", "choice_id": "choice", "character_id": "npc", "location_id": "loc"}
)
"""The field of a request that each namespace stands for."""

STYLE: Final = "style"
KEY: Final = "assetctl"
"""The namespace of the tag that says which request of assetctl an asset was made for."""

LONGEST_NAME: Final = 128
_KEY_DIGITS: Final = 32
_FORBIDDEN: Final = ","
"""It parts tags where the server takes several of them in one text."""


class NoSlug(ValueError):
    """No tag can say this; the text is a sentence for a person."""


def slug(namespace: str, name: str) -> str:
    """The slug that the server makes of `name` in `namespace`; the same for names it cannot tell apart.

    Raises:
        NoSlug: it would refuse or take apart such a name.
    """
    lowered = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).lower())
    canonical = " ".join(lowered.split())
    if not canonical:
        raise NoSlug(f"an empty name is no tag of `{namespace}:`")
    if len(canonical) > LONGEST_NAME:
        raise NoSlug(
            f"`{canonical[:24]}…` has {len(canonical)} characters, a tag of `{namespace}:` at most {LONGEST_NAME}"
        )
    if not canonical.isprintable() or _FORBIDDEN in canonical:
        raise NoSlug(f"`{canonical}` has a character that a tag of `{namespace}:` can't have")
    return f"{namespace}:{canonical}"


def context_slugs(request: AssetRequest) -> dict[str, str]:
    """The slug of each part of the context that `request` names, by its field; all of them or none.

    Raises:
        NoSlug: one of them can't be a tag.
    """
    named = {field: getattr(request, field) for field in CONTEXT}
    return {field: slug(CONTEXT[field], name) for field, name in named.items() if name is not None}


def key_slug(key: str) -> str:
    """The tag of what was made for the request with this key."""
    return f"{KEY}:{key[:_KEY_DIGITS]}"


def slugs_for(request: AssetRequest, key: str) -> tuple[str, ...]:
    """The tags of an asset that was made for `request`; empty when it is to be found by nobody.

    What is shared with one player or playthrough alone is found by its key only, and so is what no tags can describe
    in full: a part of the context would make it an answer to other moments.
    """
    if request.reuse is Reuse.ALWAYS:
        return ()
    if request.reuse is not Reuse.ONCE:
        return (key_slug(key),)
    try:
        context = context_slugs(request).values()
    except NoSlug:
        return (key_slug(key),)
    style = () if request.style is None else (slug(STYLE, request.style.value),)
    return (*context, *style, key_slug(key))


def names_in(namespace: str, tags: Iterable[str]) -> tuple[str, ...]:
    """The names that `tags` have in `namespace`, in order."""
    start = f"{namespace}:"
    return tuple(sorted(tag.removeprefix(start) for tag in tags if tag.startswith(start)))
