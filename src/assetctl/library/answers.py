"""What a library answered, as text and back again.

The text may have been changed or written by another version: it is read as foreign, and whatever is not exactly an
answer is none.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from assetctl.library.base import Candidate, LibraryAsset
from assetctl.models import AssetType, Origin, Style


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, hide_input_in_errors=True)


_T = TypeVar("_T", bound=_Strict)


class _Origin(_Strict):
    provider: str
    created_at: AwareDatetime | None
    generator: str | None
    model: str | None
    job_id: str | None


class _Asset(_Strict):
    asset_id: str
    asset_type: AssetType
    fingerprint: str
    scene_id: str | None
    choice_id: str | None
    character_id: str | None
    location_id: str | None
    prompt: str | None
    description: str | None
    style: Style | None
    duration_s: Annotated[float, Field(ge=0)] | None
    tags: frozenset[str]
    size_bytes: Annotated[int, Field(ge=0)] | None
    url: str | None
    origin: _Origin | None


class _Candidate(_Strict):
    asset: _Asset
    refusal: str | None
    notes: tuple[str, ...]


class _AssetAnswer(_Strict):
    kind: Literal["assetctl.library-asset/1"] = "assetctl.library-asset/1"
    asset: _Asset | None


class _SearchAnswer(_Strict):
    kind: Literal["assetctl.library-search/1"] = "assetctl.library-search/1"
    candidates: tuple[_Candidate, ...]


def asset_text(asset: LibraryAsset | None) -> str:
    """The answer to "give me the asset with this id", None for "there is none".

    Raises:
        ValueError: it has something that no text can hold.
    """
    return _AssetAnswer(asset=None if asset is None else _document(asset)).model_dump_json()


def asset_from_text(text: str) -> LibraryAsset | None:
    """The answer that `asset_text` wrote.

    Raises:
        ValueError: it wrote something else.
    """
    found = _read(_AssetAnswer, text).asset
    return None if found is None else _asset(found)


def search_text(candidates: list[Candidate]) -> str:
    """The answer to a search, in its order. A trouble is not written: an answer with one is not to be remembered.

    Raises:
        ValueError: as `asset_text`.
    """
    return _SearchAnswer(
        candidates=tuple(
            _Candidate(asset=_document(candidate.asset), refusal=candidate.refusal, notes=candidate.notes)
            for candidate in candidates
        )
    ).model_dump_json()


def search_from_text(text: str) -> list[Candidate]:
    """The answer that `search_text` wrote.

    Raises:
        ValueError: it wrote something else.
    """
    return [
        Candidate(_asset(found.asset), found.refusal, found.notes) for found in _read(_SearchAnswer, text).candidates
    ]


def _read(kind: type[_T], text: str) -> _T:
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        raise ValueError("it is no answer of a library") from error


def _document(asset: LibraryAsset) -> _Asset:
    return _Asset.model_validate(asdict(asset))


def _asset(found: _Asset) -> LibraryAsset:
    facts: dict[str, Any] = dict(found)
    facts["origin"] = None if found.origin is None else Origin(**dict(found.origin))
    return LibraryAsset(**facts)
