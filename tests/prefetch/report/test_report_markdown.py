"""The Markdown report fits what GitHub shows, and nothing foreign in it is obeyed."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from assetctl.explanation import Decision
from assetctl.models import Availability, Cost, Estimate, Would
from assetctl.prefetch.deeds import Deed
from assetctl.prefetch.report.as_markdown import markdown_report
from assetctl.prefetch.report.escaping import markdown_text
from assetctl.prefetch.walking import Planned
from report_samples import HOSTILE, an_evening, card, facts_of, item, planned

if TYPE_CHECKING:
    from assetctl.prefetch.report.gathering import Gathering


def test_sums_come_first_then_what_needs_attention_then_each_scene(gathering: Gathering) -> None:
    text = "".join(markdown_report(an_evening(gathering), gathering))
    lines = text.splitlines()
    assert lines[0] == "## First date"
    partial = "This is a partial report: it was interrupted. 1 asset is left: 1 not begun. Run the same command again"
    assert lines[2] == f"> {partial} to go on."
    assert lines[4] == "3 of 6 assets there · 1m 2s · spent 0.80 USD · run run-1"
    assert "| generated | 1 |" in lines
    attention = text.index("### Needs attention")
    assert text.index("| state | assets |") < attention < text.index("<details>")
    assert lines[lines.index("### Needs attention") + 4].startswith("| romance_5 | wait | failed | ")
    assert [line for line in lines if line.startswith("<details>")] == [
        "<details><summary>opening: 1 already here</summary>",
        "<details><summary>romance_5: 1 failed, 1 placeholder, 1 generated, 1 from library</summary>",
        "<details><summary>ending: 1 not begun</summary>",
    ]
    assert "| confess | generated | model-1 | 0.40 USD | 12s |  |" in lines


def test_a_plan_says_what_it_costs_and_how_long_it_takes(gathering: Gathering) -> None:
    cost = Cost(Decimal("0.40"), "USD")
    estimate = Estimate(cost, cost, 1.0, 90.0)
    order = Availability(Would.GENERATE, generator="shop", is_paid=True, estimate=estimate)
    gathering.plan(Planned(item(1, "opening"), Deed.MAKE, Decision("some", order)))
    gathering.plan(planned(item(2, "ending")))
    sentence = "2 assets: 2 to generate; cost 0.40 USD"
    lines = "".join(markdown_report(facts_of(gathering, plan_sentence=sentence), gathering)).splitlines()
    assert lines[2] == f"{sentence} · a plan: nothing was done"
    assert "| opening | to generate | shop | up to 0.40 USD | up to 1m 30s |  |" in lines
    assert "| ending | to generate | shop |  |  |  |" in lines


def test_every_row_has_the_cells_of_its_table_whatever_stands_in_it(gathering: Gathering) -> None:
    lines = "".join(markdown_report(an_evening(gathering), gathering)).splitlines()
    cells = 0
    for line in lines:
        if line.startswith("|"):
            cells = cells or line.count("|")
            assert line.count("|") == cells, line
        else:
            cells = 0


@pytest.mark.parametrize(
    "text",
    [
        HOSTILE,
        "<img src=x onerror=y>",
        "[a](javascript:b)",
        "https://evil.example",
        "`a`\n\n# b",
        "&lt;b&gt;",
        "a|b",
        "$x$",
    ],
)
def test_nothing_foreign_is_obeyed(text: str) -> None:
    escaped = markdown_text(text)
    bare = escaped.replace("\\\\", "").replace("&#124;", "")
    assert re.search("<[A-Za-z/!?]", escaped) is None
    assert "|" not in escaped
    assert "\n" not in escaped
    for mark in ("`", "*", "[", "#", "://", "$"):
        assert bare.count(mark) == bare.count("\\" + mark), mark


def test_what_is_left_out_to_fit_is_said(gathering: Gathering) -> None:
    for number in range(3_000):
        one = item(number, f"scene-{number // 50}", f"choice-{number}")
        gathering.plan(planned(one))
        if number % 3 == 0:
            gathering.ended(card(one, "é" * 200), 1.0)
    gathering.has_begun = True
    facts = facts_of(gathering)
    whole = "".join(markdown_report(facts, gathering))
    assert "left out" not in whole
    assert "and 800 more" in whole
    for most in (100_000, 100_020, 200_000):
        text = "".join(markdown_report(facts, gathering, max_bytes=most))
        assert most - 2_000 < len(text.encode()) <= most
        assert text.count("<details>") == text.count("</details>") > 1
        left_out = 3_000 - text.count("\n| choice-")
        assert text.endswith(f"\n_{left_out:,} assets left out: a summary may be {most:,} bytes long._\n")


def test_no_room_is_nothing_said(gathering: Gathering) -> None:
    assert "".join(markdown_report(an_evening(gathering), gathering, max_bytes=700)) == ""
