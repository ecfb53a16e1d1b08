"""The body of an order as the server wants it, and the mark by which the order is known again.

The server hands out old generations for new orders: its own keys leave out the prompt, the provider and the user. The
mark stands where both of its keys see it, in the target scene's id, so that they become exactly as fine as an order;
and in the name, by which an order is found whose answer was lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from assetctl.generation.pixsim.knobs import PACING, PRIORITY, RATING
from assetctl.generation.pixsim.operations import NEEDS, Operation, transition_prompts
from assetctl.models import Reuse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from assetctl.generation.base import GenerationOrder
    from assetctl.models import AssetRequest, AssetType, ParameterValue

_KEY_DIGITS: Final = 32
_MAX_NAME: Final = 255
_DEFAULT_PRIORITY: Final = 5
_STRATEGIES: Final[Mapping[Reuse, str]] = MappingProxyType(
    {
        Reuse.ONCE: "once",
        Reuse.PER_PLAYER: "per_player",
        Reuse.PER_PLAYTHROUGH: "per_playthrough",
        Reuse.ALWAYS: "always",
    }
)


@dataclass(frozen=True, slots=True)
class Source:
    """Something an asset is made from, as the server knows it: exactly one of `asset_id` and `url` is set."""

    kind: AssetType
    role: str | None = None
    asset_id: int | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What an order comes to: the operation, who does it with which knobs, and out of what."""

    operation: Operation
    provider_id: str
    knobs: Mapping[str, ParameterValue]
    sources: tuple[Source, ...] = ()


def mark_of(order: GenerationOrder, idempotency_key: str) -> str:
    """The id of the target scene that no other order has: the request's key, and what makes this order one."""
    return f"assetctl:{order.key[:_KEY_DIGITS]}:{idempotency_key}"


def body_of(order: GenerationOrder, idempotency_key: str, plan: Plan) -> dict[str, Any]:
    """The body that orders what `plan` says; the same for every try of one order.

    Raises:
        InvalidRequest: the prompt doesn't fit a transition.
    """
    request = order.request
    return {
        "config": _config(request, plan),
        "provider_id": plan.provider_id,
        "to_scene": {"id": mark_of(order, idempotency_key)},
        "player_context": _player(request),
        "name": _name(request, idempotency_key),
        "priority": request.parameters.get(PRIORITY, _DEFAULT_PRIORITY),
        "force_new": False,
    }


def _config(request: AssetRequest, plan: Plan) -> dict[str, Any]:
    config: dict[str, Any] = {
        "generation_type": plan.operation.value,
        "purpose": "gap_fill",
        "style": _present({PACING: request.parameters.get(PACING), plan.provider_id: dict(plan.knobs) or None}),
        "duration": _present({"target": request.duration_s}),
        "constraints": _present({"rating": request.parameters.get(RATING)}),
        "strategy": _STRATEGIES[request.reuse],
        # What to do instead is decided here and not there; the server does not read it, but wants it.
        "fallback": {"mode": "skip"},
    }
    return config | prompts_of(request.prompt, plan) | _composition(plan)


def prompts_of(prompt: str | None, plan: Plan) -> dict[str, Any]:
    """What the server is told to show: `prompt`, or `prompts` for the steps of a transition.

    Raises:
        InvalidRequest: the prompt has another number of lines than the transition has steps.
    """
    if plan.operation is Operation.VIDEO_TRANSITION:
        return {"prompts": transition_prompts(prompt or "", len(plan.sources))}
    return {} if prompt is None else {"prompt": prompt.strip()}


def _composition(plan: Plan) -> dict[str, Any]:
    role = NEEDS[plan.operation].role
    entries = [
        {
            "media_type": source.kind.value,
            "role": source.role or role,
            **({"url": source.url} if source.asset_id is None else {"asset": f"asset:{source.asset_id}"}),
        }
        for source in plan.sources
    ]
    return {"composition_assets": entries} if entries else {}


def _player(request: AssetRequest) -> dict[str, str] | None:
    ids = {
        "player_id": request.player_id if request.reuse is Reuse.PER_PLAYER else None,
        "playthrough_id": request.playthrough_id if request.reuse is Reuse.PER_PLAYTHROUGH else None,
    }
    return _present(ids) or None


def _name(request: AssetRequest, idempotency_key: str) -> str:
    context: Sequence[str | None] = (request.scene_id, request.choice_id, request.character_id, request.location_id)
    label = "/".join(part for part in context if part is not None)
    return f"assetctl {idempotency_key} {label}".strip()[:_MAX_NAME]


def _present(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
