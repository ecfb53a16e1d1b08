"""What a report says of the run as a whole, or of the plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from assetctl.prefetch.report.states import DELIVERED, NEEDS_ATTENTION, WORDS, State
from assetctl.prefetch.results import spent_text
from assetctl.units import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from decimal import Decimal

    from assetctl.errors import AssetctlError
    from assetctl.prefetch.manifest.findings import Problem

#: What another run does without anybody having to look first.
_FOR_THE_NEXT_RUN: Final = (State.LEFT, State.RUNNING, State.REFUSED)


@dataclass(frozen=True, slots=True)
class Facts:
    """The sums over a run. `counts` has every state that any asset is in, `spent` the money for what is new.

    `unpriced` new assets cost something unknown. `ended_by` is what ended the run before all was tried, None when
    nothing did, and `problems` are the mistakes in the manifest where those did. `plan` and `budget` are documents as
    `prefetch --plan --json` prints them, `plan` None when there is none that holds; `seconds` is wall time. With
    `is_plan` nothing was done. `lost` is of how many assets the details could not be kept.
    """

    tool: str
    run_id: str
    manifest: str
    chapter_id: str | None
    title: str | None
    is_plan: bool
    started_at: datetime
    ended_at: datetime
    seconds: float
    exit_code: int
    plan: Mapping[str, Any] | None
    plan_sentence: str
    budget: Mapping[str, Any]
    counts: Mapping[State, int]
    spent: Mapping[str, Decimal]
    unpriced: int
    ended_by: AssetctlError | None = None
    problems: Sequence[Problem] = ()
    lost: int = 0

    @property
    def items(self) -> int:
        """How many assets there are."""
        return sum(self.counts.values())

    @property
    def delivered(self) -> int:
        """How many of them are there for good."""
        return sum(self.counts.get(state, 0) for state in DELIVERED)

    @property
    def left(self) -> int:
        """How many another run would go on with."""
        return 0 if self.is_plan else sum(self.counts.get(state, 0) for state in _FOR_THE_NEXT_RUN)

    @property
    def needing_attention(self) -> int:
        """How many somebody has to look at."""
        return sum(self.counts.get(state, 0) for state in NEEDS_ATTENTION)

    @property
    def is_partial(self) -> bool:
        """Whether the run ended before everything was tried, or did not begin although it should have."""
        return self.ended_by is not None or self.left > 0

    @property
    def name(self) -> str:
        """What the chapter is called, for a person."""
        return self.title or self.chapter_id or self.manifest

    def partial_sentence(self) -> str | None:
        """Why the report is partial and what is left; None when it is not."""
        if not self.is_partial:
            return None
        why = "" if self.ended_by is None else f": {self.ended_by.what}"
        if self.ended_by is not None and self.ended_by.why:
            why += f"; {self.ended_by.why}"
        if self.is_plan:
            hint = None if self.ended_by is None else self.ended_by.hint
            return f"Nothing was done{why}." + (f" Next: {hint}." if hint else "")
        left = (
            f"{counted(self.left, 'asset is', 'assets are')} left: {self._left_words()}"
            if self.left
            else "Nothing is left"
        )
        return f"This is a partial report{why}. {left}. Run the same command again to go on."

    def spent_text(self) -> str:
        """What new assets cost, for a person."""
        return spent_text(self.spent, self.unpriced) or "nothing"

    def _left_words(self) -> str:
        counts = ((self.counts.get(state, 0), WORDS[state]) for state in _FOR_THE_NEXT_RUN)
        return ", ".join(f"{count:,} {word}" for count, word in counts if count)
