"""What a bad answer, or none, means: one of our errors.

Codes alone do not tell: the server answers many client mistakes with 500 (its API document, "Failure classes"), so
its sentences are read too. Foreign text is cut short and stands in `why` alone; whoever prints it makes it safe.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

from assetctl.errors import (
    AccountExhausted,
    AssetctlError,
    InvalidRequest,
    JobFailed,
    NotAllowed,
    NotYours,
    OutcomeUnknown,
    RateLimited,
    ServiceError,
    ServiceFault,
    ServiceUnreachable,
)
from assetctl.pixsim import wire
from assetctl.pixsim.exchange import Lost
from assetctl.units import human_duration

if TYPE_CHECKING:
    from assetctl.network import Origin
    from assetctl.pixsim.exchange import Answer, NoAnswer, UnusableAnswer

LOG_IN: Final = "assetctl auth login"
RECONCILE: Final = "assetctl jobs reconcile"
_CHECK_URL: Final = "check `backend.url` (assetctl config show --origin), and that the server runs"
_MAX_TEXT: Final = 300

#: What the server says, as a 500 too, when a generation is refused before it is stored. Never matched on other calls.
_REFUSED_GENERATION: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"provider '[^']*' not found or not registered",
        r"does not support operation",
        r"requires (a non-empty|exactly|'composition_assets'|'prompts')",
        r"'composition_assets' must be",
        r"parameters are required|generation_config is required",
        r"daily job limit exceeded",
        r"no account with sufficient credits",
        r"user account is inactive",
        r"content rating violation",
        r"unknown \w+ value '.*' in field",
        r"cannot \w+ other users'",
    )
)
_OTHER_USERS: Final = re.compile(r"cannot \w+ other users'", re.IGNORECASE)
#: Whatever is ordered next is refused as well.
_EXHAUSTED: Final = re.compile(r"daily job limit|sufficient credits", re.IGNORECASE)
_NEXT_STEP: Final = (
    (re.compile(r"daily job limit", re.IGNORECASE), "the limit starts anew at midnight UTC"),
    (re.compile(r"sufficient credits", re.IGNORECASE), "add credits to an account of that provider at the server"),
    (re.compile(r"provider '|support operation", re.IGNORECASE), "assetctl generators show pixsim"),
)
#: What is answered for a server that is down, or by one that does not serve yet or any more.
_AWAY: Final = frozenset({502, 503, 504})
#: Answers that a proxy in front of the server may give although the server got the request.
_PERHAPS_FORWARDED: Final = frozenset({408, 499})


def unreachable(lost: NoAnswer, origin: Origin, request_id: str) -> ServiceUnreachable:
    """No answer to a call that is safe to lose."""
    hints = {
        Lost.TLS: "name its authority's certificate with `backend.ca_file`, if you know that it is genuine",
        Lost.PROXY: "check HTTPS_PROXY and NO_PROXY in the environment",
        Lost.SILENCE: "try again later, or raise `backend.timeout_s`",
        Lost.DEADLINE: "try again later, or raise `backend.timeout_s`",
    }
    return ServiceUnreachable(
        f"`{origin}` can't be reached",
        why=_short(lost.detail),
        hint=hints.get(lost.reason, _CHECK_URL),
        request_id=request_id,
    )


def unusable(answer: UnusableAnswer, origin: Origin, request_id: str) -> ServiceError:
    """An answer that was refused for its form."""
    return ServiceError(
        f"`{origin}` gave an answer that can't be used", why=answer.why, hint=_CHECK_URL, request_id=request_id
    )


def unreadable(error: wire.Unreadable, origin: Origin, request_id: str) -> ServiceError:
    """A success whose body is none we know."""
    return ServiceError(
        f"`{origin}` doesn't answer as a PixSim7 server does", why=str(error), hint=_CHECK_URL, request_id=request_id
    )


def is_missing(answer: Answer) -> bool:
    """Whether a thing asked for by its id is not there; a server that does not know the address says otherwise."""
    told = wire.complaint(answer.body) if answer.status == 404 else None  # noqa: PLR2004 - not found
    return told is not None and told[1] != "Not Found"


def refusal(answer: Answer, origin: Origin, request_id: str) -> AssetctlError:
    """What an answer that is no success means for a call that orders nothing."""
    code, text = _told(answer)
    match answer.status:
        case 401:
            return not_logged_in(origin, text, request_id, hint=LOG_IN)
        case 403:
            return NotAllowed(f"`{origin}` does not permit that", why=text, hint=LOG_IN, request_id=request_id)
        case _ if text is not None and _OTHER_USERS.search(text):
            return NotYours(
                f"`{origin}` does not permit that",
                why=text,
                hint="assetctl auth status shows who you are; its owner may share it",
                request_id=request_id,
            )
        case 429:
            return limited(origin, wait_s=None, request_id=request_id)
        case 400 | 402 | 409 | 413 | 415 | 422 if code is not None:
            return InvalidRequest(f"`{origin}` refused the request", why=text, request_id=request_id)
        case _:
            return _failed(answer, origin, request_id)


def refused_login(answer: Answer, origin: Origin, request_id: str) -> AssetctlError:
    """As `refusal`, where 401 says that name and password don't fit."""
    if answer.status == 401:  # noqa: PLR2004 - unauthorized
        return NotAllowed(
            f"`{origin}` does not know this name and password",
            why=_told(answer)[1],
            hint="check both and run `assetctl auth login` again; five tries a minute are allowed",
            request_id=request_id,
        )
    return refusal(answer, origin, request_id)


def refused_order(answer: Answer, origin: Origin, request_id: str) -> AssetctlError:
    """What an answer that is no success means for an order, by the promise of `Generator.submit`."""
    code, text = _told(answer)
    status = answer.status
    if status in (401, 403, 429):
        return refusal(answer, origin, request_id)
    if text is not None and code is not None and _says_refused(status, text):
        kind = AccountExhausted if _EXHAUSTED.search(text) else JobFailed
        return kind(f"`{origin}` refused the order", why=text, hint=_next_step(text), request_id=request_id)
    if status < 500 and status not in _PERHAPS_FORWARDED:  # noqa: PLR2004 - the class of the status
        return _failed(answer, origin, request_id)
    return unknown_order(origin, f"it answered with status {status}" + (f": {text}" if text else ""), request_id)


def unknown_order(origin: Origin, why: str, request_id: str) -> OutcomeUnknown:
    """Nobody knows whether an order was accepted."""
    return OutcomeUnknown(
        f"nobody knows whether `{origin}` accepted the order", why=_short(why), hint=RECONCILE, request_id=request_id
    )


def not_logged_in(origin: Origin, why: str | None, request_id: str | None, *, hint: str) -> NotAllowed:
    """There is no token, or the server does not take it any more."""
    return NotAllowed(f"not logged in at `{origin}`", why=why, hint=hint, request_id=request_id)


def limited(origin: Origin, *, wait_s: float | None, request_id: str | None) -> RateLimited:
    """The server takes no more for a while; `wait_s` as far as it is known."""
    when = "in a minute" if wait_s is None else f"in {wait_s:.0f} s"
    return RateLimited(
        f"`{origin}` takes no more requests for now",
        why="it says that there were too many of them",
        hint=f"ask again {when}",
        request_id=request_id,
    )


def no_turn(origin: Origin, per_minute: int | None, *, next_s: float | None, request_id: str | None) -> RateLimited:
    """No turn to order comes within the longest wait; the next one is in `next_s` as far as it is known."""
    takes = "it takes only so many orders at a time" if per_minute is None else f"it takes {per_minute} orders a minute"
    comes, when = "others were first", "in a minute"
    if next_s is not None:
        when = f"in {human_duration(math.ceil(next_s))}"
        comes = f"the next turn is {when}"
    return RateLimited(
        f"`{origin}` takes no order within the longest wait, and nothing was ordered",
        why=f"{takes}, and {comes}",
        hint=f"ask again {when}, or allow a longer wait with --max-wait",
        request_id=request_id,
    )


def sentence(answer: Answer) -> str | None:
    """What the server says in an error, cut short; None when it is no PixSim7 error."""
    return _told(answer)[1]


def is_settled_500(answer: Answer) -> bool:
    """Whether a 500 says something that asking again won't change."""
    text = _told(answer)[1]
    return text is not None and any(pattern.search(text) for pattern in _REFUSED_GENERATION)


def _says_refused(status: int, text: str) -> bool:
    if status >= 500:  # noqa: PLR2004 - the class of the status
        return status == 500 and any(pattern.search(text) for pattern in _REFUSED_GENERATION)  # noqa: PLR2004
    # A server that knows no such address refused no order: it is another server.
    return status >= 400 and status not in (404, 405) and status not in _PERHAPS_FORWARDED  # noqa: PLR2004


def _next_step(text: str) -> str:
    return next((hint for pattern, hint in _NEXT_STEP if pattern.search(text)), "ask for something else than that")


def _failed(answer: Answer, origin: Origin, request_id: str) -> ServiceError:
    code, text = _told(answer)
    if answer.status in _AWAY:
        return ServiceUnreachable(
            f"`{origin}` can't be reached",
            why=f"status {answer.status} came in its place" + (f": {text}" if text else ""),
            hint="try again later",
            request_id=request_id,
        )
    if code is None:
        return ServiceError(
            f"`{origin}` doesn't answer as a PixSim7 server does",
            why=f"status {answer.status} without its kind of error",
            hint=_CHECK_URL,
            request_id=request_id,
        )
    kind = ServiceFault if answer.status == 500 else ServiceError  # noqa: PLR2004 - internal server error
    return kind(
        f"`{origin}` failed with status {answer.status}",
        why=text,
        hint=f"try again; its log knows the request as {request_id}",
        request_id=request_id,
    )


def _told(answer: Answer) -> tuple[str | None, str | None]:
    told = wire.complaint(answer.body)
    return (None, None) if told is None else (told[0], _short(told[1]))


def _short(text: str) -> str:
    return text if len(text) <= _MAX_TEXT else text[: _MAX_TEXT - 1] + "…"
