"""When a library asset answers a request, and which of several comes first."""

from __future__ import annotations

import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assetctl.library.base import LibraryAsset
from assetctl.library.matching import MAX_REFUSED_TOLD, Moments, judge, rank
from assetctl.models import AssetRequest, AssetType, Style

REQUEST = AssetRequest(scene_id="romance_5", choice_id="confess")


def asset(asset_id: str = "a", **fields) -> LibraryAsset:
    context = {"scene_id": "romance_5", "choice_id": "confess", "asset_type": AssetType.VIDEO}
    return LibraryAsset(asset_id=asset_id, fingerprint="1:1", **(context | fields))


def test_same_context_and_type_match():
    assert judge(asset(), REQUEST).matches


def test_the_type_must_be_the_asked_one():
    assert judge(asset(asset_type=AssetType.IMAGE), REQUEST).refusal == "is of the type `image`, asked for `video`"


@pytest.mark.parametrize("name", ["scene", "choice", "character", "location"])
def test_each_part_of_the_context_must_be_exactly_as_asked(name):
    whole = {f"{part}_id": part for part in ("scene", "choice", "character", "location")}
    made, asked = asset(**whole), AssetRequest(**whole)
    field = f"{name}_id"
    assert judge(made, asked).matches
    assert judge(made, replace(asked, **{field: "x"})).refusal == f"made for the {name} `{name}`, asked for `x`"
    assert judge(made, replace(asked, **{field: None})).refusal == f"made for the {name} `{name}`, asked for none"
    assert judge(replace(made, **{field: None}), asked).refusal == f"made for no {name}, asked for `{name}`"


def test_letter_case_of_ids_counts():
    assert not judge(asset(choice_id="Confess"), REQUEST).matches


def test_composed_and_decomposed_letters_are_the_same_text():
    decomposed = unicodedata.normalize("NFD", "café")
    assert judge(asset(scene_id=decomposed), replace(REQUEST, scene_id="café")).matches
    assert judge(asset(prompt=decomposed), replace(REQUEST, prompt="café")).matches


def test_every_difference_is_told():
    refusal = judge(asset(choice_id="wait", style=Style.ANIME), replace(REQUEST, style=Style.REALISTIC)).refusal
    assert refusal == "made for the choice `wait`, asked for `confess`; its style is `anime`, asked for `realistic`"


@pytest.mark.parametrize(
    ("stated", "asked", "matches"),
    [(None, Style.ANIME, True), (Style.ANIME, None, True), (Style.ANIME, Style.ANIME, True),
     (Style.ANIME, Style.REALISTIC, False)],
)  # fmt: skip
def test_a_stated_style_may_not_contradict_the_asked_one(stated, asked, matches):
    assert judge(asset(style=stated), replace(REQUEST, style=asked)).matches is matches


@pytest.mark.parametrize(
    ("stated", "asked", "matches"),
    [(None, 5, True), (9, None, True), (4, 5, True), (6, 5, True), (3.99, 5, False), (6.01, 5, False),
     (3.6, 3, True), (2.4, 3, True), (float("nan"), 5, False)],
)  # fmt: skip
def test_a_stated_duration_must_be_within_a_fifth_of_the_asked_one(stated, asked, matches):
    assert judge(asset(duration_s=stated), replace(REQUEST, duration_s=asked)).matches is matches


def test_a_wrong_duration_is_told_in_seconds():
    refusal = judge(asset(duration_s=9.0), replace(REQUEST, duration_s=5.0)).refusal
    assert refusal == "lasts 9 s, asked for 5 s give or take 20%"


@pytest.mark.parametrize(
    ("stated", "asked", "matches"),
    [("rain", "rain", True), ("rain", " rain\r\n", True), ("rain", None, True), (None, "rain", True),
     ("rain", "Rain", False), ("rain", "sun", False)],
)  # fmt: skip
def test_a_stated_prompt_answers_only_itself_or_a_request_without_one(stated, asked, matches):
    assert judge(asset(prompt=stated), replace(REQUEST, prompt=asked)).matches is matches


NO_CONTEXT = {"scene_id": None, "choice_id": None}


@pytest.mark.parametrize(
    ("fields", "prompt", "refusal"),
    [
        (NO_CONTEXT | {"prompt": "rain"}, "rain", None),
        (NO_CONTEXT | {"prompt": "rain"}, "sun", "generated from another prompt"),
        (NO_CONTEXT, "rain", "does not state the prompt it was generated from, and the request names nothing else"),
        ({"choice_id": None, "prompt": "rain"}, "rain", "made for the scene `romance_5`, asked for none"),
        (NO_CONTEXT, None, "the request names neither a context nor a prompt"),
        (NO_CONTEXT | {"prompt": "rain"}, None, "the request names neither a context nor a prompt"),
    ],
)
def test_a_request_of_only_a_prompt_needs_that_prompt_and_no_context(fields, prompt, refusal):
    assert judge(asset(**fields), AssetRequest(prompt=prompt)).refusal == refusal


def test_merits_count_in_their_order():
    request = replace(REQUEST, prompt="two friends under a lantern", style=Style.ANIME, duration_s=5.0)
    in_order = [
        asset("z", prompt="two friends under a lantern"),
        asset("y", style=Style.ANIME),
        asset("x", duration_s=5.0),
        asset("w", duration_s=5.5),
        asset("v", description="Friends, a LANTERN"),
        asset("u", tags=frozenset({"red-lantern"})),
        asset("a"),
        asset("b"),
    ]
    assert [candidate.asset.asset_id for candidate in rank(reversed(in_order), request)] == list("zyxwvuab")


def test_notes_say_what_ranked_a_match():
    request = replace(REQUEST, prompt="two friends under a lantern", style=Style.ANIME, duration_s=5.0)
    full = asset(style=Style.ANIME, duration_s=5.5, tags=frozenset({"lantern", "two"}))
    assert judge(full, request).notes == (
        "states no prompt it was generated from",
        "states the style `anime`",
        "lasts 5.5 s",
        "in common with the prompt: lantern, two",
    )
    assert judge(asset(prompt=request.prompt), request).notes == (
        "states this very prompt",
        "states no style",
        "states no duration",
    )
    assert judge(asset(), REQUEST).notes == ()


def test_refused_ones_are_told_nearest_first():
    wait = asset("wait", choice_id="wait")
    wait_image = asset("wait_image", choice_id="wait", asset_type=AssetType.IMAGE)
    elsewhere = asset("elsewhere", scene_id="park")
    unrelated = asset("unrelated", scene_id="park", choice_id="wait")
    told = rank([unrelated, wait_image, elsewhere, wait, asset("match")], REQUEST)
    assert [candidate.asset.asset_id for candidate in told] == ["match", "wait", "elsewhere", "wait_image"]


def test_only_so_many_refused_ones_are_told():
    crowd = [asset(f"{number:03}", choice_id="wait") for number in range(100)]
    told = rank([*crowd, asset("match")], REQUEST)
    assert [candidate.asset.asset_id for candidate in told[1:]] == [
        f"{number:03}" for number in range(MAX_REFUSED_TOLD)
    ]


IDS = st.sampled_from([None, "a", "b"])
PROMPTS = st.sampled_from([None, "rain falls", "sun shines"])
STYLES = st.sampled_from([None, *Style])
SECONDS = st.none() | st.floats(0.1, 3600)
CONTEXTS = {f"{name}_id": IDS for name in ("scene", "choice", "character", "location")}
REQUESTS = st.builds(
    AssetRequest, prompt=PROMPTS, asset_type=st.sampled_from(AssetType), style=STYLES, duration_s=SECONDS, **CONTEXTS
)
ASSETS = st.builds(
    LibraryAsset,
    asset_id=st.uuids().map(str),
    fingerprint=st.just("1:1"),
    asset_type=st.sampled_from(AssetType),
    prompt=PROMPTS,
    description=PROMPTS,
    style=STYLES,
    duration_s=SECONDS,
    tags=st.frozensets(st.sampled_from(["rain", "sun"])),
    **CONTEXTS,
)
LIBRARIES = st.lists(ASSETS, max_size=30, unique_by=lambda made: made.asset_id)


@given(LIBRARIES, REQUESTS, st.randoms(use_true_random=False))
def test_the_order_of_the_assets_does_not_matter(assets, request_, random):
    shuffled = random.sample(assets, len(assets))
    assert rank(shuffled, request_) == rank(assets, request_)


@given(LIBRARIES, REQUESTS)
def test_matches_come_first_and_none_is_lost(assets, request_):
    told = rank(assets, request_)
    flags = [candidate.matches for candidate in told]
    assert flags == sorted(flags, reverse=True)
    assert sum(flags) == sum(judge(made, request_).matches for made in assets)
    assert len(told) - sum(flags) <= MAX_REFUSED_TOLD
    assert all(judge(candidate.asset, request_) == candidate for candidate in told)


@given(ASSETS, REQUESTS)
def test_a_match_never_contradicts_the_request(made, request_):
    if not judge(made, request_).matches:
        return
    assert made.asset_type is request_.asset_type
    assert all(getattr(made, name) == getattr(request_, name) for name in CONTEXTS)
    assert None in (made.style, request_.style) or made.style is request_.style
    assert None in (made.prompt, request_.prompt) or made.prompt == request_.prompt
    if made.duration_s is not None and request_.duration_s is not None:
        assert abs(made.duration_s - request_.duration_s) <= 0.2 * request_.duration_s + 1e-6


@given(ASSETS, st.sampled_from(sorted(CONTEXTS)), st.sampled_from(["c", None]))
def test_an_asset_answers_a_request_for_all_it_states_and_no_other_context(made, name, other):
    wanted = AssetRequest(
        prompt=made.prompt, asset_type=made.asset_type, style=made.style, duration_s=made.duration_s,
        **{field: getattr(made, field) for field in CONTEXTS},
    )  # fmt: skip
    has_context = any(getattr(made, field) for field in CONTEXTS)
    assert judge(made, wanted).matches is (has_context or made.prompt is not None)
    if getattr(made, name) != other:
        assert not judge(made, replace(wanted, **{name: other})).matches


@given(LIBRARIES, REQUESTS)
def test_every_match_is_among_what_was_made_for_the_moment(assets, request_):
    few = Moments(assets).made_for(request_)
    assert [one for one in rank(few, request_) if one.matches] == [one for one in rank(assets, request_) if one.matches]


def test_a_moment_is_the_same_however_its_letters_are_composed():
    made = asset(scene_id="caf\u00e9 ")
    assert Moments([made]).made_for(replace(REQUEST, scene_id="cafe\u0301")) == [made]
