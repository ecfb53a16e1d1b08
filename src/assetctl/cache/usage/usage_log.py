"""What requests came to, written down one line each, so that hit rates can be told.

A hit costs one append to the file of its day and never touches the index. A line that was torn is passed over. Days
gone by, and a day that grows large, are folded into sums, which keeps the whole small. Trouble here is told once and
never breaks the request it would have counted.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from assetctl import filesystem
from assetctl.cache.usage.tallies import Answered, Usage, add_to, add_up, from_rows, to_rows
from assetctl.errors import CacheError
from assetctl.events import AssetFetched, AssetGenerated, PlaceholderServed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from pathlib import Path

    from assetctl.clock import Clock
    from assetctl.events import Event
    from assetctl.filesystem import Step
    from assetctl.models import Asset

USAGE_SCHEMA: Final = "assetctl.usage/1"
FOLD_ABOVE_BYTES: Final = 256 << 10
KEPT_DAYS: Final = 400
"""Days whose sums are kept apart; older ones become one sum."""
KEPT_RUNS: Final = 20
RECENT_DAYS: Final = 30

_LINES: Final = re.compile(r"(\d{4}-\d{2}-\d{2})\.jsonl")
_FOLDING: Final = re.compile(r"(\d{4}-\d{2}-\d{2})\..+\.folding")
_LARGEST_FILE: Final = 16 << 20
_EVER_BEFORE: Final = "earlier"


@dataclass(frozen=True, slots=True)
class UsageReport:
    """Usage by period: the run asked about, today (UTC), the last 30 days, and ever."""

    run_id: str | None
    run: Usage
    today: Usage
    recent: Usage
    ever: Usage


@dataclass(slots=True)
class _Book:
    """What is written down: by day, and by run in the order in which runs wrote last.

    `folded` are the names of files that are in it and may still be there.
    """

    days: dict[str, Answered] = field(default_factory=dict[str, Answered])
    runs: dict[str, Answered] = field(default_factory=dict[str, Answered])
    folded: frozenset[str] = frozenset()

    def add(self, day: str, run_id: str, answered: Answered) -> None:
        add_to(self.days.setdefault(day, {}), answered)
        # Taken out and put in again: the run that wrote last stands last.
        self.runs[run_id] = self.runs.pop(run_id, {})
        add_to(self.runs[run_id], answered)


class UsageLog:
    """A listener that writes down each answered request; any number of processes may share one folder."""

    def __init__(
        self,
        folder: Path,
        *,
        run_id: str,
        clock: Clock,
        tell: Callable[[str], None],
        step: Step = filesystem.no_step,
        fold_above_bytes: int = FOLD_ABOVE_BYTES,
    ) -> None:
        """Touch nothing yet. `tell` is given the one sentence about trouble, if there is any."""
        self._folder = folder
        self._run_id = run_id
        self._clock = clock
        self._tell = tell
        self._step = step
        self._fold_above_bytes = fold_above_bytes
        self._is_open = False
        self._is_told = False

    def __call__(self, event: Event) -> None:
        """An answer is written down; every other event is none of its business."""
        match event:
            case AssetFetched() | AssetGenerated() | PlaceholderServed():
                self.record(event.asset)
            case _:
                pass

    def record(self, asset: Asset) -> None:
        """`asset` is counted, unless that fails, which is told once."""
        try:
            self._append(asset)
        except CacheError as error:
            if not self._is_told:
                self._is_told = True
                self._tell(f"hit statistics are not kept: {error.what}{f' ({error.why})' if error.why else ''}")

    def _append(self, asset: Asset) -> None:
        if not self._is_open:
            filesystem.make_private_folder(self._folder, step=self._step)
            self._is_open = True
        day = _day(self._clock.now())
        size = filesystem.append(self._folder / f"{day}.jsonl", _line(asset, self._run_id), step=self._step)
        # The first line of a day is when the days before are over.
        if size == 0:
            fold(self._folder, self._clock.now(), everything=False, step=self._step)
        elif size > self._fold_above_bytes:
            fold(self._folder, self._clock.now(), everything=True, step=self._step)


def read(folder: Path, now: datetime, *, run_id: str | None = None) -> UsageReport:
    """The usage up to `now`; of the run `run_id`, or of the one that wrote last. Nothing is changed.

    Raises:
        CacheError: it cannot be read.
    """
    book = _sums(folder)
    for name in filesystem.names_in(folder):
        match = _LINES.fullmatch(name) or _FOLDING.fullmatch(name)
        if match and name not in book.folded:
            _read_lines(folder, name, match[1], book)
    chosen = next(reversed(book.runs), None) if run_id not in book.runs else run_id
    today, since = _day(now), _day(now - timedelta(days=RECENT_DAYS - 1))
    return UsageReport(
        run_id=chosen,
        run=Usage(book.runs.get(chosen or "", {})),
        today=Usage(book.days.get(today, {})),
        recent=Usage(add_up(part for day, part in book.days.items() if since <= day <= today)),
        ever=Usage(add_up(book.days.values())),
    )


def fold(folder: Path, now: datetime, *, everything: bool, step: Step = filesystem.no_step) -> None:
    """Lines of days gone by, and today's too with `everything`, are sums; nothing if another process is at it.

    Killed anywhere in it, nothing is lost or counted twice: a file is renamed first, and the sums name the renamed
    files that they contain until those are gone.

    Raises:
        CacheError: it could not be done; everything is counted as before.
    """
    from assetctl import locks  # noqa: PLC0415 - once a day; a warm hit folds nothing and should not pay for the import

    with locks.try_hold(folder / "fold.lock") as is_ours:
        if is_ours:
            _fold(folder, now, everything=everything, step=step)


def _fold(folder: Path, now: datetime, *, everything: bool, step: Step) -> None:
    book = _sums(folder)
    names = filesystem.names_in(folder)
    # What an earlier fold, killed on its way, had counted already or had not finished writing.
    for name in names:
        if name in book.folded or (name.endswith(".json") and name != "sums.json"):
            filesystem.remove(folder / name, step=step)
    # Another process may still be writing to yesterday's file at midnight.
    last = _day(now) if everything else _day(now - timedelta(days=2))
    for name in names:
        match = _LINES.fullmatch(name)
        if match and match[1] <= last:
            unused = filesystem.temporary_path(folder).name
            filesystem.publish(folder / name, folder / f"{match[1]}.{unused}.folding", step=step)
    taken = {name: match[1] for name in filesystem.names_in(folder) if (match := _FOLDING.fullmatch(name))}
    for name, day in taken.items():
        _read_lines(folder, name, day, book)
    if not taken:
        return
    book.folded = frozenset(taken)
    _write_sums(folder, book, now, step)
    for name in taken:
        filesystem.remove(folder / name, step=step)


def _write_sums(folder: Path, book: _Book, now: datetime, step: Step) -> None:
    days = _merged(book.days, now)
    document = {
        "schema": USAGE_SCHEMA,
        "folded": sorted(book.folded),
        "days": {day: to_rows(part) for day, part in sorted(days.items())},
        "runs": [[run_id, to_rows(part)] for run_id, part in list(book.runs.items())[-KEPT_RUNS:]],
    }
    temporary = filesystem.temporary_path(folder, ".json")
    filesystem.write_new(temporary, json.dumps(document).encode(), step=step)
    try:
        filesystem.seal(temporary, step=step)
        filesystem.publish(temporary, folder / "sums.json", step=step)
    except BaseException:
        filesystem.remove(temporary)
        raise


def _merged(days: Mapping[str, Answered], now: datetime) -> dict[str, Answered]:
    oldest = _day(now - timedelta(days=KEPT_DAYS))
    merged: dict[str, Answered] = {}
    for day, part in days.items():
        add_to(merged.setdefault(_EVER_BEFORE if day < oldest or day == _EVER_BEFORE else day, {}), part)
    return merged


def _sums(folder: Path) -> _Book:
    """What was folded; nothing when that is missing or damaged."""
    try:
        found = cast("dict[str, Any]", json.loads(_bytes_of(folder, "sums.json") or b"null"))
        if found["schema"] != USAGE_SCHEMA:
            return _Book()
        return _Book(
            days={str(day): from_rows(rows) for day, rows in found["days"].items()},
            runs={str(run_id): from_rows(rows) for run_id, rows in found["runs"]},
            folded=frozenset(name for name in found["folded"] if _FOLDING.fullmatch(name)),
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return _Book()


def _read_lines(folder: Path, name: str, day: str, book: _Book) -> None:
    for line in filter(None, _bytes_of(folder, name).split(b"\n")):
        try:
            run_id, answered = _parsed(line)
        except (ValueError, TypeError, KeyError, RecursionError):
            # Torn by a kill or a full disk, or not ours.
            continue
        book.add(day, run_id, answered)


def _parsed(line: bytes) -> tuple[str, Answered]:
    run_id, source, provider, size_bytes, time_ms, amount, currency = json.loads(line)
    document = {
        "source": source,
        "provider": provider,
        "requests": 1,
        "bytes": size_bytes,
        "time_ms": 0 if time_ms is None else time_ms,
        "timed": int(time_ms is not None),
        "money": {} if amount is None else {currency: amount},
        "priced": int(amount is not None),
    }
    if not isinstance(run_id, str) or (amount is not None and not isinstance(currency, str)):
        raise ValueError("a line of nobody")
    return run_id, from_rows([document])


def _line(asset: Asset, run_id: str) -> bytes:
    cost = asset.cost
    row = (
        run_id,
        asset.source.value,
        asset.origin.provider,
        asset.size_bytes,
        asset.generation_time_ms,
        None if cost is None else str(cost.amount),
        None if cost is None else cost.currency,
    )
    # It begins a line of its own even after one that was torn.
    return b"\n" + json.dumps(row, separators=(",", ":")).encode() + b"\n"


def _bytes_of(folder: Path, name: str) -> bytes:
    with filesystem.translated(folder / name):
        try:
            descriptor = filesystem.open_below(folder, name)
        except FileNotFoundError:
            return b""
        with os.fdopen(descriptor, "rb") as file:
            return file.read(_LARGEST_FILE)


def _day(moment: datetime) -> str:
    return moment.astimezone(UTC).date().isoformat()
