"""Whether a request makes sense at all, before anybody is asked.

The same rules for options, JSON Lines, manifests and library callers. What a generator can do is its own matter
(`generation/parameters.py`); what exists is the providers'.
"""

from __future__ import annotations

import math
import re
import unicodedata
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from assetctl.errors import InvalidRequest
from assetctl.models import AssetType, Reuse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from assetctl.models import AssetInput, AssetRequest, ParameterValue

MAX_ID_LENGTH: Final = 200
MAX_PROMPT_LENGTH: Final = 10_000
MAX_DURATION_S: Final = 3600.0
MAX_WAIT_S: Final = 7 * 86_400.0
MAX_INPUTS: Final = 16
MAX_URL_LENGTH: Final = 2_000
_SEED_LIMIT: Final = 2**63
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")

# Letters, marks and digits of every script, and what game ids are commonly joined with. Ids become file names, tags and
# terminal text: what could be a path, a control or invisible is refused rather than repaired.
_ID_CATEGORIES: Final = ("L", "M", "N")
_ID_PUNCTUATION: Final = frozenset(" _-.:+@")
# What most ids look like, known at a glance: a chapter has a hundred thousand of them.
_PLAIN_ID: Final = re.compile(r"[A-Za-z0-9_]+(?:[-.:+@][A-Za-z0-9_]+)*")


def check_request(request: AssetRequest) -> None:
    """Return when `request` makes sense.

    Raises:
        InvalidRequest: the first rule it breaks, with the value and what would be right.
    """
    check_own(request.scene_id, request.choice_id, request.character_id, request.location_id, request.prompt)
    check_id("player", request.player_id)
    check_id("playthrough", request.playthrough_id)
    for name in ("generator", "provider", "model"):
        _check_label(name, getattr(request, name))
    _check_parameters(request.parameters)
    _check_inputs(request.inputs)
    _check_seconds("duration", request.duration_s, minimum=0.0, maximum=MAX_DURATION_S, minimum_allowed=False)
    _check_seconds("max wait", request.max_wait_s, minimum=0.0, maximum=MAX_WAIT_S, minimum_allowed=True)
    if request.seed is not None and not 0 <= request.seed < _SEED_LIMIT:
        raise InvalidRequest(f"the seed `{request.seed}` is out of range", why="a seed is 0 to 2^63 - 1")
    _check_reuse(request)


def check_own(
    scene_id: str | None, choice_id: str | None, character_id: str | None, location_id: str | None, prompt: str | None
) -> None:
    """Return when the fields of a request that are its own, whatever the others say, make sense (`OWN_FIELDS`).

    Raises:
        InvalidRequest: as `check_request`.
    """
    if scene_id is choice_id is character_id is location_id is prompt is None:
        raise InvalidRequest(
            "the request doesn't say what it is for",
            why="at least one of scene, choice, character, location or prompt is needed",
            hint="assetctl request --scene romance_5 --choice confess",
        )
    check_id("scene", scene_id)
    check_id("choice", choice_id)
    check_id("character", character_id)
    check_id("location", location_id)
    _check_prompt(prompt)


def check_id(name: str, value: str | None) -> None:
    """Return when `value` can be the id of a `name`; None is fine, it is not demanded.

    Raises:
        InvalidRequest: it is empty, too long, or has a character that no id may have.
    """
    if value is None or (len(value) <= MAX_ID_LENGTH and _PLAIN_ID.fullmatch(value)):
        return
    if not value.strip():
        raise InvalidRequest(f"the {name} id is empty", hint=f"name the {name}, or leave it out")
    if len(value) > MAX_ID_LENGTH:
        raise InvalidRequest(
            f"the {name} id is too long",
            why=f"it has {len(value):,} characters, an id at most {MAX_ID_LENGTH}",
            hint=f"it starts with `{value[:24]}`: was a text given where an id belongs?",
        )
    for position, character in enumerate(value):
        if not _may_stand_in_id(character):
            raise InvalidRequest(
                f"the {name} id has a character that no id may have",
                why=f"`{_described(character)}` at position {position + 1}",
                hint="ids are made of letters, digits, spaces and `_ - . : + @`",
            )
    if value != value.strip() or value.startswith(("-", ".")) or ".." in value:
        raise InvalidRequest(
            f"`{value}` cannot be the id of a {name}",
            why="an id doesn't begin with `-` or `.`, begin or end with a space, or contain `..`",
        )


def _may_stand_in_id(character: str) -> bool:
    return character in _ID_PUNCTUATION or unicodedata.category(character).startswith(_ID_CATEGORIES)


def _described(character: str) -> str:
    name = unicodedata.name(character, "control character")
    return f"U+{ord(character):04X} {name}"


def _check_label(name: str, value: str | None) -> None:
    if value is None:
        return
    if not value.strip() or len(value) > MAX_ID_LENGTH or not value.isprintable():
        raise InvalidRequest(
            f"`{value[:24]}` cannot be the name of a {name}",
            why=f"a name has 1 to {MAX_ID_LENGTH} printable characters",
        )


def _check_prompt(prompt: str | None) -> None:
    if prompt is None:
        return
    if not prompt.strip():
        raise InvalidRequest("the prompt is empty", hint="say what the asset shows, or leave the prompt out")
    _check_prose("the prompt", prompt)


def _check_parameters(parameters: Mapping[str, ParameterValue]) -> None:
    for name, value in parameters.items():
        _check_label("parameter", name)
        if isinstance(value, str):
            _check_prose(f"the parameter `{name}`", value)


def _check_prose(what: str, text: str) -> None:
    if len(text) > MAX_PROMPT_LENGTH:
        raise InvalidRequest(
            f"{what} is too long", why=f"it has {len(text):,} characters, at most {MAX_PROMPT_LENGTH:,} are taken"
        )
    if text.isprintable():
        return
    for position, character in enumerate(text):
        if unicodedata.category(character) in ("Cc", "Cs") and character not in "\n\t\r":
            raise InvalidRequest(
                f"{what} has a control character", why=f"`{_described(character)}` at position {position + 1}"
            )


def _check_inputs(inputs: Sequence[AssetInput]) -> None:
    if len(inputs) > MAX_INPUTS:
        raise InvalidRequest("the request has too many inputs", why=f"{len(inputs)}, at most {MAX_INPUTS} are taken")
    for given in inputs:
        sources = [source for source in (given.path, given.asset_id, given.url) if source is not None]
        if len(sources) != 1:
            raise InvalidRequest(
                "an input is exactly one of a file, a backend's asset and an address",
                why=f"{len(sources)} of `path`, `asset_id` and `url` are given",
                hint="--image lantern.png, --asset-ref character=12, --image https://…",
            )
        if given.asset_type not in (None, AssetType.IMAGE, AssetType.VIDEO):
            raise InvalidRequest(f"an input can't be of the type `{given.asset_type}`", why="it is an image or a video")
        _check_label("role", given.role)
        _check_label("backend's asset", given.asset_id)
        if given.url is not None:
            check_url(given.url)
        if given.sha256 is not None and (given.path is None or not _DIGEST.fullmatch(given.sha256)):
            raise InvalidRequest(
                "the digest of an input is 64 lower-case hex digits, beside its path",
                hint="leave `sha256` out: the file is read",
            )


def check_url(url: str) -> None:
    """Return when `url` is an address that a service can fetch and that gives no secret away.

    Raises:
        InvalidRequest: it isn't; the address itself is not repeated where it may hold a password.
    """
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname)
        has_user = parts.username is not None or parts.password is not None
    except ValueError as error:
        raise InvalidRequest("an input's address can't be read", why=str(error)) from error
    if has_user:
        raise InvalidRequest(
            "an input's address has a user name or a password in it",
            why="it would be stored and sent on",
            hint="download the file and give its path",
        )
    if parts.scheme not in ("http", "https") or not has_host:
        raise InvalidRequest(
            f"`{url:.80}` is no address of an input", why="it begins with http:// or https:// and a host"
        )
    if len(url) > MAX_URL_LENGTH or not url.isprintable() or " " in url:
        raise InvalidRequest(
            "an input's address has a character that no address may have, or too many",
            why=f"at most {MAX_URL_LENGTH:,} printable characters without a space are taken",
        )


def _check_seconds(name: str, value: float | None, *, minimum: float, maximum: float, minimum_allowed: bool) -> None:
    if value is None:
        return
    too_small = value < minimum or (value == minimum and not minimum_allowed)
    if not math.isfinite(value) or too_small or value > maximum:
        bound = "from" if minimum_allowed else "more than"
        raise InvalidRequest(
            f"`{value:g}` is no {name} in seconds", why=f"it must be {bound} {minimum:g} and at most {maximum:g}"
        )


def _check_reuse(request: AssetRequest) -> None:
    needed = {
        Reuse.PER_PLAYER: ("player", request.player_id),
        Reuse.PER_PLAYTHROUGH: ("playthrough", request.playthrough_id),
    }
    name, value = needed.get(request.reuse, ("", ""))
    if value is None:
        raise InvalidRequest(
            f"the reuse `{request.reuse.value}` needs to know the {name}",
            why="without it nobody could tell whose result it is",
            hint=f"name the {name}, or leave the reuse out to share the result with everybody",
        )
