"""Caches of any size for measuring: `uv run python bench/cache_data.py FOLDER --entries 1000000`.

The rows are written straight into the index's own tables, because storing a million files would take hours and what
is measured is the index. The first few entries get real bytes and sidecars, so that they can be looked up and hashed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from assetctl.cache.entries import CacheEntry, complete, entry_document
from assetctl.cache.entries import EntryDraft as Draft
from assetctl.cache.index.queries import PUT_DOCUMENT, PUT_ENTRY, row_of
from assetctl.cache.index.schema import INDEX_VERSION, RECOUNT, SCHEMA, TABLES
from assetctl.models import AssetRequest, AssetType, Cost, MediaInfo, Origin, Source

if TYPE_CHECKING:
    from collections.abc import Iterable

START = datetime(2026, 1, 1, tzinfo=UTC)
SCENE_SIZE = 50
BATCH = 10_000


@dataclass(frozen=True)
class Made:
    """What was made: where, how many, and how long it took."""

    root: Path
    entries: int
    seconds: float
    index_bytes: int


def key_of(number: int) -> str:
    """The key of entry `number`."""
    return hashlib.sha256(b"key %d" % number).hexdigest()


def scene_of(number: int) -> str:
    """The scene of entry `number`; `SCENE_SIZE` entries share one."""
    return f"scene_{number // SCENE_SIZE}"


def content_of(number: int) -> bytes:
    """The bytes of entry `number`, if it has any; the tenth of ten shares those of the last one of its kind."""
    return b"blob %d" % (number - 3 if number % 10 == 9 else number)


def size_of(number: int) -> int:
    """A size between 20 kB and 20 MB, as clips and images have them."""
    return 20_000 + number * 7_919 % 20_000_000


def entry_of(number: int, files: int) -> CacheEntry:
    """Entry `number`; those below `files` are as long as their bytes, the others have made-up sizes."""
    content = content_of(number)
    shared = int(content[5:])
    return replace(
        _example(number % 3, paid=number % 25 == 0),
        key=key_of(number),
        sha256=hashlib.sha256(content).hexdigest(),
        size_bytes=len(content) if shared < files else size_of(shared),
        asset_id=f"asset-{number}",
        request=AssetRequest(scene_id=scene_of(number), choice_id=f"choice_{number % SCENE_SIZE}", prompt="A lantern"),
        created_at=START + timedelta(seconds=number),
        checked_at=START + timedelta(seconds=number),
        last_used_at=START + timedelta(seconds=number * 31 % 5_000_000),
        verified_at=START + timedelta(seconds=number * 17 % 5_000_000),
        pinned=number % 400 == 0,
    )


_EXAMPLES: dict[tuple[int, bool], CacheEntry] = {}


def _example(kind: int, *, paid: bool) -> CacheEntry:
    if (kind, paid) not in _EXAMPLES:
        _EXAMPLES[kind, paid] = complete(_draft(kind, paid=paid), sha256="0" * 64, size_bytes=0, created_at=START)
    return _EXAMPLES[kind, paid]


def _draft(kind: int, *, paid: bool) -> Draft:
    suffix, asset_type, mime_type = (
        (".mp4", AssetType.VIDEO, "video/mp4"),
        (".png", AssetType.IMAGE, "image/png"),
        (".wav", AssetType.AUDIO, "audio/wav"),
    )[kind]
    library = None if kind == 0 or paid else "library:folder"
    generator = None if library else ("pixsim" if paid else "storyboard")
    return Draft(
        key="0" * 64,
        suffix=suffix,
        asset_id="",
        asset_type=asset_type,
        request=AssetRequest(),
        origin=Origin(library or f"generator:{generator}", created_at=START, generator=generator),
        source=Source.PRE_MADE if library else Source.GENERATED,
        media=MediaInfo(mime_type, duration_s=5.0, width=1280, height=720),
        library=library,
        fingerprint="1234-5678" if library else None,
        stand_in=generator == "storyboard",
        paid=paid,
        cost=Cost(Decimal("0.40"), "USD") if paid else None,
        generation_time_ms=15_000 if generator else None,
    )


def make(root: Path, entries: int, *, files: int = 0) -> Made:
    """A cache of `entries` in `root`, where none was, the first `files` of them with bytes and sidecars."""
    started = time.perf_counter()
    path = write_index(root, (entry_of(number, files) for number in range(entries)))
    folder = root / "v1"
    for number in range(min(entries, files)):
        _write_files(folder / "blobs", number, files)
    return Made(root, entries, time.perf_counter() - started, path.stat().st_size)


def write_index(root: Path, entries: Iterable[CacheEntry]) -> Path:
    """The index of the cache in `root`, where none was, with a row for each of `entries`; no bytes are written."""
    folder = root / "v1"
    folder.mkdir(mode=0o700, parents=True)
    root.chmod(0o700)
    path = folder / "index.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -500000")
        connection.execute("BEGIN")
        _fill(connection, entries)
        connection.execute(f"PRAGMA user_version = {INDEX_VERSION}")
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode = WAL")
    path.chmod(0o600)
    return path


def _fill(connection: sqlite3.Connection, entries: Iterable[CacheEntry]) -> None:
    for statement in TABLES:
        connection.execute(statement)
    waiting = iter(entries)
    while batch := [row_of(entry) for entry in islice(waiting, BATCH)]:
        connection.executemany(PUT_ENTRY, [row for row, _ in batch])
        connection.executemany(PUT_DOCUMENT, [document for _, document in batch])
    # Indexes and triggers after the rows: sorted once instead of kept sorted a million times.
    for statement in SCHEMA[len(TABLES) :]:
        connection.execute(statement)
    for statement in RECOUNT:
        connection.execute(statement)


def _write_files(blobs: Path, number: int, files: int) -> None:
    entry = entry_of(number, files)
    shard = blobs / entry.sha256[:2]
    for folder in (blobs, shard):
        folder.mkdir(mode=0o700, exist_ok=True)
    blob, sidecar = shard / entry.blob, shard / f"{entry.sha256}.{entry.key}.json"
    if not blob.exists():
        blob.write_bytes(content_of(number))
    sidecar.write_text(json.dumps(entry_document(entry), indent=1), encoding="ascii")
    for file in (blob, sidecar):
        file.chmod(0o400)


def main() -> None:
    """Make one cache and say what was made."""
    parser = argparse.ArgumentParser(description="Make a cache of many entries.")
    parser.add_argument("folder", type=Path, help="the data directory to make; the cache is `cache` in it")
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--files", type=int, default=200, help="how many get real bytes and sidecars")
    given = parser.parse_args()
    given.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = make(given.folder / "cache", given.entries, files=given.files)
    print(json.dumps({"entries": made.entries, "seconds": round(made.seconds, 1), "index_bytes": made.index_bytes}))


if __name__ == "__main__":
    main()
