"""Which item first had a key, in a few megabytes however long the chapter is.

A table of 64-bit fingerprints with open addressing. Keys are SHA-256, so their first 64 bits are as good as random:
among a million keys two share them by chance once in some forty million chapters. A full table goes to a temporary file
and is looked up there only where a Bloom filter does not rule it out; where no file can be written it stays in memory.
"""

from __future__ import annotations

import sys
import weakref
from array import array
from pathlib import Path
from tempfile import TemporaryFile, gettempdir
from typing import IO, TYPE_CHECKING, Final

from assetctl import filesystem

if TYPE_CHECKING:
    from collections.abc import Callable

#: How many slots a table has, a power of two.
SLOTS: Final = 1 << 17
_FULLEST: Final = 0.7
_FREE: Final = 0
_FILTER_BITS: Final = 1 << 24
_WORD: Final = array("Q").itemsize
_HALF: Final = array("I").itemsize


def _temporary() -> IO[bytes]:
    return TemporaryFile(buffering=0)


class SeenKeys:
    """Remembers the number of the item that came first with each key."""

    def __init__(self, *, slots: int = SLOTS, open_file: Callable[[], IO[bytes]] = _temporary) -> None:
        """Remember nothing yet. `open_file` gives an empty, unbuffered file, opened once a table is full."""
        self._slots = slots
        self._open_file = open_file
        self._table = _Table(slots)
        self._full: list[_Table | _FiledTable] = []
        self._filter = _Filter()
        self._file: IO[bytes] | None = None

    def first(self, key: str, number: int) -> int:
        """The number of the first item with `key` (hex digits): `number` itself, from now on, when there was none.

        Raises:
            CacheError: what was put into a file cannot be read again.
        """
        fingerprint = int(key[:16], 16) or 1  # 0 is that of a free slot
        if self._full and self._filter.may_have(fingerprint):
            for table in self._full:
                if known := table.number_of(fingerprint):
                    return known
        known = self._table.first(fingerprint, number)
        if self._table.count > _FULLEST * self._slots:
            self._put_away()
        return known

    def _put_away(self) -> None:
        full, self._table = self._table, _Table(self._slots)
        self._filter.add(full.fingerprints)
        try:
            if self._file is None:
                self._file = self._open_file()
                weakref.finalize(self, self._file.close)
            position = (_WORD + _HALF) * self._slots * sum(isinstance(table, _FiledTable) for table in self._full)
            self._full.append(_FiledTable(self._file, position, full))
        except OSError:
            self._full.append(full)


class _Table:
    def __init__(self, slots: int) -> None:
        self.count = 0
        self._mask = slots - 1
        self.fingerprints = array("Q", [_FREE]) * slots
        self.numbers = array("I", [0]) * slots

    def first(self, fingerprint: int, number: int) -> int:
        slot = self._slot(fingerprint)
        if self.fingerprints[slot] != _FREE:
            return self.numbers[slot]
        self.fingerprints[slot], self.numbers[slot] = fingerprint, number
        self.count += 1
        return number

    def number_of(self, fingerprint: int) -> int:
        """The number that was given with `fingerprint`, 0 when none was."""
        return self.numbers[self._slot(fingerprint)]

    def _slot(self, fingerprint: int) -> int:
        fingerprints, mask = self.fingerprints, self._mask
        slot = fingerprint & mask
        while (found := fingerprints[slot]) != _FREE and found != fingerprint:
            slot = (slot + 1) & mask
        return slot


class _FiledTable:
    """What a full table knew, in a file from `position` on."""

    def __init__(self, file: IO[bytes], position: int, table: _Table) -> None:
        self._file = file
        self._fingerprints = position
        self._numbers = position + _WORD * len(table.fingerprints)
        self._mask = len(table.fingerprints) - 1
        file.seek(position)
        for part in (table.fingerprints, table.numbers):
            left = memoryview(part).cast("B")
            while left:
                left = left[file.write(left) :]

    def number_of(self, fingerprint: int) -> int:
        with filesystem.translated(Path(gettempdir())):
            slot = fingerprint & self._mask
            while (found := self._at(self._fingerprints + _WORD * slot, _WORD)) not in (_FREE, fingerprint):
                slot = (slot + 1) & self._mask
            return self._at(self._numbers + _HALF * slot, _HALF) if found else 0

    def _at(self, position: int, size: int) -> int:
        self._file.seek(position)
        return int.from_bytes(self._file.read(size), sys.byteorder)


class _Filter:
    """Says of a fingerprint that it surely was not added, or that it may have been (Bloom, 1970)."""

    def __init__(self) -> None:
        self._bits = bytearray(_FILTER_BITS // 8)

    def add(self, fingerprints: array[int]) -> None:
        bits = self._bits
        for fingerprint in fingerprints:
            if fingerprint:
                for bit in (fingerprint % _FILTER_BITS, (fingerprint >> 32) % _FILTER_BITS):
                    bits[bit >> 3] |= 1 << (bit & 7)

    def may_have(self, fingerprint: int) -> bool:
        bits = self._bits
        one, two = fingerprint % _FILTER_BITS, (fingerprint >> 32) % _FILTER_BITS
        return bool(bits[one >> 3] & 1 << (one & 7)) and bool(bits[two >> 3] & 1 << (two & 7))
