"""Every setting that exists: name, kind, default and one line of help.

The single source of the defaults, of `config.example.toml`, of error messages and of the documentation. What is not
listed here is an unknown name.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX: Final = "ASSETCTL_"
NESTING: Final = "__"

TomlValue = str | int | float | bool

Kind = Literal["plain", "path", "size", "duration"]


@dataclass(frozen=True, slots=True)
class KnownSetting:
    """One setting.

    `name` is dotted; `default` is as a file would write it, None when there is none or it depends (`default_note` says
    on what). In effect a `path` is absolute, a `size` (`20GB`) in bytes and a `duration` (`180d`) in seconds. `wanted`
    finishes "it must be". `example` stands, commented out, where a written default would mean more.
    `is_restricted` settings are refused from a project file that nobody trusted. `option` is the command line's name.
    """

    name: str
    wanted: str
    help: str
    kind: Kind = "plain"
    default: TomlValue | None = None
    default_note: str | None = None
    example: TomlValue | None = None
    option: str | None = None
    is_secret: bool = False
    is_restricted: bool = False

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        if self.name == "backend.token":
            return f"{PREFIX}TOKEN"  # the contract's short name; there is no second spelling
        return PREFIX + self.name.upper().replace(".", NESTING)

    @property
    def field(self) -> str:
        """The dotted name of its field in `Settings`: its name, and its unit where that says none."""
        match self.kind:
            case "size":
                return f"{self.name}_bytes"
            case "duration" if not self.name.endswith("_s"):
                return f"{self.name}_s"
            case _:
                return self.name


_ALL: Final = (
    KnownSetting(
        "data_dir",
        wanted="the path of a folder",
        help="Where the cache and the journal of jobs live.",
        kind="path",
        default_note="the system's folder for a user's application data",
        example="~/assetctl-data",
        option="--data-dir",
        is_restricted=True,
    ),
    KnownSetting(
        "backend.url",
        wanted="an http(s) address such as `https://assets.example.com`",
        help="The service that has assets and makes them. Plain http only on this machine.",
        default_note="none, everything works on this machine",
        example="http://127.0.0.1:8001",
        is_restricted=True,
    ),
    KnownSetting(
        "backend.timeout_s",
        wanted="seconds, more than 0 and at most 600",
        help="Longest silence of the backend before it counts as unreachable.",
        kind="duration",
        default=30,
    ),
    KnownSetting(
        "backend.token",
        wanted="one line of text",
        help="Better in the environment as ASSETCTL_TOKEN. A file with a token must be readable by its owner alone.",
        default_note="none",
        example="paste-it-here",
        is_secret=True,
        is_restricted=True,
    ),
    KnownSetting(
        "backend.ca_file",
        wanted="the path of a file",
        help="PEM file with the certificates of an authority of your own, trusted beside the system's.",
        kind="path",
        default_note="none, the system's authorities count",
        example="/etc/ssl/studio-ca.pem",
        is_restricted=True,
    ),
    KnownSetting(
        "backend.orders_per_minute",
        wanted="a whole number from 0 to 100000",
        help="How many orders the backend takes of one user in a minute; more wait their turn. 0 is without a limit.",
        default=20,
    ),
    KnownSetting(
        "library.kind",
        wanted="`folder` or `pixsim`",
        help="Where pre-made assets are looked for: a folder, or the backend's search.",
        default_note="`folder` without a backend, `pixsim` with one",
        example="folder",
    ),
    KnownSetting(
        "library.path",
        wanted="the path of a folder",
        help="The folder of pre-made assets; relative to the file it stands in.",
        kind="path",
        default="assets",
        default_note="`assets` in the project's folder",
        example="assets",
    ),
    KnownSetting(
        "generation.enabled",
        wanted="true or false",
        help="Whether anything may be generated at all.",
        default=True,
    ),
    KnownSetting(
        "generation.generator",
        wanted="the name of a generator",
        help="Who makes an asset when the request doesn't say.",
        default_note="`storyboard` without a backend, `pixsim` with one",
        example="storyboard",
        option="--generator",
    ),
    KnownSetting(
        "generation.default_provider",
        wanted="the name of a provider",
        help="The provider behind a generator when the request doesn't say.",
        default="pixverse",
        option="--provider",
    ),
    KnownSetting(
        "generation.max_wait_s",
        wanted="seconds, from 0 to 604800",
        help="Longest time to wait for a job; it goes on and the next request adopts it.",
        kind="duration",
        default=120,
        option="--max-wait",
    ),
    KnownSetting(
        "generation.tag",
        wanted="true or false",
        help="Whether a generated asset is tagged at the backend, so that others find it there.",
        default=True,
        option="--no-tag",
    ),
    KnownSetting(
        "cache.max_size",
        wanted="a size such as `20GB`",
        help="How much the cache may hold.",
        kind="size",
        default="20GB",
    ),
    KnownSetting(
        "cache.min_free",
        wanted="a size such as `5GB`",
        help="How much of the disk the cache leaves free.",
        kind="size",
        default="5GB",
    ),
    KnownSetting(
        "cache.max_unused",
        wanted="a duration such as `180d`",
        help="How long an entry is kept that nobody asks for.",
        kind="duration",
        default="180d",
    ),
    KnownSetting(
        "cache.shared",
        wanted="the path of a folder",
        help="A folder in which a group of users shares finished files; it may be on a file server.",
        kind="path",
        default_note="none, each user's files are their own",
        example="/srv/team-assets",
        is_restricted=True,
    ),
    KnownSetting(
        "prefetch.concurrency",
        wanted="a whole number from 1 to 256",
        help="How many assets of a chapter are worked on at once.",
        default=8,
        option="--concurrency",
    ),
    KnownSetting(
        "prefetch.max_outage_s",
        wanted="seconds from 0 to 604800, or a duration such as `10m`",
        help="How long a backend may give no answer in the middle of a chapter before the run stops.",
        kind="duration",
        default=300,
    ),
    KnownSetting(
        "budget.max_generations_per_run",
        wanted="a whole number from 0 to 1000000",
        help="How many generations one run may order.",
        default=50,
        option="--max-generations",
    ),
)

KNOWN: Final[Mapping[str, KnownSetting]] = MappingProxyType({setting.name: setting for setting in _ALL})


def known_settings() -> tuple[KnownSetting, ...]:
    """Every setting, in the order in which files and documents list them."""
    return _ALL


_INTRODUCTION = """\
# Settings of assetctl. In a project: `assetctl.toml` in its top folder. For yourself: `config.toml` in the folder that
# `assetctl config path` shows. What stands here without a leading `#` is the default; leave out what you don't change.
# Each setting can also come from the environment: ASSETCTL_CACHE__MAX_SIZE=50GB. `assetctl config show --origin` tells
# what is in effect and why. Settings marked (trust) count in a project file only after `assetctl config trust`.
"""
_PROFILES = """
# A profile overlays the rest when it is asked for: `assetctl --profile ci ...`.
#[profiles.ci.generation]
#enabled = false
"""


def example_toml() -> str:
    """The text of `config.example.toml`: every setting with its help, active at its default, else commented out."""
    parts, section = [_INTRODUCTION], ""
    for setting in _ALL:
        here, _, leaf = setting.name.rpartition(".")
        if here != section:
            parts.append(f"\n[{here}]")
            section = here
        parts.append(_example_lines(setting, leaf))
    return "\n".join(parts) + "\n" + _PROFILES


def _example_lines(setting: KnownSetting, leaf: str) -> str:
    trust = " (trust)" if setting.is_restricted else ""
    if setting.default is not None and setting.example is None:
        return f"# {setting.help}{trust}\n{leaf} = {_toml(setting.default)}"
    return f"# {setting.help}{trust}\n# Default: {setting.default_note}.\n#{leaf} = {_toml(setting.example or '')}"


def _toml(value: TomlValue) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) else str(value)
