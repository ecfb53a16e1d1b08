"""How much of a chapter is there, for people and for programs.

A matrix of scenes and choices where that has room, else for each scene its choices by their state: in most chapters
every scene has choices of its own.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from assetctl.prefetch.coverage import Cover
from assetctl.units import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from assetctl.cli.output import Printer
    from assetctl.prefetch.coverage import Coverage, CoveredItem, CoveredScene

_COLUMNS: Final = 8
#: So many choices of a scene are named for each state; of the others it is said how many they are.
_NAMED: Final = 100

#: A choice, and which of the items with that id it is, counted in its scene from 1: its picture, its sound.
_Moment = tuple[str | None, int]


def print_coverage(found: Coverage, printer: Printer) -> None:
    """The coverage stands on stdout: a line, and unless quiet a table."""
    parts = ", ".join(f"{count:,} {cover.value}" for cover, count in found.counts.items() if count)
    share = f"{found.percent_down_to(1):.1f} % of {counted(found.items, 'asset', 'assets')}"
    printer.line(f"{share}: {parts or 'nothing to do'}")
    if printer.quiet or not found.items:
        return
    printer.line("")
    moments = _moments(found)
    if moments is not None:
        columns = ["scene", *map(_label, moments)]
        matrix = _Rows(found, partial(_matrix_rows, moments))
        if printer.has_room_for(columns, matrix):
            printer.table(columns, matrix)
            return
    printer.table(("scene", "state", "assets", "choices"), _Rows(found, _state_rows), right=("assets",), flows=True)


def coverage_pieces(found: Coverage, min_percent: float | None, *, is_enough: bool) -> Iterator[str]:
    """The coverage as a JSON document, `assetctl.coverage/1`, piece by piece."""
    head = json.dumps(_head(found, min_percent, is_enough=is_enough), indent=2).removesuffix("\n}")
    yield f'{head},\n  "scenes": ['
    separator = "\n    "
    for scene in found.scenes():
        sums = {"scene_id": scene.scene_id, "covered": scene.covered, "items": scene.size}
        yield f'{separator}{json.dumps(sums).removesuffix("}")}, "choices": ['
        for place, item in enumerate(scene.items):
            yield (", " if place else "") + json.dumps(
                {"choice_id": item.choice_id, "item": item.number, "state": item.cover.value}
            )
        yield "]}"
        separator = ",\n    "
    yield "\n  ]\n}\n"


def _head(found: Coverage, min_percent: float | None, *, is_enough: bool) -> dict[str, Any]:
    check = found.check
    return {
        "schema": "assetctl.coverage/1",
        "manifest": None if check is None else check.name,
        "chapter": None if check is None else {"id": check.chapter_id, "title": check.title},
        "items": found.items,
        "percent": found.percent_down_to(2),
        "min_percent": min_percent,
        "is_enough": is_enough,
        "states": {cover.value: count for cover, count in found.counts.items()},
    }


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows that `rows_of` makes of each scene, each time they are walked."""

    found: Coverage
    rows_of: Callable[[CoveredScene], Iterable[list[str]]]

    def __iter__(self) -> Iterator[list[str]]:
        return (row for scene in self.found.scenes() for row in self.rows_of(scene))


def _moments(found: Coverage) -> list[_Moment] | None:
    """The columns of a matrix, in the order in which they come; None where they are too many."""
    moments: dict[_Moment, None] = {}
    for scene in found.scenes():
        for moment, _ in _numbered(scene.items):
            moments[moment] = None
            if len(moments) > _COLUMNS:
                return None
    return list(moments)


def _numbered(items: Iterable[CoveredItem]) -> Iterator[tuple[_Moment, Cover]]:
    seen: Counter[str | None] = Counter()
    for item in items:
        seen[item.choice_id] += 1
        yield (item.choice_id, seen[item.choice_id]), item.cover


def _label(moment: _Moment) -> str:
    choice_id, which = moment
    return (choice_id or "-") + (f" ({which})" if which > 1 else "")


def _matrix_rows(moments: Sequence[_Moment], scene: CoveredScene) -> list[list[str]]:
    covers = dict(_numbered(scene.items))
    return [[scene.scene_id or "-", *(covers[moment].value if moment in covers else "" for moment in moments)]]


def _state_rows(scene: CoveredScene) -> Iterator[list[str]]:
    named: dict[Cover, list[str]] = {cover: [] for cover in Cover if scene.counts[cover]}
    wanted = (item for item in scene.items if len(named[item.cover]) < _NAMED)
    for moment, cover in _numbered(wanted):
        named[cover].append(_label(moment))
    for cover, labels in named.items():
        more = scene.counts[cover] - len(labels)
        choices = ", ".join(labels) + (f" and {more:,} more" if more else "")
        yield [scene.scene_id or "-", cover.value, f"{scene.counts[cover]:,}", choices]
