"""Orders in words and as documents: their state, who looks after them, what they cost. Nothing here prints."""

from __future__ import annotations

import os
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from assetctl.documents import cost_document, request_document, timestamp
from assetctl.generation.orders import OrderState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from assetctl.generation.orders import Order, Owner

_STATES: Final[Mapping[OrderState, str]] = MappingProxyType(
    {
        OrderState.INTENDED: "not sent",
        OrderState.SENT: "sent",
        OrderState.ACCEPTED: "ordered",
        OrderState.READY: "made",
        OrderState.DOWNLOADED: "fetched",
        OrderState.PUBLISHED: "stored",
        OrderState.CLOSED: "done",
        OrderState.REFUSED: "refused",
        OrderState.FAILED: "failed",
        OrderState.CANCELLED: "cancelled",
        OrderState.UNKNOWN: "unknown",
        OrderState.ABANDONED: "given up",
    }
)
_MEANINGS: Final[Mapping[OrderState, str]] = MappingProxyType(
    {
        OrderState.INTENDED: "written down, not sent; it cost nothing so far",
        OrderState.SENT: "sent; its answer is not known yet",
        OrderState.ACCEPTED: "its generator took it; not fetched yet",
        OrderState.READY: "its file is made; not fetched yet",
        OrderState.DOWNLOADED: "its file is fetched; not stored yet",
        OrderState.PUBLISHED: "its file is stored; others are told next",
        OrderState.CLOSED: "its file was stored",
        OrderState.REFUSED: "not taken; it cost nothing",
        OrderState.FAILED: "it ended without a file",
        OrderState.CANCELLED: "it was stopped",
        OrderState.UNKNOWN: "nobody knows whether it was taken: assetctl jobs reconcile",
        OrderState.ABANDONED: "given up by the user; it may have been paid",
    }
)
_SHOWN_ID: Final = 11


def state_word(state: OrderState) -> str:
    """The state of an order for a table."""
    return _STATES[state]


def state_meaning(state: OrderState) -> str:
    """The state of an order in a sentence."""
    return f"{_STATES[state]} ({_MEANINGS[state]})"


def owner_words(order: Order) -> str:
    """Who looks after an open order: `process 4711`, `process 4711 on buildbox`, or `nobody`."""
    if not order.is_open:
        return "-"
    owner = order.owner
    alive = False if owner is None else owner.is_alive
    if owner is None or alive is False:
        return "nobody"
    if owner.writer.pid == os.getpid() and alive:
        return "this process"
    return f"process {owner.writer.pid}" if alive else f"process {owner.writer.pid} on {owner.host_name}"


def cost_words(order: Order) -> str:
    """What an order cost, or up to what it may cost; `-` is unknown."""
    if order.cost is not None:
        return f"{order.cost.amount} {order.cost.currency}" if order.cost.amount else "free"
    if order.reserved is None:
        return "-"
    return f"≤ {order.reserved.amount} {order.reserved.currency}" if order.reserved.amount else "free"


def scene_words(order: Order) -> str:
    """What an order is for: `romance_5/confess`, or the beginning of its prompt."""
    request = order.request
    named = [part for part in (request.scene_id, request.choice_id) if part is not None]
    others = [part for part in (request.character_id, request.location_id, request.prompt) if part is not None]
    return "/".join(named) or (others[0] if others else "-")


def order_name(order: Order) -> str:
    """The id by which people and scripts call it: the job's, or the order's as long as there is no job."""
    return order.job_id or order.order_id


def short_names(orders: Sequence[Order]) -> list[str]:
    """How the ids of `orders` begin, each as long as it takes to mean one of them; short enough for a table."""
    names = [order_name(order) for order in orders]
    return [_short(name, names) for name in names]


def _short(name: str, names: Sequence[str]) -> str:
    others = {other for other in names if other != name}
    length = _SHOWN_ID
    while length < len(name) and any(other.startswith(name[:length]) for other in others):
        length += 1
    return name[:length]


def order_document(order: Order) -> dict[str, Any]:
    """All that the journal's row says of `order`."""
    return {
        "job_id": order.job_id,
        "order_id": order.order_id,
        "key": order.key,
        "generator": order.generator,
        "state": order.state.value,
        "open": order.is_open,
        "detail": order.detail,
        "cost": cost_document(order.cost),
        "cost_at_most": cost_document(order.reserved),
        "created_at": timestamp(order.created_at),
        "updated_at": timestamp(order.updated_at),
        "sent_at": timestamp(order.sent_at),
        "sends": order.sends,
        "generation_time_ms": order.generation_time_ms,
        "run_id": order.run_id,
        "owner": None if order.owner is None else _owner_document(order.owner),
        "sha256": order.digest,
        "request": request_document(order.request),
    }


def _owner_document(owner: Owner) -> dict[str, Any]:
    return {"pid": owner.writer.pid, "host": owner.host_name, "alive": owner.is_alive}
