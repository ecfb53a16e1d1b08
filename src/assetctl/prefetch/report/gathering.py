"""Gathers what a report tells while a chapter is planned and made: in the order of the manifest, on disk.

Results come in any order and are put to what was planned. In memory stand a few bytes for each asset: where its records
lie, and its state.
"""

from __future__ import annotations

import json
from array import array
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from assetctl.prefetch.deeds import Deed
from assetctl.prefetch.report.entries import Entry
from assetctl.prefetch.report.records import asked_record, cached_record, found_record
from assetctl.prefetch.report.states import State, planned_state_of, state_of, unreached_state_of
from assetctl.prefetch.scene_order import SceneOrder
from assetctl.prefetch.scratch import Scratch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from assetctl.models import Asset
    from assetctl.prefetch.manifest.findings import Item
    from assetctl.prefetch.results import Result
    from assetctl.prefetch.walking import Planned

_STATES: Final = tuple(State)
_CODES: Final = {state: code for code, state in enumerate(_STATES)}
_DEEDS: Final = tuple(Deed)
_DEED_CODES: Final = {deed: code for code, deed in enumerate(_DEEDS)}
_NO_STATE: Final = 255


@dataclass(frozen=True, slots=True)
class Scene:
    """The assets of one scene: those from `start` up to `end`."""

    scene_id: str
    start: int
    end: int
    counts: Mapping[State, int]

    @property
    def items(self) -> int:
        """How many assets it has."""
        return self.end - self.start


class Gathering:
    """What is known of the assets of one run, or of one plan. Filled by one thread, then read by one."""

    def __init__(self, folder: Path) -> None:
        """Keep it in `folder`.

        Raises:
            CacheError: nothing can be written there.
        """
        self._scratch = Scratch(folder)
        self.forget()

    def forget(self) -> None:
        """Nothing was planned, whatever was told before."""
        self._numbers = array("q")
        self._asked = _Places()
        self._found = _Places()
        self._deeds = bytearray()
        self._seconds = array("f")
        self._states = bytearray()
        self._scene_order = SceneOrder()
        self.has_begun = False
        self.lost = 0
        """Of how many assets the details were lost, because no disk had room for them."""

    def close(self) -> None:
        """Nothing is left of it."""
        self._scratch.close()

    def __len__(self) -> int:
        """How many assets there are."""
        return len(self._numbers)

    def plan(self, planned: Planned) -> None:
        """One more asset, planned in its turn."""
        self._scene_order.add(planned.item.request.scene_id or "")
        self._numbers.append(planned.item.number)
        self._deeds.append(_DEED_CODES[planned.deed])
        self._states.append(_NO_STATE)
        self._seconds.append(0.0)
        self._found.add_none()
        self._asked.add_none()
        self._write(self._asked, len(self._numbers) - 1, asked_record(planned))

    def passed(self, item: Item) -> None:
        """`item` was here already, and nothing was done for it."""
        position = self._position(item)
        if position is not None:
            self._states[position] = _CODES[State.HERE]

    def ended(self, result: Result, seconds: float | None) -> None:
        """What became of an item, after `seconds` of work."""
        position = self._position(result.item)
        if position is None:
            return
        self._states[position] = _CODES[state_of(result.outcome)]
        self._seconds[position] = seconds or 0.0
        record = found_record(result, seconds)
        if record:
            self._write(self._found, position, record)

    def untold(self) -> Iterator[tuple[int, str]]:
        """Each asset that is here and of which nothing else is known: a number for `tell`, and its key."""
        for position in range(len(self)):
            if self._state(position) is State.HERE and not self._found.has(position):
                asked = self._read(self._asked, position)
                if asked:
                    yield position, asked["key"]

    def tell(self, position: int, asset: Asset) -> None:
        """What the cache has of an asset that is `untold`."""
        self._write(self._found, position, cached_record(asset))

    def counts(self, start: int = 0, end: int | None = None) -> Counter[State]:
        """How many of the assets from `start` up to `end` are in each state."""
        return Counter(map(self._state, self._positions(start, end)))

    def seconds(self, start: int, end: int) -> float:
        """How long the assets from `start` up to `end` were worked on, one after the other."""
        return sum(self._seconds[position] for position in self._positions(start, end))

    def scenes(self) -> Iterator[Scene]:
        """The scenes in their order."""
        for start, end in self._scene_order.spans():
            scene_id = self._read(self._asked, self._positions(start, end)[0]).get("scene_id") or ""
            yield Scene(scene_id, start, end, self.counts(start, end))

    def entries(self, start: int = 0, end: int | None = None) -> Iterator[Entry]:
        """The assets from `start` up to `end`, scene by scene in the order of the manifest.

        Raises:
            CacheError: what was written down of them cannot be read any more.
        """
        for place, position in enumerate(self._positions(start, end), start):
            asked, found = self._read(self._asked, position), self._read(self._found, position)
            yield Entry(place, self._state(position), asked or _NOTHING_KNOWN, found)

    def _positions(self, start: int, end: int | None) -> Sequence[int]:
        return self._scene_order.order()[start:end]

    def _state(self, position: int) -> State:
        code = self._states[position]
        if code != _NO_STATE:
            return _STATES[code]
        deed = _DEEDS[self._deeds[position]]
        return unreached_state_of(deed) if self.has_begun else planned_state_of(deed)

    def _position(self, item: Item) -> int | None:
        position = bisect_left(self._numbers, item.number)
        is_known = position < len(self._numbers) and self._numbers[position] == item.number
        return position if is_known else None

    def _write(self, places: _Places, position: int, record: dict[str, Any]) -> None:
        data = json.dumps(record, separators=(",", ":")).encode()
        start = self._scratch.append(data)
        if start is None:
            self.lost += 1
        else:
            places.put(position, start, len(data))

    def _read(self, places: _Places, position: int) -> dict[str, Any]:
        if not places.has(position):
            return {}
        return json.loads(self._scratch.read(*places.at(position)))


class _Places:
    """Where the record of each position lies."""

    def __init__(self) -> None:
        self._starts = array("q")
        self._lengths = array("I")

    def add_none(self) -> None:
        self._starts.append(0)
        self._lengths.append(0)

    def put(self, position: int, start: int, length: int) -> None:
        self._starts[position], self._lengths[position] = start, length

    def has(self, position: int) -> bool:
        return self._lengths[position] > 0

    def at(self, position: int) -> tuple[int, int]:
        return self._starts[position], self._lengths[position]


_NOTHING_KNOWN: Final[Mapping[str, Any]] = dict.fromkeys(
    ("item", "id", "scene_id", "choice_id", "character_id", "location_id", "prompt", "type", "style", "duration_s",
     "key", "planned", "generator", "is_paid", "estimate", "trouble")
)  # fmt: skip
