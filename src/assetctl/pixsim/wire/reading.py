"""How bytes are read: which values count, what is refused, and that a refusal repeats nothing of them."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Annotated, Any, Final, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, FailFast, Field, ValidationError

#: How many values one answer may have. A full page of assets has some thousands; each costs memory many times its text.
MAX_VALUES: Final = 200_000
_SHA256: Final = re.compile(r"[0-9a-f]{64}", re.IGNORECASE)
_REFERENCE: Final = re.compile(r"(?:[a-z_]+:)?([0-9]{1,18})")


class Unreadable(Exception):
    """Bytes that are no answer we know; the sentence holds nothing of them."""


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("out of range") from error


def referred_id(value: object) -> object:
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


def without_none(value: object) -> object:
    """`value`, an empty list for null: the server sends null for what is absent."""
    return [] if value is None else value


#: A list ends at its first bad item, and at more of them than the server gives: each costs memory, each complaint too.
MANY: Final = (FailFast(), Field(max_length=20_000))

Id = Annotated[int, Field(ge=0, lt=2**63)]
Reference = Annotated[Id | None, BeforeValidator(referred_id)]
Moment = Annotated[datetime, AfterValidator(_utc)] | None
Count = Annotated[int, Field(ge=0, lt=2**63)] | None
Digest = Annotated[str | None, AfterValidator(_digest)]
Number = Annotated[float | None, AfterValidator(_finite)]


class Wire(BaseModel):
    """A body, or a part of one, as the server writes it."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True, frozen=True)


_Model = TypeVar("_Model", bound=Wire)


def read(model: type[_Model], data: bytes, *, max_values: int = MAX_VALUES) -> _Model:
    """What `data` tells, as `model`.

    Raises:
        Unreadable: it tells something else.
    """
    return validated(model.model_validate_json, data, max_values=max_values)


def validated(validate: Any, data: bytes, *, max_values: int = MAX_VALUES) -> Any:
    """As `read`, with pydantic's own function for reading JSON."""
    # Commas and brackets bound the number of values from above, and counting them costs next to nothing.
    if data.count(b",") + data.count(b"[") + data.count(b"{") > max_values:
        raise Unreadable(f"it has more than {max_values} values")
    try:
        return validate(data)
    except ValidationError as error:
        # pydantic's own sentences may repeat values; the place and the kind of the first problem are ours to tell.
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        if first["type"] == "json_invalid":
            raise Unreadable("it is no JSON, or nested too deep") from None
        place = ".".join(str(part) for part in first["loc"][:4]) or "its top"
        raise Unreadable(f"`{place:.80}` is not as expected ({first['type']})") from None
