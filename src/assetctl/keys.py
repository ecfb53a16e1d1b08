"""What makes two requests the same.

The key is the SHA-256 of the request's canonical form: the demands in effect after settings, as canonical JSON (RFC
8785). Policy (how long to wait, whether to generate) is not part of it; a player or playthrough only where the result
may not be shared beyond it. A change of the recipe needs a new `RECIPE`, so that old answers are never taken for new.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from typing import TYPE_CHECKING, Any, Final

import rfc8785

from assetctl.models import OWN_FIELDS, Reuse

if TYPE_CHECKING:
    from assetctl.models import AssetInput, AssetRequest

RECIPE: Final = "assetctl.key/1"

_in_c = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode
# Between these a float has the same shortest form in Python and in ECMAScript.
_SMALLEST: Final = 1e-4
_LARGEST: Final = 1e15


def canonical_form(request: AssetRequest) -> dict[str, Any]:
    """The part of `request` that decides its key, as JSON values; what is not demanded is left out.

    Text is in Unicode's NFC and without surrounding white space, so that the same words typed on two systems agree.
    """
    parts: dict[str, Any] = {
        "recipe": RECIPE,
        "scene_id": _text(request.scene_id),
        "choice_id": _text(request.choice_id),
        "character_id": _text(request.character_id),
        "location_id": _text(request.location_id),
        "prompt": _text(request.prompt),
        "type": request.asset_type.value,
        "style": request.style.value if request.style else None,
        "duration_s": request.duration_s,
        # As text: JSON numbers end at 2**53, seeds need not.
        "seed": None if request.seed is None else str(request.seed),
        "generator": _text(request.generator),
        "provider": _text(request.provider),
        "model": _text(request.model),
        "parameters": {_text(name): _value(value) for name, value in request.parameters.items()} or None,
        "inputs": [_input(given) for given in request.inputs] or None,
        "reuse": request.reuse.value,
        "player_id": _text(request.player_id) if request.reuse is Reuse.PER_PLAYER else None,
        "playthrough_id": _text(request.playthrough_id) if request.reuse is Reuse.PER_PLAYTHROUGH else None,
    }
    return {name: part for name, part in parts.items() if part is not None}


def _input(given: AssetInput) -> dict[str, str]:
    # The bytes of a local file make the key: the same picture in another folder is the same demand.
    parts = {
        "type": given.asset_type.value if given.asset_type else None,
        "role": _text(given.role),
        "sha256": given.sha256,
        "asset_id": _text(given.asset_id),
        "url": given.url,
    }
    return {name: part for name, part in parts.items() if part is not None}


def request_key(request: AssetRequest) -> str:
    """The request key: 64 lower-case hex digits, the same for the same demands on every machine."""
    return hashlib.sha256(_serialized(canonical_form(request))).hexdigest()


class AlikeKeys:
    """The keys of requests that say what an example says in all but `OWN_FIELDS`; what they share is written once."""

    def __init__(self, example: AssetRequest) -> None:
        """Write down what they share: the members of the canonical form before each of their own, and the last ones."""
        shared = {name: part for name, part in canonical_form(example).items() if name not in OWN_FIELDS}
        self._before: list[tuple[str, int, str]] = []
        before = ""
        for name in sorted((*shared, *OWN_FIELDS)):
            if name in shared:
                before += _serialized({name: shared[name]}).decode()[1:-1] + ","
            else:
                self._before.append((before, OWN_FIELDS.index(name), f'"{name}":'))
                before = ""
        # Never empty: each form says its type, whose name comes after all of their own.
        self._last = before.removesuffix(",")

    def key(self, *own: str | None) -> str:
        """As `request_key`, for the one with these own fields, in their order."""
        members = ""
        for before, index, name in self._before:
            members += before
            text = own[index]
            if text is not None:
                members += f"{name}{_in_c(_text(text))},"
        return hashlib.sha256(f"{{{members}{self._last}}}".encode()).hexdigest()


def _serialized(form: dict[str, Any]) -> bytes:
    """`form` as RFC 8785 has it. What it mostly is, texts and a length, is written by the standard library in C.

    Both escape the same characters. They differ where names are not ASCII or floats need an exponent (section 3.2.2.3).
    """
    length = form.get("duration_s")
    if "parameters" in form or "inputs" in form or not (length is None or _SMALLEST <= length < _LARGEST):
        return rfc8785.dumps(form)
    if length is not None and float(length).is_integer():
        form = {**form, "duration_s": int(length)}
    return _in_c(form).encode()


def _text(text: str | None) -> str | None:
    return None if text is None else unicodedata.normalize("NFC", text.replace("\r\n", "\n")).strip()


def _value(value: str | float | bool) -> Any:  # noqa: FBT001 - one of a parameter's four types
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value)
    # Whole numbers beyond 2**53 have no exact JSON form (RFC 8785, section 3.2.2.3): keep their digits.
    return value if abs(value) < 2**53 else str(value)


def asset_key(library: str, asset_id: str) -> str:
    """The key under which a library's asset is cached that was asked for by its id and not by a request."""
    return hashlib.sha256(rfc8785.dumps({"recipe": RECIPE, "library": library, "asset_id": asset_id})).hexdigest()


def superseded_key(key: str, sha256: str) -> str:
    """The key under which a paid answer with that digest is kept once another answers `key`; no request has it."""
    return hashlib.sha256(rfc8785.dumps({"recipe": RECIPE, "superseded": key, "sha256": sha256})).hexdigest()
