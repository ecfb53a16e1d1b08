"""From a row's fields to a request in effect, or to every single mistake in them.

The rows of a chapter differ in their ids and prompts, and hardly in anything else: what was found right of the rest,
and filled in by the settings, is taken over from the row before that said the same.
"""

from __future__ import annotations

from dataclasses import fields, replace
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, cast

from assetctl.documents import request_from_document
from assetctl.errors import AssetctlError, InvalidRequest
from assetctl.keys import AlikeKeys, request_key
from assetctl.models import OWN_FIELDS, AssetRequest
from assetctl.prefetch.manifest.fields import ASSET, MAX_ASSET_ID_LENGTH, SHORT_NAMES
from assetctl.prefetch.manifest.findings import Item, Problem, Row, problem_of
from assetctl.validation import check_own, check_request

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
    from pathlib import Path

    from assetctl.models import AssetInput
    from assetctl.prefetch.manifest.findings import Place

SHOWN_NAMES: Final = {full: short for short, full in SHORT_NAMES.items()}
#: Makes any other field a request of its own, so that its mistakes are told apart from those beside it.
_CONTEXT: Final = "scene_id"
_OWN: Final = frozenset(OWN_FIELDS)
#: So many kinds of rows are remembered; a chapter whose rows are all of a kind of their own gains nothing by more.
_MOST_KINDS: Final = 1_000

_shared_of: Callable[[AssetRequest], tuple[Any, ...]] = attrgetter(
    *(field.name for field in fields(AssetRequest)[len(OWN_FIELDS) :])
)


class _Kind:
    """Rows that say what an example says in all but `OWN_FIELDS`."""

    def __init__(self, example: AssetRequest) -> None:
        self._shared = _shared_of(example)
        self.key = AlikeKeys(example).key

    def request(self, own: Sequence[Any]) -> AssetRequest:
        """The one with these own fields, in their order."""
        return AssetRequest(*own, *self._shared)


class Resolver:
    """Resolves the rows of one manifest."""

    def __init__(self, effective: Callable[[AssetRequest], AssetRequest], folder: Path | None = None) -> None:
        """Resolve with `effective`, which gives a request with the settings in force as `AssetService.effective` does.

        What it fills in does not depend on `OWN_FIELDS`. Files that a request is made from are relative to `folder`.
        """
        self._effective = effective
        self._folder = folder
        self._kinds: dict[Hashable, _Kind] = {}

    def resolved(self, row: Row, number: int) -> Item | list[Problem]:
        """The item that `row` asks for, or all that is wrong with it."""
        if ASSET not in row.fields:
            return self._resolved(row, number)
        asset_id, error = row.fields[ASSET], field_mistake(ASSET, row.fields[ASSET])
        found = self._resolved(_without_asset(row), number)
        if error is None:
            return replace(found, asset_id=asset_id) if isinstance(found, Item) else found
        return [problem_of(error, row.place, ASSET), *([] if isinstance(found, Item) else found)]

    def _resolved(self, row: Row, number: int) -> Item | list[Problem]:
        own = [*map(row.fields.get, OWN_FIELDS)]
        kind = _kind_of(own, row.fields)
        known = self._kinds.get(kind)
        if known is not None:
            try:
                check_own(*own)
            except InvalidRequest as error:
                return _mistakes(row, error)
            return Item(number, row.place, known.request(own), known.key(*own), row.label)
        try:
            request = self._request(row)
        except AssetctlError as error:
            return _mistakes(row, error)
        if kind is not None:
            self._remember(kind, request)
        return Item(number, row.place, request, request_key(request), row.label)

    def _request(self, row: Row) -> AssetRequest:
        request = request_from_document(row.fields)
        if request.inputs and self._folder is not None:
            request = replace(request, inputs=tuple(_below(self._folder, given) for given in request.inputs))
        return self._effective(request)

    def _remember(self, kind: Hashable, example: AssetRequest) -> None:
        if len(self._kinds) >= _MOST_KINDS:
            self._kinds.clear()
        self._kinds[kind] = _Kind(example)


def _without_asset(row: Row) -> Row:
    return replace(row, fields={name: value for name, value in row.fields.items() if name != ASSET})


def _kind_of(own: Sequence[Any], given: Mapping[str, Any]) -> Hashable:
    """Equal for rows with fields of the same types that say the same in all but `OWN_FIELDS`.

    None for those that are looked at one by one, such as those with files, which may change from row to row.
    """
    # With the types: a duration of `true` is not one of 1.
    others = [(name, value.__class__, _plain(value)) for name, value in given.items() if name not in _OWN]
    kind = (*map(type, own), *others)
    try:
        hash(kind)
    except TypeError:
        return None
    return kind


def _plain(value: Any) -> Any:
    if value.__class__ is not dict:
        return value
    return tuple([(name, one.__class__, one) for name, one in cast("dict[str, Any]", value).items()])


def _below(folder: Path, given: AssetInput) -> AssetInput:
    return given if given.path is None else replace(given, path=folder / given.path)


def _mistakes(row: Row, first: AssetctlError) -> list[Problem]:
    # Else it only shows when all of it is taken together: a missing context, a knob that the generator doesn't have.
    return list(field_problems(row.fields, partial(_inside, row))) or [problem_of(first, row.place)]


def field_problems(given: Mapping[str, Any], place_of: Callable[[str], Place]) -> Iterator[Problem]:
    """What is wrong with each of the fields, which have full names, whatever stands beside it."""
    for name, value in given.items():
        error = field_mistake(name, value)
        if error is not None:
            yield problem_of(error, place_of(name), SHOWN_NAMES.get(name, name))


def field_mistake(name: str, value: Any) -> AssetctlError | None:
    """What is wrong with `value` in the field of this full name, whatever stands beside it; None when nothing is."""
    if value is None:
        return None
    if name == ASSET:
        return _asset_mistake(value)
    alone: Mapping[str, Any] = {_CONTEXT: "scene", name: value}
    if name == "reuse":
        # Whose result it is stands in other fields: only a wrong word is this one's mistake.
        alone = {**alone, "player_id": "player", "playthrough_id": "playthrough"}
    try:
        check_request(request_from_document(alone))
    except AssetctlError as error:
        return error
    return None


def _asset_mistake(value: Any) -> InvalidRequest | None:
    if isinstance(value, str) and value.strip() and value.isprintable() and len(value) <= MAX_ASSET_ID_LENGTH:
        return None
    why = f"it is `{value!r:.80}`"
    return InvalidRequest(f"`{ASSET}` must be the id of an asset, as text", why=why, hint='asset = "17"')


def _inside(row: Row, name: str) -> Place:
    if isinstance(row.place, int):
        return row.place
    # A nested manifest's own fields were looked at where they stand; what is left are ids.
    return (*row.place[: 2 if name == "scene_id" else None], "id")
