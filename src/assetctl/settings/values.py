"""The settings in effect, as plain frozen values with their origins.

Standard library only: what a warm hit needs of settings is here. Nothing is validated; that happened before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from assetctl.settings.known import KNOWN
from assetctl.units import human_duration, human_size

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from assetctl.secret import Secret


@dataclass(frozen=True, slots=True)
class BackendSettings:
    """The service that has assets and makes them; `url` is None without one and never ends with a slash.

    `ca_file` is the absolute path of certificates to trust beside the system's, None without one. More orders than
    `orders_per_minute` wait their turn; 0 is without a limit.
    """

    url: str | None
    timeout_s: float
    token: Secret | None
    ca_file: Path | None
    orders_per_minute: int


@dataclass(frozen=True, slots=True)
class LibrarySettings:
    """Where pre-made assets live; `kind` is `folder` or `pixsim`, `path` is absolute and used by `folder` alone."""

    kind: str
    path: Path


@dataclass(frozen=True, slots=True)
class GenerationSettings:
    """Whether, by whom and how long assets are made, and whether they are tagged at the backend."""

    enabled: bool
    generator: str
    default_provider: str
    max_wait_s: float
    tag: bool


@dataclass(frozen=True, slots=True)
class CacheSettings:
    """What the cache may hold: at most `max_size_bytes`, leaving `min_free_bytes`, nothing unused for longer.

    `shared` is the absolute path of the folder in which a group shares finished files, None without one.
    """

    max_size_bytes: int
    min_free_bytes: int
    max_unused_s: float
    shared: Path | None = None


@dataclass(frozen=True, slots=True)
class PrefetchSettings:
    """How a chapter is worked through, and how long a backend may be away meanwhile."""

    concurrency: int
    max_outage_s: float


@dataclass(frozen=True, slots=True)
class BudgetSettings:
    """What one run may order."""

    max_generations_per_run: int


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that is configured.

    `origins` maps each dotted name of `known_settings()` to `default`, `env NAME`, `option --NAME`, a file's path, or a
    file's path followed by ` [profiles.NAME]`. `data_dir` is absolute.
    """

    data_dir: Path
    backend: BackendSettings
    library: LibrarySettings
    generation: GenerationSettings
    cache: CacheSettings
    prefetch: PrefetchSettings
    budget: BudgetSettings
    origins: Mapping[str, str]


def shown_value(settings: Settings, name: str) -> str | int | float | bool | None:
    """The value of setting `name` as a person or a JSON document may see it; None when unset, secrets as asterisks.

    Raises:
        KeyError: there is no such setting.
    """
    known = KNOWN[name]
    section, _, field = known.field.rpartition(".")
    value: object = getattr(getattr(settings, section) if section else settings, field)
    if known.kind == "size" and isinstance(value, int):
        return human_size(value)
    # Where the name says seconds, the number alone says it all.
    if known.kind == "duration" and known.field != name and isinstance(value, int | float):
        return human_duration(value)
    return value if value is None or isinstance(value, str | int | float) else str(value)
