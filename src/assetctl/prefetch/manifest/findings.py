"""What reading a manifest gives: items to have, rows that say the same again, and mistakes with their place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assetctl.prefetch.manifest.wording import fields_hint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assetctl.errors import AssetctlError
    from assetctl.models import AssetRequest

#: Where in a manifest something stands: a line from 1 on, or the keys and indexes that lead to it in a nested one.
Place = int | tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """The fields of one asset, under their names in a request document, inheritance applied. `label` is its own id."""

    place: Place
    fields: Mapping[str, Any]
    label: Any = None


@dataclass(frozen=True, slots=True)
class Item:
    """One asset of the chapter: its request in effect after settings, and its key. `number` counts items from 1.

    `asset_id` is the asset of the library that the manifest names for it.
    """

    number: int
    place: Place
    request: AssetRequest
    key: str
    label: Any = None
    asset_id: str | None = None


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A row whose request has the key of the item `number` before it; it is done once."""

    place: Place
    number: int
    request: AssetRequest


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake. `field` is named as in the manifest, None when a row or the whole file is meant.

    `within` names what it is in, where no line tells. With `is_fatal` nothing after it could be read.
    """

    place: Place | None
    field: str | None
    what: str
    why: str | None = None
    hint: str | None = None
    is_fatal: bool = False
    within: str | None = None


def problem_document(problem: Problem) -> dict[str, Any]:
    """`problem`, whose place is a line or unknown, as a document."""
    return {
        "line": problem.place,
        "within": problem.within,
        "field": problem.field,
        "what": problem.what,
        "why": problem.why,
        "hint": problem.hint,
    }


def problem_of(error: AssetctlError, place: Place | None, field: str | None = None) -> Problem:
    """`error` as the mistake at `place`, with advice in the words of a manifest."""
    return Problem(place, field, error.what, error.why, fields_hint(error.hint))
