"""Slugs as the server makes them, and which of them an asset gets."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assetctl.errors import InvalidRequest
from assetctl.models import AssetRequest, Reuse, Style
from assetctl.pixsim.tags import LONGEST_NAME, NoSlug, context_slugs, key_slug, names_in, slug, slugs_for
from assetctl.validation import MAX_ID_LENGTH, check_id

KEY = "0123456789abcdef" * 4
REQUEST = AssetRequest(scene_id="Romance_5", choice_id="confess", character_id="Yuki", location_id="Big  Park")


def normalized_by_the_server(text: str) -> str:
    """What `domain/assets/tag.py` of PixSim7 does with a slug before it compares or stores it."""
    namespace, _, name = text.partition(":")
    return ":".join(re.sub(r"\s+", " ", part.strip().lower()) for part in (namespace, name))


@st.composite
def names(draw: st.DrawFn) -> str:
    usual = st.characters(codec="utf-8", categories=["L", "M", "N"], include_characters=" _-.:+@")
    return draw(st.text(usual, min_size=1, max_size=60) | st.text(max_size=40))


@given(names())
def test_a_slug_is_what_the_server_would_make_of_it_so_that_it_is_found_by_the_letter(name: str) -> None:
    try:
        made = slug("scene", name)
    except NoSlug:
        return
    assert normalized_by_the_server(made) == made
    assert made.startswith("scene:")
    assert made.isprintable()
    assert "," not in made
    assert len(made) <= len("scene:") + LONGEST_NAME


@given(names())
def test_making_a_slug_of_a_slugs_name_changes_nothing(name: str) -> None:
    try:
        made = slug("loc", name)
    except NoSlug:
        return
    assert slug("loc", names_in("loc", [made])[0]) == made


@given(
    st.text(st.characters(codec="utf-8", categories=["L", "N"], include_characters="_-.:+@"), min_size=1, max_size=40)
)
def test_every_id_of_usual_characters_has_a_slug(name: str) -> None:
    try:
        check_id("scene", name)
    except InvalidRequest:
        return
    assert slug("scene", name)


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("Romance_5", "scene:romance_5"),
        ("  two  words ", "scene:two words"),
        ("set:thief:01", "scene:set:thief:01"),
        ("CAFE\u0301", "scene:café"),
        ("花見", "scene:花見"),
    ],
)
def test_a_name_is_trimmed_lowered_and_joined(name: str, made: str) -> None:
    assert slug("scene", name) == made


@pytest.mark.parametrize("name", ["", "  ", "a,b", "a\x00b", "a\u202eb", "\ud800", "x" * (LONGEST_NAME + 1)])
def test_what_no_tag_can_say_has_no_slug(name: str) -> None:
    with pytest.raises(NoSlug):
        slug("scene", name)


def test_a_context_has_all_its_slugs_or_none() -> None:
    assert context_slugs(REQUEST) == {
        "scene_id": "scene:romance_5",
        "choice_id": "choice:confess",
        "character_id": "npc:yuki",
        "location_id": "loc:big park",
    }
    assert context_slugs(AssetRequest(prompt="a lantern")) == {}
    with pytest.raises(NoSlug, match="choice"):
        context_slugs(replace(REQUEST, choice_id="x" * MAX_ID_LENGTH))


def test_what_everybody_may_have_is_tagged_with_its_moment_its_style_and_its_key() -> None:
    assert slugs_for(replace(REQUEST, style=Style.SEMI_REALISTIC), KEY) == (
        "scene:romance_5",
        "choice:confess",
        "npc:yuki",
        "loc:big park",
        "style:semi-realistic",
        "assetctl:0123456789abcdef0123456789abcdef",
    )
    assert slugs_for(AssetRequest(prompt="a lantern"), KEY) == (key_slug(KEY),)


@pytest.mark.parametrize("reuse", [Reuse.PER_PLAYER, Reuse.PER_PLAYTHROUGH])
def test_what_is_one_players_is_found_by_its_key_alone(reuse: Reuse) -> None:
    assert slugs_for(replace(REQUEST, reuse=reuse), KEY) == (key_slug(KEY),)


def test_what_is_for_one_use_is_found_by_nobody() -> None:
    assert slugs_for(replace(REQUEST, reuse=Reuse.ALWAYS), KEY) == ()


def test_a_moment_that_tags_cannot_describe_in_full_is_not_described_in_part() -> None:
    assert slugs_for(replace(REQUEST, choice_id="x" * MAX_ID_LENGTH), KEY) == (key_slug(KEY),)


def test_names_are_those_of_one_namespace_in_order() -> None:
    tags = {"scene:b", "scene:a", "scenery:c", "loc:scene:d", "scene"}
    assert names_in("scene", tags) == ("a", "b")
