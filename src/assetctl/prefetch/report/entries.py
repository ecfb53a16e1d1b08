"""One asset of a report: what was asked for, what was planned, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assetctl.prefetch.report.states import State


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
        parts = (self.asked["choice_id"], self.asked["character_id"], self.asked["location_id"])
        return next((part for part in parts if part), None) or self.scene or (self.asked["prompt"] or "")[:40]

    @property
    def asset(self) -> Mapping[str, Any] | None:
        """The asset document, None when there is none."""
        return self.found.get("asset")

    @property
    def trouble(self) -> str | None:
        """What went wrong, in a sentence; also where a placeholder stands in its place."""
        error = self.found.get("error")
        if error is not None:
            return error["message"] if error["why"] is None else f"{error['message']}: {error['why']}"
        return self.found.get("trouble")
