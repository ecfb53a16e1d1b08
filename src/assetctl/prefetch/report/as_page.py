"""A storyboard for people: one file, its scenes and choices in the order of the story, each with its picture.

It asks no network for anything, runs no script and obeys nothing that came from outside: its own policy forbids all but
its style, known by its digest, and the pictures in it. Choosing by state is done by the style alone.
"""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from itertools import islice
from typing import TYPE_CHECKING, Final

from assetctl.prefetch.manifest.reading import placed
from assetctl.prefetch.report.cards import card
from assetctl.prefetch.report.drawing import SYMBOLS, shares
from assetctl.prefetch.report.escaping import html_sentence, html_text
from assetctl.prefetch.report.states import NEEDS_ATTENTION, WORDS, State
from assetctl.units import counted, human_duration

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from assetctl.media.stills import Still
    from assetctl.prefetch.report.entries import Entry
    from assetctl.prefetch.report.facts import Facts
    from assetctl.prefetch.report.gallery import Gallery
    from assetctl.prefetch.report.gathering import Gathering, Scene

#: So many cards a browser still scrolls through.
MAX_CARDS: Final = 10_000
_LONGEST_NAME: Final = 160
_LONGEST_MISTAKE: Final = 400
_MOST_MISTAKES: Final = 200


def page_report(facts: Facts, gathering: Gathering, gallery: Gallery, *, max_cards: int = MAX_CARDS) -> Iterator[str]:
    """The page, piece by piece."""
    yield _top(facts)
    shown = gallery.hang(gathering.entries(0, min(len(gathering), max_cards)))
    for number, scene in enumerate(gathering.scenes(), start=1):
        if scene.start >= max_cards:
            break
        yield from _scene(scene, number, facts, shown)
    yield _bottom(facts, gallery, max(0, len(gathering) - max_cards))


def _top(facts: Facts) -> str:
    style = files("assetctl.prefetch.report").joinpath("page.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    name = html_text(facts.name, max_length=_LONGEST_NAME)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<meta name="referrer" content="no-referrer">\n'
        f'<meta name="generator" content="{html_text(facts.tool)}">\n'
        f"<title>{name} – storyboard</title>\n<style>{style}</style>\n</head>\n<body>\n"  # noqa: RUF001 - a title
        f"{SYMBOLS}\n{_header(facts, name)}{_filters(facts)}<main>\n"
    )


def _header(facts: Facts, name: str) -> str:
    kind = "Plan" if facts.is_plan else "Storyboard"
    chapter = facts.chapter_id if facts.title and facts.chapter_id else ""
    over = " · ".join(html_text(part, max_length=_LONGEST_NAME) for part in (kind, chapter) if part)
    partial = facts.partial_sentence()
    notice = "" if partial is None else f'<p class="partial" role="note">{html_sentence(partial)}</p>'
    mistakes = "".join(
        f"<li>{html_sentence(f'{placed(facts.manifest, problem)}: {problem.what}', max_length=_LONGEST_MISTAKE)}</li>"
        for problem in facts.problems[:_MOST_MISTAKES]
    )
    if mistakes:
        notice += f"<ul>{mistakes}</ul>"
    bar = shares(facts.counts, ", ".join(f"{count:,} {WORDS[state]}" for state, count in _present(facts)))
    rows = "".join(f"<div><dt>{term}</dt><dd>{value}</dd></div>" for term, value in _sums(facts))
    return (
        f'<header><p class="over">{over}</p><h1>{name}</h1><p class="lead">{_lead(facts)}</p>'
        f'{bar}{notice}<dl class="sums">{rows}</dl></header>\n'
    )


def _lead(facts: Facts) -> str:
    if not facts.items:
        return html_sentence(f"{facts.plan_sentence[:1].upper()}{facts.plan_sentence[1:]}.")
    whole = counted(facts.items, "asset", "assets")
    if facts.delivered == facts.items:
        lead = f"All {whole} are here." if facts.items > 1 else f"{whole.capitalize()}, and it is here."
    else:
        lead = f"{facts.delivered:,} of {whole} are here."
    attention = facts.needing_attention
    if attention and not facts.is_plan:
        lead += f" {attention:,} need{'' if attention > 1 else 's'} attention."
    return html_text(lead)


def _sums(facts: Facts) -> Iterator[tuple[str, str]]:
    yield "When", f'<time datetime="{facts.ended_at:%Y-%m-%dT%H:%M:%SZ}">{_date(facts.ended_at)}</time>'
    if facts.is_plan:
        yield "Would take", html_text(facts.plan_sentence)
        return
    yield "Took", html_text(human_duration(facts.seconds))
    yield "Spent", html_text(facts.spent_text())
    yield "Planned", html_text(facts.plan_sentence)


def _date(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"


def _filters(facts: Facts) -> str:
    present = _present(facts)
    if not present:
        return ""
    choices = [("all", "All", facts.items)]
    if facts.needing_attention and len(present) > 1:
        choices.append(("attention", "Needs attention", facts.needing_attention))
    if len(present) > 1:
        choices += [(state.value, WORDS[state].capitalize(), count) for state, count in present]
    pills = "".join(
        f'<input type="radio" name="show" id="show-{value}"{" checked" if value == "all" else ""}>'
        f'<label for="show-{value}" class="{value}">{words} <b>{count:,}</b></label>'
        for value, words, count in choices
    )
    return f'<form class="filters"><fieldset><legend>Show</legend>{pills}</fieldset></form>\n'


def _present(facts: Facts) -> list[tuple[State, int]]:
    return [(state, facts.counts[state]) for state in State if facts.counts.get(state)]


def _scene(scene: Scene, number: int, facts: Facts, shown: Iterator[tuple[Entry, Still | None]]) -> Iterator[str]:
    name = html_text(scene.scene_id or facts.name, max_length=_LONGEST_NAME)
    needing = sum(scene.counts.get(state, 0) for state in NEEDS_ATTENTION)
    note = counted(scene.items, "asset", "assets") + (f", {needing:,} to look at" if needing else "")
    yield (
        f'<section class="scene" aria-labelledby="scene-{number}"><header class="slate">'
        f'<p class="over">Scene {number:,}</p><h2 id="scene-{number}">{name}</h2><p class="count">{note}</p></header>'
        f'<div class="cards">\n'
    )
    for place, (entry, still) in enumerate(islice(shown, scene.items), start=1):
        yield card(entry, still, f"{number}.{place}" if scene.items > 1 else f"{number}")
    yield "</div></section>\n"


def _bottom(facts: Facts, gallery: Gallery, left_out: int) -> str:
    told = [f"Made by {facts.tool} from {facts.manifest}, run {facts.run_id}."]
    if left_out:
        told.append(
            f"{counted(left_out, 'asset is', 'assets are')} not shown: a page has {MAX_CARDS:,} at most."
            " Choose scenes with --scene, or read the report in JSON."
        )
    if (pictures := gallery.sentence()) is not None:
        told.append(f"{pictures}.")
    if facts.lost:
        told.append(f"The details of {counted(facts.lost, 'asset', 'assets')} could not be kept: the disk was full.")
    rows = "".join(f"<p>{html_text(words)}</p>" for words in told)
    return f"</main>\n<footer>{rows}</footer>\n</body>\n</html>\n"
