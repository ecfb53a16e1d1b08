"""From a row's fields to a request in effect, or to every single mistake in them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from assetctl.documents import request_from_document
from assetctl.errors import AssetctlError, InvalidRequest
from assetctl.keys import request_key
from assetctl.prefetch.manifest.fields import ASSET, MAX_ASSET_ID_LENGTH, SHORT_NAMES
from assetctl.prefetch.manifest.findings import Item, Problem, Row, problem_of
from assetctl.validation import check_request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from assetctl.models import AssetInput, AssetRequest

SHOWN_NAMES: Final = {full: short for short, full in SHORT_NAMES.items()}
#: Makes any other field a request of its own, so that its mistakes are told apart from those beside it.
_CONTEXT: Final = "scene_id"


def resolved(
    row: Row, number: int, effective: Callable[[AssetRequest], AssetRequest], folder: Path | None = None
) -> Item | list[Problem]:
    """The item that `row` asks for, or all that is wrong with it.

    `effective` gives a request with the settings in force, as `AssetService.effective` does. Files that it is made
    from are relative to `folder`.
    """
    fields, asset_id = row.fields, None
    if ASSET in fields:
        fields = {name: value for name, value in fields.items() if name != ASSET}
        asset_id = row.fields[ASSET]
    try:
        if asset_id is not None:
            _check_asset_id(asset_id)
        request = request_from_document(fields)
        if request.inputs and folder is not None:
            request = replace(request, inputs=tuple(_below(folder, given) for given in request.inputs))
        request = effective(request)
    except AssetctlError as error:
        return list(_mistakes(row, error))
    return Item(number, row.place, request, request_key(request), row.label, asset_id)


def _below(folder: Path, given: AssetInput) -> AssetInput:
    return given if given.path is None else replace(given, path=folder / given.path)


def _mistakes(row: Row, first: AssetctlError) -> Iterator[Problem]:
    told = False
    for name, value in row.fields.items():
        error = field_mistake(name, value)
        if error is not None:
            told = True
            yield problem_of(error, _inside(row, name), SHOWN_NAMES.get(name, name))
    if not told:
        # What only shows when all of it is taken together: a missing context, a knob that the generator doesn't have.
        yield problem_of(first, row.place)


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


def _check_asset_id(value: Any) -> None:
    """Return when `value` may be the id of an asset.

    Raises:
        InvalidRequest: it isn't text, or no id.
    """
    if (error := _asset_mistake(value)) is not None:
        raise error


def _asset_mistake(value: Any) -> InvalidRequest | None:
    if isinstance(value, str) and value.strip() and value.isprintable() and len(value) <= MAX_ASSET_ID_LENGTH:
        return None
    why = f"it is `{value!r:.80}`"
    return InvalidRequest(f"`{ASSET}` must be the id of an asset, as text", why=why, hint='asset = "17"')


def _inside(row: Row, name: str) -> int | tuple[str | int, ...]:
    if isinstance(row.place, int):
        return row.place
    # A nested manifest's own fields were looked at where they stand; what is left are ids.
    return (*row.place[: 2 if name == "scene_id" else None], "id")
