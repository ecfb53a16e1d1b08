"""One asset of a report: what was asked for, what was planned, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assetctl.prefetch.report.states import DELIVERED, State
from assetctl.units import human_duration

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Entry:
    """The asset at `position` (from 0) of a report, in the state `state`.

    `asked` and `found` are the documents of `records.py`; `found` is empty when there is nothing to tell.
    """

    position: int
    state: State
    asked: Mapping[str, Any]
    found: Mapping[str, Any]

    @property
    def scene(self) -> str:
        """The id of its scene, "" when it has none."""
        return self.asked["scene_id"] or ""

    @property
    def name(self) -> str:
        """What it is called within its scene, for a person."""
        names = (self.asked[name] for name in ("choice_id", "scene_id", "character_id", "location_id"))
        return next((name for name in names if name), None) or (self.asked["prompt"] or "")[:40] or "asset"

    @property
    def asset(self) -> Mapping[str, Any] | None:
        """The asset document, None when there is none."""
        return self.found.get("asset")

    @property
    def maker(self) -> str | None:
        """Who made it or had it, or would make it; None while nobody knows."""
        if self.asset is None:
            return self.asked["generator"]
        origin = self.asset["origin"]
        return origin["model"] or origin["generator"] or origin["provider"]

    @property
    def cost_text(self) -> str | None:
        """What it cost, or may cost where it is not there yet, for a person; None where nobody said."""
        cost = None if self.asset is None else self.asset["cost"]
        if cost is not None:
            return f"{_money(cost)}, earlier" if self.state is State.HERE else _money(cost)
        if self.state is State.GENERATED:
            return "not stated" if self.asked["is_paid"] else "free"
        estimate = self.asked["estimate"]
        if self.state in DELIVERED or not self.asked["is_paid"] or not estimate or not estimate["cost_high"]:
            return None
        return f"up to {_money(estimate['cost_high'])}"

    @property
    def time_text(self) -> str | None:
        """How long it took, or may take where it is still to be made, for a person; None where nobody said."""
        seconds, estimate = self.found.get("seconds"), self.asked["estimate"]
        if seconds is not None:
            return human_duration(seconds)
        if self.state is not State.TO_GENERATE or not estimate or estimate["seconds_high"] is None:
            return None
        return f"up to {human_duration(estimate['seconds_high'])}"

    @property
    def duration_s(self) -> float | None:
        """How long it plays, or how long it should; None for what does not play."""
        return self.asked["duration_s"] if self.asset is None else self.asset["duration_s"]

    @property
    def warnings(self) -> list[str]:
        """What else is to be said of it."""
        return [] if self.asset is None else self.asset["warnings"]

    @property
    def trouble(self) -> str | None:
        """What went wrong with it, in a sentence; also where a placeholder stands in its place.

        None of what a budget refused: that is told once, of all of them.
        """
        if self.state is State.REFUSED:
            return None
        error = self._error
        if error is not None:
            return error["message"] if error["why"] is None else f"{error['message']}: {error['why']}"
        return self.found.get("trouble")

    @property
    def hint(self) -> str | None:
        """What to do about it, None where nobody knows."""
        return None if self._error is None else self._error["hint"]

    @property
    def _error(self) -> Mapping[str, Any] | None:
        return self.found.get("error") or self.asked["trouble"]


def _money(cost: Mapping[str, Any]) -> str:
    return f"{cost['amount']} {cost['currency']}"
