from __future__ import annotations

import pytest

from assetctl.errors import (
    JobFailed,
    NotAllowed,
    NotYours,
    OutcomeUnknown,
    ServiceError,
    ServiceFault,
    ServiceUnreachable,
)
from assetctl.network import Origin
from assetctl.pixsim import trouble
from assetctl.pixsim.exchange import Answer, Lost, NoAnswer

HOME = Origin.of("https://assets.example.com")
PREFIX = "Failed to create generation: "


def said(status: int, message: str, code: str = "internal_error") -> Answer:
    return Answer(status, {}, f'{{"code": "{code}", "message": "{message}"}}'.encode())


@pytest.mark.parametrize(
    "message",
    [
        "Provider 'nope' not found or not registered",
        "Provider 'remaker' does not support operation 'text_to_video'. Supported operations: ['image_to_image']",
        "text_to_video operation requires a non-empty 'prompt'",
        "IMAGE_TO_VIDEO operation requires 'composition_assets' list with at least 1 entry",
        "FUSION 'composition_assets' must be a non-empty list",
        "VIDEO_TRANSITION operation requires 'prompts' list",
        "VIDEO_TRANSITION requires exactly 1 prompt(s) for 2 images, but got 2",
        "Generation parameters are required",
        "Daily job limit exceeded (100). Resets at midnight UTC.",
        "No account with sufficient credits (10) available for provider 'pixverse'",
        "User account is inactive",
        "Content rating violation: too much",
        "Cannot access other users' assets",
    ],
)
def test_refusal_dressed_as_500_is_a_refusal(message):
    error = trouble.refused_order(said(500, PREFIX + message), HOME, "r1")
    assert isinstance(error, JobFailed)
    assert message in error.why
    assert error.request_id == "r1"


@pytest.mark.parametrize(
    "message",
    [
        "",
        "(psycopg.errors.DeadlockDetected) deadlock detected",
        "Connection closed by server.",
        "Generation with id 4 not found",
        "requires attention",
    ],
)
def test_500_that_says_nothing_of_the_order_leaves_it_unknown(message):
    error = trouble.refused_order(said(500, PREFIX + message), HOME, "r1")
    assert isinstance(error, OutcomeUnknown)
    assert error.exit_code == 10


@pytest.mark.parametrize("status", [502, 503, 504, 507, 599])
def test_words_of_a_refusal_count_in_a_500_alone(status):
    error = trouble.refused_order(said(status, "Daily job limit exceeded"), HOME, "r")
    assert isinstance(error, OutcomeUnknown)


def test_daily_limit_says_when_it_ends():
    error = trouble.refused_order(said(500, PREFIX + "Daily job limit exceeded (1)."), HOME, "r")
    assert "midnight UTC" in error.hint


def test_long_text_is_cut():
    error = trouble.refusal(said(500, "x" * 60_000), HOME, "r")
    assert len(error.why) == 300


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (said(404, "Asset not found", "not_found"), True),
        (said(404, "Generation with id 9 not found", "resource_not_found"), True),
        (said(404, "Not Found", "not_found"), False),
        (Answer(404, {}, b"<html>"), False),
        (said(200, "Asset not found"), False),
    ],
)
def test_missing_thing_is_told_from_a_missing_server(answer, expected):
    assert trouble.is_missing(answer) is expected


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        (Lost.TLS, "backend.ca_file"),
        (Lost.PROXY, "NO_PROXY"),
        (Lost.SILENCE, "backend.timeout_s"),
        (Lost.DEADLINE, "backend.timeout_s"),
        (Lost.BROKEN, "backend.url"),
        (Lost.NO_CONNECTION, "backend.url"),
    ],
)
def test_each_way_to_get_no_answer_has_its_next_step(reason, word):
    error = trouble.unreachable(NoAnswer(reason, "detail", was_sent=False), HOME, "r")
    assert word in error.hint
    assert error.exit_code == 9


def test_forbidden_is_not_allowed_and_other_codes_are_trouble():
    assert isinstance(trouble.refusal(said(403, "Admin only", "forbidden"), HOME, "r"), NotAllowed)
    assert type(trouble.refusal(said(507, "full", "service_unavailable"), HOME, "r")) is ServiceError
    assert type(trouble.refusal(said(418, "tea", "http_418"), HOME, "r")) is ServiceError


def test_what_is_anothers_is_told_apart_from_what_this_login_may_not_do():
    theirs = trouble.refusal(said(500, "Cannot access other users' assets", "internal_error"), HOME, "r")
    assert isinstance(theirs, NotYours)
    assert not isinstance(trouble.refusal(said(403, "Admin only", "forbidden"), HOME, "r"), NotYours)


@pytest.mark.parametrize("status", [502, 503, 504])
def test_what_is_answered_in_place_of_a_server_says_that_it_is_away(status: int):
    for answer in (said(status, "down for a moment"), Answer(status, {}, b"<html>")):
        error = trouble.refusal(answer, HOME, "r")
        assert isinstance(error, ServiceUnreachable)
        assert str(status) in (error.why or "")
    assert "down for a moment" in (trouble.refusal(said(status, "down for a moment"), HOME, "r").why or "")


def test_only_what_fails_within_the_server_may_pass():
    passing = {status: trouble.refusal(said(status, "boom"), HOME, "r") for status in (404, 418, 500, 507)}
    assert [status for status, error in passing.items() if isinstance(error, ServiceFault)] == [500]
