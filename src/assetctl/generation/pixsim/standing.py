"""How a job stands, from what the server says of it: open words, and failures that may turn into tries.

A failed row may go back to `pending` under the same id, so a failure that the server would try again is believed only
after a while; one it never tries again is believed at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from assetctl.generation.base import JobState, JobStatus

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from assetctl.pixsim.records import Generation

GRACE_S: Final = 8.0
"""How long a failure, or a success without an asset, is looked at again before it is believed."""

_LOOK_AGAIN_S: Final = 1.0
_SKEW_S: Final = 60.0
_MAX_RETRIES: Final = 10
#: Codes that the server never tries again (its error catalogue); a code that is not known may be either.
_FINAL_CODES: Final = frozenset(
    {
        "content_prompt_rejected",
        "content_text_rejected",
        "external_partner_refused",
        "param_too_long",
        "param_invalid",
        "param_missing",
        "param_asset_unresolvable",
        "provider_auth",
        "provider_rejected",
    }
)
_WAITING: Final[Mapping[str, str]] = MappingProxyType(
    {
        "account_credit_exhausted_wait": "its accounts have no credit left",
        "account_cooldown_wait": "its accounts rest for a while",
        "account_capacity_wait": "its accounts are all busy",
        "account_unavailable_wait": "none of its accounts is available",
        "pinned_account_capacity_wait": "the account it is tied to is busy",
        "pinned_account_cooldown_wait": "the account it is tied to rests for a while",
    }
)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an end that may not be one was looked at already, and what time it is."""

    waited_s: float
    now: datetime


def standing(row: Generation, patience: Patience) -> JobStatus:
    """How the job of `row` stands."""
    match row.status:
        case "pending":
            return JobStatus(JobState.QUEUED, message=_why_pending(row))
        case "processing":
            return JobStatus(JobState.RUNNING, message="it is to be stopped" if _is_to_stop(row) else None)
        case "paused":
            return JobStatus(JobState.PAUSED, message=_told(row) or "somebody paused it at the backend")
        case "completed" | "failed" | "cancelled":
            return _ended(row, patience)
        case other:
            return JobStatus(JobState.RUNNING, message=f"the backend calls it `{other:.40}`")


def may_change(row: Generation) -> bool:
    """Whether the end that `row` tells of is looked at again before it is believed."""
    return (row.status == "failed" and _may_be_tried_again(row)) or (row.status == "completed" and row.asset_id is None)


def is_complete(row: Generation) -> bool:
    """Whether the job of `row` made its asset; that stays so, and which asset it is."""
    return row.status == "completed" and row.asset_id is not None


def _ended(row: Generation, patience: Patience) -> JobStatus:
    if row.status == "cancelled":
        return JobStatus(JobState.CANCELLED, message=_told(row))
    return _completed(row, patience) if row.status == "completed" else _failed(row, patience)


def _completed(row: Generation, patience: Patience) -> JobStatus:
    if is_complete(row):
        return JobStatus(JobState.SUCCEEDED)
    if _is_over(row, patience):
        return JobStatus(JobState.FAILED, message="the backend completed the job without an asset")
    return JobStatus(JobState.RUNNING, message="its asset is being stored", poll_after_s=_LOOK_AGAIN_S)


def _failed(row: Generation, patience: Patience) -> JobStatus:
    told = _told(row) or "the backend gives no reason"
    if not _may_be_tried_again(row) or _is_over(row, patience):
        return JobStatus(JobState.FAILED, message=told)
    return JobStatus(JobState.QUEUED, message=f"it may be tried again: {told}", poll_after_s=_LOOK_AGAIN_S)


def _may_be_tried_again(row: Generation) -> bool:
    return row.error_code not in _FINAL_CODES and row.retry_count < _MAX_RETRIES


def _is_over(row: Generation, patience: Patience) -> bool:
    if patience.waited_s >= GRACE_S:
        return True
    # Whatever is done about an end is done soon after it. The two clocks may differ.
    ended = row.completed_at
    return ended is not None and (patience.now - ended).total_seconds() > GRACE_S + _SKEW_S


def _is_to_stop(row: Generation) -> bool:
    return row.deferred_action == "cancel"


def _why_pending(row: Generation) -> str | None:
    if row.wait_reason is not None:
        return _WAITING.get(row.wait_reason, row.wait_reason)
    # Of an earlier try; it says why there is another one.
    told = _told(row) if row.retry_count else None
    return None if told is None else f"try {row.retry_count + 1}, after: {told}"


def _told(row: Generation) -> str | None:
    if row.error_message is None:
        return row.error_code
    return row.error_message if row.error_code is None else f"{row.error_message} ({row.error_code})"
