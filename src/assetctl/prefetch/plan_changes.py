"""What a plan of before and one of now differ in: an asset is found again by its key, else by its scene and choice.

So one more scene at the top is one change, and a new prompt is called that. In memory stand those lines alone that have
not found their like yet.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final, cast

from assetctl.prefetch.deeds import Deed

if TYPE_CHECKING:
    from collections.abc import Mapping

    Line = Mapping[str, Any]

_TOLD: Final = 10
#: So many lines of a plan may wait for their like; then they are compared with what is there.
MOST_WAITING: Final = 10_000
#: What may have happened since, of what was planned: the same plan carried out in part.
_MEANWHILE: Final[Mapping[str, frozenset[Deed]]] = {
    Deed.MAKE: frozenset({Deed.HERE, Deed.JOIN}),
    Deed.JOIN: frozenset({Deed.HERE}),
    Deed.FETCH: frozenset({Deed.HERE}),
}


class PlanChanges:
    """Compares the lines of two plans, one of each at a time. `count` changes were found, the first are `told`."""

    def __init__(self, *, most_waiting: int = MOST_WAITING) -> None:
        """Nothing has changed yet; `most_waiting` lines of a plan are held at a time."""
        self._most_waiting = most_waiting
        self.count = 0
        self.told: list[str] = []
        self._before: dict[str, Line] = {}
        self._now: dict[str, Line] = {}
        self._is_moved = False

    def add(self, before: Line | None, now: Line | None) -> None:
        """The next line of each; None where there is no more."""
        if before is not None and now is not None and before["key"] == now["key"]:
            self._compare(before, now)
            return
        if before is not None:
            like = self._now.pop(before["key"], None)
            self._meet(before, like) if like is not None else self._before.update({before["key"]: before})
        if now is not None:
            like = self._before.pop(now["key"], None)
            self._meet(like, now) if like is not None else self._now.update({now["key"]: now})
        if max(len(self._before), len(self._now)) > self._most_waiting:
            self._settle()

    def end(self) -> None:
        """There is no more of either."""
        self._settle()
        if self._is_moved and not self.count:
            self._change("its assets stand in another order")

    def _meet(self, before: Line, now: Line) -> None:
        self._is_moved = True
        self._compare(before, now)

    def _compare(self, before: Line, now: Line) -> None:
        change = _changed_deed(before, now)
        if change is not None:
            self._change(f"{_named(now)}: {change}")

    def _settle(self) -> None:
        """What has found no like by its key is compared by its moment; then nothing waits any more."""
        waiting: defaultdict[tuple[str, str], list[Line]] = defaultdict(list)
        for before in self._before.values():
            waiting[_moment(before)].append(before)
        for now in self._now.values():
            same = waiting.get(_moment(now))
            self._change(f"{_named(now)}: {_changed_request(same.pop(0), now)}" if same else f"{_named(now)} is new")
        for befores in waiting.values():
            for before in befores:
                self._change(f"{_named(before)} is no longer asked for")
        self._before.clear()
        self._now.clear()

    def _change(self, sentence: str) -> None:
        self.count += 1
        if len(self.told) < _TOLD:
            self.told.append(sentence)


def _changed_deed(before: Line, now: Line) -> str | None:
    was, is_now = before.get("deed"), now["deed"]
    if was != is_now:
        done = isinstance(was, str) and is_now in _MEANWHILE.get(was, ())
        return None if done else f"`{was}` was planned, now it takes `{is_now}`"
    for name in ("generator", "is_paid", "price"):
        if before.get(name) != now.get(name):
            return f"its {name} was `{before.get(name)}` and is `{now.get(name)}`"
    return None


def _changed_request(before: Line, now: Line) -> str:
    was, is_now = _asked(before), _asked(now)
    # Of what was here nobody noted what was asked for.
    names = [name for name in sorted({*was, *is_now}) if was.get(name) != is_now.get(name)] if was and is_now else []
    return f"its {' and '.join(names)} changed" if names else "another one was planned for it"


def _asked(line: Line) -> dict[str, Any]:
    asked = line.get("asked")
    return cast("dict[str, Any]", asked) if isinstance(asked, dict) else {}


def _moment(line: Line) -> tuple[str, str]:
    return str(line.get("scene_id")), str(line.get("choice_id"))


def _named(line: Line) -> str:
    parts = [str(line[name]) for name in ("scene_id", "choice_id") if line.get(name)]
    return f"`{' / '.join(parts) or str(line['key'])[:12]}`"
