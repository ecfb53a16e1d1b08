"""Remembered keys: every first one is told again, in a memory that stays as it is."""

from __future__ import annotations

import errno
import gc
import hashlib
import io
import tracemalloc
from tempfile import TemporaryFile
from typing import IO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assetctl.errors import CacheError
from assetctl.prefetch.manifest.seen import SeenKeys

FEW = 16


def key(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


class FullDisk(io.BytesIO):
    """A file that takes `room` bytes, in small pieces, and no more."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room

    def write(self, data: bytes, /) -> int:
        if not self.room:
            raise OSError(errno.ENOSPC, "no room")
        taken = min(len(data), self.room, 7)
        self.room -= taken
        return super().write(data[:taken])


def new_file() -> IO[bytes]:
    return TemporaryFile(buffering=0)


def no_file() -> IO[bytes]:
    raise OSError(errno.EMFILE, "too many files")


FILES = {
    "a file": new_file,
    "no file": no_file,
    "no room": lambda: FullDisk(0),
    "room for one table and a half": lambda: FullDisk(12 * FEW * 3 // 2),
}


@given(st.lists(st.integers(0, 50)), st.sampled_from(sorted(FILES)))
def test_the_first_with_a_key_is_told_to_all_after_it(numbers: list[int], file: str):
    seen, first = SeenKeys(slots=FEW, open_file=FILES[file]), {}
    for position, number in enumerate(numbers, start=1):
        first.setdefault(number, position)
        assert seen.first(key(number), position) == first[number]


@pytest.mark.parametrize("file", sorted(FILES))
def test_keys_that_begin_alike_are_told_apart(file: str):
    seen = SeenKeys(slots=FEW, open_file=FILES[file])
    alike = [f"{high:08x}{5:08x}" + "0" * 48 for high in range(1, 50)]
    assert [seen.first(one, number) for number, one in enumerate(alike, start=1)] == list(range(1, 50))
    assert [seen.first(one, 99) for one in alike] == list(range(1, 50))


def test_a_key_of_zeros_is_a_key():
    seen = SeenKeys()
    assert seen.first("0" * 64, 1) == 1
    assert seen.first("0" * 64, 2) == 1


def test_full_tables_forget_nobody_and_take_no_memory():
    keys = [key(number) for number in range(20_000)]
    seen = SeenKeys(slots=1024)
    # With the first full table comes all that will ever be needed.
    for number, one in enumerate(keys[:2_000], start=1):
        seen.first(one, number)
    tracemalloc.start()
    for number, one in enumerate(keys[2_000:], start=2_001):
        seen.first(one, number)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken < 4 * len(keys)
    assert [seen.first(one, 99_999) for one in keys] == list(range(1, len(keys) + 1))


def test_the_file_is_closed_with_the_keys():
    file = io.BytesIO()
    seen = SeenKeys(slots=FEW, open_file=lambda: file)
    for number in range(1, 2 * FEW):
        seen.first(key(number), number)
    assert not file.closed
    del seen
    gc.collect()
    assert file.closed


def test_a_file_that_cannot_be_read_again_is_an_error():
    class Broken(io.BytesIO):
        def read(self, _: int | None = -1, /) -> bytes:
            raise OSError(errno.EIO, "it is broken")

    seen = SeenKeys(slots=FEW, open_file=Broken)
    for number in range(1, FEW):
        seen.first(key(number), number)
    with pytest.raises(CacheError):
        seen.first(key(1), FEW)
