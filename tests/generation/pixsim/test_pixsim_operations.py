"""What can be made is made by the right operation; what can't work is refused before it is sent."""

from __future__ import annotations

import pytest

from assetctl.errors import InvalidRequest
from assetctl.generation.pixsim.operations import NEEDS, Operation, operation_for, transition_prompts
from assetctl.models import AssetInput, AssetRequest, AssetType

IMAGE, VIDEO = AssetType.IMAGE, AssetType.VIDEO


def request_for(asset_type: AssetType = VIDEO, **fields: object) -> AssetRequest:
    return AssetRequest(**{"scene_id": "park", "prompt": "A lantern", "asset_type": asset_type, **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("output", "kinds", "roles", "operation"),
    [
        (IMAGE, [], [], "text_to_image"),
        (IMAGE, [IMAGE], [None], "image_to_image"),
        (IMAGE, [IMAGE, IMAGE], [None, "hero"], "image_to_image"),
        (VIDEO, [], [], "text_to_video"),
        (VIDEO, [IMAGE], [None], "image_to_video"),
        (VIDEO, [IMAGE], ["hero"], "image_to_video"),
        (VIDEO, [VIDEO], [None], "video_extend"),
        (VIDEO, [IMAGE, IMAGE], [None, None], "video_transition"),
        (VIDEO, [IMAGE, IMAGE], ["hero", None], "fusion"),
        (VIDEO, [IMAGE, VIDEO], [None, None], "fusion"),
        (VIDEO, [VIDEO, VIDEO], [None, None], "fusion"),
    ],
)
def test_operation_follows_from_what_is_wanted_and_given(
    output: AssetType, kinds: list[AssetType], roles: list[str | None], operation: str
):
    inputs = tuple(AssetInput(kind, role, asset_id="1") for kind, role in zip(kinds, roles, strict=True))
    assert operation_for(request_for(output, inputs=inputs), kinds) == operation


def test_operation_may_be_chosen():
    request = request_for(parameters={"operation": "fusion"})
    assert operation_for(request, [IMAGE]) is Operation.FUSION


@pytest.mark.parametrize(
    ("request_", "kinds", "what"),
    [
        (request_for(AssetType.AUDIO), [], "no operation at the backend makes audio"),
        (request_for(AssetType.MODEL_3D), [], "no operation at the backend makes 3d_model"),
        (request_for(parameters={"operation": "video_modify"}), [], "has no operation `video_modify`"),
        (request_for(parameters={"operation": "text_to_image"}), [], "`text_to_image` makes no video"),
        (request_for(IMAGE, parameters={"operation": "fusion"}), [IMAGE], "`fusion` makes no image"),
        (request_for(IMAGE), [VIDEO], "takes no video as an input"),
        (request_for(parameters={"operation": "video_extend"}), [IMAGE], "takes no image as an input"),
        (request_for(parameters={"operation": "video_extend"}), [VIDEO, VIDEO], "takes 1"),
        (request_for(parameters={"operation": "video_transition"}), [IMAGE], "takes 2 or more"),
        (request_for(parameters={"operation": "text_to_video"}), [IMAGE], "takes no input"),
        (request_for(prompt=None), [], "needs a prompt"),
        (request_for(prompt=None), [IMAGE], "needs a prompt"),
        (request_for(IMAGE, prompt=None), [], "needs a prompt"),
    ],
)
def test_what_cannot_work_is_refused_with_a_next_step(request_: AssetRequest, kinds: list[AssetType], what: str):
    with pytest.raises(InvalidRequest) as caught:
        operation_for(request_, kinds)
    assert what in caught.value.what
    assert caught.value.hint


@pytest.mark.parametrize("asset_type", [AssetType.AUDIO, AssetType.MODEL_3D])
def test_what_no_operation_makes_is_sent_to_the_library(asset_type: AssetType):
    with pytest.raises(InvalidRequest) as caught:
        operation_for(request_for(asset_type), [])
    assert "library" in (caught.value.hint or "")


def test_a_video_is_extended_without_a_prompt():
    assert operation_for(request_for(prompt=None), [VIDEO]) is Operation.VIDEO_EXTEND


def test_every_operation_says_what_it_needs_and_makes():
    assert set(NEEDS) == set(Operation)
    assert {operation for operation in Operation if operation.output is IMAGE} == {"text_to_image", "image_to_image"}


@pytest.mark.parametrize(
    ("prompt", "images", "prompts"),
    [
        ("dawn", 2, ["dawn"]),
        ("dawn", 4, ["dawn", "dawn", "dawn"]),
        ("dawn\n\n  noon  \n", 3, ["dawn", "noon"]),
    ],
)
def test_each_step_of_a_transition_has_its_prompt(prompt: str, images: int, prompts: list[str]):
    assert transition_prompts(prompt, images) == prompts


@pytest.mark.parametrize(("prompt", "images"), [("dawn\nnoon", 2), ("dawn\nnoon", 4), ("\n", 2)])
def test_another_number_of_lines_is_refused(prompt: str, images: int):
    with pytest.raises(InvalidRequest, match=f"takes {images - 1} prompts"):
        transition_prompts(prompt, images)
