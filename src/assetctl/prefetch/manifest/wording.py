"""Advice to whoever wrote a manifest: what are options of `assetctl request` are fields there."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from assetctl.errors import AssetctlError

_FIELDS: Final = {
    **{name: name for name in ("generator", "model", "prompt", "provider", "reuse", "seed", "strategy", "style")},
    **{name: name for name in ("type", "via")},
    "asset-ref": "inputs",
    "duration": "duration_s",
    "image": "inputs",
    "max-wait": "max_wait_s",
    "param": "parameters",
    "video": "inputs",
}
_FLAGS: Final = {
    "detach": "max_wait_s = 0",
    "fresh": "prefer_cached = false",
    "generate-on-trouble": "generate_on_trouble = true",
    "no-generate": "allow_generation = false",
    "no-placeholder": "allow_placeholder = false",
}
# A value stands in backticks with its option, or is told by its looks: quoted, or a name in capitals.
_OPTION: Final = re.compile(
    rf"`--({'|'.join((*_FIELDS, *_FLAGS))})(?: ([^`]+))?`"
    rf"|--({'|'.join((*_FIELDS, *_FLAGS))})\b(?! ?-)(?: (\"[^\"]*\"|[A-Z]+(?:=\w+)?\b))?"
)


def in_fields(error: AssetctlError) -> AssetctlError:
    """`error`, whose advice names fields of a manifest in place of options."""
    error.hint = fields_hint(error.hint)
    return error


def fields_hint(hint: str | None) -> str | None:
    """`hint` with the fields of a manifest in place of the options of `assetctl request` that say the same."""
    return None if hint is None else _OPTION.sub(_field, hint)


def _field(option: re.Match[str]) -> str:
    name, value = option[1] or option[3], option[2] or option[4]
    if name in _FLAGS:
        return f"`{_FLAGS[name]}`"
    field = _FIELDS[name]
    if value is None:
        return f"`{field}`"
    if field == "inputs":
        return f"`inputs = [{{{_input(name, value)}}}]`"
    if field == "parameters":
        return f"`{field}.{value.partition('=')[0]}`"
    return f"`{field} = {_written(value)}`"


def _input(option: str, value: str) -> str:
    if option == "asset-ref":
        role, _, asset_id = value.partition("=")
        return f'role = "{role}", asset_id = "{asset_id}"'
    return f'type = "{option}", path = "{value}"'


def _written(value: str) -> str:
    is_written = value.startswith('"') or value.replace(".", "", 1).isdigit()
    return value if is_written else json.dumps(value)
