"""Sizes and durations, as people write them and as people read them."""

from __future__ import annotations

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assetctl.errors import InvalidRequest
from assetctl.units import (
    MAX_DURATION_S,
    MAX_SIZE_BYTES,
    human_age,
    human_duration,
    human_size,
    parse_duration_s,
    parse_size_bytes,
)

_DAY = 86_400


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("30s", 30.0),
        ("250ms", 0.25),
        ("2m", 120.0),
        ("2h", 7200.0),
        ("180d", 180 * _DAY),
        ("1w", 7 * _DAY),
        ("1h30m", 5400.0),
        ("1d 2h 3m 4s 5ms", 93_784.005),
        ("1.5 H", 5400.0),
        ("  90 ", 90.0),
        ("0", 0.0),
        (45, 45.0),
        (0.5, 0.5),
        ("36500d", float(MAX_DURATION_S)),
    ],
)
def test_duration_is_read_with_and_without_unit(written, seconds):
    assert parse_duration_s(written) == seconds


@pytest.mark.parametrize(
    ("written", "size"),
    [
        ("20GB", 20_000_000_000),
        ("20 gb", 20_000_000_000),
        ("20G", 20_000_000_000),
        ("1.5GiB", 1_610_612_736),
        ("1kB", 1000),
        ("1KiB", 1024),
        ("0.5kB", 500),
        ("1.0005kB", 1000),
        ("7B", 7),
        ("7", 7),
        (7, 7),
        (5e9, 5_000_000_000),
        (MAX_SIZE_BYTES, MAX_SIZE_BYTES),
    ],
)
def test_size_is_read_with_and_without_unit(written, size):
    assert parse_size_bytes(written) == size


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("-5s", "never negative"),
        (-1, "never negative"),
        (math.nan, "finite"),
        (math.inf, "finite"),
        ("nan", None),
        ("", None),
        ("soon", None),
        ("5x5", "`x` is no unit"),
        ("3 months", "`months` is no unit"),
        ("30m1h", "large to small"),
        ("1m2m", "large to small"),
        ("1h30", "no unit"),
        ("1h,30m", None),
        ("36501d", "longest"),
        (1e300, "longest"),
        pytest.param(10**5000, "longest", id="huge"),
        ("9" * 41, None),
        ("\u0661s", None),
    ],
)
def test_what_is_no_duration_is_refused(written, sentence):
    with pytest.raises(InvalidRequest) as caught:
        parse_duration_s(written, name="pause")
    assert "pause" in caught.value.what
    assert (sentence is None) == (caught.value.why is None)
    assert sentence is None or sentence in caught.value.why
    assert len(caught.value.what) < 100


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("-5GB", "never negative"),
        ("\N{MINUS SIGN}5GB", "never negative"),
        (-5, "never negative"),
        (math.nan, "finite"),
        (0.5, "whole bytes"),
        ("0.5", "whole bytes"),
        ("12XB", "`xb` is no unit"),
        ("1GB 2MB", "one number"),
        ("many", None),
        ("10000PB", "largest"),
        (2**63, "largest"),
    ],
)
def test_what_is_no_size_is_refused(written, sentence):
    with pytest.raises(InvalidRequest) as caught:
        parse_size_bytes(written)
    assert "size" in caught.value.what
    assert sentence is None or sentence in caught.value.why


@pytest.mark.parametrize("parse", [parse_duration_s, parse_size_bytes])
@pytest.mark.parametrize("value", [True, None, [], {}])
def test_other_types_are_refused(parse, value):
    with pytest.raises(InvalidRequest, match="text with a unit"):
        parse(value)


@pytest.mark.parametrize(
    ("parse", "written", "nearest"),
    [
        (parse_duration_s, "2 hours", "`h`"),
        (parse_duration_s, "10days", "`d`"),
        (parse_duration_s, "10 sec", "`s`"),
        (parse_size_bytes, "20gigs", "`GB`"),
    ],
)
def test_unknown_unit_suggests_the_nearest(parse, written, nearest):
    with pytest.raises(InvalidRequest) as caught:
        parse(written)
    assert nearest in caught.value.hint


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (-3, "0s"),
        (0.0001, "0s"),
        (0.25, "250ms"),
        (0.9996, "1s"),
        (8.5, "8.5s"),
        (9.96, "10s"),
        (59.6, "1m"),
        (125, "2m 5s"),
        (3599.7, "1h"),
        (12_000, "3h 20m"),
        (86_399, "1d"),
        (12 * _DAY + 4 * 3600, "12d 4h"),
        (180 * _DAY, "180d"),
    ],
)
def test_duration_reads_in_two_units(seconds, text):
    assert human_duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-61, "in the future"),
        (-5, "just now"),
        (59, "just now"),
        (60, "1m ago"),
        (3 * 3600, "3h ago"),
        (12 * _DAY, "12d ago"),
        (729 * _DAY, "729d ago"),
        (730 * _DAY, "2y ago"),
    ],
)
def test_age_reads_in_one_unit(seconds, text):
    assert human_age(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1500, "1.5 kB"),
        (99_960, "100 kB"),
        (999_499, "999 kB"),
        (999_500, "1 MB"),
        (20_000_000_000, "20 GB"),
        (12_345_678, "12.3 MB"),
        (MAX_SIZE_BYTES, "9223 PB"),
    ],
)
def test_size_reads_in_three_digits(size, text):
    assert human_size(size) == text


@given(st.floats(min_value=0.001, max_value=MAX_DURATION_S / 2))
def test_shown_duration_reads_back_nearly_the_same(seconds):
    assert parse_duration_s(human_duration(seconds)) == pytest.approx(seconds, rel=0.06, abs=0.0006)


@given(st.integers(min_value=0, max_value=MAX_SIZE_BYTES // 2))
def test_shown_size_reads_back_nearly_the_same(size):
    assert parse_size_bytes(human_size(size)) == pytest.approx(size, rel=0.006)


@given(st.integers(min_value=0, max_value=10**6), st.sampled_from(["ms", "s", "m", "h"]))
def test_duration_is_amount_times_unit(amount, unit):
    factor = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}[unit]
    if amount * factor <= MAX_DURATION_S:
        assert parse_duration_s(f"{amount}{unit}") == pytest.approx(amount * factor)


@given(st.text())
def test_any_text_is_a_duration_or_an_error_of_ours(text):
    seconds = 0.0
    with contextlib.suppress(InvalidRequest):
        seconds = parse_duration_s(text)
    assert 0 <= seconds <= MAX_DURATION_S
