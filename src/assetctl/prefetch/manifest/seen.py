"""Which item first had a key, in a few bytes each, so that a chapter of a million items needs no million objects.

A table of 64-bit fingerprints with open addressing. Keys are SHA-256, so their first 64 bits are as good as random:
among a million keys two share them by chance once in some forty million chapters.
"""

from __future__ import annotations

from array import array
from typing import Final

_SMALLEST: Final = 1 << 10
_FULLEST: Final = 0.7


class SeenKeys:
    """Remembers the number of the item that came first with each key."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._count = 0
        self._reserve(_SMALLEST)

    def __len__(self) -> int:
        """How many keys there are."""
        return self._count

    def first(self, key: str, number: int) -> int:
        """The number of the first item with `key` (hex digits): `number` itself, from now on, when there was none."""
        fingerprint = int(key[:16], 16)
        fingerprints, mask = self._fingerprints, self._mask
        slot = fingerprint & mask
        while known := self._numbers[slot]:
            if fingerprints[slot] == fingerprint:
                return known
            slot = (slot + 1) & mask
        fingerprints[slot], self._numbers[slot] = fingerprint, number
        self._count += 1
        if self._count > mask * _FULLEST:
            self._grow()
        return number

    def _reserve(self, slots: int) -> None:
        self._mask = slots - 1
        self._fingerprints = array("Q", bytes(8 * slots))
        self._numbers = array("I", bytes(array("I").itemsize * slots))

    def _grow(self) -> None:
        fingerprints, numbers = self._fingerprints, self._numbers
        self._reserve(2 * len(numbers))
        for fingerprint, number in zip(fingerprints, numbers, strict=True):
            if number:
                slot = fingerprint & self._mask
                while self._numbers[slot]:
                    slot = (slot + 1) & self._mask
                self._fingerprints[slot], self._numbers[slot] = fingerprint, number
