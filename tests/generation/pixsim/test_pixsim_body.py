"""The body says what was asked for, the same at every try, and bears a mark that no other order has."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assetctl.errors import InvalidRequest
from assetctl.generation.base import GenerationOrder
from assetctl.generation.pixsim.body import Plan, Source, body_of, mark_of
from assetctl.generation.pixsim.comparing import Whose, bears, differences, whose
from assetctl.generation.pixsim.operations import Operation
from assetctl.models import AssetRequest, AssetType, Reuse
from assetctl.pixsim.records import Generation

KEY = "0123456789abcdef" * 4
NONCE = "f" * 32
IMAGE = AssetType.IMAGE
REQUEST = AssetRequest(scene_id="romance_5", choice_id="confess", prompt=" She says it ", duration_s=5.0)
PLAN = Plan(Operation.TEXT_TO_VIDEO, "pixverse", {"quality": "720p"})


def body(request: AssetRequest = REQUEST, plan: Plan = PLAN) -> dict:
    return body_of(GenerationOrder(KEY, request), NONCE, plan)


def test_whole_body_of_a_plain_order():
    assert body() == {
        "config": {
            "generation_type": "text_to_video",
            "purpose": "gap_fill",
            "style": {"pixverse": {"quality": "720p"}},
            "duration": {"target": 5.0},
            "constraints": {},
            "strategy": "once",
            "fallback": {"mode": "skip"},
            "prompt": "She says it",
        },
        "provider_id": "pixverse",
        "to_scene": {"id": f"assetctl:{KEY[:32]}:{NONCE}"},
        "player_context": None,
        "name": f"assetctl {NONCE} romance_5/confess",
        "priority": 5,
        "force_new": False,
    }


def test_what_is_not_demanded_is_not_sent():
    config = body(AssetRequest(scene_id="park"), Plan(Operation.VIDEO_EXTEND, "pixverse", {}))["config"]
    assert (config["style"], config["duration"], config["constraints"]) == ({}, {}, {})
    assert "prompt" not in config


def test_what_the_server_reads_itself_stands_where_it_reads_it():
    request = replace(REQUEST, parameters={"rating": "PG", "pacing": "slow", "priority": 0})
    made = body(request)
    assert made["config"]["constraints"] == {"rating": "PG"}
    assert made["config"]["style"]["pacing"] == "slow"
    assert made["priority"] == 0


@pytest.mark.parametrize(
    ("reuse", "strategy", "player"),
    [
        (Reuse.ONCE, "once", None),
        (Reuse.ALWAYS, "always", None),
        (Reuse.PER_PLAYER, "per_player", {"player_id": "ann"}),
        (Reuse.PER_PLAYTHROUGH, "per_playthrough", {"playthrough_id": "one"}),
    ],
)
def test_reuse_is_told_in_the_servers_words(reuse: Reuse, strategy: str, player: dict[str, str] | None):
    made = body(replace(REQUEST, reuse=reuse, player_id="ann", playthrough_id="one"))
    assert (made["config"]["strategy"], made["player_context"]) == (strategy, player)


def test_inputs_are_named_with_their_roles_in_order():
    sources = (Source(IMAGE, "hero", asset_id=12), Source(IMAGE, url="https://example.com/a.png"))
    config = body(plan=replace(PLAN, operation=Operation.FUSION, sources=sources))["config"]
    assert config["composition_assets"] == [
        {"media_type": "image", "role": "hero", "asset": "asset:12"},
        {"media_type": "image", "role": "composition_reference", "url": "https://example.com/a.png"},
    ]


def test_transition_has_a_prompt_for_each_step():
    sources = tuple(Source(IMAGE, asset_id=number) for number in (1, 2, 3))
    plan = replace(PLAN, operation=Operation.VIDEO_TRANSITION, sources=sources)
    config = body(replace(REQUEST, prompt="dawn\nnoon"), plan)["config"]
    assert config["prompts"] == ["dawn", "noon"]
    assert "prompt" not in config
    with pytest.raises(InvalidRequest, match="takes 2 prompts"):
        body(replace(REQUEST, prompt="dawn\nnoon\nnight"), plan)


texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=200)
requests = st.builds(
    AssetRequest,
    scene_id=st.none() | texts,
    choice_id=st.none() | texts,
    character_id=st.none() | texts,
    location_id=texts,
    prompt=st.none() | texts,
    duration_s=st.none() | st.floats(0.1, 60),
    reuse=st.sampled_from(Reuse),
    player_id=texts,
    playthrough_id=texts,
)
plans = st.builds(
    Plan,
    operation=st.sampled_from([each for each in Operation if each is not Operation.VIDEO_TRANSITION]),
    provider_id=st.sampled_from(["pixverse", "sora"]),
    knobs=st.dictionaries(st.sampled_from(["quality", "seed", "audio"]), st.integers() | st.booleans() | texts),
    sources=st.lists(st.builds(Source, kind=st.just(IMAGE), asset_id=st.integers(1, 10**12)), max_size=3).map(tuple),
)


def row_of(made: dict, **changes: object) -> Generation:
    """The row that a faithful server makes of a body."""
    config = made["config"]
    params = {
        "prompt": config.get("prompt"),
        "composition_assets": [
            {**entry, "role": f"entities:{entry['role']}"} for entry in config.get("composition_assets", [])
        ],
        "scene_context": {"from_scene": None, "to_scene": {**made["to_scene"], "mood": None}},
    }
    row = Generation(
        id=1,
        status="pending",
        operation_type=config["generation_type"],
        provider_id=made["provider_id"],
        canonical_params=params,
        name=made["name"],
        final_prompt=config.get("prompt"),
    )
    return replace(row, **changes)  # type: ignore[arg-type]


@given(requests, plans)
def test_every_body_is_json_within_the_servers_limits_and_known_again(request: AssetRequest, plan: Plan):
    made = body_of(GenerationOrder(KEY, request), NONCE, plan)
    assert made == json.loads(json.dumps(made))
    assert len(made["name"]) <= 255
    row = row_of(made)
    assert bears(row, NONCE)
    assert whose(row, made["to_scene"]["id"], made["name"]) is Whose.OURS
    assert differences(row, made) == []


@given(requests, plans, requests, plans)
def test_what_differs_in_what_counts_is_told(one: AssetRequest, plan: Plan, other: AssetRequest, other_plan: Plan):
    mine = body_of(GenerationOrder(KEY, one), NONCE, plan)
    theirs = body_of(GenerationOrder(KEY, other), NONCE, other_plan)

    def counts(made: dict) -> tuple[object, ...]:
        config = made["config"]
        assets = [entry["asset"] for entry in config.get("composition_assets", [])]
        return config["generation_type"], made["provider_id"], " ".join((config.get("prompt") or "").split()), assets

    both_stated = all(made["config"].get("prompt") for made in (mine, theirs))
    both_made = all(made["config"].get("composition_assets") for made in (mine, theirs))
    if counts(mine)[:2] != counts(theirs)[:2] or (both_stated and counts(mine)[2] != counts(theirs)[2]):
        assert differences(row_of(theirs), mine)
    if both_made and counts(mine)[3] != counts(theirs)[3]:
        assert differences(row_of(theirs), mine)


def test_two_orders_of_one_request_have_two_marks():
    order = GenerationOrder(KEY, REQUEST)
    assert mark_of(order, "a" * 32) != mark_of(order, "b" * 32)
    assert body_of(order, NONCE, PLAN) == body_of(order, NONCE, PLAN)
