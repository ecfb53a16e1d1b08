"""What is no entry, and what SQLite and the disk may answer."""

from __future__ import annotations

import errno
import sqlite3
import sys
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cache_samples import NOW, StillClock, draft, key_of, put, swept

from assetctl.cache.entries import complete, entry_document, entry_from_document, moment
from assetctl.cache.files.blobs import Blobs
from assetctl.cache.index import trouble
from assetctl.cache.index.database import Database
from assetctl.cache.store import AssetCache
from assetctl.errors import CacheError, StorageFull, StorageUnusable
from assetctl.filesystem import no_step

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "changes", [{"key": "abc"}, {"key": "../" * 21 + "x"}, {"suffix": "mp4"}, {"suffix": "./../x"}]
)
def test_name_that_leads_elsewhere_is_no_entry(changes: dict[str, str]):
    with pytest.raises(ValueError, match=r"a key|a suffix"):
        draft("x", **changes)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("schema", "assetctl.entry/2"),
        ("sha256", "AB" * 32),
        ("sha256", None),
        ("size_bytes", -1),
        ("size_bytes", True),
        ("size_bytes", 2**63),
        ("suffix", "/../x"),
        ("source", "cached"),
        ("type", "hologram"),
        ("paid", 1),
        ("origin", None),
        ("origin", {"provider": "x", "generator": [], "model": None, "job_id": None}),
        ("media", {"mime_type": "video/mp4", "duration_s": "long", "width": None, "height": None}),
        ("media", {"mime_type": 1, "duration_s": None, "width": None, "height": None}),
        ("cost", {"amount": "sNaN", "currency": "USD"}),
        ("cost", {"amount": "much", "currency": "USD"}),
        ("request", {"sceen_id": "x"}),
        ("created_at", None),
        ("created_at", "soon"),
        ("expires_at", 7),
        ("url", 7),
    ],
)
def test_document_with_a_wrong_part_is_damage(field: str, value: object):
    document = entry_document(complete(draft("x"), sha256="ab" * 32, size_bytes=1, created_at=NOW))
    assert entry_from_document(document).key == key_of("x")
    with pytest.raises(ValueError):
        entry_from_document(document | {field: value})
    with pytest.raises(ValueError):
        entry_from_document({name: part for name, part in document.items() if name != field})


def test_time_beyond_the_calendar_is_damage():
    with pytest.raises(ValueError, match=r"."):
        moment(2**62)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (sqlite3.SQLITE_FULL, StorageFull),
        (sqlite3.SQLITE_READONLY | 8 << 8, StorageFull),
        (sqlite3.SQLITE_CANTOPEN, StorageUnusable),
        (sqlite3.SQLITE_PERM, StorageUnusable),
        (sqlite3.SQLITE_BUSY, CacheError),
        (sqlite3.SQLITE_IOERR, CacheError),
        (sqlite3.SQLITE_IOERR_SHORT_READ, trouble.UnfitError),
        (sqlite3.SQLITE_CORRUPT, trouble.UnfitError),
        (sqlite3.SQLITE_NOTADB, trouble.UnfitError),
        (0, CacheError),
    ],
)
def test_sqlite_is_understood_by_its_codes(tmp_path: Path, code: int, kind: type[Exception]):
    error = sqlite3.OperationalError("it says something")
    error.sqlite_errorcode = code
    assert type(trouble.failure(error, tmp_path, 1)) is kind


def database(path: Path, fill=lambda _run: None) -> Database:
    return Database(path, aside=path.parent / "aside", scratch=path.parent / "scratch", fill=fill, step=no_step)


def test_wrong_statement_is_an_error_and_no_reason_to_rebuild(tmp_path: Path):
    with closing(database(tmp_path / "index.sqlite3")) as index:
        index.write(lambda run: run("INSERT INTO documents VALUES (1, 'd')"))
        with pytest.raises(CacheError, match="cannot be used"):
            index.read("SELECT * FROM nothing")
        assert index.read("SELECT * FROM documents") == [(1, "d")]


def test_failed_work_leaves_nothing_half_written(tmp_path: Path):
    def work(run) -> None:
        run("INSERT INTO documents VALUES (1, 'd')")
        raise StorageFull("no room")

    with closing(database(tmp_path / "index.sqlite3")) as index:
        with pytest.raises(StorageFull):
            index.write(work)
        assert index.read("SELECT * FROM documents") == []


def test_index_that_is_swapped_at_every_write_is_given_up(tmp_path: Path):
    path = tmp_path / "index.sqlite3"

    with closing(database(path)) as index, pytest.raises(CacheError, match="again and again"):
        index.write(lambda _run: path.unlink())


def test_index_that_cannot_be_filled_is_an_error(tmp_path: Path):
    def fill(run) -> None:
        run("INSERT INTO nothing VALUES (1)")

    with (
        closing(database(tmp_path / "index.sqlite3", fill)) as index,
        pytest.raises(CacheError, match="cannot be used"),
    ):
        index.read("SELECT 1")


def test_index_that_is_a_folder_is_an_error(tmp_path: Path):
    (tmp_path / "index.sqlite3").mkdir()
    with closing(database(tmp_path / "index.sqlite3")) as index, pytest.raises(CacheError):
        index.read("SELECT 1")


@pytest.mark.anyio
async def test_file_in_place_of_a_folder_is_refused_by_name(tmp_path: Path):
    async with AssetCache(tmp_path / "cache", clock=StillClock()) as cache:
        stored = await put(cache, draft("x"), b"film")
    shard = tmp_path / "cache" / "v1" / "blobs" / stored.sha256[:2]
    shard.rename(tmp_path / "gone")
    shard.write_bytes(b"")
    async with AssetCache(tmp_path / "cache", clock=StillClock()) as cache:
        assert await cache.lookup(stored.key) is None
        assert await cache.lost(stored.key) == stored
        with pytest.raises(StorageUnusable, match=stored.sha256[:2]):
            await put(cache, draft("x"), b"film")


@pytest.mark.anyio
async def test_quarantine_is_emptied_after_a_month_but_remembers_what_was_lost(tmp_path: Path):
    clock = StillClock(datetime.now(UTC))
    async with AssetCache(tmp_path / "cache", clock=clock) as cache:
        stored = await put(cache, draft("x"), b"film")
        path = await cache.verified(stored)
        assert path is not None
        path.chmod(0o600)
        path.write_bytes(b"damaged")
        assert await cache.verified(stored) is None
        clock.moment += timedelta(days=29)
        assert (await swept(cache)).removed_files == 0
        clock.moment += timedelta(days=2)
        assert (await swept(cache)).freed_bytes == len(b"damaged")
        assert await cache.lost(stored.key) == stored


@pytest.mark.anyio
async def test_trouble_while_tidying_up_does_not_unsay_what_is_stored(tmp_path: Path):
    def no_unlink(change: str, path: Path) -> None:
        if change == "unlink":
            raise OSError(errno.EIO, "disk trouble", str(path))

    async with AssetCache(tmp_path / "cache", clock=StillClock()) as cache:
        await put(cache, draft("x"), b"older")
    async with AssetCache(tmp_path / "cache", clock=StillClock(), step=no_unlink) as cache:
        stored = await put(cache, draft("x"), b"film")
        assert await cache.verified(stored) is not None


@contextmanager
def no_more_files():
    """Within the block this process can open no file."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.anyio
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
async def test_too_many_open_files_is_trouble_and_not_damage(tmp_path: Path):
    async with AssetCache(tmp_path / "cache", clock=StillClock()) as cache:
        stored = await put(cache, draft("x"), b"film")
    blobs = Blobs(tmp_path / "cache", tmp_path / "cache" / "v1", step=no_step)
    for ask in (lambda: blobs.condition(stored), lambda: list(blobs.entries()), lambda: blobs.lost(stored.key)):
        with no_more_files(), pytest.raises(CacheError) as caught:
            ask()
        assert "ulimit" in (caught.value.hint or "")
    assert next(blobs.entries()) == stored


@pytest.mark.anyio
async def test_failed_rewrite_of_a_sidecar_leaves_the_old_one(tmp_path: Path):
    def failing(change: str, path: Path) -> None:
        if change == "rename":
            raise OSError(errno.ENOSPC, "no room", str(path))

    async with AssetCache(tmp_path / "cache", clock=StillClock()) as cache:
        stored = await put(cache, draft("x"), b"film")
    async with AssetCache(tmp_path / "cache", clock=StillClock(), step=failing) as cache:
        with pytest.raises(StorageFull):
            await cache.set_pinned([stored.key], pinned=True)
        assert await cache.lookup(stored.key) == stored
    assert not list((tmp_path / "cache" / "v1" / "partial").iterdir())
    assert list(Blobs(tmp_path / "cache", tmp_path / "cache" / "v1", step=no_step).entries()) == [stored]
