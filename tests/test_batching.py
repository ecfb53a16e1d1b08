"""Batches: what several threads want at the same time is done together, and each gets its own outcome."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from assetctl.batching import Batches

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

LIMIT_S = 30


class Work:
    """Doubles what it is given, all but `refused`; its first batch waits until it is let go."""

    def __init__(self, *refused: int, then: Callable[[], None] = lambda: None) -> None:
        self.refused = refused
        self.batches: list[list[int]] = []
        self.has_begun, self.may_end = threading.Event(), threading.Event()
        self._then = then

    def __call__(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        self.has_begun.set()
        assert self.may_end.wait(LIMIT_S)
        self._then()
        for item in items:
            if item in self.refused:
                raise ValueError(str(item))
        return [item * 2 for item in items]


def together(work: Work, items: Sequence[int]) -> list[Future[int]]:
    """The first item alone, and the others in what batches they get, all of them waiting before the first one ends."""
    batches = Batches(work)
    with ThreadPoolExecutor(len(items)) as threads:
        futures = [threads.submit(batches.take_part, items[0])]
        assert work.has_begun.wait(LIMIT_S)
        for count, item in enumerate(items[1:], 1):
            futures.append(threads.submit(batches.take_part, item))
            while len(batches._waiting) < count:
                assert not futures[-1].done()
        work.may_end.set()
    return futures


def test_who_comes_alone_is_served_at_once():
    work = Work()
    work.may_end.set()
    batches = Batches(work)
    assert [batches.take_part(item) for item in (1, 2)] == [2, 4]
    assert work.batches == [[1], [2]]


def test_who_comes_meanwhile_is_served_together():
    work = Work()
    assert [future.result() for future in together(work, [1, 2, 3, 4])] == [2, 4, 6, 8]
    assert work.batches == [[1], [2, 3, 4]]


def test_the_trouble_of_one_is_not_that_of_the_others():
    work = Work(3)
    first, second, third, fourth = together(work, [1, 2, 3, 4])
    assert [future.result() for future in (first, second, fourth)] == [2, 4, 8]
    with pytest.raises(ValueError, match="3"):
        third.result()
    assert work.batches == [[1], [2, 3, 4], [2], [3], [4]]


def test_after_trouble_the_next_one_is_worked_on():
    work = Work(1)
    work.may_end.set()
    batches = Batches(work)
    with pytest.raises(ValueError, match="1"):
        batches.take_part(1)
    assert batches.take_part(2) == 4
