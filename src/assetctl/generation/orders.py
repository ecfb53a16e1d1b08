"""One order in the journal: its states, its facts, and its form as a row.

Whatever reads a row back treats it as foreign: an unknown shape is damage, never a guess.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from assetctl.documents import cost_document, cost_from_document, parse_timestamp, request_from_document
from assetctl.errors import InvalidRequest

if TYPE_CHECKING:
    from datetime import datetime

    from assetctl.models import AssetRequest, Cost


class OrderState(StrEnum):
    """How far an order came. What stands in `OPEN` still needs somebody to act."""

    INTENDED = "intended"
    SENT = "sent"
    ACCEPTED = "accepted"
    READY = "ready"
    DOWNLOADED = "downloaded"
    PUBLISHED = "published"
    CLOSED = "closed"
    REFUSED = "refused"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"
    ABANDONED = "abandoned"


OPEN: Final = (
    OrderState.INTENDED,
    OrderState.SENT,
    OrderState.ACCEPTED,
    OrderState.READY,
    OrderState.DOWNLOADED,
    OrderState.PUBLISHED,
    OrderState.UNKNOWN,
)


@dataclass(frozen=True, slots=True)
class Order:
    """One row of the journal.

    `order_id` is also the idempotency key sent with the order. `job_id` is the generator's, None until it is known.
    `digest` is the SHA-256 of the fetched file. `detail` says why an order ended badly.
    """

    order_id: str
    key: str
    generator: str
    state: OrderState
    request: AssetRequest
    created_at: datetime
    updated_at: datetime
    job_id: str | None = None
    digest: str | None = None
    cost: Cost | None = None
    detail: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether the order still occupies its key."""
        return self.state in OPEN


COLUMNS: Final = "order_id, key, generator, state, request, job_id, digest, cost, detail, created_at, updated_at"


def order_from_row(row: tuple[Any, ...]) -> Order:
    """The order in `row`, whose values are in the order of `COLUMNS`.

    Raises:
        ValueError: the row is damaged.
    """
    try:
        return _parsed(row)
    except (KeyError, TypeError, AttributeError, RecursionError, InvalidRequest) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error


def _parsed(row: tuple[Any, ...]) -> Order:
    order_id, key, generator, state, request, job_id, digest, cost, detail, created_at, updated_at = row
    return Order(
        order_id=order_id,
        key=key,
        generator=generator,
        state=OrderState(state),
        request=request_from_document(json.loads(request)),
        created_at=_moment(created_at),
        updated_at=_moment(updated_at),
        job_id=job_id,
        digest=digest,
        cost=cost_from_document(json.loads(cost)) if cost else None,
        detail=detail,
    )


def _moment(text: str) -> datetime:
    moment = parse_timestamp(text)
    if moment is None:  # pragma: no cover - only None gives None
        raise ValueError("a date is missing")
    return moment


def cost_text(cost: Cost | None) -> str | None:
    """`cost` as it stands in a row; None when unknown."""
    return None if cost is None else json.dumps(cost_document(cost))
