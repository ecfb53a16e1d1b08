"""What the look-alike remembers: users, sessions, generations, assets. Times are UTC; a row becomes JSON and back."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, ClassVar, Final, Self


class Row:
    """A row with an id, kept in the log under its `kind`."""

    kind: ClassVar[str]

    def document(self) -> dict[str, Any]:
        values = {entry.name: getattr(self, entry.name) for entry in fields(self)}  # pyright: ignore[reportArgumentType]
        return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}

    @classmethod
    def revived(cls, document: dict[str, Any]) -> Self:
        return cls(
            **{
                name: datetime.fromisoformat(value) if name.endswith("_at") and isinstance(value, str) else value
                for name, value in document.items()
            }
        )


@dataclass
class User(Row):
    kind: ClassVar[str] = "user"

    id: int
    username: str
    email: str
    password: str
    created_at: datetime
    role: str = "user"
    is_active: bool = True
    max_daily_jobs: int | None = 100
    last_login_at: datetime | None = None

    @property
    def is_admin(self) -> bool:
        return self.role == "admin"


@dataclass
class Session(Row):
    kind: ClassVar[str] = "session"

    id: str
    user_id: int
    token: str
    created_at: datetime
    expires_at: datetime
    is_revoked: bool = False


@dataclass
class Generation(Row):
    """One job. `steps` is what is still to happen to it, the first at `due_at`; `script` is where they came from."""

    kind: ClassVar[str] = "generation"

    id: int
    user_id: int
    operation_type: str
    provider_id: str
    canonical_params: dict[str, Any]
    inputs: list[dict[str, Any]]
    reproducible_hash: str
    prompt_version_id: str
    final_prompt: str | None
    name: str
    created_at: datetime
    updated_at: datetime
    description: str | None = None
    priority: int = 5
    status: str = "pending"
    scheduled_at: datetime | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    error_message: str | None = None
    error_code: str | None = None
    retry_count: int = 0
    attempt_count: int = 0
    deferred_action: str | None = None
    wait_reason: str | None = None
    account_id: int | None = None
    provider_job_id: str | None = None
    asset_id: int | None = None
    is_listed: bool = True
    is_charged: bool = False
    nonce: str | None = None
    script: dict[str, Any] = field(default_factory=dict)
    steps: list[dict[str, Any]] = field(default_factory=list)
    due_at: datetime | None = None


@dataclass
class Asset(Row):
    """One asset. `placed` says where its bytes are said to be: see `assets.PLACES`; `file` is its file's real name."""

    kind: ClassVar[str] = "asset"

    id: int
    user_id: int
    media_type: str
    provider_id: str
    provider_asset_id: str
    created_at: datetime
    file: str
    sha256: str
    size_bytes: int
    mime_type: str
    placed: str = "stored"
    tags: list[str] = field(default_factory=list)
    automatic_tags: list[str] = field(default_factory=list)
    duration_s: float | None = None
    width: int | None = None
    height: int | None = None
    prompt: str | None = None
    description: str | None = None
    model: str | None = None
    operation_type: str | None = None
    source_generation_id: int | None = None
    reproducible_hash: str | None = None
    prompt_version_id: str | None = None
    is_archived: bool = False
    asset_kind: str = "content"
    provider_status: str = "ok"
    signal_override: str | None = None
    upload_method: str = "api"
    has_thumbnail: bool = False
    remote_url: str | None = None
    overrides: dict[str, Any] = field(default_factory=dict)


KINDS: Final = {row.kind: row for row in (User, Session, Generation, Asset)}
