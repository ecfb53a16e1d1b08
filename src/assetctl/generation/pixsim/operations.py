"""Which of the server's operations makes what a request asks for, and what each needs.

The server takes anything and says 500 afterwards; here a request that cannot work is refused before it is sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NoReturn

from assetctl.errors import InvalidRequest
from assetctl.models import AssetType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from assetctl.models import AssetRequest

_IMAGE, _VIDEO = AssetType.IMAGE, AssetType.VIDEO

ASSET_TYPES: Final = frozenset({_IMAGE, _VIDEO})
PARAMETER: Final = "operation"
"""The parameter with which a request chooses the operation itself."""


class Operation(StrEnum):
    """An operation of the server that assetctl uses; `video_modify` drops its inputs there and is left out."""

    TEXT_TO_IMAGE = "text_to_image"
    IMAGE_TO_IMAGE = "image_to_image"
    TEXT_TO_VIDEO = "text_to_video"
    IMAGE_TO_VIDEO = "image_to_video"
    VIDEO_EXTEND = "video_extend"
    VIDEO_TRANSITION = "video_transition"
    FUSION = "fusion"

    @property
    def output(self) -> AssetType:
        """What it makes."""
        return _IMAGE if self.value.endswith("to_image") else _VIDEO


@dataclass(frozen=True, slots=True)
class Needs:
    """What an operation takes: how many inputs, of which types, in which role, and whether it wants a prompt."""

    fewest: int
    most: int | None
    kinds: frozenset[AssetType]
    role: str
    prompt: bool


_NOTHING: Final = Needs(0, 0, frozenset(), "", prompt=True)
NEEDS: Final[Mapping[Operation, Needs]] = MappingProxyType(
    {
        Operation.TEXT_TO_IMAGE: _NOTHING,
        Operation.TEXT_TO_VIDEO: _NOTHING,
        Operation.IMAGE_TO_IMAGE: Needs(1, None, frozenset({_IMAGE}), "source_image", prompt=True),
        Operation.IMAGE_TO_VIDEO: Needs(1, None, frozenset({_IMAGE}), "source_image", prompt=True),
        Operation.VIDEO_EXTEND: Needs(1, 1, frozenset({_VIDEO}), "source_video", prompt=False),
        Operation.VIDEO_TRANSITION: Needs(2, None, frozenset({_IMAGE}), "transition_input", prompt=True),
        Operation.FUSION: Needs(1, None, frozenset({_IMAGE, _VIDEO}), "composition_reference", prompt=False),
    }
)


def operation_for(request: AssetRequest, kinds: Sequence[AssetType]) -> Operation:
    """The operation that makes what `request` asks for out of inputs of these `kinds`, in their order.

    Several images lead from one to the next; with roles they are put together in one picture.

    Raises:
        InvalidRequest: no operation does, or the one it names doesn't fit.
    """
    if request.asset_type not in ASSET_TYPES:
        _refuse_type(request.asset_type)
    chosen = request.parameters.get(PARAMETER)
    operation = _named(str(chosen)) if chosen is not None else _fitting(request, kinds)
    if operation.output is not request.asset_type:
        raise InvalidRequest(
            f"the operation `{operation}` makes no {request.asset_type.value}",
            why=f"it makes {operation.output.value}s",
            hint=f"add `--type {operation.output.value}`, or leave `--param operation=…` out",
        )
    _check_inputs(operation, kinds)
    if NEEDS[operation].prompt and not (request.prompt or "").strip():
        raise InvalidRequest(
            f"the operation `{operation}` needs a prompt",
            why="the backend makes nothing of a scene's name alone",
            hint='say what is to be seen: --prompt "…"',
        )
    return operation


def _refuse_type(asset_type: AssetType) -> NoReturn:
    raise InvalidRequest(
        f"no operation at the backend makes {asset_type.value}",
        why="it makes images and videos",
        hint=f"put the {asset_type.value} file into the library",
    )


def _named(name: str) -> Operation:
    try:
        return Operation(name)
    except ValueError as error:
        known = ", ".join(Operation)
        raise InvalidRequest(f"the backend has no operation `{name:.80}`", hint=f"known: {known}") from error


def _fitting(request: AssetRequest, kinds: Sequence[AssetType]) -> Operation:
    if request.asset_type is _IMAGE:
        return Operation.IMAGE_TO_IMAGE if kinds else Operation.TEXT_TO_IMAGE
    match list(kinds):
        case []:
            return Operation.TEXT_TO_VIDEO
        case [AssetType.IMAGE]:
            return Operation.IMAGE_TO_VIDEO
        case [AssetType.VIDEO]:
            return Operation.VIDEO_EXTEND
        case _ if set(kinds) == {_IMAGE} and not any(given.role for given in request.inputs):
            return Operation.VIDEO_TRANSITION
        case _:
            return Operation.FUSION


def _check_inputs(operation: Operation, kinds: Sequence[AssetType]) -> None:
    needs = NEEDS[operation]
    wrong = [kind.value for kind in kinds if kind not in needs.kinds]
    if needs.kinds and wrong:
        raise InvalidRequest(
            f"the operation `{operation}` takes no {wrong[0]} as an input",
            why=f"it takes {' and '.join(sorted(kind.value for kind in needs.kinds))}s",
            hint="choose other inputs or another `--param operation=…`",
        )
    if len(kinds) < needs.fewest or (needs.most is not None and len(kinds) > needs.most):
        wanted = "no input" if needs.most == 0 else f"{needs.fewest}{'' if needs.most == needs.fewest else ' or more'}"
        raise InvalidRequest(
            f"the operation `{operation}` takes {wanted}",
            why=f"{len(kinds)} inputs are given",
            hint="--image PATH, --video PATH and --asset-ref ROLE=ID name inputs",
        )


def transition_prompts(prompt: str, images: int) -> list[str]:
    """One prompt for each step from an image to the next: the lines of `prompt`, or the same for all.

    Raises:
        InvalidRequest: there is another number of lines.
    """
    lines = [line.strip() for line in prompt.splitlines() if line.strip()]
    if len(lines) == 1:
        return lines * (images - 1)
    if len(lines) != images - 1:
        raise InvalidRequest(
            f"a transition through {images} images takes {images - 1} prompts",
            why=f"the prompt has {len(lines)} lines",
            hint="write one line for each step, or a single line for all of them",
        )
    return lines
