"""Sums over requests: rates between 0 and 1, currencies apart, and unknown as unknown."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assetctl.cache.usage.tallies import Tally, Usage, add_up, from_rows, to_rows
from assetctl.models import Source

counts = st.integers(0, 10**12)
tallies = st.builds(
    Tally,
    requests=counts,
    size_bytes=counts,
    time_ms=counts,
    timed=counts,
    money=st.dictionaries(st.sampled_from(["USD", "EUR"]), st.decimals(0, 10**6, places=3)),
    priced=counts,
)
answered = st.dictionaries(st.tuples(st.sampled_from(Source), st.sampled_from(["a", "b:c"])), tallies, max_size=6)


@given(answered)
def test_rows_are_read_back_as_they_were(given_tallies):
    assert from_rows(json.loads(json.dumps(to_rows(given_tallies)))) == given_tallies


@given(answered, answered)
def test_adding_up_changes_nothing_it_was_given(one, other):
    before = json.dumps(to_rows(one))
    total = Usage(add_up([one, other]))
    assert json.dumps(to_rows(one)) == before
    assert total.requests == Usage(one).requests + Usage(other).requests


@given(answered)
def test_rates_are_shares_or_unknown(given_tallies):
    found = Usage(given_tallies)
    for rate in (found.hit_rate, found.byte_hit_rate, found.time_hit_rate):
        assert rate is None or 0 <= rate <= 1
    assert sum(found.misses.values()) == found.requests - found.hits.requests


def test_rates_of_nothing_are_unknown():
    found = Usage({})
    assert (found.hit_rate, found.byte_hit_rate, found.time_hit_rate) == (None, None, None)


def test_bytes_of_a_placeholder_are_nobodys_asset():
    found = Usage({(Source.CACHED, "a"): Tally(1, 100), (Source.PLACEHOLDER, "p"): Tally(1, 900)})
    assert (found.hit_rate, found.byte_hit_rate) == (0.5, 1.0)


def test_time_saved_is_compared_with_time_spent():
    made = Tally(1, 1, time_ms=3000, timed=1)
    hit = Tally(1, 1, time_ms=1000, timed=1)
    assert Usage({(Source.CACHED, "a"): hit, (Source.GENERATED, "a"): made}).time_hit_rate == 0.25


def test_currencies_are_never_added():
    one = {(Source.CACHED, "a"): Tally(1, money={"USD": Decimal("0.1")}, priced=1)}
    two = {(Source.CACHED, "b"): Tally(2, money={"USD": Decimal("0.2"), "EUR": Decimal(1)}, priced=2)}
    assert Usage(add_up([one, two])).hits.money == {"USD": Decimal("0.3"), "EUR": Decimal(1)}


def test_most_frequent_miss_comes_first():
    found = Usage(
        {(Source.PRE_MADE, "a"): Tally(1), (Source.GENERATED, "b"): Tally(5), (Source.PRE_MADE, "c"): Tally(5)}
    )
    assert list(found.misses) == [(Source.GENERATED, "b"), (Source.PRE_MADE, "c"), (Source.PRE_MADE, "a")]


ROW = {
    "source": "cached",
    "provider": "p",
    "requests": 1,
    "bytes": 1,
    "time_ms": 1,
    "timed": 1,
    "money": {},
    "priced": 0,
}


@pytest.mark.parametrize(
    "rows",
    [
        None,
        {},
        [None],
        [ROW | {"source": "heaven"}],
        [ROW | {"provider": None}],
        [ROW | {"provider": "x" * 300}],
        [ROW | {"money": None}],
        [ROW | {"money": {"USD": 1}}],
        [ROW | {"money": {"USD": "Infinity"}}],
        [ROW | {"money": {"USD": "1e9999"}}],
        [ROW | {"money": {"USD": "much"}}],
        [ROW | {"bytes": -1}],
        [ROW | {"bytes": 2**64}],
        [ROW | {"bytes": True}],
        [ROW | {"bytes": 1.5}],
    ],
)
def test_foreign_rows_are_refused(rows: object):
    with pytest.raises(ValueError, match=r"\w"):
        from_rows(rows)
