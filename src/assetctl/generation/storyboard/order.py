"""What the storyboard generator can be asked for, and what an order comes to.

Everything is settled here before a job folder exists; nothing here draws or writes.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from assetctl.errors import InvalidRequest, JobFailed
from assetctl.generation.base import ParameterSpec
from assetctl.models import AssetType, Cost, Estimate

if TYPE_CHECKING:
    from assetctl.models import AssetRequest

ASSET_TYPES: Final = frozenset({AssetType.VIDEO, AssetType.IMAGE, AssetType.AUDIO})
DEFAULT_SECONDS: Final = 5.0
SHORTEST_S: Final = 0.5
LONGEST_S: Final = 60.0

_VIDEO: Final = frozenset({AssetType.VIDEO})
_PICTURES: Final = frozenset({AssetType.VIDEO, AssetType.IMAGE})
_AUDIO: Final = frozenset({AssetType.AUDIO})
_EVEN: Final = "even; H.264 has no odd sides"

SPECS: Final = (
    ParameterSpec("fps", int, 24, 1, 60, help="frames a second", asset_types=_VIDEO),
    ParameterSpec("width", int, 1280, 64, 1920, help=f"pixels, {_EVEN}", asset_types=_PICTURES),
    ParameterSpec("height", int, 720, 64, 1920, help=f"pixels, {_EVEN}", asset_types=_PICTURES),
    ParameterSpec("bpm", int, 60, 30, 240, help="beats a minute", asset_types=_AUDIO),
)

# Measured on one core of a small server: 120 frames of 1280 x 720 take 0.9 s, a renderer starts in 0.3 s.
_START_S: Final = 0.3
_SECONDS_PER_PIXEL: Final = 8e-9
_SLOWER_MACHINE: Final = 5


@dataclass(frozen=True, slots=True)
class RenderPlan:
    """The figures of one order, defaults filled in. Those that don't apply to its type keep their default."""

    duration_s: float
    fps: int
    width: int
    height: int
    bpm: int


def plan_of(request: AssetRequest) -> RenderPlan:
    """The figures `request` comes to.

    Raises:
        JobFailed: a type, length or parameter that no storyboard has; says which would be right.
    """
    if request.asset_type not in ASSET_TYPES:
        raise JobFailed(
            f"a storyboard makes no {request.asset_type.value}", hint="put one into the library, or ask for a video"
        )
    plan = RenderPlan(_duration_s(request), **_numbers(request))
    odd = [f"`{name}` {side}" for name, side in (("width", plan.width), ("height", plan.height)) if side % 2]
    if odd:
        raise JobFailed(f"a storyboard has even sides, not {' and '.join(odd)}", hint="add or take away one pixel")
    return plan


def _duration_s(request: AssetRequest) -> float:
    seconds = DEFAULT_SECONDS if request.duration_s is None else request.duration_s
    if request.asset_type is not AssetType.IMAGE and not SHORTEST_S <= seconds <= LONGEST_S:
        raise JobFailed(
            f"a storyboard of {seconds:g} s cannot be made",
            why=f"it lasts {SHORTEST_S:g} to {LONGEST_S:g} s",
            hint=f"ask with `--duration {LONGEST_S if seconds > LONGEST_S else SHORTEST_S:g}`",
        )
    return seconds


def _numbers(request: AssetRequest) -> dict[str, int]:
    fitting = {spec.name: spec for spec in SPECS if request.asset_type in spec.asset_types}
    for name in request.parameters:
        if name not in fitting:
            known = ", ".join(f"`{other}`" for other in fitting)
            raise JobFailed(f"a storyboard has no parameter `{name}` for this type", hint=f"known: {known}")
    return {spec.name: _number(spec, request) for spec in SPECS}


def _number(spec: ParameterSpec, request: AssetRequest) -> int:
    value = request.parameters.get(spec.name, spec.default)
    low, high = spec.minimum or 0, spec.maximum or 0
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise JobFailed(
            f"`{value}` is no `{spec.name}` of a storyboard", hint=f"it is a whole number from {low:g} to {high:g}"
        )
    return value


def estimate_of(request: AssetRequest) -> Estimate:
    """What `request` takes on this machine; it costs nothing.

    Raises:
        InvalidRequest: no storyboard can be made of it.
    """
    try:
        plan = plan_of(request)
    except JobFailed as error:
        raise InvalidRequest(error.what, why=error.why, hint=error.hint) from error
    frames = plan.duration_s * plan.fps if request.asset_type is AssetType.VIDEO else 1
    seconds = _START_S + frames * plan.width * plan.height * _SECONDS_PER_PIXEL
    free = Cost(Decimal(0), "USD")
    return Estimate(
        free, free, round(seconds, 1), round(seconds * _SLOWER_MACHINE, 1), "rendered on this machine, free"
    )
