"""Documents hold what was put in, and say no to everything that was never meant."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assetctl import documents
from assetctl.errors import AssetUnavailable, InvalidRequest, JobPending
from assetctl.models import (
    Asset,
    AssetInput,
    AssetRequest,
    AssetType,
    Attempt,
    AttemptOutcome,
    Cost,
    Estimate,
    MediaInfo,
    Origin,
    Reuse,
    Source,
    Strategy,
    Style,
    Via,
)

words = st.none() | st.text(max_size=20)
seconds = st.none() | st.floats(min_value=0, allow_nan=False, allow_infinity=False)
values = st.text(max_size=10) | st.integers() | st.floats(allow_nan=False) | st.booleans()
inputs = st.builds(
    AssetInput,
    asset_type=st.none() | st.sampled_from(AssetType),
    role=words,
    path=st.none() | st.text("abc/. é", min_size=1, max_size=10).map(Path),
    sha256=words,
    asset_id=words,
    url=words,
)
requests = st.builds(
    AssetRequest,
    scene_id=words,
    choice_id=words,
    character_id=words,
    location_id=words,
    prompt=words,
    asset_type=st.sampled_from(AssetType),
    style=st.none() | st.sampled_from(Style),
    duration_s=seconds,
    seed=st.none() | st.integers(),
    generator=words,
    provider=words,
    model=words,
    parameters=st.dictionaries(st.text(max_size=10), values, max_size=4),
    inputs=st.lists(inputs, max_size=3).map(tuple),
    reuse=st.sampled_from(Reuse),
    player_id=words,
    playthrough_id=words,
    strategy=st.sampled_from(Strategy),
    prefer_cached=st.booleans(),
    allow_generation=st.booleans(),
    generate_on_trouble=st.booleans(),
    allow_placeholder=st.booleans(),
    max_wait_s=seconds,
    tag=st.none() | st.booleans(),
    via=st.sampled_from(Via),
)
moments = st.datetimes(
    min_value=datetime(1971, 1, 1),  # noqa: DTZ001 - the strategy adds the zone
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))]),
)
MOMENT = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


def through_json(document: object) -> object:
    return json.loads(json.dumps(document))


@given(requests)
def test_request_comes_back_as_it_went(request: AssetRequest):
    assert documents.request_from_document(through_json(documents.request_document(request))) == request


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ("lantern.png", "must be a list"),
        (["lantern.png"], "must be a list of objects"),
        ([{"file": "lantern.png"}], "no field `file`"),
        ([{"path": 3}], "`inputs.path` must be text"),
        ([{"path": "a.png", "type": "picture"}], "is no type"),
    ],
)
def test_input_that_is_none_is_refused(given: object, what: str):
    with pytest.raises(InvalidRequest, match=what):
        documents.request_from_document({"inputs": given})


def test_request_document_has_every_field_there_is():
    assert set(documents.request_document(AssetRequest())) == documents.REQUEST_FIELDS


@given(st.dictionaries(st.sampled_from(sorted(documents.REQUEST_FIELDS)), st.none()))
def test_null_demands_nothing(document: dict[str, None]):
    assert documents.request_from_document(document) == AssetRequest()


@pytest.mark.parametrize(
    ("given_name", "meant"),
    [("scene", "scene_id"), ("duration", "duration_s"), ("styl", "style"), ("promt", "prompt"), ("TYPE", None)],
)
def test_unknown_field_suggests_the_nearest(given_name: str, meant: str | None):
    with pytest.raises(InvalidRequest) as caught:
        documents.request_from_document({given_name: "x"})
    assert f"`{given_name}`" in caught.value.what
    assert caught.value.hint is not None
    if meant is not None:
        assert caught.value.hint == f"did you mean `{meant}`?"
    else:
        assert "scene_id" in caught.value.hint


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *((name, 5) for name in ("scene_id", "choice_id", "character_id", "location_id", "prompt", "generator")),
        *((name, ["x"]) for name in ("provider", "model", "player_id", "playthrough_id")),
        *((name, 1) for name in ("prefer_cached", "allow_generation", "generate_on_trouble", "allow_placeholder")),
        *((name, value) for name in ("duration_s", "max_wait_s") for value in ("5", True, [5])),
        *(("seed", value) for value in ("5", True, 5.0)),
        *(("parameters", value) for value in ("fps=4", ["fps"], 4)),
    ],
)
def test_wrong_type_is_refused_with_the_field_and_what_it_was(field: str, value: object):
    with pytest.raises(InvalidRequest) as caught:
        documents.request_from_document({field: value})
    assert f"`{field}` must be" in caught.value.what
    assert repr(value) in (caught.value.why or "")


@pytest.mark.parametrize("value", [None, [1], {"a": 1}])
def test_parameter_of_a_wrong_type_is_refused_by_name(value: object):
    with pytest.raises(InvalidRequest, match=r"parameters\.fps"):
        documents.request_from_document({"parameters": {"fps": value}})


def test_long_wrong_value_is_cut():
    with pytest.raises(InvalidRequest) as caught:
        documents.request_from_document({"scene_id": ["x" * 5000]})
    assert len(caught.value.why or "") < 120


def test_number_beyond_floats_is_infinite_and_left_to_the_rules():
    assert documents.request_from_document({"duration_s": 10**400}).duration_s == math.inf


@pytest.mark.parametrize(
    ("field", "value", "meant"),
    [
        ("type", "3D-Model", AssetType.MODEL_3D),
        ("style", " semi_realistic ", Style.SEMI_REALISTIC),
        ("reuse", "per_player", Reuse.PER_PLAYER),
        ("strategy", "PRE_MADE_ONLY", Strategy.PRE_MADE_ONLY),
    ],
)
def test_words_are_taken_in_any_usual_spelling(field: str, value: str, meant: object):
    request = documents.request_from_document({field: value})
    assert meant in {request.asset_type, request.style, request.reuse, request.strategy}


@pytest.mark.parametrize("field", ["type", "style", "reuse", "strategy"])
@pytest.mark.parametrize("value", ["nonsense", 5, "", ["video"]])
def test_unknown_word_is_refused_with_the_known_ones(field: str, value: object):
    with pytest.raises(InvalidRequest) as caught:
        documents.request_from_document({field: value})
    assert f"is no {field}" in caught.value.what
    assert "is one of" in (caught.value.why or "")
    assert caught.value.hint


@given(moments)
def test_moment_comes_back_to_the_millisecond(moment: datetime):
    text = documents.timestamp(moment)
    back = documents.parse_timestamp(text)
    assert text is not None
    assert text.endswith("Z")
    assert back is not None
    assert timedelta(0) <= moment - back < timedelta(milliseconds=1)
    assert documents.timestamp(back) == text


def test_missing_moment_stays_missing():
    assert documents.timestamp(None) is None
    assert documents.parse_timestamp(None) is None


def test_moment_without_offset_is_read_as_utc():
    assert documents.parse_timestamp("2026-03-01T12:00:00") == datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "0001-01-01T00:00:00+14:00"])
def test_what_is_no_moment_is_an_error_of_value(text: str):
    with pytest.raises(ValueError, match=r"."):
        documents.parse_timestamp(text)


@given(st.builds(Origin, st.text(min_size=1), st.none() | moments, words, words, words))
def test_origin_comes_back_as_it_went(origin: Origin):
    back = documents.origin_from_document(through_json(documents.origin_document(origin)))
    assert (back.provider, back.generator, back.model, back.job_id) == (
        origin.provider,
        origin.generator,
        origin.model,
        origin.job_id,
    )
    assert documents.timestamp(back.created_at) == documents.timestamp(origin.created_at)


sizes = st.none() | st.integers(min_value=0)


@given(st.builds(MediaInfo, st.text(), seconds, sizes, sizes))
def test_media_come_back_as_they_went(media: MediaInfo):
    assert documents.media_from_document(through_json(documents.media_document(media))) == media


@given(st.builds(Cost, st.decimals(allow_nan=False, allow_infinity=False), st.text(max_size=3)))
def test_money_comes_back_to_the_last_digit(cost: Cost):
    back = documents.cost_from_document(through_json(documents.cost_document(cost)))
    assert back == cost
    assert back is not None
    assert str(back.amount) == str(cost.amount)


def test_unknown_cost_is_null_and_never_zero():
    assert documents.cost_document(None) is None
    assert documents.cost_from_document(None) is None


@pytest.mark.parametrize("amount", ["", "free", "NaN", "Infinity", "-Infinity", None, [1]])
def test_what_is_no_money_is_an_error_of_value(amount: object):
    with pytest.raises(ValueError, match=r"."):
        documents.cost_from_document({"amount": amount, "currency": "USD"})


def test_estimate_keeps_what_is_unknown_unknown():
    assert documents.estimate_document(None) is None
    estimate = Estimate(cost_low=Cost(Decimal("0.10"), "USD"), seconds_high=90.0, basis="last ten jobs")
    assert documents.estimate_document(estimate) == {
        "cost_low": {"amount": "0.10", "currency": "USD"},
        "cost_high": None,
        "seconds_low": None,
        "seconds_high": 90.0,
        "basis": "last ten jobs",
    }


def sample(**changes: object) -> Asset:
    known: dict[str, object] = {
        "asset_id": "confess",
        "path": Path("/data/blobs/ab/abcd.mp4"),
        "asset_type": AssetType.VIDEO,
        "source": Source.PRE_MADE,
        "origin": Origin("library:folder", MOMENT),
        "sha256": "a" * 64,
        "size_bytes": 1,
        "media": MediaInfo("video/mp4", 5.0, 1280, 720),
    }
    return Asset(**(known | changes))


def test_asset_document_is_the_one_of_the_contract():
    asset = sample(
        url="https://media/x",
        request=AssetRequest(scene_id="romance_5"),
        key="b" * 64,
        generation_time_ms=15000,
        cost=Cost(Decimal("0.40"), "USD"),
        warnings=("old",),
        attempts=(Attempt("cache", AttemptOutcome.MISS, 0.3333, None),),
    )
    document = documents.asset_document(asset)
    assert list(document) == [
        "schema", "asset_id", "url", "path", "type", "source", "origin", "request", "key", "sha256", "size_bytes",
        "mime_type", "duration_s", "width", "height", "generation_time_ms", "cost", "warnings", "attempts",
    ]  # fmt: skip
    assert document["schema"] == "assetctl.asset/1"
    assert document["path"] == str(asset.path)
    assert (document["type"], document["source"]) == ("video", "pre_made")
    assert document["origin"]["created_at"] == "2026-03-01T12:00:00.123Z"
    assert document["request"] == documents.request_document(AssetRequest(scene_id="romance_5"))
    assert document["cost"] == {"amount": "0.40", "currency": "USD"}
    assert document["warnings"] == ["old"]
    assert document["attempts"] == [{"provider": "cache", "outcome": "miss", "elapsed_ms": 0.3, "detail": None}]
    assert through_json(document) == document


def test_what_an_asset_does_not_know_is_null():
    document = documents.asset_document(sample(media=MediaInfo("image/png")))
    for name in ("url", "request", "key", "duration_s", "width", "height", "generation_time_ms", "cost"):
        assert document[name] is None
    assert document["warnings"] == document["attempts"] == []


def test_error_document_is_the_one_of_the_contract():
    assert documents.error_document(AssetUnavailable("nobody has it", why="gone", hint="ask again")) == {
        "schema": "assetctl.error/1",
        "code": "not_available",
        "message": "nobody has it",
        "why": "gone",
        "hint": "ask again",
        "exit_code": 7,
    }


def test_error_document_names_job_and_attempts_when_there_are_any():
    error = JobPending("it goes on", job_id="j1", request_id="r1")
    error.attempts = (Attempt("generator", AttemptOutcome.ERROR, 12.0, "it goes on"),)
    document = documents.error_document(error)
    assert (document["job_id"], document["request_id"], document["exit_code"]) == ("j1", "r1", 4)
    assert document["attempts"][0]["detail"] == "it goes on"
