"""One asset on a page: its picture, what it was to show, how it stands with it, and what went wrong, in words."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Final

from assetctl.models import AssetType
from assetctl.prefetch.report.drawing import sign, waveform
from assetctl.prefetch.report.escaping import html_sentence, html_text
from assetctl.prefetch.report.states import WORDS, State
from assetctl.units import human_duration, human_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assetctl.media.stills import Still
    from assetctl.prefetch.report.entries import Entry

_LONGEST_NAME: Final = 120
_LONGEST_PROMPT: Final = 4_000
_FOLDED_FROM: Final = 260
_SHOWN_OF_FOLDED: Final = 200
_LONGEST_WORDS: Final = 600
_SIGNS: Final = frozenset(asset_type.value for asset_type in AssetType)


def card(entry: Entry, still: Still | None, shot: str) -> str:
    """The card of `entry`, which the page numbers `shot`; with its `still` if there is one."""
    state = entry.state.value
    name = html_text(entry.name, max_length=_LONGEST_NAME)
    return (
        f'<article class="card {state}" data-state="{state}" id="asset-{entry.position + 1}">'
        f"{_frame(entry, still, shot)}"
        f'<h3>{name}</h3><p class="state"><span class="mark" aria-hidden="true"></span>{WORDS[entry.state]}</p>'
        f"{_prompt(entry)}{_facts(entry)}{_notes(entry)}</article>\n"
    )


def _frame(entry: Entry, still: Still | None, shot: str) -> str:
    kind = entry.asked["type"] if entry.asked["type"] in _SIGNS else AssetType.VIDEO.value
    inside = _inside(entry, still, kind)
    band = '<span class="band">Placeholder</span>' if entry.state is State.PLACEHOLDER else ""
    length = f'<span class="length">{human_duration(entry.duration_s)}</span>' if entry.duration_s else ""
    return f'<figure class="frame {kind}">{inside}{band}<span class="shot">{html_text(shot)}</span>{length}</figure>'


def _inside(entry: Entry, still: Still | None, kind: str) -> str:
    label = _label(entry, kind)
    if still is not None and still.picture:
        data = base64.b64encode(still.picture).decode()
        return (
            f'<img src="data:image/webp;base64,{data}" width="{still.width}" height="{still.height}" alt="{label}"'
            ' loading="lazy" decoding="async">'
        )
    if still is not None and still.levels:
        return waveform(still.levels, f"Waveform of {entry.name}")
    words = "no picture" if entry.asset is not None and kind != AssetType.MODEL_3D else kind.replace("_", " ")
    return f'<span class="empty">{sign(kind)}<span>{words}</span></span>'


def _label(entry: Entry, kind: str) -> str:
    what = (
        "Placeholder card for"
        if entry.state is State.PLACEHOLDER
        else "Picture of the"
        if kind == "image"
        else "Still from"
    )
    where = " / ".join(part for part in dict.fromkeys((entry.scene, entry.name)) if part)
    prompt = f": {' '.join(entry.asked['prompt'].split())}" if entry.asked["prompt"] else ""
    return html_text(f"{what} {where}{prompt}", max_length=_LONGEST_WORDS)


def _prompt(entry: Entry) -> str:
    words = " ".join((entry.asked["prompt"] or "").split())
    if not words:
        return ""
    if len(words) <= _FOLDED_FROM:
        return f'<p class="prompt">{html_text(words)}</p>'
    start = words[:_SHOWN_OF_FOLDED].rpartition(" ")[0] or words[:_SHOWN_OF_FOLDED]
    rest = html_text(words[len(start) :], max_length=_LONGEST_PROMPT)
    return f'<details class="prompt"><summary>{html_text(start)}</summary>{rest}</details>'


def _facts(entry: Entry) -> str:
    rows = "".join(
        f"<div><dt>{term}</dt><dd>{html_text(value, max_length=_LONGEST_NAME)}</dd></div>"
        for term, value in _told(entry)
    )
    return f"<dl>{rows}</dl>" if rows else ""


def _told(entry: Entry) -> Iterator[tuple[str, str]]:
    asset, seconds = entry.asset, entry.found.get("seconds")
    if entry.asked["location_id"]:
        yield "Place", entry.asked["location_id"]
    if entry.asked["character_id"]:
        yield "With", entry.asked["character_id"]
    if entry.maker is not None and entry.state is not State.PLACEHOLDER:
        yield "Source", entry.maker
    if entry.cost_text is not None:
        yield "Cost", entry.cost_text
    if asset is not None and asset["width"]:
        yield "Size", f"{asset['width']} x {asset['height']}, {human_size(asset['size_bytes'])}"
    elif asset is not None:
        yield "Size", human_size(asset["size_bytes"])
    if seconds is not None and entry.state in (State.GENERATED, State.FAILED):
        yield "Took", human_duration(seconds)


def _notes(entry: Entry) -> str:
    told = dict.fromkeys(entry.warnings, "warning")
    if entry.trouble is not None and not any(words.startswith(entry.trouble) for words in told):
        told = {entry.trouble: "trouble", **told}
    if entry.trouble is not None and entry.hint is not None:
        told[entry.hint] = "hint"
    return "".join(
        f'<p class="note {kind}">{html_sentence(words, max_length=_LONGEST_WORDS)}</p>'
        for words, kind in told.items()
        if words
    )
