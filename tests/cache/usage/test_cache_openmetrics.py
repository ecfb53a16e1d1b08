"""The text for monitoring, read back by a parser that knows the format's rules."""

from __future__ import annotations

import os
import re
import stat
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from assetctl.cache.index.index import Totals
from assetctl.cache.usage.openmetrics import openmetrics, write_openmetrics
from assetctl.cache.usage.statistics import Dimension, Group, Statistics
from assetctl.cache.usage.tallies import Tally, Usage
from assetctl.cache.usage.usage_log import UsageReport
from assetctl.errors import CacheError
from assetctl.models import Source

if TYPE_CHECKING:
    from pathlib import Path

NOTHING = Usage({})
# OpenMetrics 1.0, ABNF: metricname, label-name, escaped label values, a number.
SAMPLE = re.compile(
    r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (-?[0-9]+(?:\.[0-9]+)?)'
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "metrics").mkdir()
    return tmp_path / "metrics"


def statistics(scene: str | None = "park", ever: Usage = NOTHING) -> Statistics:
    scenes = Dimension((Group(scene, 3, 30),), 1)
    report = UsageReport(run_id=None, run=NOTHING, today=NOTHING, recent=NOTHING, ever=ever)
    return Statistics(Totals(3, 20, 1, 30, 2), {"scene": scenes}, report)


def parsed(text: str) -> dict[str, dict[str, str]]:
    """The samples by family and labels; fails where the text breaks the format."""
    *lines, end = text.split("\n")[:-1]
    assert text.endswith("\n")
    assert end == "# EOF"
    families: dict[str, dict[str, str]] = {}
    kind = name = ""
    for line in lines:
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in families
            families[name] = {}
        elif line.startswith("# UNIT "):
            assert line.split(" ")[2] == name
            assert name.endswith("_" + line.split(" ")[3])
        elif not line.startswith("# HELP "):
            match = SAMPLE.fullmatch(line)
            assert match, line
            assert match[1] == (f"{name}_total" if kind == "counter" else name)
            assert (match[2] or "") not in families[name]
            families[name][match[2] or ""] = match[3]
    return families


def test_totals_and_groups_are_gauges():
    found = parsed(openmetrics(statistics()))
    assert found["assetctl_cache_entries"] == {"": "3"}
    assert found["assetctl_cache_physical_bytes"] == {"": "20"}
    assert found["assetctl_cache_logical_bytes"] == {"": "30"}
    assert found["assetctl_cache_pinned_entries"] == {"": "2"}
    assert found["assetctl_cache_scene_bytes"] == {'scene="park"': "30"}


def test_what_nobody_knows_has_no_sample():
    found = parsed(openmetrics(statistics()))
    for name in ("saved_seconds", "generation_seconds", "saved_money", "spent_money", "requests"):
        assert found[f"assetctl_{name}"] == {}


def test_usage_is_counters_with_currencies_apart():
    hit = Tally(2, 100, time_ms=1500, timed=1, money={"USD": Decimal("1E+3"), "EUR": Decimal("0.10")}, priced=2)
    made = Tally(1, 50, time_ms=250, timed=1, money={"USD": Decimal("0.40")}, priced=1)
    ever = Usage({(Source.CACHED, "library:folder"): hit, (Source.GENERATED, "generator:pixsim"): made})
    found = parsed(openmetrics(statistics(ever=ever)))
    assert found["assetctl_requests"]['source="cached",provider="library:folder"'] == "2"
    assert found["assetctl_request_bytes"]['source="generated"'] == "50"
    assert found["assetctl_saved_seconds"] == {"": "1.500000"}
    assert found["assetctl_saved_money"] == {'currency="EUR"': "0.10", 'currency="USD"': "1000"}
    assert found["assetctl_spent_money"] == {'currency="USD"': "0.40"}


@pytest.mark.parametrize(
    ("scene", "written"),
    [
        (None, ""),
        ('say "hi"', r"say \"hi\""),
        ("back\\slash", r"back\\slash"),
        ("two\nlines", r"two\nlines"),
        ("# EOF", "# EOF"),
        ("half \ud800", "half ?"),
    ],
)
def test_labels_cannot_break_out(scene: str | None, written: str):
    found = parsed(openmetrics(statistics(scene)))
    assert found["assetctl_cache_scene_entries"] == {f'scene="{written}"': "3"}


def test_file_is_replaced_whole_and_can_be_read_by_others(folder: Path):
    target = folder / "assetctl.prom"
    target.write_text("old", encoding="ascii")
    before = os.umask(0o077)
    try:
        write_openmetrics(target, statistics())
    finally:
        os.umask(before)
    assert target.read_text(encoding="utf-8") == openmetrics(statistics())
    assert stat.S_IMODE(target.stat().st_mode) == 0o644
    assert list(folder.iterdir()) == [target]


def test_folder_in_the_way_is_refused_and_nothing_is_left(folder: Path):
    (folder / "out").mkdir()
    with pytest.raises(CacheError):
        write_openmetrics(folder / "out", statistics())
    assert [path.name for path in folder.iterdir()] == ["out"]
    with pytest.raises(CacheError):
        write_openmetrics(folder / "nowhere" / "out", statistics())
