"""What was left behind by work that was cut off, as far as anybody can tell."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import pytest

from assetctl.errors import CacheError, JournalError
from assetctl.prefetch.traces import Traces

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from assetctl.models import Asset

pytestmark = pytest.mark.anyio

SINCE = datetime(2030, 1, 31, tzinfo=UTC)


class Ledger:
    """Knows an order of `a` and holds nothing, unless it is broken; `asked` has what it was asked, in turn."""

    def __init__(self, *, is_broken: bool = False) -> None:
        self.is_broken = is_broken
        self.asked: list[str] = []
        self.traces = Traces(self.sent, self.held, look_s=30.0)

    async def sent(self, keys: Sequence[str]) -> set[str]:
        await anyio.lowlevel.checkpoint()
        self.asked.append("journal")
        if self.is_broken:
            raise JournalError("the disk is gone")
        return {"a"} & set(keys)

    async def held(self, keys: Sequence[str], since: datetime) -> Mapping[str, Asset]:
        del keys
        assert since is SINCE
        await anyio.lowlevel.checkpoint()
        self.asked.append("cache")
        if self.is_broken:
            raise CacheError("the disk is gone")
        return {}


async def test_what_has_an_order_is_ordered() -> None:
    traces = Ledger().traces
    assert [await traces.is_ordered(key) for key in "ab"] == [True, False]


async def test_where_nobody_can_tell_all_may_be_ordered() -> None:
    traces = Ledger(is_broken=True).traces
    assert await traces.is_ordered("b")
    assert await traces.of_cut_off(["a", "b"], SINCE) == (["a", "b"], {})


async def test_who_was_cut_off_looks_in_the_journal_first_although_it_is_cancelled() -> None:
    ledger = Ledger()
    with anyio.CancelScope() as scope:
        scope.cancel()
        assert await ledger.traces.of_cut_off(["a", "b"], SINCE) == ({"a"}, {})
    assert ledger.asked == ["journal", "cache"]
