"""An order as the journal keeps it: its states, and a row of the table turned into one.

Whatever comes back from the file is treated as foreign: an unknown shape is damage, never a guess.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from assetctl import filesystem
from assetctl.documents import cost_document, cost_from_document, parse_timestamp, request_from_document
from assetctl.errors import InvalidRequest

if TYPE_CHECKING:
    from datetime import datetime

    from assetctl.filesystem import Writer
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
class Owner:
    """The process that looks after an order. `host_name` is for people and proves nothing."""

    writer: Writer
    host_name: str

    @property
    def is_alive(self) -> bool | None:
        """Whether it still runs; None on another host, which cannot be asked from here."""
        return filesystem.is_alive(self.writer)


def this_process() -> Owner:
    """Ourselves, as the owner of an order."""
    return Owner(filesystem.current_writer(), filesystem.host_name())


@dataclass(frozen=True, slots=True)
class Order:
    """One row of the journal.

    `order_id` is also the idempotency key sent with the order. `job_id` is the generator's, None until it is known.
    `digest` is the SHA-256 of the fetched file. `detail` says why an order ended badly. `sent_at` is when it was sent
    last, and `sends` how often: more than once only after its generator said that nothing had arrived. `run_id` is the
    run whose allowance it counts for, `reserved` what it may cost at most by its estimate, `cost` what it did cost.
    `owner` placed it or looked after it last.
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
    sent_at: datetime | None = None
    sends: int = 0
    generation_time_ms: int | None = None
    run_id: str | None = None
    reserved: Cost | None = None
    owner: Owner | None = None

    @property
    def is_open(self) -> bool:
        """Whether the order still occupies its key."""
        return self.state in OPEN

    @property
    def is_lost(self) -> bool:
        """Whether it was sent and nobody has heard an answer yet."""
        return self.state in (OrderState.SENT, OrderState.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Change:
    """One step of an order's history: from `at` on it was in `state`."""

    state: OrderState
    at: datetime
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class UsualTime:
    """Between which times most of the latest `jobs` of one kind lay; a tenth of them took less, a tenth more."""

    low_s: float
    high_s: float
    jobs: int


COLUMNS: Final = (
    "order_id, key, generator, state, request, created_at, updated_at, job_id, digest, cost, detail, sent_at, sends,"
    " generation_time_ms, run_id, reserved, owner, owner_host"
)
CHANGE_COLUMNS: Final = "state, at, detail"


def order_from_row(row: tuple[Any, ...]) -> Order:
    """The order in `row`, whose values are in the order of `COLUMNS`.

    Raises:
        ValueError: the row is damaged.
    """
    try:
        return _parsed(row)
    except (KeyError, TypeError, AttributeError, RecursionError, InvalidRequest) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error


def change_from_row(row: tuple[Any, ...]) -> Change:
    """The change in `row`, whose values are in the order of `CHANGE_COLUMNS`.

    Raises:
        ValueError: the row is damaged.
    """
    state, at, detail = row
    return Change(OrderState(state), _moment(at), detail)


def _parsed(row: tuple[Any, ...]) -> Order:
    (order_id, key, generator, state, request, created_at, updated_at, job_id, digest, cost, detail, sent_at, sends,
     generation_time_ms, run_id, reserved, owner, owner_host) = row  # fmt: skip
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
        cost=cost_from_text(cost),
        detail=detail,
        sent_at=parse_timestamp(sent_at),
        sends=sends,
        generation_time_ms=generation_time_ms,
        run_id=run_id,
        reserved=cost_from_text(reserved),
        owner=None if owner is None else _owner(owner, owner_host),
    )


def _moment(text: str) -> datetime:
    moment = parse_timestamp(text)
    if moment is None:
        raise ValueError("a date is missing")
    return moment


def _owner(token: str, host_name: str | None) -> Owner:
    writer = filesystem.writer_from_token(token)
    if writer is None:
        raise ValueError(f"`{token}` names no process")
    return Owner(writer, host_name or "")


def cost_text(cost: Cost | None) -> str | None:
    """`cost` as it stands in a row; None when unknown."""
    return None if cost is None else json.dumps(cost_document(cost))


def cost_from_text(text: str | None) -> Cost | None:
    """The cost that `cost_text` wrote.

    Raises:
        ValueError: it wrote something else.
    """
    try:
        return cost_from_document(json.loads(text)) if text else None
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error
