"""The index: rebuilt when it is lost, refused when it is newer, never believed blindly."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import anyio
import pytest
from cache_samples import NOW, StillClock, bytes_of, draft, key_of, paid, put, swept
from hypothesis import given, settings
from hypothesis import strategies as st

from assetctl.cache.index import database
from assetctl.cache.index.database import BUSY_LIMIT_S
from assetctl.cache.store import AssetCache
from assetctl.errors import CacheError, StorageUnusable
from assetctl.models import AssetRequest, AssetType, Cost, Reuse, Style

pytestmark = pytest.mark.anyio


@pytest.fixture
async def filled(root: Path) -> list:
    async with AssetCache(root, clock=StillClock()) as cache:
        return [await put(cache, paid(name), bytes_of(name)) for name in ("one", "two", "three")]


def index_of(root: Path) -> Path:
    return root / "v1" / "index.sqlite3"


def execute(root: Path, *statements: str, values: tuple = ()) -> None:
    with closing(sqlite3.connect(index_of(root))) as connection:
        for statement in statements:
            connection.execute(statement, values)
        connection.commit()


async def listed(root: Path) -> list:
    async with AssetCache(root, clock=StillClock()) as cache:
        return await cache.entries(sort="key")


def swap_page(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for page in range(1, len(data) // 4096):
        data[page * 4096 : page * 4096 + 100] = b"\xee" * 100
    path.write_bytes(data)


LOSSES = {
    "deleted": lambda path: path.unlink(),
    "emptied": lambda path: path.write_bytes(b""),
    "garbage": lambda path: path.write_bytes(b"no database at all" * 500),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:9000]),
    "pages garbled": swap_page,
    "one byte": lambda path: path.write_bytes(b"x"),
}
ATTACKS = {
    "trigger": ["CREATE TRIGGER t AFTER INSERT ON entries BEGIN DELETE FROM entries; END"],
    "changed trigger": [
        "DROP TRIGGER blob_removed",
        "CREATE TRIGGER blob_removed AFTER DELETE ON blobs BEGIN SELECT 1; END",
    ],
    "missing trigger": ["DROP TRIGGER entry_added"],
    "view": ["DROP TABLE documents", "CREATE VIEW documents AS SELECT id, '{}' AS document FROM entries"],
    "other column": ["ALTER TABLE entries ADD COLUMN extra"],
    "extra table": ["CREATE TABLE more (x)"],
    "missing index": ["DROP INDEX entries_by_size"],
    "old version": ["PRAGMA user_version = 0"],
}
TAMPERED_ROWS = {
    "document of another": (
        "UPDATE documents SET document = (SELECT document FROM documents d WHERE d.id != documents.id)"
    ),
    "pickle": "UPDATE documents SET document = x'80049510'",
    "not json": "UPDATE documents SET document = 'null'",
    "deep json": "UPDATE documents SET document = replace(hex(zeroblob(60000)), '0', '[')",
    "no document": "DELETE FROM documents",
    "blob elsewhere": "UPDATE entries SET blob = '../../../../etc/passwd'",
    "number for text": "UPDATE entries SET used_ms = 'soon'",
    "pin of another": "UPDATE entries SET pinned = 1 - pinned",
    "endless time": "UPDATE entries SET checked_ms = 9223372036854775807",
    "huge size": "UPDATE documents SET document = json_set(document, '$.size_bytes', 1e300)",
    "endless cost": "UPDATE documents SET document = json_set(document, '$.cost.amount', 'NaN', '$.cost.currency', '')",
    "placeholder": "UPDATE documents SET document = json_set(document, '$.source', 'placeholder')",
}


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
async def test_lost_index_is_rebuilt_from_blobs_and_sidecars(root: Path, filled: list, loss):
    loss(index_of(root))
    async with AssetCache(root, clock=StillClock()) as cache:
        for entry in filled:
            assert await cache.lookup(entry.key) == entry
    assert await listed(root) == sorted(filled, key=lambda entry: entry.key)


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
async def test_index_of_another_shape_is_not_used(root: Path, filled: list, attack: list[str]):
    execute(root, *attack)
    assert await listed(root) == sorted(filled, key=lambda entry: entry.key)
    assert [path for path in (root / "v1" / "quarantine").iterdir() if path.name.endswith(".index.sqlite3")]


@pytest.mark.parametrize("tampering", TAMPERED_ROWS.values(), ids=TAMPERED_ROWS)
async def test_damaged_rows_are_put_right_from_the_sidecars(root: Path, filled: list, tampering: str):
    execute(root, tampering)
    async with AssetCache(root, clock=StillClock()) as cache:
        for entry in filled:
            assert await cache.lookup(entry.key) == entry


@pytest.mark.usefixtures("filled")
async def test_damaged_row_without_a_sidecar_is_a_miss(root: Path):
    for sidecar in (root / "v1" / "blobs").rglob("*.json"):
        sidecar.unlink()
    execute(root, "UPDATE documents SET document = '{}'")
    assert await listed(root) == []


async def test_newer_index_is_refused_and_untouched(root: Path, filled: list):
    execute(root, f"PRAGMA user_version = {99}", "CREATE TABLE theirs (x)")
    before = index_of(root).read_bytes()
    async with AssetCache(root, clock=StillClock()) as cache:
        with pytest.raises(CacheError, match="newer assetctl"):
            await cache.lookup(filled[0].key)
    assert index_of(root).read_bytes() == before


async def test_index_that_is_a_link_is_refused(root: Path, filled: list, tmp_path: Path):
    shutil.move(index_of(root), tmp_path / "elsewhere")
    index_of(root).symlink_to(tmp_path / "elsewhere")
    async with AssetCache(root, clock=StillClock()) as cache:
        with pytest.raises(StorageUnusable) as caught:
            await cache.lookup(filled[0].key)
    assert caught.value.why == "it is a link"


@pytest.mark.usefixtures("filled")
async def test_index_garbled_while_open_is_rebuilt(root: Path):
    async with AssetCache(root, clock=StillClock()) as cache:
        await cache.entries()
        swap_page(index_of(root))
        async with AssetCache(root, clock=StillClock()) as other:
            assert len(await other.entries()) == 3
        await put(cache, draft("four"), b"4")
    assert len(await listed(root)) == 4


@pytest.mark.usefixtures("filled")
async def test_index_deleted_while_open_loses_nothing_confirmed(root: Path):
    async with AssetCache(root, clock=StillClock()) as cache:
        await cache.entries()
        for path in index_of(root).parent.glob("index.sqlite3*"):
            path.unlink()
        await put(cache, draft("four"), b"4")
    assert len(await listed(root)) == 4


@pytest.mark.usefixtures("filled")
async def test_tampered_sidecar_is_passed_over(root: Path):
    sidecars = sorted((root / "v1" / "blobs").rglob("*.json"))
    for sidecar, text in zip(sidecars, ("[" * 100_000, "{}"), strict=False):
        sidecar.chmod(0o600)
        sidecar.write_text(text, encoding="ascii")
    document = json.loads(sidecars[2].read_text(encoding="ascii"))
    index_of(root).unlink()
    assert [entry.key for entry in await listed(root)] == [document["key"]]


@pytest.mark.usefixtures("filled")
async def test_sidecar_that_is_a_link_is_passed_over(root: Path, tmp_path: Path):
    sidecar = min((root / "v1" / "blobs").rglob("*.json"))
    shutil.move(sidecar, tmp_path / "elsewhere")
    sidecar.symlink_to(tmp_path / "elsewhere")
    index_of(root).unlink()
    assert len(await listed(root)) == 2


async def test_newer_of_two_sidecars_is_the_answer(root: Path):
    clock = StillClock()
    async with AssetCache(root, clock=clock) as cache:
        old = await put(cache, draft("one"), b"old")
        kept = root / "v1" / "blobs" / old.sha256[:2] / f"{old.sha256}.{old.key}.json"
        text = kept.read_bytes()
        clock.moment -= timedelta(days=300)
        new = await put(cache, draft("one"), b"new")
        kept.write_bytes(text)
    index_of(root).unlink()
    assert await listed(root) == [new]


@pytest.mark.usefixtures("filled")
async def test_stored_but_unlisted_answer_is_listed_by_a_sweep(root: Path):
    execute(root, "DELETE FROM entries WHERE key IN (SELECT key FROM entries LIMIT 1)")
    async with AssetCache(root, clock=StillClock()) as cache:
        assert (await swept(cache)).adopted == 1
        assert len(await cache.entries()) == 3


async def test_index_that_cannot_be_rebuilt_on_disk_is_kept_in_memory(root: Path, filled: list):
    index_of(root).unlink()

    def full(change: str, path: Path) -> None:
        if change in {"create", "mkdir"}:
            raise OSError(28, "No space left on device", str(path))

    async with AssetCache(root, clock=StillClock(), step=full) as cache:
        entry = await cache.lookup(filled[0].key)
        assert entry == filled[0]
        assert await cache.verified(entry) is not None
    assert not index_of(root).exists()


async def test_reader_does_not_wait_for_a_writer(root: Path, filled: list):
    with closing(sqlite3.connect(index_of(root), isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        async with AssetCache(root, clock=StillClock()) as cache:
            # A writer is waited for longer.
            with anyio.fail_after(BUSY_LIMIT_S * 0.75):
                entry = await cache.lookup(filled[0].key)
                assert entry is not None
                assert await cache.verified(entry) is not None


def test_shape_lists_everything_that_sqlite_finds():
    with closing(sqlite3.connect(":memory:")) as connection:
        for statement in database.SCHEMA:
            connection.execute(statement)
        found = connection.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL").fetchall()
    assert sorted(row[0] for row in found) == sorted(database.SCHEMA)


texts = st.text(max_size=20)
drafts = st.builds(
    lambda name, paid_for, **changes: paid(name, **changes) if paid_for else draft(name, **changes),
    name=st.sampled_from("abcd"),
    paid_for=st.booleans(),
    asset_id=texts,
    asset_type=st.sampled_from(AssetType),
    request=st.builds(
        AssetRequest,
        scene_id=st.none() | texts,
        prompt=st.none() | texts,
        style=st.none() | st.sampled_from(Style),
        duration_s=st.none() | st.floats(0, 3600),
        parameters=st.dictionaries(texts, st.booleans() | texts | st.integers(), max_size=2),
    ),
    reuse=st.sampled_from(Reuse),
    stand_in=st.booleans(),
    expires_at=st.none() | st.datetimes().map(lambda found: found.replace(tzinfo=NOW.tzinfo)),
    cost=st.none() | st.builds(Cost, st.decimals(0, 1000, places=2), st.sampled_from(["USD", "EUR"])),
    generation_time_ms=st.none() | st.integers(0, 10**9),
    url=st.none() | texts,
)


@settings(max_examples=25)
@given(stored=st.lists(st.tuples(drafts, st.binary(max_size=3)), max_size=6))
def test_rebuilt_index_equals_the_one_before(stored):
    async def check(root: Path) -> None:
        async with AssetCache(root, clock=StillClock()) as cache:
            given_back = {one.key: await put(cache, one, data) for one, data in stored}
            before = await cache.entries(sort="key")
            totals = await cache.totals()
        found = {entry.key: entry for entry in before}
        # What was paid for and replaced is kept beside them, under keys of its own.
        assert {key: found[key] for key in given_back} == given_back
        index_of(root).unlink()
        async with AssetCache(root, clock=StillClock()) as cache:
            assert await cache.entries(sort="key") == before
            assert await cache.totals() == totals

    with tempfile.TemporaryDirectory() as folder:
        anyio.run(check, Path(folder) / "cache")


async def test_money_keeps_its_digits(root: Path):
    async with AssetCache(root, clock=StillClock()) as cache:
        await put(cache, paid("x", "0.100"), b"x")
        entry = await cache.lookup(key_of("x"))
    assert entry is not None
    assert entry.cost == Cost(Decimal("0.100"), "USD")
    assert str(entry.cost.amount) == "0.100"
