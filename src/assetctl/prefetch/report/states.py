"""How it stands with an asset in a report: what became of it in a run, or what it takes in a plan."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from assetctl.prefetch.deeds import Deed
from assetctl.prefetch.results import Outcome


class State(StrEnum):
    """The state of one asset, those that need somebody's eye first."""

    FAILED = "failed"
    UNKNOWN = "unknown"
    TROUBLE = "trouble"
    MISSING = "missing"
    PLACEHOLDER = "placeholder"
    REFUSED = "refused"
    RUNNING = "running"
    LEFT = "left"
    TO_GENERATE = "generate"
    TO_FETCH = "fetch"
    GENERATED = "generated"
    LIBRARY = "library"
    HERE = "here"


#: What a person is told of each state.
WORDS: Final = {
    State.FAILED: "failed",
    State.UNKNOWN: "outcome unknown",
    State.TROUBLE: "in trouble",
    State.MISSING: "nobody has it",
    State.PLACEHOLDER: "placeholder",
    State.REFUSED: "over budget",
    State.RUNNING: "being made",
    State.LEFT: "not begun",
    State.TO_GENERATE: "to generate",
    State.TO_FETCH: "to fetch",
    State.GENERATED: "generated",
    State.LIBRARY: "from library",
    State.HERE: "already here",
}
#: What is there for good.
DELIVERED: Final = frozenset({State.HERE, State.LIBRARY, State.GENERATED})
#: What somebody has to look at, one by one, before another run can help.
NEEDS_ATTENTION: Final = frozenset({State.FAILED, State.UNKNOWN, State.TROUBLE, State.MISSING, State.PLACEHOLDER})
_BY_OUTCOME: Final = {
    Outcome.HERE: State.HERE,
    Outcome.FETCHED: State.LIBRARY,
    Outcome.GENERATED: State.GENERATED,
    Outcome.PLACEHOLDER: State.PLACEHOLDER,
    Outcome.PENDING: State.RUNNING,
    Outcome.MISSING: State.MISSING,
    Outcome.FAILED: State.FAILED,
    Outcome.UNKNOWN: State.UNKNOWN,
    Outcome.REFUSED: State.REFUSED,
    Outcome.LEFT: State.LEFT,
}
_BY_DEED: Final = {
    Deed.HERE: State.HERE,
    Deed.FETCH: State.TO_FETCH,
    Deed.JOIN: State.RUNNING,
    Deed.MAKE: State.TO_GENERATE,
    Deed.CARD: State.PLACEHOLDER,
    Deed.NOBODY: State.MISSING,
    Deed.TROUBLE: State.TROUBLE,
}


def state_of(outcome: Outcome) -> State:
    """The state of an asset of which `outcome` became."""
    return _BY_OUTCOME[outcome]


def planned_state_of(deed: Deed) -> State:
    """The state of an asset that takes `deed`, as long as nothing is done for it."""
    return _BY_DEED[deed]


def unreached_state_of(deed: Deed) -> State:
    """The state of an asset that took `deed` when it was planned, and that a run never came to."""
    return State.HERE if deed is Deed.HERE else State.LEFT
