"""What several threads want done at the same time, done together by one of them while the others wait.

There is no timer: whoever comes while nobody is at work starts at once, alone, and whoever comes meanwhile is in the
next batch. Knows nothing of what is done.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@dataclass(slots=True, eq=False)
class _Wish(Generic[_Item, _Result]):
    item: _Item
    is_done: bool = False
    result: _Result | None = None
    error: BaseException | None = None


class Batches(Generic[_Item, _Result]):
    """Does `work` for one or many items at a time, never twice at once; safe to use from any thread."""

    def __init__(self, work: Callable[[Sequence[_Item]], Sequence[_Result]]) -> None:
        """`work` gives a result for each item or raises; then it may be asked for each of them again, alone."""
        self._work = work
        self._working = threading.Lock()
        self._guard = threading.Lock()
        self._waiting: list[_Wish[_Item, _Result]] = []

    def take_part(self, item: _Item) -> _Result:
        """What `work` gave for `item`.

        Raises:
            BaseException: what `work` raised for `item` alone; the trouble of others is theirs.
        """
        wish = _Wish[_Item, _Result](item)
        with self._guard:
            self._waiting.append(wish)
        with self._working:
            # Whoever worked before took everybody along who was waiting then.
            if not wish.is_done:
                with self._guard:
                    some, self._waiting = self._waiting, []
                self._grant(some)
        if wish.error is not None:
            raise wish.error
        return cast("_Result", wish.result)

    def _grant(self, wishes: Sequence[_Wish[_Item, _Result]]) -> None:
        try:
            results = self._work([wish.item for wish in wishes])
        except BaseException as error:  # noqa: BLE001 - handed to whom it belongs
            if len(wishes) > 1:
                for wish in wishes:
                    self._grant([wish])
                return
            wishes[0].error, wishes[0].is_done = error, True
            return
        for wish, result in zip(wishes, results, strict=True):
            wish.result, wish.is_done = result, True
