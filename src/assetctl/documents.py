"""The JSON shapes of the contract: requests, assets and errors as documents, and requests back again.

One recipe for stdout, sidecars, the journal and JSON Lines. Unknown values are null, never 0 or ""; times are ISO 8601
in UTC; money is a decimal in text.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, cast

from assetctl.errors import InvalidRequest
from assetctl.models import AssetInput, AssetRequest, AssetType, Cost, MediaInfo, Origin, Reuse, Strategy, Style, Via
from assetctl.vocabulary import nearest_hint, word

if TYPE_CHECKING:
    from collections.abc import Mapping
    from enum import StrEnum

    from assetctl.errors import AssetctlError
    from assetctl.models import Asset, Attempt, Estimate, ParameterValue

ASSET_SCHEMA: Final = "assetctl.asset/1"
ERROR_SCHEMA: Final = "assetctl.error/1"


def timestamp(moment: datetime | None) -> str | None:
    """`moment` as ISO 8601 with a final Z, to the millisecond."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_timestamp(text: str | None) -> datetime | None:
    """The UTC moment that `timestamp` wrote; a missing offset is read as UTC.

    Raises:
        ValueError: it is no ISO 8601 moment.
    """
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"`{text}` is no year in UTC") from error


def request_document(request: AssetRequest) -> dict[str, Any]:
    """`request` with every field under the name that JSON Lines, manifests and `request_from_document` use."""
    return {
        "scene_id": request.scene_id,
        "choice_id": request.choice_id,
        "character_id": request.character_id,
        "location_id": request.location_id,
        "prompt": request.prompt,
        "type": request.asset_type.value,
        "style": request.style.value if request.style else None,
        "duration_s": request.duration_s,
        "seed": request.seed,
        "generator": request.generator,
        "provider": request.provider,
        "model": request.model,
        "parameters": dict(request.parameters),
        "inputs": [input_document(given) for given in request.inputs],
        "reuse": request.reuse.value,
        "player_id": request.player_id,
        "playthrough_id": request.playthrough_id,
        "strategy": request.strategy.value,
        "prefer_cached": request.prefer_cached,
        "allow_generation": request.allow_generation,
        "generate_on_trouble": request.generate_on_trouble,
        "allow_placeholder": request.allow_placeholder,
        "max_wait_s": request.max_wait_s,
        "tag": request.tag,
        "via": request.via.value,
    }


def input_document(given: AssetInput) -> dict[str, Any]:
    """One piece of media that an asset is made from."""
    return {
        "type": given.asset_type.value if given.asset_type else None,
        "role": given.role,
        "path": None if given.path is None else str(given.path),
        "sha256": given.sha256,
        "asset_id": given.asset_id,
        "url": given.url,
    }


_TEXT_FIELDS = ("scene_id", "choice_id", "character_id", "location_id", "prompt", "generator", "provider", "model",
                "player_id", "playthrough_id")  # fmt: skip
_FLAG_FIELDS = ("prefer_cached", "allow_generation", "generate_on_trouble", "allow_placeholder", "tag")
_NUMBER_FIELDS = ("duration_s", "max_wait_s")
_WORD_FIELDS: Final[Mapping[str, type[StrEnum]]] = MappingProxyType(
    {"style": Style, "reuse": Reuse, "strategy": Strategy, "via": Via}
)
_OTHER_FIELDS = ("type", "seed", "parameters", "inputs")
_INPUT_FIELDS: Final = frozenset(("type", "role", "path", "sha256", "asset_id", "url"))
REQUEST_FIELDS: Final = frozenset((*_TEXT_FIELDS, *_FLAG_FIELDS, *_NUMBER_FIELDS, *_WORD_FIELDS, *_OTHER_FIELDS))


def request_from_document(document: Mapping[str, Any]) -> AssetRequest:
    """The request that `document` describes; absent and null fields are not demanded.

    Raises:
        InvalidRequest: an unknown field, a wrong type or an unknown word; the nearest known one is suggested.
    """
    for name in document:
        if name not in REQUEST_FIELDS:
            raise InvalidRequest(f"a request has no field `{name}`", hint=nearest_hint(name, REQUEST_FIELDS))
    given = {name: value for name, value in document.items() if value is not None}
    fields: dict[str, Any] = {name: _text(name, given[name]) for name in _TEXT_FIELDS if name in given}
    fields |= {name: _flag(name, given[name]) for name in _FLAG_FIELDS if name in given}
    fields |= {name: _number(name, given[name]) for name in _NUMBER_FIELDS if name in given}
    fields |= {name: word(name, given[name], words) for name, words in _WORD_FIELDS.items() if name in given}
    if "type" in given:
        fields["asset_type"] = word("type", given["type"], AssetType)
    if "seed" in given:
        fields["seed"] = _integer("seed", given["seed"])
    if "parameters" in given:
        fields["parameters"] = _parameters(given["parameters"])
    if "inputs" in given:
        fields["inputs"] = _inputs(given["inputs"])
    return AssetRequest(**fields)


def _wrong(name: str, value: object, wanted: str) -> InvalidRequest:
    return InvalidRequest(f"`{name}` must be {wanted}", why=f"it is `{value!r:.80}`")


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise _wrong(name, value, "text")
    return value


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise _wrong(name, value, "true or false")
    return value


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong(name, value, "a number of seconds")
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _integer(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong(name, value, "a whole number")
    return value


def _parameters(value: object) -> Mapping[str, ParameterValue]:
    if not isinstance(value, dict):
        raise _wrong("parameters", value, "an object of names and values")
    pairs = cast("dict[str, object]", value)
    for name, entry in pairs.items():
        if not isinstance(entry, str | int | float | bool):
            raise _wrong(f"parameters.{name}", entry, "text, a number, true or false")
    return MappingProxyType(cast("dict[str, ParameterValue]", dict(pairs)))


def _inputs(value: object) -> tuple[AssetInput, ...]:
    if not isinstance(value, list):
        raise _wrong("inputs", value, "a list of objects")
    return tuple(_input(entry) for entry in cast("list[object]", value))


def _input(value: object) -> AssetInput:
    if not isinstance(value, dict):
        raise _wrong("inputs", value, 'a list of objects such as {"path": "lantern.png"}')
    document = cast("dict[str, object]", value)
    for name in document:
        if name not in _INPUT_FIELDS:
            raise InvalidRequest(f"an input has no field `{name}`", hint=nearest_hint(name, _INPUT_FIELDS))
    given = {name: entry for name, entry in document.items() if entry is not None}
    texts = {name: _text(f"inputs.{name}", given[name]) for name in _INPUT_FIELDS - {"type"} if name in given}
    path = texts.pop("path", None)
    return AssetInput(
        asset_type=word("type", given["type"], AssetType) if "type" in given else None,
        path=None if path is None else Path(path),
        **texts,
    )


def origin_document(origin: Origin) -> dict[str, Any]:
    """Where an asset was first made."""
    return {
        "provider": origin.provider,
        "generator": origin.generator,
        "model": origin.model,
        "job_id": origin.job_id,
        "created_at": timestamp(origin.created_at),
    }


def origin_from_document(document: Mapping[str, Any]) -> Origin:
    """The origin that `origin_document` wrote.

    Raises:
        KeyError, TypeError, ValueError: it wrote something else.
    """
    return Origin(
        provider=str(document["provider"]),
        created_at=parse_timestamp(document.get("created_at")),
        generator=document.get("generator"),
        model=document.get("model"),
        job_id=document.get("job_id"),
    )


def media_document(media: MediaInfo) -> dict[str, Any]:
    """What a look into the file found."""
    return {
        "mime_type": media.mime_type,
        "duration_s": media.duration_s,
        "width": media.width,
        "height": media.height,
    }


def media_from_document(document: Mapping[str, Any]) -> MediaInfo:
    """The media facts that `media_document` wrote.

    Raises:
        KeyError: it wrote something else.
    """
    return MediaInfo(
        mime_type=document["mime_type"],
        duration_s=document.get("duration_s"),
        width=document.get("width"),
        height=document.get("height"),
    )


def cost_document(cost: Cost | None) -> dict[str, str] | None:
    """Money, or null when unknown."""
    return None if cost is None else {"amount": str(cost.amount), "currency": cost.currency}


def cost_from_document(document: Mapping[str, Any] | None) -> Cost | None:
    """The cost that `cost_document` wrote.

    Raises:
        KeyError, ValueError: it wrote something else.
    """
    if document is None:
        return None
    try:
        amount = Decimal(str(document["amount"]))
    except InvalidOperation as error:
        raise ValueError(str(error)) from error
    if not amount.is_finite():
        raise ValueError(f"`{amount}` is no amount of money")
    return Cost(amount, str(document["currency"]))


def attempt_document(attempt: Attempt) -> dict[str, Any]:
    """One provider that was asked."""
    return {
        "provider": attempt.provider,
        "outcome": attempt.outcome.value,
        "elapsed_ms": round(attempt.elapsed_ms, 1),
        "detail": attempt.detail,
    }


def estimate_document(estimate: Estimate | None) -> dict[str, Any] | None:
    """What an order may cost and take; null is unknown."""
    if estimate is None:
        return None
    return {
        "cost_low": cost_document(estimate.cost_low),
        "cost_high": cost_document(estimate.cost_high),
        "seconds_low": estimate.seconds_low,
        "seconds_high": estimate.seconds_high,
        "basis": estimate.basis,
    }


def asset_document(asset: Asset) -> dict[str, Any]:
    """The asset document of the contract."""
    return {
        "schema": ASSET_SCHEMA,
        "asset_id": asset.asset_id,
        "url": asset.url,
        "path": str(asset.path),
        "type": asset.asset_type.value,
        "source": asset.source.value,
        "origin": origin_document(asset.origin),
        "request": None if asset.request is None else request_document(asset.request),
        "key": asset.key,
        "sha256": asset.sha256,
        "size_bytes": asset.size_bytes,
        **media_document(asset.media),
        "generation_time_ms": asset.generation_time_ms,
        "cost": cost_document(asset.cost),
        "warnings": list(asset.warnings),
        "attempts": [attempt_document(attempt) for attempt in asset.attempts],
    }


def error_document(error: AssetctlError) -> dict[str, Any]:
    """The error document of the contract; `job_id`, `request_id` and `attempts` stand there only when there are any."""
    document: dict[str, Any] = {
        "schema": ERROR_SCHEMA,
        "code": error.code,
        "message": error.what,
        "why": error.why,
        "hint": error.hint,
        "exit_code": error.exit_code,
    }
    if error.job_id is not None:
        document["job_id"] = error.job_id
    if error.request_id is not None:
        document["request_id"] = error.request_id
    if error.attempts:
        document["attempts"] = [attempt_document(attempt) for attempt in error.attempts]
    return document
