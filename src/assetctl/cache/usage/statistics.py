"""What a cache holds and what it is good for: the figures of `cache stats`, and their JSON.

Read from running totals and from the usage log, never by walking entries or blobs. Unknown stays unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from assetctl.cache.index.schema import DIMENSIONS
from assetctl.cache.usage import usage_log
from assetctl.eventloop import in_thread

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal
    from pathlib import Path

    from assetctl.cache.index.index import Totals
    from assetctl.cache.store import AssetCache
    from assetctl.cache.usage.tallies import Tally, Usage
    from assetctl.cache.usage.usage_log import UsageReport
    from assetctl.clock import Clock

STATISTICS_SCHEMA: Final = "assetctl.statistics/1"


@dataclass(frozen=True, slots=True)
class Group:
    """The entries that share one value; None is the value of those that have none.

    `size_bytes` are logical: bytes that two entries share count for each.
    """

    value: str | None
    entries: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Dimension:
    """The largest groups by bytes, and how many groups there are in all."""

    groups: tuple[Group, ...]
    count: int


@dataclass(frozen=True, slots=True)
class Statistics:
    """What is cached, as a whole and by `type`, `source`, `generator` and `scene`; and what requests came to."""

    totals: Totals
    dimensions: Mapping[str, Dimension]
    usage: UsageReport


async def collect(
    cache: AssetCache, usage_folder: Path, *, clock: Clock, run_id: str | None = None, top: int = 10
) -> Statistics:
    """The statistics of `cache` now, with at most `top` groups of each dimension.

    `run_id` names the run to tell of, which is otherwise the one that asked last.

    Raises:
        CacheError: the cache or the usage log cannot be read.
    """
    return Statistics(
        totals=await cache.totals(),
        dimensions={name: await _dimension(cache, name, top) for name in DIMENSIONS},
        usage=await in_thread(lambda: usage_log.read(usage_folder, clock.now(), run_id=run_id)),
    )


async def _dimension(cache: AssetCache, name: str, top: int) -> Dimension:
    groups, count = await cache.groups(name, top)
    return Dimension(tuple(Group(value or None, entries, size) for value, entries, size in groups), count)


def statistics_document(statistics: Statistics) -> dict[str, Any]:
    """`statistics` as JSON values; unknown ones are null."""
    totals, used = statistics.totals, statistics.usage
    return {
        "schema": STATISTICS_SCHEMA,
        "entries": totals.count,
        "logical_bytes": totals.logical_bytes,
        "physical_bytes": totals.size_bytes,
        "pinned": totals.pinned_count,
        "paid": totals.paid_count,
        "by": {name: _dimension_document(found) for name, found in statistics.dimensions.items()},
        "usage": {
            "run": {"run_id": used.run_id, **usage_document(used.run)},
            "today": usage_document(used.today),
            "last_30_days": usage_document(used.recent),
            "ever": usage_document(used.ever),
        },
    }


def _dimension_document(dimension: Dimension) -> dict[str, Any]:
    return {
        "count": dimension.count,
        "largest": [
            {"value": group.value, "entries": group.entries, "logical_bytes": group.size_bytes}
            for group in dimension.groups
        ],
    }


def usage_document(used: Usage) -> dict[str, Any]:
    """`used` as JSON values. Of what is saved or spent, `unknown` says for how many requests nobody knows it."""
    hits, made = used.hits, used.generated
    return {
        "requests": used.requests,
        "hits": hits.requests,
        "misses": [
            {"source": source.value, "provider": provider, "requests": count}
            for (source, provider), count in used.misses.items()
        ],
        "hit_rate": used.hit_rate,
        "byte_hit_rate": used.byte_hit_rate,
        "time_hit_rate": used.time_hit_rate,
        "bytes_from_cache": hits.size_bytes,
        "seconds": {"saved": seconds(hits), "spent": seconds(made), "unknown": hits.requests - hits.timed},
        "money": {
            "saved": _money(hits.money),
            "spent": _money(made.money),
            "unknown": hits.requests - hits.priced,
        },
    }


def seconds(tally: Tally) -> float | None:
    """What making these took, as far as it is known; None when it is known of none."""
    return tally.time_ms / 1000 if tally.timed else None


def _money(sums: Mapping[str, Decimal]) -> Sequence[dict[str, str]]:
    return [{"amount": str(amount), "currency": currency} for currency, amount in sorted(sums.items())]
