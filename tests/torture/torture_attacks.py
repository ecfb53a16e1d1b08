"""What somebody who can write to the cache may plant in it, each by its name; outside lie files it must not touch."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torture_shelf import key_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass(frozen=True)
class Place:
    """The cache at `root`, closed, and `outside` beside it; `name` has an answer there whose bytes are at `blob`."""

    root: Path
    outside: Path
    name: str
    blob: Path

    @property
    def index(self) -> Path:
        return self.root / "v1" / "index.sqlite3"

    @property
    def sidecar(self) -> Path:
        return self.blob.with_name(f"{self.blob.stem}.{key_of(self.name)}.json")

    def execute(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.index, isolation_level=None)) as connection:
            for statement in statements:
                connection.execute(statement)


class Bomb:
    """A pickle that makes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path / "exploded"),)


def trigger(place: Place) -> None:
    place.execute(
        "CREATE TRIGGER planted AFTER INSERT ON entries BEGIN UPDATE entries SET blob = '../../outside/novel.txt'; END"
    )


def view(place: Place) -> None:
    place.execute(
        "ALTER TABLE entries RENAME TO hidden",
        "CREATE VIEW entries AS SELECT * FROM hidden WHERE random() > 0",
    )


def table(place: Place) -> None:
    place.execute("CREATE TABLE more (x)", "INSERT INTO more VALUES (1)")


def calling_index(place: Place) -> None:
    place.execute("CREATE INDEX planted ON entries (abs(size_bytes))")


def other_pragmas(place: Place) -> None:
    place.execute("PRAGMA journal_mode = DELETE", "PRAGMA application_id = 7")


def newer_index(place: Place) -> None:
    place.execute("PRAGMA user_version = 99")


def older_index(place: Place) -> None:
    place.execute("DROP TABLE sums", "PRAGMA user_version = 1")


def row_leads_outside(place: Place) -> None:
    place.execute("UPDATE entries SET blob = '../../../outside/novel.txt'")


def row_names_an_absolute_path(place: Place) -> None:
    place.execute(f"UPDATE entries SET blob = '{place.outside / 'novel.txt'}'")


def document_leads_outside(place: Place) -> None:
    place.execute("UPDATE documents SET document = json_set(document, '$.suffix', './../../../../outside/novel.txt')")


def pickled_document(place: Place) -> None:
    bomb = pickle.dumps(Bomb(place.outside)).hex()
    place.execute(f"UPDATE documents SET document = x'{bomb}'")


def blob_is_a_link(place: Place) -> None:
    place.blob.unlink()
    place.blob.symlink_to(place.outside / "novel.txt")


def shard_is_a_link(place: Place) -> None:
    shutil.move(place.blob.parent, place.outside / "shard")
    place.blob.parent.symlink_to(place.outside / "shard")


def sidecar_leads_outside(place: Place) -> None:
    document = json.loads(place.sidecar.read_bytes())
    place.sidecar.unlink()
    place.sidecar.write_text(json.dumps(document | {"suffix": "/../../../../outside/novel.txt"}), encoding="ascii")
    place.index.unlink()


def sidecar_without_bottom(place: Place) -> None:
    place.sidecar.unlink()
    place.sidecar.write_text("[" * 500_000, encoding="ascii")
    place.index.unlink()


def partial_is_a_link(place: Place) -> None:
    shutil.rmtree(place.root / "v1" / "partial")
    (place.root / "v1" / "partial").symlink_to(place.outside)


def index_is_a_link(place: Place) -> None:
    place.index.rename(place.outside / "index")
    place.index.symlink_to(place.outside / "index")


def log_is_garbage(place: Place) -> None:
    place.index.with_name("index.sqlite3-wal").write_bytes(os.urandom(8192))


def newer_format_beside(place: Place) -> None:
    newer = place.root / "v2"
    newer.mkdir()
    (newer / "index.sqlite3").write_bytes(b"of a newer one")


ATTACKS: tuple[Callable[[Place], None], ...] = (
    trigger, view, table, calling_index, other_pragmas, newer_index, older_index, row_leads_outside,
    row_names_an_absolute_path, document_leads_outside, pickled_document, blob_is_a_link, shard_is_a_link,
    sidecar_leads_outside, sidecar_without_bottom, partial_is_a_link, index_is_a_link, log_is_garbage,
    newer_format_beside,
)  # fmt: skip
#: Where it is right to refuse all work; everywhere else new answers are stored and found.
REFUSED = {newer_index, partial_is_a_link, index_is_a_link, shard_is_a_link}
