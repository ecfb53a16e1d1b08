"""The server's bytes turned into our records: the only place that knows its field names.

Unknown fields are ignored, unknown words kept, times without an offset taken as UTC. What cannot be used is refused
without repeating it: an answer may hold a secret. Pydantic stops here.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from assetctl.pixsim.records import (
    AssetPage,
    Generation,
    GenerationPage,
    Login,
    ProviderInfo,
    ProviderParameter,
    ServerVersion,
    StoredAsset,
    TokenFacts,
)
from assetctl.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterable

#: How many values one answer may have. A full page of assets has some thousands; each costs memory many times its text.
MAX_VALUES: Final = 200_000
_SHA256: Final = re.compile(r"[0-9a-f]{64}", re.IGNORECASE)
_REFERENCE: Final = re.compile(r"(?:[a-z_]+:)?([0-9]{1,18})")

T = TypeVar("T")


class Unreadable(Exception):
    """Bytes that are no answer we know; the sentence holds nothing of them."""


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("out of range") from error


def _referred_id(value: object) -> object:
    """The id in `{"type": "asset", "id": 12}`, `"asset:12"` or a plain 12."""
    match value:
        case {"id": int(found)}:
            return found
        case str() if (matched := _REFERENCE.fullmatch(value)) is not None:
            return int(matched[1])
        case _:
            return value


def _digest(text: str | None) -> str | None:
    return text.lower() if text is not None and _SHA256.fullmatch(text) else None


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None


def _without_none(value: object) -> object:
    return [] if value is None else value


_Id = Annotated[int, Field(ge=0, lt=2**63)]
_Reference = Annotated[_Id | None, BeforeValidator(_referred_id)]
_Moment = Annotated[datetime, AfterValidator(_utc)] | None
_Count = Annotated[int, Field(ge=0, lt=2**63)] | None
_Digest = Annotated[str | None, AfterValidator(_digest)]
_Number = Annotated[float | None, AfterValidator(_finite)]


class _Wire(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True, frozen=True)


class _GenerationWire(_Wire):
    id: _Id
    status: str
    operation_type: str
    provider_id: str
    canonical_params: dict[str, Any] | None = None
    inputs: list[dict[str, Any]] | None = None
    name: str | None = None
    user: _Reference = None
    asset: _Reference = None
    created_at: _Moment = None
    started_at: _Moment = None
    completed_at: _Moment = None
    error_code: str | None = None
    error_message: str | None = None
    wait_reason: str | None = None
    deferred_action: str | None = None
    final_prompt: str | None = None
    retry_count: int | None = None

    def record(self) -> Generation:
        renamed = {"user", "asset", "canonical_params", "inputs", "retry_count"}
        return Generation(
            **{name: getattr(self, name) for name in type(self).model_fields.keys() - renamed},
            canonical_params=self.canonical_params or {},
            inputs=tuple(self.inputs or ()),
            user_id=self.user,
            asset_id=self.asset,
            retry_count=self.retry_count or 0,
        )


class _GenerationsWire(_Wire):
    generations: list[_GenerationWire]
    total: _Count = None


class _TagWire(_Wire):
    slug: str


class _AssetWire(_Wire):
    id: _Id
    media_type: str
    user_id: _Id | None = None
    sha256: _Digest = None
    file_size_bytes: _Count = None
    file_url: str | None = None
    remote_url: str | None = None
    stored_key: str | None = None
    sync_status: str | None = None
    tags: Annotated[list[_TagWire], BeforeValidator(_without_none)] = []
    prompt: str | None = None
    description: str | None = None
    duration_sec: _Number = None
    width: _Count = None
    height: _Count = None
    mime_type: str | None = None
    is_archived: bool | None = None
    provider_status: str | None = None
    asset_kind: str | None = None
    signal_override: str | None = None
    source_generation_id: _Id | None = None
    model: str | None = None
    provider_id: str | None = None
    created_at: _Moment = None
    operation_type: str | None = None

    def record(self) -> StoredAsset:
        renamed = {"file_size_bytes", "duration_sec", "tags", "is_archived"}
        return StoredAsset(
            **{name: getattr(self, name) for name in type(self).model_fields.keys() - renamed},
            size_bytes=self.file_size_bytes,
            duration_s=self.duration_sec,
            tags=frozenset(tag.slug for tag in self.tags),
            is_archived=bool(self.is_archived),
        )


class _AssetsWire(_Wire):
    assets: list[_AssetWire]
    total: _Count = None
    next_cursor: str | None = None


class _ParameterWire(_Wire):
    name: str
    type: str = "string"
    required: bool | None = None
    default: Any = None
    enum: list[Any] | None = None
    description: str | None = None
    min: _Number = None
    max: _Number = None
    max_length: _Count = None

    def record(self) -> ProviderParameter:
        return ProviderParameter(
            self.name,
            self.type,
            is_required=bool(self.required),
            default=self.default,
            choices=tuple(str(choice) for choice in self.enum or ()),
            description=self.description,
            minimum=self.min,
            maximum=self.max,
            max_length=self.max_length,
        )


class _OperationWire(_Wire):
    parameters: Annotated[list[_ParameterWire], BeforeValidator(_without_none)] = []


class _CapabilitiesWire(_Wire):
    operation_specs: dict[str, _OperationWire] | None = None


class _ProviderWire(_Wire):
    provider_id: str
    name: str | None = None
    supported_operations: Annotated[list[str], BeforeValidator(_without_none)] = []
    capabilities: _CapabilitiesWire | None = None

    def record(self) -> ProviderInfo:
        specs = (self.capabilities and self.capabilities.operation_specs) or {}
        return ProviderInfo(
            self.provider_id,
            self.name or self.provider_id,
            frozenset(self.supported_operations),
            {operation: tuple(knob.record() for knob in spec.parameters) for operation, spec in specs.items()},
        )


class _VersionWire(_Wire):
    api_version: str | None = None
    build_sha: str | None = None
    server_time: _Moment = None


class _ClaimsWire(_Wire):
    sub: _Reference = None
    username: str | None = None
    email: str | None = None
    exp: _Moment = None


class _IntrospectionWire(_Wire):
    active: bool
    claims: _ClaimsWire | None = None

    def record(self) -> TokenFacts:
        claims = self.claims
        if not self.active or claims is None:
            return TokenFacts(self.active)
        return TokenFacts(self.active, claims.username or claims.email, claims.sub, claims.exp)


class _UserWire(_Wire):
    id: _Id | None = None
    username: str | None = None
    email: str | None = None


class _LoginWire(_Wire):
    access_token: Annotated[str, Field(min_length=1, max_length=16_384, pattern=r"^[!-~]+$")]
    user: _UserWire = _UserWire()


class _UploadWire(_Wire):
    asset_id: _Id


class _FieldWire(_Wire):
    loc: list[Any] = []
    msg: str = ""


class _ErrorWire(_Wire):
    code: str
    message: str
    fields: list[_FieldWire] | None = None


_PROVIDERS: Final = TypeAdapter(list[_ProviderWire])
_ASSETS: Final = TypeAdapter(list[_AssetWire])


def generation(data: bytes) -> Generation:
    """The generation that `data` tells of; all of these raise `Unreadable` when it tells of something else."""
    return _read(_GenerationWire, data).record()


def generation_page(data: bytes) -> GenerationPage:
    """A page of generations."""
    page = _read(_GenerationsWire, data)
    return GenerationPage(tuple(each.record() for each in page.generations), page.total)


def asset(data: bytes) -> StoredAsset:
    """One asset."""
    return _read(_AssetWire, data).record()


def assets(data: bytes) -> tuple[StoredAsset, ...]:
    """A bare list of assets."""
    return _records(_validated(_ASSETS.validate_json, data))


def asset_page(data: bytes) -> AssetPage:
    """A page of found assets."""
    page = _read(_AssetsWire, data)
    return AssetPage(_records(page.assets), page.total, page.next_cursor)


def providers(data: bytes) -> tuple[ProviderInfo, ...]:
    """The providers behind the server."""
    return tuple(each.record() for each in _validated(_PROVIDERS.validate_json, data))


def version(data: bytes) -> ServerVersion:
    """What the server is."""
    told = _read(_VersionWire, data)
    return ServerVersion(told.api_version, told.build_sha, told.server_time)


def token_facts(data: bytes) -> TokenFacts:
    """What the server says of a token."""
    return _read(_IntrospectionWire, data).record()


def login(data: bytes) -> Login:
    """A new token."""
    told = _read(_LoginWire, data)
    return Login(Secret(told.access_token), told.user.username or told.user.email or "", told.user.id)


def uploaded_id(data: bytes) -> int:
    """The id of the asset that an upload made or found."""
    return _read(_UploadWire, data).asset_id


def complaint(data: bytes) -> tuple[str, str] | None:
    """Code and message of an error answer, fields named in the message; None when it is no PixSim7 error."""
    try:
        told = _read(_ErrorWire, data)
    except Unreadable:
        return None
    fields = [f"{'.'.join(str(part) for part in field.loc)}: {field.msg}" for field in told.fields or ()]
    return told.code, "; ".join([told.message, *fields])


def _records(wires: Iterable[_AssetWire]) -> tuple[StoredAsset, ...]:
    return tuple(wire.record() for wire in wires)


_Model = TypeVar("_Model", bound=_Wire)


def _read(model: type[_Model], data: bytes) -> _Model:
    return _validated(model.model_validate_json, data)


def _validated(validate: Any, data: bytes) -> Any:
    # Commas and brackets bound the number of values from above, and counting them costs next to nothing.
    if data.count(b",") + data.count(b"[") + data.count(b"{") > MAX_VALUES:
        raise Unreadable(f"it has more than {MAX_VALUES} values")
    try:
        return validate(data)
    except ValidationError as error:
        # pydantic's own sentences may repeat values; the place and the kind of the first problem are ours to tell.
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        if first["type"] == "json_invalid":
            raise Unreadable("it is no JSON, or nested too deep") from None
        place = ".".join(str(part) for part in first["loc"][:4]) or "its top"
        raise Unreadable(f"`{place:.80}` is not as expected ({first['type']})") from None
