"""Whether a generation of the server is the one that was ordered.

The server may answer an order with an old row, of another prompt or another user, and says so nowhere. A row that
bears our mark is ours; one that bears another's was not bought now; of one that bears none nothing is known.
"""

from __future__ import annotations

import re
from datetime import timedelta
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from assetctl.pixsim.records import Generation

_OLDER: Final = timedelta(minutes=5)
"""What was made so long before an order was sent was not made for it, however long the order was under way."""

_ASSET: Final = re.compile(r"(?:asset:)?([0-9]{1,18})")


class Whose(Enum):
    """Which order a row was made for."""

    OURS = auto()
    ANOTHERS = auto()
    UNKNOWN = auto()


def whose(row: Generation, mark: str, name: str, sent_at: datetime | None = None) -> Whose:
    """Whose `row` is, where `mark` and `name` are this order's scene and name, first sent at `sent_at` by its server.

    That it is another's is not concluded from a name alone: a server that forgot ours would be paid twice.
    """
    scene = _scene_of(row.canonical_params)
    if scene == mark or row.name == name:
        return Whose.OURS
    if scene is not None:
        return Whose.ANOTHERS
    is_older = sent_at is not None and row.created_at is not None and sent_at - row.created_at > _OLDER
    return Whose.ANOTHERS if is_older else Whose.UNKNOWN


def bears(row: Generation, idempotency_key: str) -> bool:
    """Whether `row` was made by an order with that key; it is long enough not to be met by chance."""
    return idempotency_key in (row.name or "") or idempotency_key in (_scene_of(row.canonical_params) or "")


def _scene_of(params: Mapping[str, Any]) -> str | None:
    match params.get("scene_context"):
        case {"to_scene": {"id": str(found)}}:
            return found
        case _:
            return None


def differences(row: Generation, body: Mapping[str, Any]) -> list[str]:
    """What `row` makes other than `body` orders, in sentences; what the row doesn't state can't differ.

    Only what cannot be another spelling of the same is compared: a row of ours that is refused was paid for.
    """
    config = body["config"]
    stated = row.canonical_params
    pairs: list[tuple[str, Any, Any]] = [
        ("operation", row.operation_type, config["generation_type"]),
        ("provider", row.provider_id, body["provider_id"]),
        ("prompt", _stated_prompt(row), config.get("prompt")),
        ("prompts", stated.get("prompts"), config.get("prompts")),
        ("inputs", _assets(stated.get("composition_assets"), row.inputs), _assets(config.get("composition_assets"))),
    ]
    return [
        f"its {what} is {_shown(there)} instead of {_shown(asked)}"
        for what, there, asked in pairs
        if there is not None and asked is not None and _plain(there) != _plain(asked)
    ]


def _stated_prompt(row: Generation) -> str | None:
    stated = row.canonical_params.get("prompt", row.final_prompt)
    return stated if isinstance(stated, str) else None


def _assets(*listings: object) -> list[int] | None:
    """The ids of the assets in the first listing that is one; addresses have none and are left out."""
    for listing in listings:
        if isinstance(listing, list | tuple) and listing:
            entries = cast("Sequence[object]", listing)
            ids = [
                _asset_id(cast("Mapping[str, Any]", entry).get("asset")) for entry in entries if isinstance(entry, dict)
            ]
            return [found for found in ids if found is not None]
    return None


def _asset_id(value: object) -> int | None:
    match value:
        case {"id": int(found)}:
            return found
        case bool():
            return None
        case int(found):
            return found
        case str() if matched := _ASSET.fullmatch(value):
            return int(matched[1])
        case _:
            return None


def _plain(value: object) -> object:
    # The server trims texts and turns whole numbers into fractions; neither is another order.
    if isinstance(value, str):
        return " ".join(value.split())
    if isinstance(value, list):
        return [_plain(entry) for entry in cast("list[object]", value)]
    return value


def _shown(value: object) -> str:
    return f"`{value!s:.60}`"
