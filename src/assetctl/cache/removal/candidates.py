"""Entries that may be thrown away, and what it would take to have them again. Values only.

They are narrow: many thousands of them fit into memory, and none needs its document.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from assetctl.models import Cost


@dataclass(frozen=True, slots=True)
class Candidate:
    """An entry that may go. One that is `costly` takes a job to have again, the others are free to fetch or draw."""

    key: str
    blob: str
    size_bytes: int
    paid: bool
    pinned: bool
    costly: bool
    asset_id: str
    scene_id: str | None
    choice_id: str | None


class Reason(StrEnum):
    """Why an entry goes."""

    EXPIRED = "expired"
    UNUSED = "unused"
    SPACE = "space"


@dataclass(frozen=True, slots=True)
class Ranked:
    """An entry that may go: how many entries share its blob, and why it goes; SPACE only if room is needed."""

    candidate: Candidate
    uses: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class Price:
    """What it cost and took to make some entries: so much, as far as anybody knows, it takes to have them again.

    `costs` are sums, one per currency; of `unknown_costs` paid ones nobody knows the cost, of `unknown_times` nobody
    how long they took to make.
    """

    costs: tuple[Cost, ...] = ()
    unknown_costs: int = 0
    generation_s: float = 0.0
    unknown_times: int = 0


NO_PRICE: Final = Price()
"""Of nothing, or not asked for."""
