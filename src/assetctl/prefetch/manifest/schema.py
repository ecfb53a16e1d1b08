"""The JSON Schema of manifests, made from the list of fields; `docs/manifest.schema.json` is what it gives.

It describes the nested shape, which TOML and JSON share, and under `$defs/row` a line of JSON Lines.
"""

from __future__ import annotations

from typing import Any, Final

from assetctl.prefetch.manifest.fields import SHORT_NAMES, field_infos
from assetctl.validation import MAX_ID_LENGTH

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_ID: Final = {"type": "string", "minLength": 1, "maxLength": MAX_ID_LENGTH}


def manifest_schema() -> dict[str, Any]:
    """The schema as a document."""
    fields = _fields()
    row_ids = {name: _ID for short in ("scene", "choice") for name in (short, SHORT_NAMES[short])}
    return {
        "$schema": _DIALECT,
        "title": "assetctl chapter manifest",
        "description": "Scenes and choices with what each needs. A field counts in defaults, a scene or a choice; "
        "the innermost wins.",
        "type": "object",
        "additionalProperties": False,
        "required": ["scenes"],
        "properties": {
            "$schema": {"type": "string"},
            "chapter": {
                "type": "object",
                "additionalProperties": False,
                "properties": {"id": {"type": "string"}, "title": {"type": "string"}},
            },
            "defaults": _table(fields),
            "scenes": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/scene"}},
        },
        "$defs": {
            "scene": _table(
                {"id": _ID, **fields, "choices": {"type": "array", "items": {"$ref": "#/$defs/choice"}}},
                required=["id"],
            ),
            "choice": _table({"id": _ID, **fields}, required=["id"]),
            "row": _table({"id": {}, **row_ids, **fields}),
        },
    }


def _fields() -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for info in field_infos():
        shape = {"description": info.help, **info.shape}
        fields[info.name] = shape
        if info.name in SHORT_NAMES:
            fields[SHORT_NAMES[info.name]] = shape
    return fields


def _table(properties: dict[str, Any], *, required: list[str] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        **({"required": required} if required else {}),
        "properties": properties,
    }
