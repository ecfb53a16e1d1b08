"""What a verification finds, and what it came to: values for whoever prints them.

The list of findings is cut where it would grow without bound; the counts never are.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from assetctl.cache.entries import CacheEntry

LISTED: Final = 10_000
"""How many findings are kept one by one."""


class Problem(StrEnum):
    """What can be wrong. `ORPHAN` and `STRAY` only take room; everything else is a fault of the cache."""

    DAMAGED = "damaged"
    WRONG_SIZE = "wrong size"
    MISSING = "missing"
    LINK = "link"
    UNREADABLE = "unreadable"
    LOST = "lost before"
    DAMAGED_ROW = "damaged row"
    NO_ROW = "no row"
    NO_SIDECAR = "no sidecar"
    MODE = "wrong mode"
    ORPHAN = "orphan"
    STRAY = "stray"

    @property
    def is_fault(self) -> bool:
        """Whether it makes a cache unsound as long as it stands."""
        return self not in (Problem.ORPHAN, Problem.STRAY)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is, or was, wrong.

    `name` is a file's name below the cache's folder, or a row's key. `key`, `scene_id`, `choice_id`, `asset_id` and
    `paid` are of the entry it costs, None where that is unknown. Once `repaired`, `detail` says how; before, why not.
    """

    problem: Problem
    name: str
    repaired: bool = False
    detail: str | None = None
    key: str | None = None
    scene_id: str | None = None
    choice_id: str | None = None
    asset_id: str | None = None
    paid: bool | None = None
    size_bytes: int | None = None

    @property
    def is_unresolved(self) -> bool:
        """Whether it is a fault that still stands."""
        return self.problem.is_fault and not self.repaired


def finding_of(
    problem: Problem, entry: CacheEntry, *, name: str | None = None, repaired: bool = False, detail: str | None = None
) -> Finding:
    """The finding of `problem` about `entry`, at its blob unless `name` says otherwise."""
    return Finding(
        problem,
        name or f"{entry.sha256[:2]}/{entry.blob}",
        repaired,
        detail,
        key=entry.key,
        scene_id=entry.request.scene_id,
        choice_id=entry.request.choice_id,
        asset_id=entry.asset_id,
        paid=entry.paid,
        size_bytes=entry.size_bytes,
    )


@dataclass(slots=True)
class VerifyReport:
    """How far a verification has come; filled while it runs, so that an interrupted one can still tell.

    `entries` of `total_entries` were found whole, `read_bytes` of `total_bytes` were hashed in `elapsed_s`. It is
    `complete` when everything chosen was looked at, and `noted` unless the cache could not be written to. `unwalked` is
    how many folders were left out for lack of time.
    """

    total_entries: int = 0
    total_bytes: int = 0
    entries: int = 0
    read_bytes: int = 0
    elapsed_s: float = 0.0
    complete: bool = False
    unwalked: int = 0
    noted: bool = True
    found: Counter[Problem] = field(default_factory=Counter[Problem])
    repaired: Counter[Problem] = field(default_factory=Counter[Problem])
    findings: list[Finding] = field(default_factory=list[Finding])

    def add(self, finding: Finding) -> None:
        """`finding` counts, and is listed while there is room."""
        self.found[finding.problem] += 1
        if finding.repaired:
            self.repaired[finding.problem] += 1
        if len(self.findings) < LISTED:
            self.findings.append(finding)

    @property
    def unresolved(self) -> int:
        """How many faults still stand."""
        return sum(count - self.repaired[problem] for problem, count in self.found.items() if problem.is_fault)

    @property
    def left_out(self) -> int:
        """How many findings are counted and not listed."""
        return self.found.total() - len(self.findings)

    @property
    def bytes_per_s(self) -> float | None:
        """The rate of reading; None when nothing was read."""
        return self.read_bytes / self.elapsed_s if self.read_bytes and self.elapsed_s > 0 else None
