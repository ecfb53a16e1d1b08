"""What became of the items of a run: one result each, their sums, and the exit code they come to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from assetctl.errors import (
    AssetctlError,
    AssetUnavailable,
    JobPending,
    JournalError,
    LibraryError,
    NotAllowed,
    NotYours,
    OutcomeUnknown,
    PrefetchIncomplete,
    ServiceError,
    SpendRefused,
    StorageFull,
    StorageUnusable,
)
from assetctl.generation.outages import is_away
from assetctl.models import AttemptOutcome, Source
from assetctl.prefetch.manifest.wording import in_fields

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from assetctl.models import Asset, Attempt
    from assetctl.prefetch.manifest.findings import Item


class Outcome(StrEnum):
    """What became of one item."""

    HERE = "here"
    FETCHED = "library"
    GENERATED = "generated"
    PLACEHOLDER = "placeholder"
    PENDING = "running"
    MISSING = "missing"
    FAILED = "failed"
    UNKNOWN = "unknown"
    REFUSED = "refused"
    LEFT = "left"


_BY_SOURCE: Final = {
    Source.CACHED: Outcome.HERE,
    Source.PRE_MADE: Outcome.FETCHED,
    Source.GENERATED: Outcome.GENERATED,
    Source.PLACEHOLDER: Outcome.PLACEHOLDER,
}
_DELIVERED: Final = frozenset({Outcome.HERE, Outcome.FETCHED, Outcome.GENERATED})


@dataclass(frozen=True, slots=True)
class Result:
    """What became of `item`: an asset or an error, neither when it was not begun. `output` is its copy.

    Both when the asset is here and its copy could not be made. `is_paid` when who makes it may take money.
    """

    item: Item
    outcome: Outcome
    asset: Asset | None = None
    error: AssetctlError | None = None
    output: Path | None = None
    is_paid: bool = False

    @property
    def is_delivered(self) -> bool:
        """Whether its asset is there, and its copy where one is wanted."""
        return self.outcome in _DELIVERED

    @property
    def attempts(self) -> Sequence[Attempt]:
        """Who was asked for it, as far as anybody was."""
        if self.asset is not None:
            return self.asset.attempts
        return () if self.error is None else self.error.attempts

    @property
    def has_failed(self) -> bool:
        """Whether something went wrong, also where a placeholder was delivered in its place."""
        if self.outcome is Outcome.PLACEHOLDER and self.asset is not None:
            return any(attempt.outcome is AttemptOutcome.ERROR for attempt in self.asset.attempts)
        return self.outcome in (Outcome.FAILED, Outcome.UNKNOWN)


def delivered(item: Item, asset: Asset, output: Path | None) -> Result:
    """The result for `item` with its `asset`, or with the card that stands for it."""
    return Result(item, _BY_SOURCE[asset.source], asset, output=output)


def undelivered(item: Item, error: AssetctlError, *, is_ordered: bool = False) -> Result:
    """The result for `item`, which could not be had; `is_ordered` when a job makes it that `error` does not name.

    What `error` advises is told in the words of a manifest.
    """
    match error:
        case JobPending():
            outcome = Outcome.PENDING
        case ServiceError() | LibraryError() if is_ordered or error.job_id is not None:
            # Nobody could ask how its job is doing: it goes on.
            outcome = Outcome.PENDING
        case SpendRefused():
            outcome = Outcome.REFUSED
        case OutcomeUnknown():
            outcome = Outcome.UNKNOWN
        case AssetUnavailable():
            outcome = Outcome.MISSING
        case _:
            outcome = Outcome.FAILED
    return Result(item, outcome, error=in_fields(error))


def spent_text(spent: Mapping[str, Decimal], unpriced: int) -> str:
    """What was `spent` by currency, and that `unpriced` more cost something unknown; empty when nothing was."""
    parts = [f"{amount} {currency}" for currency, amount in sorted(spent.items())]
    if unpriced:
        parts.append(f"an unknown amount for {unpriced:,}")
    return " and ".join(parts)


def stops_all(error: AssetctlError) -> bool:
    """Whether no other item would fare better: a full disk, a lost login, a service that is away."""
    if isinstance(error, NotAllowed):
        return not isinstance(error, NotYours)
    return is_away(error) or isinstance(error, StorageFull | StorageUnusable | JournalError)


@dataclass(slots=True)
class Summary:
    """The sums over a run. `spent` is what new assets cost by currency, `unpriced` of them cost something unknown.

    `refused` is why orders were not placed, `stopped` the error that ended the run before its time.
    """

    counts: Counter[Outcome] = field(default_factory=Counter[Outcome])
    spent: dict[str, Decimal] = field(default_factory=dict[str, Decimal])
    unpriced: int = 0
    refused: AssetctlError | None = None
    stopped: AssetctlError | None = None

    @property
    def items(self) -> int:
        """How many items there were."""
        return self.counts.total()

    @property
    def incomplete(self) -> int:
        """How many of them are not there."""
        return self.items - sum(self.counts[outcome] for outcome in _DELIVERED)

    def counts_of(self, total: int) -> Counter[Outcome]:
        """How many of `total` items came to each outcome; those without a result were not begun."""
        return self.counts + Counter({Outcome.LEFT: max(0, total - self.items)})

    def add(self, result: Result) -> None:
        """One more result."""
        self.counts[result.outcome] += 1
        if result.outcome is Outcome.REFUSED:
            self.refused = result.error
        if result.asset is not None and result.asset.source is Source.GENERATED:
            cost = result.asset.cost
            if cost is None:
                self.unpriced += result.is_paid
            else:
                self.spent[cost.currency] = self.spent.get(cost.currency, Decimal(0)) + cost.amount

    @property
    def exit_code(self) -> int:
        """0 when all are there; what stopped the run; what all that are left have in common; else 5."""
        if self.stopped is not None:
            return self.stopped.exit_code
        if not self.incomplete:
            return 0
        missing = {outcome for outcome, count in self.counts.items() if count and outcome not in _DELIVERED}
        if Outcome.UNKNOWN in missing:
            return OutcomeUnknown.exit_code
        return _ALONE.get(missing.pop(), PrefetchIncomplete.exit_code) if len(missing) == 1 else _IN_PART


_IN_PART: Final = PrefetchIncomplete.exit_code
_ALONE: Final = {Outcome.PENDING: JobPending.exit_code, Outcome.REFUSED: SpendRefused.exit_code}
