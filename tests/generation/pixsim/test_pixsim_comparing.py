"""A row is taken for ours only if it says so, for another's only if it certainly is, and never for what it isn't."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from assetctl.generation.pixsim.comparing import Whose, bears, differences, whose
from assetctl.pixsim.records import Generation

NONCE = "f" * 32
MARK, NAME = f"assetctl:0123:{NONCE}", f"assetctl {NONCE} park"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BODY: dict[str, Any] = {
    "config": {
        "generation_type": "image_to_video",
        "prompt": "she smiles",
        "composition_assets": [{"asset": "asset:2", "role": "source_image"}],
    },
    "provider_id": "pixverse",
}


def row(*, scene: str | None = None, params: dict[str, Any] | None = None, **fields: Any) -> Generation:
    context = None if scene is None else {"from_scene": None, "to_scene": {"id": scene}}
    facts = {"id": 1, "status": "pending", "operation_type": "image_to_video", "provider_id": "pixverse", **fields}
    return Generation(canonical_params={"scene_context": context, **(params or {})}, **facts)


@pytest.mark.parametrize(
    ("found", "owner"),
    [
        (row(scene=MARK, name=NAME), Whose.OURS),
        (row(scene=MARK), Whose.OURS),
        (row(name=NAME), Whose.OURS),
        (row(scene="scene-b", name="client test"), Whose.ANOTHERS),
        (row(scene="scene-b"), Whose.ANOTHERS),
        (row(scene=MARK[:-1] + "e", name=NAME[:-1]), Whose.ANOTHERS),
        (row(name="text_to_video generation"), Whose.UNKNOWN),
        (row(), Whose.UNKNOWN),
        (row(created_at=NOW), Whose.UNKNOWN),
        (row(created_at=NOW - timedelta(minutes=4)), Whose.UNKNOWN),
        (row(created_at=NOW - timedelta(minutes=6)), Whose.ANOTHERS),
        (row(name=NAME, created_at=NOW - timedelta(days=1)), Whose.OURS),
    ],
)
def test_row_belongs_to_whom_it_names(found: Generation, owner: Whose):
    assert whose(found, MARK, NAME, NOW) is owner


def test_age_counts_only_when_the_time_is_known():
    assert whose(row(created_at=NOW - timedelta(days=1)), MARK, NAME) is Whose.UNKNOWN


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (row(name=NAME), True),
        (row(scene=MARK), True),
        (row(name=f"{NAME} and what somebody added"), True),
        (row(scene="scene-b", name="client test"), False),
        (row(), False),
        (row(params={"scene_context": {"to_scene": None}}), False),
        (row(params={"scene_context": "none"}), False),
    ],
)
def test_row_of_an_order_is_known_by_its_key(found: Generation, expected: bool):  # noqa: FBT001 - a table
    assert bears(found, NONCE) is expected


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"prompt": "she smiles", "composition_assets": [{"asset": "asset:2", "role": "entities:source_image"}]},
        {"prompt": "  she\n smiles ", "duration": 5.0},
        {"composition_assets": [{"asset": {"type": "asset", "id": 2}}]},
        {"composition_assets": [{"asset": 2}]},
        {"composition_assets": "none"},
        {"prompt": 12},
    ],
)
def test_other_spellings_of_the_same_are_no_difference(params: dict[str, Any]):
    assert differences(row(params=params), BODY) == []


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (row(operation_type="text_to_video"), "operation is `text_to_video` instead of `image_to_video`"),
        (row(provider_id="sora"), "provider is `sora` instead of `pixverse`"),
        (row(params={"prompt": "a storm"}), "prompt is `a storm` instead of `she smiles`"),
        (row(final_prompt="a storm"), "prompt is `a storm` instead of `she smiles`"),
        (row(params={"composition_assets": [{"asset": "asset:3"}]}), "inputs is `[3]` instead of `[2]`"),
        (row(inputs=({"asset": "asset:3", "role": "x"},)), "inputs is `[3]` instead of `[2]`"),
        (row(params={"composition_assets": [{"asset": True}]}), "inputs is `[]` instead of `[2]`"),
    ],
)
def test_what_is_not_what_was_asked_is_told(found: Generation, told: str):
    (sentence,) = differences(found, BODY)
    assert told in sentence


def test_steps_of_a_transition_are_compared():
    body = {"config": {"generation_type": "video_transition", "prompts": ["a", "b"]}, "provider_id": "pixverse"}
    same = row(operation_type="video_transition", params={"prompts": ["a ", "b"]})
    other = row(operation_type="video_transition", params={"prompts": ["a", "c"]})
    assert differences(same, body) == []
    assert len(differences(other, body)) == 1
