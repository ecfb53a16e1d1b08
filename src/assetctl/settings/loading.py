"""From what was found to the settings in effect.

The fast way is taken when nobody configured anything: no TOML, no pydantic, well under a millisecond. Everything else
goes through `model.py`, which is imported here and only then.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from assetctl.errors import ConfigError
from assetctl.settings.known import KNOWN, known_settings
from assetctl.settings.layers import FoundValue, Sources, absolute_path, find_sources, user_dirs
from assetctl.settings.values import (
    BackendSettings,
    BudgetSettings,
    CacheSettings,
    GenerationSettings,
    LibrarySettings,
    PrefetchSettings,
    Settings,
)
from assetctl.units import parse_duration_s, parse_size_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import ModuleType

    from assetctl.settings.files import ConfigProblem
    from assetctl.settings.known import KnownSetting
    from assetctl.settings.layers import UserDirs

_FLAGS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


def load(
    *,
    environ: Mapping[str, str],
    cwd: Path,
    config: Path | None = None,
    profile: str | None = None,
    overrides: Mapping[str, object] | None = None,
    dirs: UserDirs | None = None,
) -> Settings:
    """The settings in effect, each with its origin.

    `cwd` is absolute. `config` is the only file read when given. `overrides` maps dotted names to options; None is an
    option not given. The order is: options, environment, the profile in the project file, the profile in the user file,
    project file, user file, default.

    Raises:
        ConfigError: anything in any of them is unknown, of a wrong type, not allowed there, or cannot be read.
    """
    dirs = dirs or user_dirs()
    sources = find_sources(
        environ=environ, cwd=cwd, config=config, profile=profile, overrides=overrides or {}, dirs=dirs
    )
    found = _plain(sources) if sources.is_plain else _model().resolve(sources)
    return _settled(found, sources)


def check(file: Path, *, dirs: UserDirs | None = None) -> list[ConfigProblem]:
    """Every problem of a settings file, in the order of its lines; empty when it can be used as it is.

    An `assetctl.toml` is checked as a project file: what it may set only when trusted is a problem until it is.
    """
    return _model().check(file, dirs or user_dirs())


def trust(file: Path, *, dirs: UserDirs | None = None) -> tuple[str, ...]:
    """The user trusts `file` with its content of now; returned are the restricted settings that it may set from now on.

    Raises:
        ConfigError: it cannot be read, or the trust cannot be stored.
    """
    return _model().trust(file, dirs or user_dirs())


def debug_wanted(environ: Mapping[str, str]) -> bool:
    """Whether `ASSETCTL_DEBUG` asks for tracebacks.

    Raises:
        ConfigError: it is neither yes nor no.
    """
    given = environ.get("ASSETCTL_DEBUG", "")
    if not given:
        return False
    if given.lower() not in _FLAGS:
        raise ConfigError("`ASSETCTL_DEBUG` must be true or false", why=f"it is `{given}`", hint="ASSETCTL_DEBUG=1")
    return _FLAGS[given.lower()]


def _model() -> ModuleType:
    from assetctl.settings import model  # noqa: PLC0415 - pydantic-settings is too slow for a run without settings

    return model


def _plain(sources: Sources) -> dict[str, FoundValue]:
    if "data_dir" in sources.overrides:
        return {"data_dir": FoundValue(str(sources.overrides["data_dir"]), "option --data-dir", sources.cwd)}
    named = sources.environment.get("ASSETCTL_DATA_DIR")
    return {"data_dir": FoundValue(named, "env ASSETCTL_DATA_DIR", sources.cwd)} if named else {}


def _settled(found: Mapping[str, FoundValue], sources: Sources) -> Settings:
    values: dict[str, Any] = {
        setting.name: found[setting.name].value if setting.name in found else _default(setting, found, sources)
        for setting in known_settings()
    }
    for setting in known_settings():
        name = setting.name
        if setting.kind != "path" or values[name] is None:
            continue
        base = found[name].base if name in found else sources.root
        values[name] = absolute_path(str(values[name]), base, sources.dirs.home, name)
    origins = {name: found[name].origin if name in found else "default" for name in KNOWN}
    return _typed(values, MappingProxyType(origins))


def _default(setting: KnownSetting, found: Mapping[str, FoundValue], sources: Sources) -> object:
    has_backend = "backend.url" in found
    match setting.name:
        case "data_dir":
            return sources.dirs.data
        case "library.kind":
            return "pixsim" if has_backend else "folder"
        case "generation.generator":
            return "pixsim" if has_backend else "storyboard"
        case _:
            return _in_its_unit(setting)


def _in_its_unit(setting: KnownSetting) -> object:
    default: Any = setting.default
    match setting.kind:
        case "size":
            return parse_size_bytes(default)
        case "duration":
            return parse_duration_s(default)
        case "path" | "plain":
            return default


def _typed(values: Mapping[str, Any], origins: Mapping[str, str]) -> Settings:
    sections: dict[str, dict[str, Any]] = {}
    for setting in known_settings():
        section, _, field = setting.field.rpartition(".")
        sections.setdefault(section, {})[field] = values[setting.name]
    return Settings(
        **sections[""],
        backend=BackendSettings(**sections["backend"]),
        library=LibrarySettings(**sections["library"]),
        generation=GenerationSettings(**sections["generation"]),
        cache=CacheSettings(**sections["cache"]),
        prefetch=PrefetchSettings(**sections["prefetch"]),
        budget=BudgetSettings(**sections["budget"]),
        origins=origins,
    )
