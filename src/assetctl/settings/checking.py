"""One layer of settings at a time: what is wrong with it, in sentences with a place.

pydantic's own messages are never shown: they repeat values, and a value may be a secret.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from pydantic import ValidationError

from assetctl.settings.files import ConfigProblem, SettingsDocument
from assetctl.settings.known import KNOWN, NESTING, PREFIX
from assetctl.settings.layers import PROCESS_VARIABLES
from assetctl.settings.shape import OUR_ERROR, SettingsTable
from assetctl.vocabulary import nearest_hint

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pydantic_core import ErrorDetails

PROFILES: Final = "profiles"
VARIABLES: Final = {setting.variable: setting.name for setting in KNOWN.values()}


@dataclass(frozen=True, slots=True)
class Layer:
    """Values of one place.

    `called` gives the name under which the place knows a setting, `origin` what `Settings.origins` says of it. Relative
    paths are relative to `base`. With a `document` the values stand there below `prefix` and are checked strictly.
    """

    table: Mapping[str, Any]
    base: Path
    called: Callable[[str], str]
    origin: Callable[[str], str]
    document: SettingsDocument | None = None
    prefix: tuple[str, ...] = ()


def flat(table: Mapping[str, Any]) -> dict[str, object]:
    """The values of a table and of the tables right below it, under their dotted names; no setting is deeper."""
    found: dict[str, object] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            section = cast("dict[str, object]", value)
            found |= {f"{key}.{leaf}": below for leaf, below in section.items()}
        else:
            found[key] = value
    return found


def nested(values: Mapping[str, object]) -> dict[str, Any]:
    """The tables that `flat` made dotted names of."""
    table: dict[str, Any] = {}
    for name, value in values.items():
        section, _, leaf = name.rpartition(".")
        (table.setdefault(section, {}) if section else table)[leaf] = value
    return table


def layer_problems(layer: Layer) -> list[ConfigProblem]:
    """Everything that is wrong with the values of `layer`."""
    try:
        SettingsTable.model_validate(layer.table, strict=layer.document is not None)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        return [_problem(layer, tuple(str(part) for part in detail["loc"]), detail) for detail in details]
    return []


def variable_problems(environment: Mapping[str, str]) -> list[ConfigProblem]:
    """The variables that begin like ours and mean nothing."""
    return [
        ConfigProblem(None, None, None, name, f"there is no variable `{name}`", hint=_nearest_variable(name))
        for name in sorted(environment)
        if name not in VARIABLES
    ]


def _nearest_variable(name: str) -> str:
    for setting in KNOWN.values():
        if name == PREFIX + setting.name.upper().replace(".", NESTING):
            return f"did you mean `{setting.variable}`?"
    return nearest_hint(name, [*VARIABLES, *PROCESS_VARIABLES])


def _problem(layer: Layer, keys: tuple[str, ...], detail: ErrorDetails) -> ConfigProblem:
    name = ".".join(keys)
    shown = layer.called(name)
    if detail["type"] == "extra_forbidden":
        return placed(layer, keys, f"there is no setting `{shown}`", hint=_nearest_setting(keys))
    setting = KNOWN.get(name)
    what = f"`{shown}` must be {setting.wanted if setting else 'a table'}"
    if detail["type"] == OUR_ERROR:
        return placed(layer, keys, what, why=detail.get("ctx", {}).get("why"))
    is_secret = setting is not None and setting.is_secret
    return placed(layer, keys, what, why=f"it is {described(_value(layer.table, keys), is_secret=is_secret)}")


def placed(
    layer: Layer, keys: tuple[str, ...], what: str, *, why: str | None = None, hint: str | None = None
) -> ConfigProblem:
    """A problem with the value at `keys` of `layer`, with its place if it stands in a file."""
    name = layer.called(".".join(keys))
    if layer.document is None:
        return ConfigProblem(None, None, None, name, what, why=why, hint=hint)
    line, column = layer.document.position(layer.prefix + keys)
    return ConfigProblem(layer.document.path, line, column, name, what, why=why, hint=hint)


def _nearest_setting(keys: tuple[str, ...]) -> str:
    # `url` on its own is more often a forgotten table than a misspelled one.
    same_leaf = [name for name in KNOWN if name.rpartition(".")[2] == keys[-1]]
    if same_leaf:
        return f"did you mean `{same_leaf[0]}`?"
    if len(keys) == 1:
        return nearest_hint(keys[0], sorted({name.partition(".")[0] for name in KNOWN} | {PROFILES}))
    section = [name for name in KNOWN if name.startswith(f"{keys[0]}.")]
    return nearest_hint(".".join(keys), section)


def _value(table: Mapping[str, Any], keys: tuple[str, ...]) -> object:
    value: Any = table
    for key in keys:
        value = value[key]
    return value


def described(value: object, *, is_secret: bool = False) -> str:
    """What kind of value this is and, unless it is a secret, the value: ``the text `abc` ``."""
    kinds = ((bool, "flag"), (str, "text"), (int | float, "number"), (dt.date | dt.time, "date"))
    for kind, word in kinds:
        if isinstance(value, kind):
            shown = str(value).lower() if isinstance(value, bool) else f"{value!s:.80}"
            return f"a {word} (not shown)" if is_secret else f"the {word} `{shown}`"
    return "a table" if isinstance(value, dict) else "a list" if isinstance(value, list) else "something else"
