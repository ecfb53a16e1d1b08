"""Stored assets, found, read or just uploaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

from pydantic import BeforeValidator, TypeAdapter

from assetctl.pixsim.records import AssetPage, StoredAsset
from assetctl.pixsim.wire.reading import MANY, Count, Digest, Id, Moment, Number, Wire, read, validated, without_none

if TYPE_CHECKING:
    from collections.abc import Iterable


class _TagWire(Wire):
    slug: str


class _AssetWire(Wire):
    id: Id
    media_type: str
    user_id: Id | None = None
    sha256: Digest = None
    file_size_bytes: Count = None
    file_url: str | None = None
    remote_url: str | None = None
    stored_key: str | None = None
    sync_status: str | None = None
    tags: Annotated[tuple[_TagWire, ...], *MANY, BeforeValidator(without_none)] = ()
    prompt: str | None = None
    description: str | None = None
    duration_sec: Number = None
    width: Count = None
    height: Count = None
    mime_type: str | None = None
    is_archived: bool | None = None
    provider_status: str | None = None
    asset_kind: str | None = None
    signal_override: str | None = None
    source_generation_id: Id | None = None
    model: str | None = None
    provider_id: str | None = None
    created_at: Moment = None
    operation_type: str | None = None

    def record(self) -> StoredAsset:
        renamed = {"file_size_bytes", "duration_sec", "tags", "is_archived"}
        return StoredAsset(
            **{name: value for name, value in self if name not in renamed},
            size_bytes=self.file_size_bytes,
            duration_s=self.duration_sec,
            tags=frozenset(tag.slug for tag in self.tags),
            is_archived=bool(self.is_archived),
        )


class _AssetsWire(Wire):
    assets: Annotated[list[_AssetWire], *MANY]
    total: Count = None
    next_cursor: str | None = None


class _UploadWire(Wire):
    asset_id: Id


_ASSETS: Final = TypeAdapter(Annotated[list[_AssetWire], *MANY])


def asset(data: bytes) -> StoredAsset:
    """One asset."""
    return read(_AssetWire, data).record()


def assets(data: bytes) -> tuple[StoredAsset, ...]:
    """A bare list of assets."""
    return _records(validated(_ASSETS.validate_json, data))


def asset_page(data: bytes) -> AssetPage:
    """A page of found assets."""
    page = read(_AssetsWire, data)
    return AssetPage(_records(page.assets), page.total, page.next_cursor)


def uploaded_id(data: bytes) -> int:
    """The id of the asset that an upload made or found."""
    return read(_UploadWire, data).asset_id


def _records(wires: Iterable[_AssetWire]) -> tuple[StoredAsset, ...]:
    return tuple(wire.record() for wire in wires)
