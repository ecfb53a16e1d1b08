"""The border: recorded shapes come in as ours, garbage is refused without being repeated."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assetctl.pixsim import wire

SENTINEL = "sentinel-of-an-answer"
#: As a running server answered, shortened.
GENERATION = {
    "id": 1,
    "user": {"type": "user", "id": 3, "meta": None},
    "workspace": None,
    "operation_type": "text_to_video",
    "provider_id": "standin",
    "canonical_params": {"duration": 3.0, "prompt": "two people talk in a park"},
    "inputs": [],
    "final_prompt": "two people talk in a park",
    "status": "completed",
    "started_at": "2026-11-22T11:32:42.845192Z",
    "completed_at": "2026-11-22T11:32:46.773692",
    "error_message": None,
    "error_code": None,
    "retry_count": 0,
    "deferred_action": None,
    "wait_reason": None,
    "asset": {"type": "asset", "id": 6, "meta": None},
    "name": "client test",
    "created_at": "2026-11-22T12:32:42.383820+01:00",
}
ASSET = {
    "id": 1,
    "user_id": 3,
    "sha256": "B566869EC11CCD8974D40DA2F0F122AE0849383492FA6CD7F303B91B7CB8E949",
    "media_type": "image",
    "provider_id": "local",
    "stored_key": "u/1/content/b5/b5.jpg",
    "remote_url": None,
    "file_url": "/api/v1/media/u/1/content/b5/b5.jpg",
    "sync_status": "downloaded",
    "is_archived": False,
    "file_size_bytes": 14804,
    "duration_sec": None,
    "width": 640,
    "height": 360,
    "mime_type": "image/jpeg",
    "tags": [{"id": 3, "slug": "loc:park", "namespace": "loc"}, {"id": 2, "slug": "scene:romance_5"}],
    "provider_status": "local_only",
    "asset_kind": "content",
    "created_at": "2026-11-22T11:31:30Z",
}


def encoded(document: object) -> bytes:
    return json.dumps(document).encode()


def test_generation_comes_in_whole():
    found = wire.generation(encoded(GENERATION))

    assert (found.id, found.user_id, found.asset_id, found.status) == (1, 3, 6, "completed")
    assert found.canonical_params["prompt"] == "two people talk in a park"
    assert found.created_at == datetime(2026, 11, 22, 11, 32, 42, 383820, tzinfo=UTC)
    assert found.completed_at == datetime(2026, 11, 22, 11, 32, 46, 773692, tzinfo=UTC)
    assert found.created_at.tzinfo is UTC


@pytest.mark.parametrize(("reference", "asset_id"), [(6, 6), ("asset:6", 6), ("6", 6), ({"id": 6}, 6), (None, None)])
def test_reference_is_read_in_each_of_its_forms(reference, asset_id):
    assert wire.generation(encoded(GENERATION | {"asset": reference})).asset_id == asset_id


@pytest.mark.parametrize("asset_id", [12, "12", "asset:12"])
def test_answer_to_a_game_names_its_asset_in_any_form(asset_id):
    told = {"asset_id": asset_id, "url": "/x", "source": "cached", "generation_time_ms": 7}
    found = wire.game_answer(json.dumps(told).encode())
    assert (found.asset_id, found.source, found.generation_time_ms) == (12, "cached", 7)


@pytest.mark.parametrize("answer", ['{"asset_id": null}', '{"url": "/x"}', "[]", "fine"])
def test_answer_to_a_game_without_an_asset_is_none(answer):
    with pytest.raises(wire.Unreadable):
        wire.game_answer(answer.encode())


def test_words_we_do_not_know_are_kept():
    found = wire.generation(encoded(GENERATION | {"status": "dreaming", "error_code": "new_code", "unheard": [1]}))
    assert (found.status, found.error_code) == ("dreaming", "new_code")


def test_absent_and_null_are_the_same():
    bare = {"id": 1, "status": "pending", "operation_type": "x", "provider_id": "y"}
    with_nulls = {**dict.fromkeys(GENERATION), **bare}
    assert wire.generation(encoded(bare)) == wire.generation(encoded(with_nulls))


def test_asset_comes_in_whole():
    found = wire.asset(encoded(ASSET))

    assert (found.id, found.size_bytes, found.width, found.is_archived) == (1, 14804, 640, False)
    assert found.sha256 == ASSET["sha256"].lower()
    assert found.tags == {"loc:park", "scene:romance_5"}


@pytest.mark.parametrize(
    ("field", "value", "name", "expected"),
    [
        ("sha256", "short", "sha256", None),
        ("duration_sec", float("nan"), "duration_s", None),
        ("duration_sec", float("inf"), "duration_s", None),
        ("tags", None, "tags", frozenset()),
        ("is_archived", None, "is_archived", False),
        ("media_type", "hologram", "media_type", "hologram"),
        ("remote_url", "pixverse:123", "remote_url", "pixverse:123"),
    ],
)
def test_odd_value_of_an_asset_is_taken_for_what_it_is_worth(field, value, name, expected):
    assert getattr(wire.asset(encoded(ASSET | {field: value})), name) == expected


def test_pages_come_in():
    page = wire.asset_page(encoded({"assets": [ASSET], "total": 9, "limit": 1, "next_cursor": "c|1"}))
    assert (len(page.assets), page.total, page.next_cursor) == (1, 9, "c|1")
    assert wire.assets(encoded([ASSET, ASSET]))[1].id == 1
    assert wire.generation_page(encoded({"generations": [GENERATION], "total": 1})).generations[0].id == 1


def test_providers_come_in_with_their_knobs():
    knob = {"name": "quality", "type": "enum", "required": False, "default": "360p", "enum": ["360p", 720], "min": None}
    provider = {
        "provider_id": "pixverse",
        "name": "Pixverse",
        "domains": [],
        "supported_operations": ["text_to_video"],
        "capabilities": {"operation_specs": {"text_to_video": {"parameters": [knob]}, "x": {"parameters": None}}},
    }

    (found,) = wire.providers(encoded([provider]))

    assert found.operations == {"text_to_video"}
    (parameter,) = found.parameters["text_to_video"]
    assert (parameter.name, parameter.choices, parameter.default) == ("quality", ("360p", "720"), "360p")
    assert found.parameters["x"] == ()


@pytest.mark.parametrize("capabilities", [None, {}, {"operation_specs": None}])
def test_provider_may_state_no_knobs(capabilities):
    (found,) = wire.providers(encoded([{"provider_id": "p", "capabilities": capabilities}]))
    assert (found.name, found.parameters) == ("p", {})


def test_what_the_server_says_of_itself_and_of_tokens_comes_in():
    version = wire.version(encoded({"api_version": "1.0", "build_sha": None, "server_time": "2026-11-22T11:30:58"}))
    assert version.server_time == datetime(2026, 11, 22, 11, 30, 58, tzinfo=UTC)
    claims = {"sub": "1", "username": "tester", "email": "t@example.com", "exp": "2026-12-22T11:30:58Z"}
    facts = wire.token_facts(encoded({"active": True, "claims": claims, "error": None}))
    assert (facts.user, facts.user_id, facts.expires_at.year) == ("tester", 1, 2026)
    assert not wire.token_facts(encoded({"active": False, "claims": None})).is_active
    assert wire.uploaded_id(encoded({"asset_id": 4, "note": "x"})) == 4


def test_login_never_shows_its_token():
    made = wire.login(encoded({"access_token": SENTINEL, "user": {"id": 1, "username": "tester"}}))
    assert made.token.reveal() == SENTINEL
    assert SENTINEL not in repr(made)


@pytest.mark.parametrize("token", ["", "two words", "line\nbreak", "ü", 7, None])
def test_token_that_no_header_can_carry_is_refused(token):
    with pytest.raises(wire.Unreadable):
        wire.login(encoded({"access_token": token}))


def test_complaint_names_the_fields():
    fields = [{"loc": ["body", "config"], "msg": "Field required", "type": "missing"}]
    body = encoded({"code": "validation_error", "message": "Invalid request data", "fields": fields})
    assert wire.complaint(body) == ("validation_error", "Invalid request data; body.config: Field required")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"detail": "Not Found"}', b'{"code": 1, "message": 2}'])
def test_other_errors_are_no_complaint(body):
    assert wire.complaint(body) is None


GARBAGE = [
    b"",
    b"\xff\xfe",
    b"null",
    b"[" * 1_000_000,
    b'{"a":' * 100_000,
    encoded(SENTINEL),
    encoded({SENTINEL: SENTINEL}),
    encoded(GENERATION | {"id": SENTINEL}),
    encoded(GENERATION | {"id": -1}),
    encoded(GENERATION | {"id": 2**70}),
    encoded(GENERATION | {"created_at": SENTINEL}),
    encoded(GENERATION | {"created_at": "0001-01-01T00:00:00+14:00"}),
    encoded(GENERATION | {"canonical_params": SENTINEL}),
    encoded(GENERATION | {"asset": {"id": SENTINEL}}),
    b'{"id": ' + b"9" * 5000 + b"}",
]


@pytest.mark.parametrize("data", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_is_refused_and_not_repeated(data):
    with pytest.raises(wire.Unreadable) as caught:
        wire.generation(data)
    assert SENTINEL not in str(caught.value)
    assert caught.value.__context__ is None or caught.value.__suppress_context__


def test_more_values_than_any_answer_has_are_refused_before_they_are_made():
    with pytest.raises(wire.Unreadable, match="values"):
        wire.assets(b"[" + b"[]," * wire.MAX_VALUES + b"[]]")


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_unreadable(data):
    for read in (wire.generation, wire.asset_page, wire.providers, wire.version, wire.token_facts, wire.login):
        with pytest.raises(wire.Unreadable):
            read(b"\x00" + data)
    wire.complaint(data)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"type": "job:completed", "generation_id": 5}, 5),
        ({"type": "asset:created", "asset_id": 1, "data": {"generation_id": 6}}, 6),
        ({"type": "asset:updated", "data": {"source_generation_id": 7}}, 7),
        ({"type": "job:created", "generation_id": 5}, None),
        ({"type": "unheard:of", "generation_id": 8}, 8),
        ({"type": "connected", "data": None}, None),
    ],
)
def test_event_is_about_a_generation_or_none(document, expected):
    assert wire.generation_of_event(encoded(document)) == expected
