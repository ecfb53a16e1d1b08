"""From files, variables and options to one set of checked values: pydantic-settings knows the order.

Every layer is checked by itself first, so that a mistake is told with its place even where a stronger layer hides it.
What a project file may not set is refused here.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from pydantic import SecretStr
from pydantic_settings import BaseSettings, EnvSettingsSource, InitSettingsSource, SettingsConfigDict

from assetctl.secret import Secret
from assetctl.settings import trusted
from assetctl.settings.checking import (
    PROFILES,
    VARIABLES,
    Layer,
    described,
    flat,
    layer_problems,
    nested,
    placed,
    variable_problems,
)
from assetctl.settings.files import ConfigProblem, SettingsDocument, read
from assetctl.settings.known import KNOWN, NESTING, PREFIX
from assetctl.settings.layers import PROJECT_FILE, FoundValue
from assetctl.settings.shape import SettingsTable
from assetctl.vocabulary import nearest_hint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic_settings import PydanticBaseSettingsSource

    from assetctl.settings.layers import Sources, UserDirs

_TOKEN: Final = "backend.token"  # noqa: S105 - the name of a setting


def resolve(sources: Sources) -> dict[str, FoundValue]:
    """The value in effect of each setting that anybody set, by dotted name.

    Raises:
        ConfigError: the first problem; the others are counted.
    """
    problems = variable_problems(sources.environment)
    documents: list[SettingsDocument] = []
    for file in sources.files:
        content = read(file.path)
        if isinstance(content, ConfigProblem):
            raise content.error()
        documents.append(content)
        problems += _document_problems(content, sources.dirs, is_project=file.kind == "project")
    layers = [_override_layer(sources), _environment_layer(sources)]
    problems += [problem for layer in layers for problem in layer_problems(layer)]
    if not problems:
        layers += _chosen_profiles(documents, sources.profile) + [_file_layer(document) for document in documents]
        return _found(layers)
    raise problems[0].error(len(problems) - 1)


def check(file: Path, dirs: UserDirs) -> list[ConfigProblem]:
    """Every problem of `file`, in the order of its lines."""
    document = read(file)
    if isinstance(document, ConfigProblem):
        return [document]
    problems = _document_problems(document, dirs, is_project=file.name == PROJECT_FILE)
    return sorted(problems, key=lambda problem: (problem.line or 0, problem.column or 0))


def trust(file: Path, dirs: UserDirs) -> tuple[str, ...]:
    """The content `file` has now is trusted; the restricted settings it holds.

    Raises:
        ConfigError: it cannot be read, or the trust cannot be stored.
    """
    document = read(file)
    if isinstance(document, ConfigProblem):
        raise document.error()
    trusted.remember(file, document.sha256, dirs.config)
    return tuple(dict.fromkeys(layer.called(name) for layer, name in _restricted(document)))


def _document_problems(document: SettingsDocument, dirs: UserDirs, *, is_project: bool) -> list[ConfigProblem]:
    layers = [_file_layer(document), *_profile_layers(document).values()]
    problems = [problem for layer in layers for problem in layer_problems(layer)]
    problems += _profile_problems(document)
    problems += [
        placed(layer, tuple(_TOKEN.split(".")), f"`{_TOKEN}` stands in a file that others can read",
               hint=f"chmod 600 {_typed(document.path)}")
        for layer in layers
        if _TOKEN in flat(layer.table) and not document.is_private
    ]  # fmt: skip
    restricted = _restricted(document) if is_project else []
    if restricted and not trusted.is_trusted(document.path, document.sha256, dirs.config):
        problems += [_untrusted(document.path, layer, name) for layer, name in restricted]
    return problems


def _untrusted(file: Path, layer: Layer, name: str) -> ConfigProblem:
    return placed(
        layer,
        tuple(name.split(".")),
        f"a project file may not set `{layer.called(name)}`",
        why="it decides where your credentials or files go, and you have not trusted this file as it is now",
        hint=f"look at it, then: assetctl config trust {_typed(file)}",
    )


def _typed(file: Path) -> str:
    # As one would type it; whoever named the folders must not get to write the command.
    return f'"{file}"' if os.name == "nt" else shlex.quote(str(file))


def _restricted(document: SettingsDocument) -> list[tuple[Layer, str]]:
    layers = [_file_layer(document), *_profile_layers(document).values()]
    return [
        (layer, name) for layer in layers for name in flat(layer.table) if name in KNOWN and KNOWN[name].is_restricted
    ]


def _file_layer(document: SettingsDocument) -> Layer:
    base = {key: value for key, value in document.table.items() if key != PROFILES}
    return Layer(base, document.path.parent, lambda name: name, lambda _: str(document.path), document)


def _profile_layers(document: SettingsDocument) -> dict[str, Layer]:
    tables = _as_table(document.table.get(PROFILES)) or {}
    profiles = {name: _as_table(value) for name, value in tables.items()}
    return {name: _profile_layer(document, name, table) for name, table in profiles.items() if table is not None}


def _as_table(value: object) -> dict[str, Any] | None:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _profile_layer(document: SettingsDocument, profile: str, table: Mapping[str, Any]) -> Layer:
    return Layer(
        table,
        document.path.parent,
        lambda name: f"{PROFILES}.{profile}.{name}",
        lambda _: f"{document.path} [{PROFILES}.{profile}]",
        document,
        (PROFILES, profile),
    )


def _profile_problems(document: SettingsDocument) -> list[ConfigProblem]:
    profiles = document.table.get(PROFILES, {})
    named = {(PROFILES, name): value for name, value in (_as_table(profiles) or {}).items()}
    layer = _file_layer(document)
    return [
        placed(layer, keys, f"`{'.'.join(keys)}` must be a table", why=f"it is {described(value)}")
        for keys, value in ({(PROFILES,): profiles} | named).items()
        if _as_table(value) is None
    ]


def _chosen_profiles(documents: Sequence[SettingsDocument], profile: str | None) -> list[Layer]:
    if profile is None:
        return []
    by_document = [_profile_layers(document) for document in documents]
    known = sorted({name for layers in by_document for name in layers})
    if profile not in known:
        hint = nearest_hint(profile, known) if known else f"write a table [{PROFILES}.{profile}] in a settings file"
        raise ConfigProblem(None, None, None, None, f"there is no profile `{profile}`", hint=hint).error()
    return [layers[profile] for layers in by_document if profile in layers]


def _environment_layer(sources: Sources) -> Layer:
    values = {VARIABLES[name]: value for name, value in sources.environment.items() if name in VARIABLES}
    return Layer(
        nested(values),
        sources.cwd,
        lambda name: KNOWN[name].variable if name in KNOWN else name,
        lambda name: f"env {KNOWN[name].variable}",
    )


def _override_layer(sources: Sources) -> Layer:
    values = {name: str(value) if isinstance(value, Path) else value for name, value in sources.overrides.items()}

    def option(name: str) -> str:
        return KNOWN[name].option or name

    return Layer(nested(values), sources.cwd, option, lambda name: f"option {option(name)}")


class _Environment(EnvSettingsSource):
    """pydantic-settings' reading of variables, on those we were handed instead of the process's own."""

    def __init__(self, settings_cls: type[BaseSettings], values: Mapping[str, object]) -> None:
        super().__init__(settings_cls)
        self.env_vars = {
            (PREFIX + name.replace(".", NESTING)).lower(): str(value) for name, value in values.items()
        }  # fmt: skip


def _merged(layers: Sequence[Layer]) -> SettingsTable:
    overrides, environment, *files = layers
    variables = flat(environment.table)
    # pydantic-settings can log what its sources hold: the token never enters one as plain text.
    token = {_TOKEN: variables.pop(_TOKEN)} if _TOKEN in variables else {}

    class Resolved(BaseSettings, SettingsTable):  # pyright: ignore[reportIncompatibleVariableOverride] - two kinds of config
        model_config = SettingsConfigDict(
            env_prefix=PREFIX, env_nested_delimiter=NESTING, extra="forbid", hide_input_in_errors=True
        )

        @classmethod
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings], *_args: Any, **_kwargs: Any
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            strong = InitSettingsSource(settings_cls, dict(overrides.table))
            tables = (nested(token), *(layer.table for layer in files))
            weak = (InitSettingsSource(settings_cls, _masked(table)) for table in tables)
            return (strong, _Environment(settings_cls, variables), *weak)

    return Resolved()


def _masked(table: Mapping[str, Any]) -> dict[str, Any]:
    values = flat(table)
    return nested({name: SecretStr(str(value)) if name == _TOKEN else value for name, value in values.items()})


def _found(layers: Sequence[Layer]) -> dict[str, FoundValue]:
    values = flat(_merged(layers).model_dump(exclude_unset=True))
    names = [flat(layer.table).keys() for layer in layers]
    found: dict[str, FoundValue] = {}
    for name, value in values.items():
        layer = next(layer for layer, known in zip(layers, names, strict=True) if name in known)
        ours = Secret(value.get_secret_value()) if isinstance(value, SecretStr) else value
        found[name] = FoundValue(ours, layer.origin(name), layer.base)
    return found
