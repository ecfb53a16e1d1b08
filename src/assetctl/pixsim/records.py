"""What a PixSim7 server tells, as frozen values: generations, stored assets, providers, logins, scenes of a game.

Plain data of the standard library. Texts are the server's own and untrusted, kept to the letter because they are
compared; words of sets that may grow (`status`, `media_type` and such) stay text. None is "not stated".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from assetctl.secret import Secret


@dataclass(frozen=True, slots=True)
class Generation:
    """One generation job. `wait_reason` is stated by single reads and lists alone; times are UTC.

    `error_code` and `error_message` may be left over from an earlier try: read them with `status` only.
    """

    id: int
    status: str
    operation_type: str
    provider_id: str
    canonical_params: Mapping[str, Any]
    inputs: tuple[Mapping[str, Any], ...] = ()
    name: str | None = None
    user_id: int | None = None
    asset_id: int | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    error_code: str | None = None
    error_message: str | None = None
    wait_reason: str | None = None
    deferred_action: str | None = None
    final_prompt: str | None = None
    retry_count: int = 0


@dataclass(frozen=True, slots=True)
class GameAnswer:
    """The asset that the server chose, or had made, for a moment of a game; `source` says which."""

    asset_id: int
    source: str | None = None
    generation_time_ms: int | None = None


@dataclass(frozen=True, slots=True)
class GenerationPage:
    """Some generations, newest first within one priority, out of `total`."""

    generations: tuple[Generation, ...]
    total: int | None = None


@dataclass(frozen=True, slots=True)
class StoredAsset:
    """One asset of the server's library.

    `sha256` is 64 lower-case hex digits. `file_url` may be relative to the server or lead to a vendor; `remote_url` may
    be no address at all. `tags` are slugs such as `scene:romance_5`.
    """

    id: int
    media_type: str
    user_id: int | None = None
    sha256: str | None = None
    size_bytes: int | None = None
    file_url: str | None = None
    remote_url: str | None = None
    stored_key: str | None = None
    sync_status: str | None = None
    tags: frozenset[str] = frozenset()
    prompt: str | None = None
    description: str | None = None
    duration_s: float | None = None
    width: int | None = None
    height: int | None = None
    mime_type: str | None = None
    is_archived: bool = False
    provider_status: str | None = None
    asset_kind: str | None = None
    signal_override: str | None = None
    source_generation_id: int | None = None
    model: str | None = None
    provider_id: str | None = None
    created_at: datetime | None = None
    operation_type: str | None = None


@dataclass(frozen=True, slots=True)
class AssetPage:
    """Some found assets, in the order asked for; `total` is a lower bound when no total was asked for.

    `next_cursor` is right for the default order alone, and may lead to an empty page.
    """

    assets: tuple[StoredAsset, ...]
    total: int | None = None
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class ProviderParameter:
    """One knob of a provider's operation; `kind` is a word such as `string`, `integer`, `number`, `boolean`, `enum`."""

    name: str
    kind: str
    is_required: bool = False
    default: Any = None
    choices: tuple[str, ...] = ()
    description: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    max_length: int | None = None


@dataclass(frozen=True, slots=True)
class ProviderInfo:
    """A provider behind the server. `parameters` maps an operation to its knobs; an operation may state none."""

    provider_id: str
    name: str
    operations: frozenset[str]
    parameters: Mapping[str, tuple[ProviderParameter, ...]]


@dataclass(frozen=True, slots=True)
class ServerVersion:
    """What the server is; `server_time` is its clock when it answered, in UTC."""

    api_version: str | None = None
    build_sha: str | None = None
    server_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class TokenFacts:
    """What the server says of a token; the rest is None when `is_active` is false."""

    is_active: bool
    user: str | None = None
    user_id: int | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Login:
    """A new token and whose it is."""

    token: Secret
    user: str
    user_id: int | None = None


@dataclass(frozen=True, slots=True)
class SceneEntry:
    """A scene as lists have it; `world_id` is None for one of no world."""

    id: int
    world_id: int | None = None
    title: str | None = None


@dataclass(frozen=True, slots=True)
class SceneNode:
    """A clip of a scene. `asset_id` is the asset its author chose, which may be gone by now.

    `said` is what its author stored with it for us, of any shape; `plays` are the ids of the scenes that it leads to.
    """

    id: str
    label: str | None = None
    asset_id: int | None = None
    said: object = None
    plays: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class SceneEdge:
    """A way from one node to another. `label` is what a player chooses, None where the scene goes on by itself."""

    id: str
    source: str
    target: str
    label: str | None = None


@dataclass(frozen=True, slots=True)
class GameScene:
    """A scene as a graph, in the order in which the server keeps it.

    Ids of nodes and edges are given anew whenever the scene is saved. Nothing says that an edge's nodes, or the start,
    are among `nodes`.
    """

    id: int
    start: str
    nodes: tuple[SceneNode, ...]
    edges: tuple[SceneEdge, ...]
    title: str | None = None


@dataclass(frozen=True, slots=True)
class GameWorld:
    """What a world's export tells beside its scenes: the weight of each edge by its id, and where players come in.

    `entries` are the ids of the scenes that places of the world play, in their order, some perhaps twice.
    """

    name: str | None
    weights: Mapping[str, float]
    entries: tuple[int, ...] = ()
