"""A manifest as a stream of findings, and the sum of them: its items, its duplicates, all its mistakes."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

from assetctl.errors import ManifestError
from assetctl.prefetch.manifest.fields import ASSET
from assetctl.prefetch.manifest.findings import Duplicate, Item, Place, Problem, Row
from assetctl.prefetch.manifest.nested import NestedManifest, nested_rows, read_nested
from assetctl.prefetch.manifest.resolving import Resolver
from assetctl.prefetch.manifest.rows import read_csv, read_json_lines
from assetctl.prefetch.manifest.seen import SeenKeys
from assetctl.prefetch.manifest.source import Format

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from assetctl.models import AssetRequest
    from assetctl.prefetch.manifest.source import ManifestSource

#: Reading stops after so many mistakes: what has more is no manifest.
MAX_PROBLEMS: Final = 1_000
_DUPLICATES_KEPT: Final = 1_000

Finding = Item | Duplicate | Problem


class ManifestReader:
    """Walks one manifest from its start to its end; made anew for every walk."""

    def __init__(self, source: ManifestSource, effective: Callable[[AssetRequest], AssetRequest]) -> None:
        """Read `source`; `effective` gives a request with the settings in force, as `AssetService.effective` does.

        Raises:
            ManifestError: the source is not what it was when it was opened.
        """
        self.source = source
        self._resolver = Resolver(effective, source.folder)
        self._seen = SeenKeys()
        file = source.rewound()
        self._nested: NestedManifest | None = None
        if source.format in (Format.TOML, Format.JSON):
            self._nested = read_nested(file, source.format)
            self._rows = nested_rows(self._nested)
        else:
            self._rows = read_csv(file) if source.format is Format.CSV else read_json_lines(file)
        self.chapter_id, self.title = source.chapter if self._nested is None else self._nested.chapter()

    def findings(self) -> Iterator[Finding]:
        """Everything in the order of the manifest, once; ends early after `MAX_PROBLEMS` problems."""
        number, problems, rows = 0, 0, 0
        for row in self._rows:
            rows += 1
            found: Iterable[Finding] = (row,) if isinstance(row, Problem) else self._found(row, number + 1)
            for finding in found:
                number += isinstance(finding, Item)
                problems += isinstance(finding, Problem)
                yield finding
            if problems >= MAX_PROBLEMS:
                yield Problem(None, None, "reading stopped here", f"there are {problems:,} mistakes", is_fatal=True)
                return
        if not rows:
            yield Problem(None, None, "the manifest is empty", hint="`assetctl manifest init` writes one to start from")

    def _found(self, row: Row, number: int) -> Iterable[Finding]:
        item = self._resolver.resolved(row, number)
        if not isinstance(item, Item):
            return item
        first = self._seen.first(item.key, number)
        if item.asset_id is not None:
            naming = hashlib.sha256(f"{item.key} {item.asset_id}".encode()).hexdigest()
            if self._named.first(naming, number) != first:
                return (_named_otherwise(item, first),)
            if first == number and self.source.on_named is not None:
                self.source.on_named(item.key, item.asset_id)
        return (item,) if first == number else (Duplicate(item.place, first, item.request),)

    @cached_property
    def _named(self) -> SeenKeys:
        """Which item first asked for something as a certain asset; most manifests name none."""
        return SeenKeys()

    def lines(self, places: Iterable[Place | None]) -> dict[Place, int]:
        """The line of each of `places`; those of flat rows are lines already."""
        wanted = {place for place in places if place is not None}
        lines: dict[Place, int] = {place: place for place in wanted if isinstance(place, int)}
        paths = [place for place in wanted if isinstance(place, tuple)]
        if self._nested is not None and paths:
            lines |= self._nested.lines(paths)
        return lines

    def within(self, place: Place | None) -> str | None:
        """The scene and the choice that `place` is in, where its line doesn't tell it apart from the others."""
        if self._nested is None or not isinstance(place, tuple) or not self._nested.is_one_line:
            return None
        return self._nested.named(place)


def _named_otherwise(item: Item, first: int) -> Problem:
    what = f"item {first:,} is the same request and doesn't name this `{ASSET}`"
    hint = "name one asset for both, or let them differ in what they ask for"
    place = item.place if isinstance(item.place, int) else (*item.place, ASSET)
    return Problem(place, ASSET, what, "what is asked for twice is done once", hint)


@dataclass(slots=True)
class ManifestCheck:
    """What a walk through a manifest found, lines in place of paths; at most `MAX_PROBLEMS` problems are told, by line.

    `name` is what messages call it, `words` what a command is given to mean it.
    `duplicates` counts all, `duplicate_lines` has the first of them: their line and the number of the item they repeat.
    """

    name: str
    words: str
    chapter_id: str | None
    title: str | None
    items: int = 0
    scenes: int = 0
    duplicates: int = 0
    duplicate_lines: list[tuple[int | None, int]] = field(default_factory=list[tuple[int | None, int]])
    problems: list[Problem] = field(default_factory=list[Problem])

    def error(self) -> ManifestError | None:
        """The first problem as the error that stops the run; None when there is none."""
        if not self.problems:
            return None
        first, more = self.problems[0], len(self.problems) - 1
        others = f" ({more:,} more: `assetctl manifest check {self.words}` lists them)" if more else ""
        return ManifestError(f"{placed(self.name, first)}: {first.what}{others}", why=first.why, hint=first.hint)


def placed(name: str, problem: Problem) -> str:
    """`FILE:LINE: scene: field`, as far as known; without the field where the sentence that follows names it."""
    where = f"{name}:{problem.place}" if isinstance(problem.place, int) else name
    if problem.within is not None:
        where = f"{where}: {problem.within}"
    named = problem.field is None or f"`{problem.field}`" in problem.what
    return where if named else f"{where}: `{problem.field}`"


class Checking:
    """Gathers what a walk finds into a `ManifestCheck`."""

    def __init__(self, reader: ManifestReader) -> None:
        """Gather nothing yet."""
        self._reader = reader
        self._check = ManifestCheck(reader.source.name, reader.source.words, reader.chapter_id, reader.title)
        self._duplicates: list[Duplicate] = []
        self._scene: str | None = None

    @property
    def has_problems(self) -> bool:
        """Whether any mistake was found so far."""
        return bool(self._check.problems)

    def add(self, finding: Finding) -> None:
        """`finding` is counted."""
        match finding:
            case Item():
                self._check.items += 1
                # Scenes stand together; one that comes back later counts again.
                self._check.scenes += self._check.items == 1 or finding.request.scene_id != self._scene
                self._scene = finding.request.scene_id
            case Duplicate():
                self._check.duplicates += 1
                if len(self._duplicates) < _DUPLICATES_KEPT:
                    self._duplicates.append(finding)
            case Problem():
                self._check.problems.append(finding)

    def result(self) -> ManifestCheck:
        """What was gathered, with lines."""
        check = self._check
        places = [problem.place for problem in check.problems]
        lines = self._reader.lines([*places, *(one.place for one in self._duplicates)])
        found = [
            replace(
                problem,
                place=None if problem.place is None else lines.get(problem.place),
                within=self._reader.within(problem.place),
            )
            for problem in check.problems
        ]
        check.problems = sorted(found, key=_by_line)
        check.duplicate_lines = [(lines.get(one.place), one.number) for one in self._duplicates]
        return check


def _by_line(problem: Problem) -> float:
    return problem.place if isinstance(problem.place, int) else math.inf


def check_manifest(reader: ManifestReader) -> ManifestCheck:
    """What a whole walk of `reader` finds."""
    checking = Checking(reader)
    for finding in reader.findings():
        checking.add(finding)
    return checking.result()
