"""A report for a pull request or the summary of a CI job: sums, what needs attention, and each scene folded away.

What GitHub shows of a summary ends at a mebibyte; what is left out to stay below it is said.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from assetctl.prefetch.manifest.reading import placed
from assetctl.prefetch.report.escaping import markdown_html, markdown_line, markdown_text
from assetctl.prefetch.report.states import NEEDS_ATTENTION, WORDS, State
from assetctl.units import counted, human_duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from assetctl.prefetch.report.entries import Entry
    from assetctl.prefetch.report.facts import Facts
    from assetctl.prefetch.report.gathering import Gathering, Scene

#: docs.github.com, "Workflow commands for GitHub Actions": the most that a step may put into its summary.
MAX_BYTES: Final = 1 << 20
_MOST_ATTENTION: Final = 200
_LONGEST_WORDS: Final = 300
#: What closing a table and saying what was left out takes at most.
_TAIL_BYTES: Final = 600


def markdown_report(facts: Facts, gathering: Gathering, *, max_bytes: int = MAX_BYTES) -> Iterator[str]:
    """The report, piece by piece, at most `max_bytes` of UTF-8 together; nothing where not even its head has room."""
    room = max_bytes - _TAIL_BYTES
    for piece in (_head(facts), _attention(facts, gathering)):
        if len(piece.encode()) > room:
            return
        room -= len(piece.encode())
        yield piece
    left_out = 0
    for scene in gathering.scenes():
        if left_out:
            left_out += scene.items
            continue
        start = _scene_start(scene, facts)
        if len(start.encode()) > room:
            left_out += scene.items
            continue
        room -= len(start.encode())
        yield start
        for entry in gathering.entries(scene.start, scene.end):
            row = _row(entry)
            if left_out or len(row.encode()) > room:
                left_out += 1
                continue
            room -= len(row.encode())
            yield row
        yield "\n</details>\n"
        room -= len("\n</details>\n")
    if left_out:
        yield f"\n_{counted(left_out, 'asset', 'assets')} left out: a summary may be {max_bytes:,} bytes long._\n"


def _head(facts: Facts) -> str:
    rows = "".join(f"| {WORDS[state]} | {count:,} |\n" for state, count in _ordered(facts.counts))
    table = f"| state | assets |\n|---|---:|\n{rows}\n" if rows else ""
    there = f"{facts.delivered:,} of {counted(facts.items, 'asset', 'assets')} there"
    told = [facts.plan_sentence if facts.is_plan or not facts.items else there]
    if facts.is_plan:
        told.append("a plan: nothing was done")
    else:
        told += [human_duration(facts.seconds), f"spent {facts.spent_text()}", f"run {facts.run_id}"]
    partial = facts.partial_sentence()
    note = "" if partial is None else f"> {markdown_line(partial)}\n\n"
    mistakes = "".join(
        f"- {markdown_line(f'{placed(facts.manifest, problem)}: {problem.what}', max_length=_LONGEST_WORDS)}\n"
        for problem in facts.problems[:_MOST_ATTENTION]
    )
    return (
        f"## {markdown_line(facts.name, max_length=_LONGEST_WORDS)}\n\n{note}"
        f"{markdown_line(' · '.join(told))}\n\n{table}{mistakes}"
    )


def _ordered(counts: Mapping[State, int]) -> list[tuple[State, int]]:
    return [(state, counts[state]) for state in State if counts.get(state)]


def _attention(facts: Facts, gathering: Gathering) -> str:
    if not facts.needing_attention:
        return ""
    needing = (entry for entry in gathering.entries() if entry.state in NEEDS_ATTENTION)
    rows = "".join(_attention_row(entry) for entry in islice(needing, _MOST_ATTENTION))
    more = facts.needing_attention - _MOST_ATTENTION
    note = f"\n_and {more:,} more_\n" if more > 0 else ""
    return f"### Needs attention\n\n| scene | asset | state | what happened |\n|---|---|---|---|\n{rows}{note}\n"


def _attention_row(entry: Entry) -> str:
    return _cells(entry.scene or "-", entry.name, WORDS[entry.state], entry.trouble or "")


def _scene_start(scene: Scene, facts: Facts) -> str:
    counts = ", ".join(f"{count:,} {WORDS[state]}" for state, count in _ordered(scene.counts))
    name = markdown_html(scene.scene_id or facts.name, max_length=_LONGEST_WORDS)
    return (
        f"\n<details><summary>{name}: {counts}</summary>\n\n"
        "| asset | state | source | cost | time | note |\n|---|---|---|---:|---:|---|\n"
    )


def _row(entry: Entry) -> str:
    return _cells(
        entry.name,
        WORDS[entry.state],
        entry.maker or "",
        entry.cost_text or "",
        entry.time_text or "",
        entry.trouble or "; ".join(entry.warnings),
    )


def _cells(*texts: str) -> str:
    return f"| {' | '.join(markdown_text(text, max_length=_LONGEST_WORDS) for text in texts)} |\n"
