"""Which cached answer comes nearest to a request that has none; tells a person what differs, answers nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assetctl import keys

if TYPE_CHECKING:
    from collections.abc import Iterable

    from assetctl.cache.entries import CacheEntry
    from assetctl.models import AssetRequest


def most_alike(entries: Iterable[CacheEntry], request: AssetRequest) -> CacheEntry | None:
    """The one of the same scene and choice that has most in common with `request`, the first of equals."""
    same = [entry for entry in entries if _is_same_moment(entry.request, request)]
    return max(same, key=lambda entry: _likeness(entry.request, request), default=None)


def _is_same_moment(one: AssetRequest, other: AssetRequest) -> bool:
    return (one.scene_id, one.choice_id) == (other.scene_id, other.choice_id)


def _likeness(one: AssetRequest, other: AssetRequest) -> int:
    ours, theirs = keys.canonical_form(one), keys.canonical_form(other)
    return sum(1 for name in ours.keys() | theirs.keys() if ours.get(name) == theirs.get(name))
