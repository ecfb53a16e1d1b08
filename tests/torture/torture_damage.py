"""Damage as disks, editors and bad luck do it: to blobs, sidecars, rows and the index file, each kind by its name."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from random import Random

    Harm = Callable[[Path, list[Path], Random], None]


def _rewrite(path: Path, data: bytes) -> None:
    """`path` has other bytes and the times it had: nothing but its bytes tells."""
    before = path.stat()
    path.chmod(0o600)
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    path.chmod(0o400)


def flip(path: Path, _: list[Path], random: Random) -> None:
    data = bytearray(path.read_bytes())
    data[random.randrange(len(data))] ^= 1 << random.randrange(8)
    _rewrite(path, bytes(data))


def cut(path: Path, _: list[Path], random: Random) -> None:
    data = path.read_bytes()
    _rewrite(path, data[: random.randrange(len(data))])


def grow(path: Path, _: list[Path], random: Random) -> None:
    _rewrite(path, path.read_bytes() + random.randbytes(random.randrange(1, 100)))


def empty(path: Path, _: list[Path], __: Random) -> None:
    _rewrite(path, b"")


def zeros(path: Path, _: list[Path], random: Random) -> None:
    data = bytearray(path.read_bytes())
    start = random.randrange(len(data))
    data[start : start + 512] = bytes(len(data[start : start + 512]))
    # A file may have had zeros there.
    data[0] ^= 0xFF
    _rewrite(path, bytes(data))


def swap(path: Path, others: list[Path], random: Random) -> None:
    """Another's bytes under this name."""
    _rewrite(path, random.choice([other for other in others if other != path]).read_bytes())


def remove(path: Path, _: list[Path], __: Random) -> None:
    path.unlink()


def link(path: Path, others: list[Path], random: Random) -> None:
    """A link to another's file."""
    target = random.choice([other for other in others if other != path])
    path.unlink()
    path.symlink_to(target)


def folder(path: Path, _: list[Path], __: Random) -> None:
    path.unlink()
    path.mkdir()


def pipe(path: Path, _: list[Path], __: Random) -> None:
    path.unlink()
    os.mkfifo(path)


FILE_HARMS: dict[str, Harm] = {
    harm.__name__: harm for harm in (flip, cut, grow, empty, zeros, swap, remove, link, folder, pipe)
}

#: One row, given by its key as the last parameter; `?1` is another's row.
ROW_HARMS = {
    "another's blob": "UPDATE entries SET blob = (SELECT blob FROM entries WHERE key = ?1) WHERE key = ?2",
    "another's document": "UPDATE documents SET document = (SELECT document FROM documents WHERE id ="
    " (SELECT id FROM entries WHERE key = ?1)) WHERE id = (SELECT id FROM entries WHERE key = ?2)",
    "blob outside": "UPDATE entries SET blob = '../../../' || ?1 WHERE key = ?2",
    "absolute blob": "UPDATE entries SET blob = '/etc/passwd' WHERE key = ?2 AND ?1 != ''",
    "no text": "UPDATE entries SET blob = x'00ff' WHERE key = ?2 AND ?1 != ''",
    "no document": "DELETE FROM documents WHERE id = (SELECT id FROM entries WHERE key = ?2) AND ?1 != ''",
    "garbled document": "UPDATE documents SET document = substr(document, 9) WHERE id ="
    " (SELECT id FROM entries WHERE key = ?2) AND ?1 != ''",
    "bytes for a document": "UPDATE documents SET document = x'80ff00' WHERE id ="
    " (SELECT id FROM entries WHERE key = ?2) AND ?1 != ''",
    "another digest": 'UPDATE documents SET document = replace(document, \'"sha256":"\', \'"sha256":"0\') WHERE id ='
    " (SELECT id FROM entries WHERE key = ?2) AND ?1 != ''",
    "time beyond the calendar": "UPDATE entries SET checked_ms = 9000000000000000000 WHERE key = ?2 AND ?1 != ''",
    "time that is none": "UPDATE entries SET used_ms = 'soon' WHERE key = ?2 AND ?1 != ''",
    "no row": "DELETE FROM entries WHERE key = ?2 AND ?1 != ''",
}


def harm_row(index: Path, kind: str, key: str, other_key: str) -> None:
    with closing(sqlite3.connect(index, isolation_level=None)) as connection:
        connection.execute(ROW_HARMS[kind], (other_key, key))


def harm_index(index: Path, kind: str, random: Random) -> None:
    """The index file as it lies there, closed, is damaged."""
    data = bytearray(index.read_bytes())
    match kind:
        case "header":
            data[:100] = random.randbytes(100)
        case "cut":
            del data[random.randrange(1, len(data)) :]
        case "page":
            page = random.randrange(len(data) // 4096) * 4096
            data[page : page + 4096] = random.randbytes(4096)
        case "zeros":
            page = random.randrange(len(data) // 4096) * 4096
            data[page : page + 4096] = bytes(4096)
        case "bits":
            for _ in range(20):
                data[random.randrange(len(data))] ^= 1 << random.randrange(8)
        case _:
            data = bytearray()
    index.write_bytes(data)


INDEX_HARMS = ("header", "cut", "page", "zeros", "bits", "empty")
