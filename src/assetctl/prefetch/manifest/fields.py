"""The fields of a manifest: their names, what they mean, and how a cell of text becomes a value.

One list for reading, for the JSON Schema and for the example, so that they cannot disagree. A context is named without
`_id` as in the library's sidecars, or with it as in the documents of requests.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from assetctl.documents import REQUEST_FIELDS
from assetctl.errors import InvalidRequest
from assetctl.models import AssetType, Reuse, Strategy, Style, Via
from assetctl.validation import MAX_DURATION_S, MAX_PROMPT_LENGTH, MAX_WAIT_S
from assetctl.vocabulary import nearest_hint

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SHORT_NAMES: Final = {
    "scene": "scene_id",
    "choice": "choice_id",
    "character": "character_id",
    "location": "location_id",
    "player": "player_id",
    "playthrough": "playthrough_id",
}
#: What an item says beyond its request.
ASSET: Final = "asset"
#: What only a flat row has: in a nested manifest the place of a table says its scene and choice.
_OF_ROWS: Final = frozenset({"scene", "choice", "scene_id", "choice_id"})
NESTED_FIELDS: Final = frozenset({*REQUEST_FIELDS, *SHORT_NAMES, ASSET} - _OF_ROWS)
ROW_FIELDS: Final = frozenset({*REQUEST_FIELDS, *SHORT_NAMES, ASSET, "id"})
FULL_NAMES: Final = {name: SHORT_NAMES.get(name, name) for name in ROW_FIELDS}
#: Ids of a folder's assets are paths.
MAX_ASSET_ID_LENGTH: Final = 1_000
PARAMETER_PREFIX: Final = "parameters."

_TRUE: Final = frozenset({"true", "yes", "on", "1"})
_FALSE: Final = frozenset({"false", "no", "off", "0"})
_FLAGS: Final = frozenset({"prefer_cached", "allow_generation", "generate_on_trouble", "allow_placeholder", "tag"})
_NUMBERS: Final = frozenset({"duration_s", "max_wait_s"})


@dataclass(frozen=True, slots=True)
class FieldInfo:
    """One field of a request for a person and for the JSON Schema, which `shape` is a part of."""

    name: str
    help: str
    shape: Mapping[str, Any]


def _words(words: Iterable[str]) -> dict[str, Any]:
    return {"type": "string", "enum": list(words)}


_TEXT: Final = {"type": "string", "minLength": 1}
_ASSET: Final = {"type": "string", "minLength": 1, "maxLength": MAX_ASSET_ID_LENGTH}
_FLAG: Final = {"type": "boolean"}
_PROMPT: Final = {"type": "string", "minLength": 1, "maxLength": MAX_PROMPT_LENGTH}
_INPUT: Final = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "type": _words((AssetType.IMAGE, AssetType.VIDEO)),
        **dict.fromkeys(("role", "path", "sha256", "asset_id", "url"), _TEXT),
    },
}
FIELDS: Final = (
    FieldInfo(ASSET, "The id of the asset in the library that it is; while that is there, nothing else is looked for.",
              _ASSET),
    FieldInfo("character", "The character in it.", _TEXT),
    FieldInfo("location", "Where it happens.", _TEXT),
    FieldInfo("prompt", "What it shows, in words.", _PROMPT),
    FieldInfo("type", "The kind of media.", _words(AssetType)),
    FieldInfo("style", "How it looks.", _words(Style)),
    FieldInfo("duration_s", "How long it is, in seconds.",
              {"type": "number", "exclusiveMinimum": 0, "maximum": MAX_DURATION_S}),
    FieldInfo("seed", "Start of the generator's chance.", {"type": "integer", "minimum": 0}),
    FieldInfo("generator", "Who makes it (`assetctl generators ls`).", _TEXT),
    FieldInfo("provider", "The provider behind the generator.", _TEXT),
    FieldInfo("model", "The provider's model.", _TEXT),
    FieldInfo("parameters", "Knobs of the generator (`assetctl generators show NAME`).",
              {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}}),
    FieldInfo("inputs", "What it is made from; a path is relative to the manifest.",
              {"type": "array", "items": _INPUT}),
    FieldInfo("reuse", "How far the result is shared.", _words(Reuse)),
    FieldInfo("player", "The player, for `per-player`.", _TEXT),
    FieldInfo("playthrough", "The playthrough, for `per-playthrough`.", _TEXT),
    FieldInfo("strategy", "Who may answer.", _words(Strategy)),
    FieldInfo("prefer_cached", "Whether the cache may answer.", _FLAG),
    FieldInfo("allow_generation", "Whether it may be generated.", _FLAG),
    FieldInfo("generate_on_trouble", "Generate even if the library is in trouble.", _FLAG),
    FieldInfo("allow_placeholder", "Whether a marked card may stand in when nobody has it.", _FLAG),
    FieldInfo("tag", "Whether the result is tagged at the backend.", _FLAG),
    FieldInfo("via", "How a backend is asked to generate it.", _words(Via)),
    FieldInfo("max_wait_s", "Longest wait for its job, in seconds.",
              {"type": "number", "minimum": 0, "maximum": MAX_WAIT_S}),
)  # fmt: skip


def field_infos() -> tuple[FieldInfo, ...]:
    """The fields that this version has, in the order in which to show them."""
    return tuple(info for info in FIELDS if SHORT_NAMES.get(info.name, info.name) in {*REQUEST_FIELDS, ASSET})


def unknown_field_hint(name: str, known: Iterable[str]) -> str:
    """The known field that was probably meant by `name`."""
    return nearest_hint(name, [one for one in known if not one.endswith("_id")])


def from_cell(name: str, text: str) -> Any:
    """The value that the cell `text` of the column `name` (a full name) says.

    Raises:
        InvalidRequest: it cannot be read as what belongs there.
    """
    if name in _FLAGS:
        return _flag(name, text)
    if name in _NUMBERS:
        return _number(name, text)
    if name == "seed":
        return _whole(text)
    if name in ("parameters", "inputs"):
        return _json(name, text)
    return text


def _flag(name: str, text: str) -> bool:
    word = text.strip().casefold()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise InvalidRequest(f"`{name}` must be true or false", why=f"it is `{text:.80}`")


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise InvalidRequest(f"`{name}` must be a number of seconds", why=f"it is `{text:.80}`") from error


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise InvalidRequest("`seed` must be a whole number", why=f"it is `{text:.80}`") from error


def _json(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        example = '{"fps": 24}' if name == "parameters" else "[]"
        raise InvalidRequest(f"`{name}` must be JSON, such as `{example}`", why=f"it is `{text:.80}`") from error
