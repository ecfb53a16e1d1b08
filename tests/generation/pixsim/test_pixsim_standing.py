"""Each of the server's words is told as what it means for who waits; an end is believed only when it stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assetctl.generation.base import JobState
from assetctl.generation.pixsim.standing import GRACE_S, Patience, may_change, standing
from assetctl.pixsim.records import Generation

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FIRST = Patience(0.0, NOW)
LAST = Patience(GRACE_S, NOW)


def row(status: str, **fields: Any) -> Generation:
    return Generation(1, status, "text_to_video", "pixverse", {}, **fields)


@pytest.mark.parametrize(
    ("found", "state", "message"),
    [
        (row("pending"), JobState.QUEUED, None),
        (row("pending", wait_reason="account_credit_exhausted_wait"), JobState.QUEUED, "no credit left"),
        (row("pending", wait_reason="moon_is_full"), JobState.QUEUED, "moon_is_full"),
        (row("pending", error_message="old", retry_count=0), JobState.QUEUED, None),
        (row("pending", error_message="boom", retry_count=2), JobState.QUEUED, "try 3, after: boom"),
        (row("processing"), JobState.RUNNING, None),
        (row("processing", deferred_action="cancel"), JobState.RUNNING, "to be stopped"),
        (row("paused"), JobState.PAUSED, "somebody paused it"),
        (row("paused", error_code="provider_concurrent_limit_quarantine"), JobState.PAUSED, "quarantine"),
        (row("completed", asset_id=9), JobState.SUCCEEDED, None),
        (row("cancelled"), JobState.CANCELLED, None),
        (row("dreaming"), JobState.RUNNING, "`dreaming`"),
    ],
)
def test_words_mean(found: Generation, state: JobState, message: str | None):
    status = standing(found, FIRST)
    assert status.state is state
    assert (status.message is None) if message is None else (message in (status.message or ""))


@pytest.mark.parametrize("code", ["content_prompt_rejected", "param_invalid", "provider_auth", "provider_rejected"])
def test_failure_that_is_never_tried_again_is_final_at_once(code: str):
    found = row("failed", error_code=code, error_message="no")
    assert standing(found, FIRST).state is JobState.FAILED
    assert standing(found, FIRST).message == f"no ({code})"
    assert not may_change(found)


@pytest.mark.parametrize("code", ["provider_timeout", "content_filtered", "code_of_tomorrow", None])
def test_failure_that_may_be_tried_again_is_believed_after_a_while(code: str | None):
    found = row("failed", error_code=code, error_message="boom")
    assert may_change(found)
    first = standing(found, FIRST)
    assert first.state is JobState.QUEUED
    assert first.poll_after_s is not None
    assert "may be tried again: boom" in (first.message or "")
    assert standing(found, LAST).state is JobState.FAILED


def test_last_of_all_tries_is_final_at_once():
    assert standing(row("failed", error_code="provider_timeout", retry_count=10), FIRST).state is JobState.FAILED


def test_failure_of_long_ago_is_final_at_once():
    found = row("failed", error_code="provider_timeout", completed_at=NOW - timedelta(minutes=2))
    assert standing(found, FIRST).state is JobState.FAILED
    recent = row("failed", error_code="provider_timeout", completed_at=NOW - timedelta(seconds=60))
    assert standing(recent, FIRST).state is JobState.QUEUED


def test_failure_without_a_reason_says_so():
    assert standing(row("failed"), LAST).message == "the backend gives no reason"


def test_success_without_an_asset_is_awaited_and_then_a_failure():
    found = row("completed")
    assert may_change(found)
    assert standing(found, FIRST).state is JobState.RUNNING
    assert standing(found, LAST).state is JobState.FAILED
    assert "without an asset" in (standing(found, LAST).message or "")


@given(st.text(), st.none() | st.text(), st.none() | st.text(), st.integers(0, 99), st.floats(0, 1e9))
def test_no_word_breaks_it(status: str, code: str | None, reason: str | None, tries: int, waited_s: float):
    found = row(status, error_code=code, wait_reason=reason, retry_count=tries, error_message=code)
    assert standing(found, Patience(waited_s, NOW)).state in JobState
