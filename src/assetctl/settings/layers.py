"""Where settings may come from: which files exist, which variables are set, which options were given.

Only looks, never opens: a run without any of them must not pay for reading. Nothing here knows what a value means.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

import platformdirs

from assetctl.errors import ConfigError
from assetctl.settings.known import KNOWN, PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping

PROJECT_FILE: Final = "assetctl.toml"
USER_FILE: Final = "config.toml"

PROCESS_VARIABLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ASSETCTL_CONFIG": "--config",
        "ASSETCTL_PROFILE": "--profile",
        "ASSETCTL_DATA_DIR": "--data-dir",
        "ASSETCTL_DEBUG": "--debug",
        "ASSETCTL_RUN_ID": "--run-id",
    }
)
"""Variables that stand for a global option."""

FileKind = Literal["explicit", "project", "user"]


@dataclass(frozen=True, slots=True)
class UserDirs:
    """The user's own folders: `~` is `home`, `config` holds `config.toml`, `data` is the default of `data_dir`."""

    home: Path
    config: Path
    data: Path


def user_dirs() -> UserDirs:
    """The folders this system gives to the user who runs us (on Linux `XDG_CONFIG_HOME` and `XDG_DATA_HOME` count)."""
    return UserDirs(
        home=Path.home(),
        config=platformdirs.user_config_path("assetctl", appauthor=False),
        data=platformdirs.user_data_path("assetctl", appauthor=False),
    )


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """A file that settings are read from."""

    kind: FileKind
    path: Path


@dataclass(frozen=True, slots=True)
class FileLocation:
    """A place where a settings file may lie; `is_read` is false when there is none or another takes its place."""

    kind: FileKind
    path: Path
    exists: bool
    is_read: bool


@dataclass(frozen=True, slots=True)
class FoundValue:
    """A value in effect. `origin` is what `Settings.origins` says; a relative path is relative to `base`."""

    value: object
    origin: str
    base: Path


@dataclass(frozen=True, slots=True)
class Sources:
    """What was found, not yet read.

    `overrides` maps dotted names to the options given. `environment` holds the non-empty `ASSETCTL_` variables except
    those of `PROCESS_VARIABLES` that are no settings. `files` are ordered strongest first. `root` is the project's
    folder.
    """

    overrides: Mapping[str, object]
    environment: Mapping[str, str]
    files: tuple[SettingsFile, ...]
    profile: str | None
    cwd: Path
    root: Path
    dirs: UserDirs

    @property
    def is_plain(self) -> bool:
        """Whether nothing needs checking: at most the data directory was named, by option or environment."""
        named = {*self.overrides, *self.environment}
        return not self.files and self.profile is None and named <= {"data_dir", "ASSETCTL_DATA_DIR"}


def find_sources(
    *,
    environ: Mapping[str, str],
    cwd: Path,
    config: Path | None,
    profile: str | None,
    overrides: Mapping[str, object],
    dirs: UserDirs,
) -> Sources:
    """What there is to read; `config` and `profile` fall back to `ASSETCTL_CONFIG` and `ASSETCTL_PROFILE`.

    Raises:
        KeyError: an override that is no setting, a programming mistake.
        ConfigError: a place may not be looked at.
    """
    explicit = _explicit(environ, cwd, config, dirs)
    project = find_project_file(cwd)
    files = [SettingsFile("explicit", explicit)] if explicit else _discovered(project, dirs)
    marker = explicit if explicit and explicit.name == PROJECT_FILE else project
    return Sources(
        overrides={KNOWN[name].name: value for name, value in overrides.items() if value is not None},
        environment=_environment(environ),
        files=tuple(files),
        profile=profile or environ.get("ASSETCTL_PROFILE") or None,
        cwd=cwd,
        root=marker.parent if marker else cwd,
        dirs=dirs,
    )


def find_project_file(cwd: Path) -> Path | None:
    """The nearest `assetctl.toml` in `cwd` or above it; folders we may not look into have none."""
    for folder in (cwd, *cwd.parents):
        try:
            if (folder / PROJECT_FILE).is_file():
                return folder / PROJECT_FILE
        except PermissionError:
            continue
    return None


def file_locations(
    *, environ: Mapping[str, str], cwd: Path, config: Path | None = None, dirs: UserDirs | None = None
) -> tuple[FileLocation, ...]:
    """Where settings files are looked for, strongest first; without a project file, where one would be made.

    Raises:
        ConfigError: a place may not be looked at.
    """
    dirs = dirs or user_dirs()
    explicit = _explicit(environ, cwd, config, dirs)
    project, user = find_project_file(cwd), dirs.config / USER_FILE
    named = [FileLocation("explicit", explicit, exists=explicit.exists(), is_read=True)] if explicit else []
    is_read = explicit is None
    return (
        *named,
        FileLocation("project", project or cwd / PROJECT_FILE, project is not None, is_read and project is not None),
        FileLocation("user", user, _is_file(user), is_read and _is_file(user)),
    )


def absolute_path(text: str, base: Path, home: Path, name: str) -> Path:
    """`text` as an absolute path: `~` is `home`, a relative one is relative to `base`; `..` stays as it is.

    Raises:
        ConfigError: it can be no path.
    """
    if not text or "\0" in text:
        raise ConfigError(f"`{name}` must be the path of a folder", why="it is empty" if not text else "it has a NUL")
    if not text.startswith("~"):
        return base / text
    if text != "~" and text[1] not in {"/", os.sep}:
        raise ConfigError(f"`{name}` is `{text}`", why="`~` stands for your own home alone", hint="write the path out")
    return home / text[2:]


def _explicit(environ: Mapping[str, str], cwd: Path, config: Path | None, dirs: UserDirs) -> Path | None:
    if config is not None:
        return absolute_path(str(config), cwd, dirs.home, "--config")
    named = environ.get("ASSETCTL_CONFIG")
    return absolute_path(named, cwd, dirs.home, "ASSETCTL_CONFIG") if named else None


def _discovered(project: Path | None, dirs: UserDirs) -> list[SettingsFile]:
    files = [SettingsFile("project", project)] if project else []
    user = dirs.config / USER_FILE
    return [*files, SettingsFile("user", user)] if _is_file(user) else files


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    # An empty variable counts as not set: CI systems pass secrets that don't exist as empty texts.
    unread = PROCESS_VARIABLES.keys() - {"ASSETCTL_DATA_DIR"}
    return {name: value for name, value in environ.items() if name.startswith(PREFIX) and value and name not in unread}


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError as error:
        raise ConfigError(f"`{path}` may not be looked at", why=error.strerror) from error
