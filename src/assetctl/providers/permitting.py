"""Which steps a request may take, and which trouble ends it: the policy of a request, for one or for many."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from assetctl.errors import IntegrityError, JobCancelled, JobFailed
from assetctl.models import AssetRequest, Reuse, Strategy
from assetctl.providers.base import Step

if TYPE_CHECKING:
    from assetctl.errors import AssetctlError


def permitted_steps(request: AssetRequest) -> dict[Step, str | None]:
    """Each step with None when `request` allows it, else why it is skipped."""
    reasons: dict[Step, str | None] = dict.fromkeys(Step)
    if not request.allow_placeholder:
        reasons[Step.PLACEHOLDER] = "no placeholder wanted"
    if not request.allow_generation:
        reasons[Step.GENERATION] = "generation is not allowed"
    if request.reuse is Reuse.ALWAYS:
        reasons[Step.CACHE] = reasons[Step.STAND_IN] = "reuse `always` makes a new one each time"
    if not request.prefer_cached:
        reasons[Step.CACHE] = reasons[Step.STAND_IN] = "a fresh answer is wanted"
    if request.strategy is Strategy.PRE_MADE_ONLY:
        reasons[Step.STAND_IN] = reasons[Step.GENERATION] = "only pre-made assets are wanted"
    if request.strategy is Strategy.GENERATE_ALWAYS:
        for step in (Step.CACHE, Step.LIBRARY, Step.STAND_IN):
            reasons[step] = "a new one is wanted whatever exists"
    return reasons


def permits(request: AssetRequest, step: Step) -> bool:
    """Whether `request` may take `step`; quick, for a chapter of them."""
    return step in _permitted(
        request.allow_placeholder,
        request.allow_generation,
        request.prefer_cached,
        request.reuse,
        request.strategy,
    )


@lru_cache(maxsize=256)
def _permitted(
    allow_placeholder: bool,  # noqa: FBT001 - in the order of the fields
    allow_generation: bool,  # noqa: FBT001 - as above
    prefer_cached: bool,  # noqa: FBT001 - as above
    reuse: Reuse,
    strategy: Strategy,
) -> frozenset[Step]:
    """The steps that a request of this policy may take."""
    request = AssetRequest(
        allow_placeholder=allow_placeholder,
        allow_generation=allow_generation,
        prefer_cached=prefer_cached,
        reuse=reuse,
        strategy=strategy,
    )
    return frozenset(step for step, reason in permitted_steps(request).items() if reason is None)


def stops(step: Step, error: AssetctlError, request: AssetRequest) -> bool:
    """Whether trouble at `step` ends the request instead of moving on to the next provider."""
    match step:
        case Step.CACHE | Step.STAND_IN:
            return not isinstance(error, IntegrityError)
        case Step.LIBRARY:
            return not request.generate_on_trouble
        case Step.GENERATION:
            return not isinstance(error, JobFailed | JobCancelled)
        case Step.PLACEHOLDER:
            return True
