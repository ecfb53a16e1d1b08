"""Remembered keys: every first one is told again, in a few bytes each."""

from __future__ import annotations

import hashlib
import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from assetctl.prefetch.manifest.seen import SeenKeys


def key(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


@given(st.lists(st.integers(0, 50)))
def test_the_first_with_a_key_is_told_to_all_after_it(numbers: list[int]):
    seen, first = SeenKeys(), {}
    for position, number in enumerate(numbers, start=1):
        first.setdefault(number, position)
        assert seen.first(key(number), position) == first[number]
    assert len(seen) == len(first)


def test_keys_that_begin_alike_are_told_apart():
    seen = SeenKeys()
    alike = [f"{high:08x}{5:08x}" + "0" * 48 for high in range(1, 50)]
    assert [seen.first(one, number) for number, one in enumerate(alike, start=1)] == list(range(1, 50))
    assert [seen.first(one, 99) for one in alike] == list(range(1, 50))


def test_a_key_of_zeros_is_a_key():
    seen = SeenKeys()
    assert seen.first("0" * 64, 1) == 1
    assert seen.first("0" * 64, 2) == 1


def test_growing_forgets_nobody_and_takes_few_bytes_each():
    keys = [key(number) for number in range(20_000)]
    tracemalloc.start()
    seen = SeenKeys()
    for number, one in enumerate(keys, start=1):
        seen.first(one, number)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken < 40 * len(keys)
    assert [seen.first(one, 0) for one in keys] == list(range(1, len(keys) + 1))
