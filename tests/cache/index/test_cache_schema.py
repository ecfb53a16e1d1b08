"""The index's shape: totals that are always true, and orders and filters that never walk a million rows."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest
from cache_samples import NOW, draft, paid
from hypothesis import given, settings
from hypothesis import strategies as st

from assetctl.cache.entries import complete
from assetctl.cache.index.filters import EntryFilter, Sort, SortField, parse_sort
from assetctl.cache.index.index import drop, put
from assetctl.cache.index.queries import listing, order_by, where
from assetctl.cache.index.schema import DIMENSIONS, RECOUNT, SCHEMA
from assetctl.models import AssetRequest, AssetType, Origin


def opened() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for statement in SCHEMA:
        connection.execute(statement)
    return connection


def runner(connection: sqlite3.Connection):
    return lambda sql, values=(): connection.execute(sql, values).fetchall()


def sums(connection: sqlite3.Connection) -> tuple[list, list]:
    totals = connection.execute("SELECT * FROM sums WHERE entries > 0 ORDER BY dimension, value").fetchall()
    return totals, connection.execute("SELECT * FROM blobs ORDER BY blob").fetchall()


names = st.sampled_from("abc")
puts = st.builds(
    lambda name, byte, cost, scene, kind, pinned: (
        "put",
        replace(
            complete(
                (paid if cost else draft)(
                    name,
                    request=AssetRequest(scene_id=scene),
                    asset_type=kind,
                    origin=Origin("g", generator="g" if cost else None),
                ),
                sha256=byte * 64,
                size_bytes=int(byte),
                created_at=NOW,
            ),
            pinned=pinned,
        ),
    ),
    names,
    st.sampled_from("123"),
    st.booleans(),
    st.sampled_from([None, "park", "lake"]),
    st.sampled_from(AssetType),
    st.booleans(),
)
drops = st.builds(lambda name: ("drop", draft(name).key), names)


@settings(max_examples=60)
@given(st.lists(puts | drops, max_size=12))
def test_running_totals_equal_a_recount_after_any_changes(changes):
    with closing(opened()) as connection:
        for what, value in changes:
            (put if what == "put" else drop)(runner(connection), value)
        kept = sums(connection)
        for statement in RECOUNT:
            connection.execute(statement)
        assert kept == sums(connection)
        documents = connection.execute("SELECT count(*) FROM documents").fetchone()
        assert documents == connection.execute("SELECT count(*) FROM entries").fetchone()


def test_totals_are_split_by_every_dimension():
    with closing(opened()) as connection:
        put(runner(connection), complete(paid("x"), sha256="1" * 64, size_bytes=7, created_at=NOW))
        found = {row[0]: row[1:] for row in sums(connection)[0]}
    assert set(found) == {"all", "disk", *DIMENSIONS}
    assert found["generator"] == ("pixsim", 1, 7, 1, 0)
    assert found["disk"] == ("", 1, 7, 0, 0)


def plan(connection: sqlite3.Connection, filter_: EntryFilter, sort: Sort) -> tuple[str, str]:
    """How the rows of a listing are chosen, and what happens to those that were."""
    clause, values = where(filter_, NOW)
    sql = f"EXPLAIN QUERY PLAN {listing(clause, order_by(sort))}"
    details = [row[3] for row in connection.execute(sql, (*values, 20))]
    end = details.index("SCAN e")
    return " | ".join(details[:end]), " | ".join(details[end:])


@pytest.mark.parametrize("field", SortField)
@pytest.mark.parametrize("direction", ["asc", "desc"])
def test_every_order_comes_from_an_index(field: SortField, direction: str):
    with closing(opened()) as connection:
        chosen, fetched = plan(connection, EntryFilter(), parse_sort(f"{field}:{direction}"))
    assert "USING INDEX" in chosen
    assert "TEMP B-TREE" not in chosen
    assert "SEARCH d USING INTEGER PRIMARY KEY" in fetched


@pytest.mark.parametrize(
    "filter_",
    [
        EntryFilter(scene_id="x"),
        EntryFilter(scene_id="x", choice_id="y"),
        EntryFilter(choice_id="y"),
        EntryFilter(character_id="y"),
        EntryFilter(location_id="y"),
        EntryFilter(pinned=True),
        EntryFilter(paid=True),
    ],
)
def test_narrow_filters_search_an_index_in_the_usual_order(filter_: EntryFilter):
    with closing(opened()) as connection:
        chosen, _ = plan(connection, filter_, Sort(SortField.CREATED, descending=True))
    assert "SEARCH e USING INDEX" in chosen
    assert "TEMP B-TREE" not in chosen


@pytest.mark.parametrize(
    ("sql", "index"),
    [
        (
            "SELECT key FROM entries WHERE paid = 0 AND pinned = 0 ORDER BY eviction_rank, used_ms",
            "entries_by_eviction",
        ),
        ("SELECT key FROM entries ORDER BY verified_ms", "entries_by_verification"),
        ("SELECT key FROM entries WHERE expires_ms <= 5", "entries_by_expiry"),
        ("SELECT value FROM sums WHERE dimension = 'scene' ORDER BY size_bytes DESC, value LIMIT 5", "sums_by_size"),
    ],
)
def test_what_is_worked_off_in_order_has_its_index(sql: str, index: str):
    with closing(opened()) as connection:
        details = " ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}"))
    assert index in details
    assert "TEMP B-TREE FOR ORDER BY" not in details


def test_filter_on_expiry_says_what_the_entry_says():
    known = {"sha256": "1" * 64, "size_bytes": 1}
    moments = (None, NOW, NOW + timedelta(milliseconds=1), NOW + timedelta(days=5000), NOW - timedelta(days=1))
    entries = [
        complete(draft(f"{number}-{ahead}", expires_at=expires), created_at=NOW + timedelta(days=ahead), **known)
        for number, expires in enumerate(moments)
        for ahead in (-10, 0, 500)
    ]
    with closing(opened()) as connection:
        for entry in entries:
            put(runner(connection), entry)
        for expired in (True, False):
            clause, values = where(EntryFilter(expired=expired), NOW)
            found = {row[0] for row in connection.execute(f"SELECT e.key FROM entries e{clause}", values)}
            assert found == {entry.key for entry in entries if entry.is_current(NOW) is not expired}
