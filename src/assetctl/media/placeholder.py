"""Writes the marked file that is delivered when nobody had the asset: plain to see, plain to hear, never mistaken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

from assetctl.errors import AssetUnavailable
from assetctl.keys import request_key
from assetctl.media.card import Card, draw_card, material_of
from assetctl.media.encode import write_image, write_tone, write_video
from assetctl.models import AssetType

if TYPE_CHECKING:
    from pathlib import Path

    from assetctl.models import AssetRequest

DEFAULT_SECONDS: Final = 5.0
_SHORTEST_S: Final = 0.5
_LONGEST_S: Final = 60.0
_FPS: Final = 10
_TONE_HZ: Final = 220.0


def write_placeholder(path: Path, request: AssetRequest, reason: str) -> None:
    """`path` is a playable file of the asked type that says it is a placeholder and why; same input, same bytes.

    A clip or sound has the asked length, within 0.5 to 60 s. Blocking: run it in a thread.

    Raises:
        AssetUnavailable: a type that has no placeholder.
        CacheError: it could not be written.
    """
    seconds = min(_LONGEST_S, max(_SHORTEST_S, request.duration_s or DEFAULT_SECONDS))
    match request.asset_type:
        case AssetType.IMAGE:
            write_image(path, draw_card(_card(request, reason)))
        case AssetType.VIDEO:
            picture = draw_card(_card(request, reason, f"{seconds:g} s"))
            write_video(path, (picture for _ in range(round(seconds * _FPS))), _FPS)
        case AssetType.AUDIO:
            write_tone(path, seconds, _TONE_HZ)
        case AssetType.MODEL_3D:
            raise AssetUnavailable("there is no placeholder for a 3d model", hint="put the model into the library")
        case _ as unknown:
            assert_never(unknown)


def _card(request: AssetRequest, reason: str, *facts: str) -> Card:
    return Card(request, material_of(request, request_key(request)), facts, reason)
