"""What stands beside a blob tells when it is not as it was written; text that is none is damage, never a crash."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from cache_samples import NOW, paid

from assetctl.cache.entries import complete, entry_document, entry_from_sidecar, sidecar_bytes
from assetctl.cache.index.trouble import Connection, UnfitError, failure

if TYPE_CHECKING:
    from pathlib import Path

ENTRY = complete(paid("x"), sha256="ab" * 32, size_bytes=1, created_at=NOW)


def test_sidecar_gives_its_entry():
    assert entry_from_sidecar(sidecar_bytes(ENTRY)) == ENTRY


def test_sidecar_from_before_the_sum_is_believed():
    assert entry_from_sidecar(json.dumps(entry_document(ENTRY)).encode()) == ENTRY


def test_sound_looking_sidecar_that_was_changed_is_damage():
    changed = sidecar_bytes(ENTRY).replace(b'"created_at": "2026', b'"created_at": "2066')
    assert changed != sidecar_bytes(ENTRY)
    with pytest.raises(ValueError, match="as it was written"):
        entry_from_sidecar(changed)


@pytest.mark.parametrize("text", [b"[]", b'"x"', b"{}", b'{"document_sha256": 1}', b"\xff", b""])
def test_other_text_is_damage(text: bytes):
    with pytest.raises(ValueError, match=r"."):
        entry_from_sidecar(text)


def test_complaint_of_sqlite_that_is_no_text_means_a_garbled_index(tmp_path: Path):
    path = tmp_path / "index.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE entries (x)")
        connection.execute("CREATE INDEX named ON entries (x)")
    sound = path.read_bytes()
    # SQLite names what it complains of, byte by byte.
    path.write_bytes(sound.replace(b"indexnamed", b"indexn\xf3med").replace(b"named ON", b"named XN"))
    with closing(sqlite3.connect(path, factory=Connection)) as connection, pytest.raises(sqlite3.Error) as caught:
        connection.execute("SELECT * FROM entries")
    assert type(failure(caught.value, path, 1)) is UnfitError
