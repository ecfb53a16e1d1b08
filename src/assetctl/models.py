"""The nouns every room shares: requests, assets, where they came from and what they cost.

Frozen dataclasses and enums made of the standard library only, so that a game can import them without paying for
anything else. Nothing here reads a file, asks a clock or knows how it is printed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from decimal import Decimal
    from pathlib import Path

ParameterValue = str | int | float | bool

_NO_PARAMETERS: Mapping[str, ParameterValue] = MappingProxyType({})


class AssetType(StrEnum):
    """What kind of media file is asked for or was found."""

    VIDEO = "video"
    IMAGE = "image"
    AUDIO = "audio"
    MODEL_3D = "3d_model"


class Style(StrEnum):
    """How the asset should look."""

    ANIME = "anime"
    REALISTIC = "realistic"
    SEMI_REALISTIC = "semi-realistic"
    STYLIZED = "stylized"


class Strategy(StrEnum):
    """Which providers may answer, from the game's point of view."""

    GENERATE_IF_NEEDED = "generate-if-needed"
    PRE_MADE_ONLY = "pre-made-only"
    GENERATE_ALWAYS = "generate-always"


class Via(StrEnum):
    """Through which of its ways a backend is asked to generate."""

    CLASSIC = "classic"
    GAME = "game"


class Reuse(StrEnum):
    """How far one result may be shared. `ALWAYS` means: always make a new one, never reuse."""

    ONCE = "once"
    PER_PLAYER = "per-player"
    PER_PLAYTHROUGH = "per-playthrough"
    ALWAYS = "always"


class Source(StrEnum):
    """How an asset came this time; where it was first made is its `Origin`."""

    CACHED = "cached"
    PRE_MADE = "pre_made"
    GENERATED = "generated"
    PLACEHOLDER = "placeholder"


class AttemptOutcome(StrEnum):
    """What became of asking one provider."""

    HIT = "hit"
    MISS = "miss"
    SKIPPED = "skipped"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class AssetInput:
    """Media that an asset is made from. Exactly one of `path`, `asset_id` (at the backend) and `url` is set.

    `asset_type` is None where only the backend can tell; `role` says what it is for, None leaves that to the
    operation. `sha256` is the digest of the bytes that are meant by `path`: they count, wherever they lie. It is None
    until the file was read (`media/inputs.py`), and from then on `path` is absolute.
    """

    asset_type: AssetType | None = None
    role: str | None = None
    path: Path | None = None
    sha256: str | None = None
    asset_id: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class AssetRequest:
    """What a game asks for: the context of a moment, what the asset must be, and how far we may go to get it.

    None everywhere means "not demanded", never "empty". The first fields decide the request key; those from
    `strategy` on are policy and do not (`keys.py` has the exact rule).
    """

    scene_id: str | None = None
    choice_id: str | None = None
    character_id: str | None = None
    location_id: str | None = None
    prompt: str | None = None
    asset_type: AssetType = AssetType.VIDEO
    style: Style | None = None
    duration_s: float | None = None
    seed: int | None = None
    generator: str | None = None
    provider: str | None = None
    model: str | None = None
    parameters: Mapping[str, ParameterValue] = field(default_factory=lambda: _NO_PARAMETERS)
    inputs: tuple[AssetInput, ...] = ()
    """What it is made from, in the order that matters to the generator."""
    reuse: Reuse = Reuse.ONCE
    player_id: str | None = None
    playthrough_id: str | None = None
    strategy: Strategy = Strategy.GENERATE_IF_NEEDED
    prefer_cached: bool = True
    allow_generation: bool = True
    generate_on_trouble: bool = False
    allow_placeholder: bool = True
    max_wait_s: float | None = None
    """Longest time to wait for a job, in seconds; 0 submits and returns at once. None means the configured default."""
    tag: bool | None = None
    """Whether a generated asset is tagged at the backend, so that the next person finds it there. None as above."""
    via: Via = Via.CLASSIC
    """How a backend is asked; one that has no way for games is asked the classic way."""


#: What tells the requests of a chapter apart: their first fields, in order; the rest of most of them is the same.
OWN_FIELDS: Final = ("scene_id", "choice_id", "character_id", "location_id", "prompt")


@dataclass(frozen=True, slots=True)
class Cost:
    """Money as its source stated it."""

    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an asset was first made; survives caching.

    `provider` names the library or generator, such as `library:folder` or `generator:storyboard`. `created_at` is UTC.
    """

    provider: str
    created_at: datetime | None = None
    generator: str | None = None
    model: str | None = None
    job_id: str | None = None


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What a look into a media file found; None is a value this kind of file does not have."""

    mime_type: str
    duration_s: float | None = None
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One provider that was asked for a request, and what it said; `code` is that of its error, if there was one."""

    provider: str
    outcome: AttemptOutcome
    elapsed_ms: float
    detail: str | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Asset:
    """A verified file on disk, where it came from and what it cost.

    `path` is absolute and its bytes hash to `sha256` (64 lower-case hex digits) at the moment of return. The file
    belongs to assetctl and is read-only: copy it before changing it. `key` and `request` are None for an asset got by
    id that no request is known for. `attempts` are in the order in which providers were asked.
    """

    asset_id: str
    path: Path
    asset_type: AssetType
    source: Source
    origin: Origin
    sha256: str
    size_bytes: int
    media: MediaInfo
    url: str | None = None
    request: AssetRequest | None = None
    key: str | None = None
    generation_time_ms: int | None = None
    cost: Cost | None = None
    warnings: tuple[str, ...] = ()
    attempts: tuple[Attempt, ...] = ()


@dataclass(frozen=True, slots=True)
class Estimate:
    """What an order may cost and take; None is unknown, never free and never at once.

    `cost_low` and `cost_high` share one currency; the seconds are wall time from submission to the finished file.
    """

    cost_low: Cost | None = None
    cost_high: Cost | None = None
    seconds_low: float | None = None
    seconds_high: float | None = None
    basis: str | None = None


class Would(StrEnum):
    """What delivering an asset would take."""

    NOTHING = "nothing"
    DOWNLOAD = "download"
    GENERATE = "generate"
    PLACEHOLDER = "placeholder"


@dataclass(frozen=True, slots=True)
class Availability:
    """One provider's answer to "could you, and what would it take?". `would` is None when it could not.

    `source` and `asset_id` are None while nothing exists yet. `reasons` are sentences for a person, the best
    candidate first; they are what `explain` prints.
    """

    would: Would | None
    source: Source | None = None
    asset_id: str | None = None
    estimate: Estimate | None = None
    reasons: tuple[str, ...] = ()
    size_bytes: int | None = None
    """How large the file is, None where nobody has said so."""
    generator: str | None = None
    """Who would make it, None when nothing would be made."""
    is_paid: bool = False
    """Whether making it may cost money."""
    job_id: str | None = None
    """The job that makes it already, so that nothing new is ordered."""
    orders_per_minute: int | None = None
    """How many orders a minute its generator's service takes, None without a limit and where nothing is ordered."""
