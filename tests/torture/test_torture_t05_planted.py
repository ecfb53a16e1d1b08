"""T5: what is planted in cache, remembered answers or journal runs nothing, leads nowhere and serves nothing wrong."""

from __future__ import annotations

import os
import pickle
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import anyio
from torture_attacks import ATTACKS, REFUSED, Bomb, Place
from torture_report import Report
from torture_shelf import SetClock, Shelf, content

from assetctl.cache.lookups import Lookups
from assetctl.errors import CacheError, JournalError
from assetctl.generation.journal import Journal
from assetctl.models import AssetRequest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_NAMES = ("one", "two", "three")
_SIZE = 800


def _place(folder: Path, number: int) -> Place:
    own = folder / str(number)
    (own / "outside").mkdir(parents=True)
    (own / "outside" / "novel.txt").write_text("chapter one", encoding="ascii")
    with Shelf(own / "cache") as shelf:
        entries = [shelf.put(name, 1, size=_SIZE) for name in _NAMES]
        blob = shelf.cache._blobs.path_of(entries[0])
    return Place(own / "cache", own / "outside", _NAMES[0], blob)


def _tree(folder: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def _use(place: Place, problems: list[str], *, may_refuse: bool) -> None:
    """Everything that users do to a cache, one after the other, each on its own."""
    for deed in (_read, _store, _sweep, _clear):
        with Shelf(place.root) as shelf:
            try:
                problems += deed(shelf)
            except CacheError as error:
                problems += [] if may_refuse else [f"{deed.__name__}: {error.what}, {error.why}"]
            except Exception as error:  # noqa: BLE001 - what else comes out is the finding
                problems.append(f"{deed.__name__}: {error!r}")


def _read(shelf: Shelf) -> list[str]:
    return [f"wrong bytes for {name}" for name in _NAMES if shelf.read(name) not in (None, content(name, 1, _SIZE))]


def _store(shelf: Shelf) -> list[str]:
    shelf.put("new", 1, size=_SIZE)
    return [] if shelf.read("new") == content("new", 1, _SIZE) else ["a new answer was not found"]


def _sweep(shelf: Shelf) -> list[str]:
    shelf.sweep()
    return []


def _clear(shelf: Shelf) -> list[str]:
    shelf.clear(*_NAMES)
    return [f"{name} was cleared and is there" for name in _NAMES if shelf.read(name) is not None]


def test_attacks_on_the_cache_run_nothing_and_lead_nowhere(quick_folder: Path):
    with Report("T5") as report:
        problems: list[str] = []
        for number, attack in enumerate(ATTACKS):
            place, found = _place(quick_folder, number), []
            attack(place)
            before = _tree(place.outside)
            newer = _tree(place.root / "v2")
            _use(place, found, may_refuse=attack in REFUSED)
            if _tree(place.outside) != before or _tree(place.root / "v2") != newer:
                found.append("what lies outside was changed")
            problems += [f"{attack.__name__}: {problem}" for problem in found]
        report.tell(part="cache", attacks=len(ATTACKS))
        report.all_zero(harmed=problems)


LOOKUP_ATTACKS = {
    "pickle": "UPDATE Cache SET mode = 4, value = :bomb",
    "pickled key": "UPDATE Cache SET raw = 0, key = :bomb",
    "file": "UPDATE Cache SET mode = 2, filename = '../outside/novel.txt', value = NULL",
    "file to remove": "UPDATE Cache SET filename = '../outside/novel.txt', expire_time = 1",
    "trigger": "CREATE TRIGGER planted AFTER INSERT ON Cache BEGIN DELETE FROM Cache; END",
    "pragma": "INSERT OR REPLACE INTO Settings VALUES ('sqlite_journal_mode', 'off')",
    "class": "INSERT OR REPLACE INTO Settings VALUES ('disk_pickle_protocol', 5)",
    "view": "CREATE VIEW planted AS SELECT * FROM Cache",
}


def test_attacks_on_remembered_answers_run_nothing_and_lead_nowhere(quick_folder: Path):
    outside = quick_folder / "outside"
    outside.mkdir()
    (outside / "novel.txt").write_text("chapter one", encoding="ascii")
    with Report("T5") as report:
        problems = [
            f"{name}: {problem}"
            for number, name in enumerate(LOOKUP_ATTACKS)
            for problem in anyio.run(_attack_lookups, quick_folder / f"lookups{number}", name, outside)
        ]
        report.tell(part="remembered answers", attacks=len(LOOKUP_ATTACKS))
        report.all_zero(harmed=problems)


async def _attack_lookups(folder: Path, attack: str, outside: Path) -> list[str]:
    lookups, before = Lookups(folder, clock=SetClock()), _tree(outside)
    await lookups.remember("k", "true", ttl_s=60)
    with closing(sqlite3.connect(folder / "cache.db", isolation_level=None)) as connection:
        connection.execute(LOOKUP_ATTACKS[attack], {"bomb": pickle.dumps(Bomb(outside))})
    problems = [] if await lookups.recall("k") in (None, "true") else ["a wrong answer"]
    for number in range(20):
        await lookups.remember(f"k{number}", "new", ttl_s=60)
    if await lookups.recall("k19") != "new":
        problems.append("nothing is remembered any more")
    await lookups.forget("k")
    return problems if _tree(outside) == before else [*problems, "what lies outside was changed"]


def _sql(statement: str) -> Callable[[Path], None]:
    def attack(path: Path) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute(statement)

    return attack


JOURNAL_ATTACKS: dict[str, Callable[[Path], None]] = {
    "emptied": lambda path: path.write_bytes(b""),
    "garbled": lambda path: path.write_bytes(os.urandom(5000)),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:3000]),
    "newer": _sql("PRAGMA user_version = 99"),
    "older": _sql("PRAGMA user_version = 0"),
    "pickled request": _sql("UPDATE orders SET request = 'cposix\nsystem\n(S''touch exploded''\ntR.'"),
    "another state": _sql("UPDATE orders SET state = 'paid for, honestly'"),
    "another table": _sql("DROP TABLE orders"),
}


def test_damage_of_the_journal_stops_orders_and_changes_nothing(quick_folder: Path):
    with Report("T5") as report:
        problems = [
            f"{name}: {problem}"
            for number, name in enumerate(JOURNAL_ATTACKS)
            for problem in anyio.run(_attack_journal, quick_folder / f"data{number}", JOURNAL_ATTACKS[name])
        ]
        report.tell(part="journal", attacks=len(JOURNAL_ATTACKS))
        report.all_zero(harmed=problems)


async def _attack_journal(folder: Path, attack: Callable[[Path], object]) -> list[str]:
    path = folder / "journal.sqlite3"
    journal = Journal(path, clock=SetClock())
    order, _ = await journal.intend("k", "pixsim", AssetRequest(scene_id="s"))
    attack(path)
    before, problems = path.read_bytes(), []
    for ask in (lambda: journal.orders(open_only=False), lambda: journal.get(order.order_id)):
        try:
            if not await ask():
                problems.append("an order is forgotten")
        except JournalError:
            continue
    try:
        _, is_new = await journal.intend("k", "pixsim", AssetRequest(scene_id="s"))
        problems += ["what was ordered is ordered again"] if is_new else []
    except JournalError:
        pass
    return problems if path.read_bytes() == before else [*problems, "the journal was changed"]
