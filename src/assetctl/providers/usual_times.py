"""How long jobs took here before: the time of an order where its generator states none.

Only times that are written down count, and only where there are enough of them to speak of what is usual; else unknown
stays unknown. Prices are never taken from the past: they are what budgets are held against.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from assetctl.units import human_duration

if TYPE_CHECKING:
    from assetctl.generation.journal import Journal
    from assetctl.models import AssetType, Estimate


class UsualTimes:
    """The times in one journal as they are now; each generator's for each type are looked up once."""

    def __init__(self, journal: Journal) -> None:
        """Look into `journal` when first asked."""
        self._journal = journal
        self._known: dict[tuple[str, AssetType], tuple[float, float, str] | None] = {}

    async def completed(self, estimate: Estimate, generator: str, asset_type: AssetType) -> Estimate:
        """`estimate`, with what such jobs took and that this is its source, where it has no time of its own.

        Raises:
            JournalError: the journal can't be read.
        """
        if estimate.seconds_low is not None and estimate.seconds_high is not None:
            return estimate
        usual = await self._usual(generator, asset_type)
        if usual is None:
            return estimate
        low_s, high_s, source = usual
        basis = source if estimate.basis is None else f"{estimate.basis}; {source}"
        return replace(estimate, seconds_low=low_s, seconds_high=high_s, basis=basis)

    async def _usual(self, generator: str, asset_type: AssetType) -> tuple[float, float, str] | None:
        kind = generator, asset_type
        if kind not in self._known:
            found = await self._journal.usual_time(generator, asset_type)
            self._known[kind] = None
            if found is not None:
                between = f"{human_duration(found.low_s)} to {human_duration(found.high_s)}"
                source = f"the latest {found.jobs} of type {asset_type.value} took {between} here"
                self._known[kind] = found.low_s, found.high_s, source
        return self._known[kind]
