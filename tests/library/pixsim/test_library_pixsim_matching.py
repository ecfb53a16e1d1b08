"""What a server's asset answers: the common rule over its tags, and never what is unfit, foreign or made for others."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assetctl.errors import LibraryError
from assetctl.keys import request_key
from assetctl.library.matching import MAX_REFUSED_TOLD
from assetctl.library.pixsim.matching import MAX_TAGS_KEPT, Reader, described, fingerprint_of, is_same, judged
from assetctl.models import AssetInput, AssetRequest, AssetType, Reuse, Style
from assetctl.network import Origin
from assetctl.pixsim.records import StoredAsset
from assetctl.pixsim.tags import key_slug, slugs_for
from fakes import NOW

if TYPE_CHECKING:
    from assetctl.library.base import Candidate

SERVER = Origin.of("http://127.0.0.1:8001")
READER = Reader(SERVER, user_id=1, now=NOW)
REQUEST = AssetRequest(scene_id="Romance_5", choice_id="confess")
TAGS = frozenset({"scene:romance_5", "choice:confess"})
STORED = StoredAsset(
    7,
    "video",
    user_id=1,
    sha256="a" * 64,
    stored_key="u/1/a.mp4",
    file_url="/api/v1/media/u/1/a.mp4",
    sync_status="downloaded",
    tags=TAGS,
    provider_status="local_only",
    asset_kind="content",
    created_at=NOW,
)
PROMPT = "She says it at last"


def candidates(*stored: StoredAsset, request: AssetRequest = REQUEST) -> list[Candidate]:
    return judged(stored, request, request_key(request), READER)


def verdict(stored: StoredAsset, request: AssetRequest = REQUEST) -> str | None:
    found = candidates(stored, request=request)
    assert all(candidate.matches is (candidate.refusal is None) for candidate in found)
    return found[0].refusal if found else "too far away to be told of"


def made_for(request: AssetRequest, **changes: object) -> StoredAsset:
    """What our generator stores for `request`, tagged as it tags."""
    known = {
        "tags": frozenset(slugs_for(request, request_key(request))),
        "source_generation_id": 3,
        "prompt": request.prompt,
        "provider_status": "ok",
    }
    return replace(STORED, **(known | changes))


def test_ids_and_the_tags_made_of_them_are_the_same_whatever_their_case() -> None:
    assert verdict(STORED) is None
    assert candidates(STORED)[0].asset.scene_id == "Romance_5"


@pytest.mark.parametrize(
    ("tags", "word"),
    [
        (TAGS | {"npc:yuki"}, "character"),
        (TAGS | {"loc:park"}, "location"),
        (TAGS - {"choice:confess"}, "choice"),
        (TAGS - {"scene:romance_5"} | {"scene:romance_6"}, "scene"),
    ],
)
def test_a_context_that_is_not_exactly_the_asked_one_is_no_match(tags: frozenset[str], word: str) -> None:
    assert word in (verdict(replace(STORED, tags=tags)) or "")


def test_an_asset_of_a_choice_does_not_answer_its_scene_alone() -> None:
    assert "choice" in (verdict(STORED, AssetRequest(scene_id="romance_5")) or "")


def test_an_asset_of_another_type_is_no_match() -> None:
    assert "type" in (verdict(replace(STORED, media_type="image")) or "")


def test_an_asset_of_a_type_nobody_knows_is_no_candidate() -> None:
    assert candidates(replace(STORED, media_type="hologram")) == []
    assert described(replace(STORED, media_type="hologram"), SERVER) is None


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"is_archived": True}, "archived"),
        ({"signal_override": "broken"}, "broken"),
        ({"provider_status": "flagged"}, "flagged"),
        ({"asset_kind": "mask"}, "mask"),
        ({"asset_kind": "probe"}, "probe"),
        ({"remote_url": "https://media.pixverse.ai/pixverse/mp4/media/default.mp4"}, "placeholder"),
        ({"user_id": 2}, "another user"),
        ({"user_id": None}, "another user"),
    ],
)
def test_what_is_unfit_or_anothers_never_answers(changes: dict[str, object], word: str) -> None:
    for request in (REQUEST, replace(REQUEST, prompt=PROMPT)):
        assert word in (verdict(replace(STORED, **changes), request) or "")
        assert word in (verdict(made_for(request, **changes), request) or "")


@pytest.mark.parametrize(
    "changes", [{"signal_override": "clean"}, {"provider_status": "unknown"}, {"asset_kind": None}]
)
def test_what_is_merely_not_praised_answers(changes: dict[str, object]) -> None:
    assert verdict(replace(STORED, **changes)) is None


def test_an_asset_for_several_choices_answers_each_of_them() -> None:
    shared = replace(STORED, tags=TAGS | {"choice:refuse"})
    assert verdict(shared) is None
    assert verdict(shared, replace(REQUEST, choice_id="refuse")) is None
    assert "choice" in (verdict(shared, replace(REQUEST, choice_id="wait")) or "")
    assert "choice" in (verdict(shared, replace(REQUEST, choice_id=None)) or "")


def test_an_asset_for_several_scenes_and_choices_answers_none_because_nobody_knows_which_belong_together() -> None:
    assert verdict(replace(STORED, tags=TAGS | {"choice:refuse", "scene:romance_6"})) is not None


def test_a_stated_style_may_not_contradict_and_two_styles_state_none() -> None:
    anime = replace(STORED, tags=TAGS | {"style:anime", "style:noir"})
    assert verdict(anime, replace(REQUEST, style=Style.ANIME)) is None
    assert "style" in (verdict(anime, replace(REQUEST, style=Style.REALISTIC)) or "")
    both = replace(STORED, tags=TAGS | {"style:anime", "style:realistic"})
    assert verdict(both, replace(REQUEST, style=Style.STYLIZED)) is None


def test_a_stated_length_may_not_contradict() -> None:
    long = replace(STORED, duration_s=12.0)
    assert "lasts" in (verdict(long, replace(REQUEST, duration_s=5.0)) or "")
    assert verdict(long) is None


def test_what_was_generated_answers_its_own_prompt_or_a_request_without_one() -> None:
    asked = replace(REQUEST, prompt=PROMPT)
    made = made_for(asked)
    assert verdict(made, asked) is None
    assert verdict(made) is None
    assert "another prompt" in (verdict(made, replace(REQUEST, prompt="He says nothing")) or "")


def test_what_was_generated_and_does_not_tell_its_prompt_answers_no_other_one() -> None:
    untold = made_for(REQUEST, prompt=None)
    assert "another prompt" in (verdict(untold, replace(REQUEST, prompt=PROMPT)) or "")
    assert "another prompt" in (verdict(replace(STORED, source_generation_id=3), replace(REQUEST, prompt=PROMPT)) or "")


def test_what_somebody_uploaded_states_no_prompt_and_answers_any() -> None:
    assert verdict(STORED, replace(REQUEST, prompt=PROMPT)) is None


def test_what_was_made_for_this_very_request_comes_first_and_need_not_state_what_was_asked() -> None:
    asked = replace(REQUEST, prompt=PROMPT, style=Style.ANIME, duration_s=5.0, seed=4, model="v5")
    own = made_for(asked, id=9, prompt="rewritten by the server", duration_s=8.0)
    found = candidates(replace(STORED, id=1), own, request=asked)
    assert [candidate.asset.asset_id for candidate in found] == ["9", "1"]
    assert found[0].notes == ("was generated for this very request",)
    assert found[0].asset.prompt == "rewritten by the server"


def test_what_was_made_for_this_request_and_moved_to_another_moment_by_hand_is_no_match() -> None:
    own = made_for(REQUEST)
    moved = replace(own, tags=own.tags - {"choice:confess"} | {"choice:refuse"})
    assert "choice" in (verdict(moved) or "")
    assert "type" in (verdict(replace(own, media_type="image")) or "")


@pytest.mark.parametrize(
    "demand",
    [
        {"seed": 7},
        {"model": "v6"},
        {"inputs": (AssetInput(asset_id="3"),)},
        {"parameters": {"quality": "720p"}},
        {"reuse": Reuse.PER_PLAYER},
    ],
)
def test_what_was_generated_for_another_request_is_no_match_for_demands_that_would_not_show(
    demand: dict[str, object],
) -> None:
    asked = replace(REQUEST, prompt=PROMPT)
    assert "another request" in (verdict(made_for(asked), replace(asked, **demand)) or "")
    assert verdict(STORED, replace(asked, **demand)) is None


def test_what_is_one_players_answers_that_player_by_its_key_alone() -> None:
    ann = replace(REQUEST, reuse=Reuse.PER_PLAYER, player_id="ann")
    assert verdict(made_for(ann), ann) is None
    bob = replace(ann, player_id="bob")
    assert verdict(made_for(ann), bob) is not None


def test_what_no_tag_can_say_is_said_by_no_tag() -> None:
    long = replace(REQUEST, choice_id="x" * 200)
    own = made_for(long)
    assert verdict(own, long) is None
    assert "choice" in (verdict(replace(own, tags=own.tags | TAGS), long) or "")


def test_nothing_generated_before_answers_a_request_for_a_new_one_each_time() -> None:
    always = replace(REQUEST, reuse=Reuse.ALWAYS)
    made = replace(made_for(REQUEST), tags=TAGS | {key_slug(request_key(always))})
    assert "always" in (verdict(made, always) or "")


def test_a_prompt_alone_is_answered_by_what_was_made_from_it_for_no_moment() -> None:
    asked = AssetRequest(prompt=PROMPT)
    assert verdict(made_for(asked), asked) is None
    assert verdict(made_for(asked), replace(asked, prompt="another")) is not None
    assert verdict(replace(made_for(asked), tags=TAGS), asked) is not None


def test_a_match_without_a_file_is_trouble_and_no_miss() -> None:
    (candidate,) = candidates(replace(STORED, file_url=None, stored_key=None, sync_status="error"))
    assert not candidate.matches
    assert isinstance(candidate.trouble, LibraryError)
    (refused,) = candidates(replace(STORED, file_url=None, sync_status="error", media_type="image"))
    assert refused.trouble is None


def test_a_match_whose_file_is_on_its_way_is_a_match() -> None:
    assert verdict(replace(STORED, file_url=None, stored_key=None, sync_status="downloading")) is None


def test_matches_come_before_what_was_refused_and_not_too_much_of_that_is_told() -> None:
    archived = [replace(STORED, id=number, is_archived=True) for number in range(100, 200)]
    found = candidates(*archived, STORED)
    assert found[0].matches
    assert len(found) == 1 + MAX_REFUSED_TOLD


def test_an_asset_with_ten_thousand_tags_is_read_and_not_kept_whole() -> None:
    tagged = replace(STORED, tags=TAGS | {f"has:word_{number}" for number in range(10_000)})
    (candidate,) = candidates(tagged)
    assert candidate.matches
    assert len(candidate.asset.tags) == MAX_TAGS_KEPT


def test_an_asset_tells_where_it_was_made_and_shows_no_signature() -> None:
    vendor = "https://vendor.example/clip.mp4?Signature=secret"
    made = described(made_for(REQUEST, model="v5", file_url=vendor, remote_url=vendor), SERVER)
    assert made is not None
    assert made.url == "https://vendor.example/clip.mp4"
    assert made.origin is not None
    assert (made.origin.provider, made.origin.generator, made.origin.model, made.origin.job_id) == (
        "library:pixsim",
        "pixsim",
        "v5",
        "3",
    )


def test_a_fingerprint_is_the_same_while_a_hash_becomes_known_and_no_longer() -> None:
    fresh = fingerprint_of(replace(STORED, sha256=None))
    known = fingerprint_of(STORED)
    assert is_same(fresh, known)
    assert is_same(known, fresh)
    assert is_same(known, known)
    assert not is_same(known, fingerprint_of(replace(STORED, sha256="b" * 64)))
    assert not is_same(known, fingerprint_of(replace(STORED, created_at=None)))
    assert not is_same(known, fingerprint_of(replace(STORED, is_archived=True)))
    assert not is_same("187021:1764", known)


names = st.sampled_from(["a", "b", "C"])
fields = st.fixed_dictionaries(
    {field: st.none() | names for field in ("scene_id", "choice_id", "character_id", "location_id")}
)


@given(fields, fields)
def test_what_is_tagged_as_made_for_a_moment_answers_exactly_that_moment(
    made: dict[str, str | None], asked: dict[str, str | None]
) -> None:
    tagged = AssetRequest(**made, prompt=PROMPT, asset_type=AssetType.VIDEO)
    request = AssetRequest(**asked, prompt=PROMPT)
    lowered = [{name: value and value.lower() for name, value in context.items()} for context in (made, asked)]
    assert (verdict(made_for(tagged), request) is None) is (lowered[0] == lowered[1])
