"""The JSON report is one document, whatever stands in it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from assetctl.prefetch.report.as_json import json_report
from report_samples import HOSTILE, an_evening, facts_of

if TYPE_CHECKING:
    from assetctl.prefetch.report.gathering import Gathering


def test_it_has_the_sums_and_every_asset_in_order(gathering: Gathering) -> None:
    facts = an_evening(gathering)
    text = "".join(json_report(facts, gathering))
    document = json.loads(text)
    assert text.isascii()
    assert list(document)[:4] == ["schema", "kind", "tool", "run_id"]
    assert [entry["item"] for entry in document["items"]] == [1, 2, 3, 4, 5, 6]
    assert (document["count"], document["delivered"], document["left"]) == (6, 3, 1)
    assert sum(document["states"].values()) == 6
    assert document["ended_by"]["message"] == "it was interrupted"
    assert document["items"][2]["error"]["message"] == HOSTILE.replace("\ud800", "")
    assert document["items"][5] | {"state": "left", "asset": None, "error": None} == document["items"][5]


def test_each_asset_is_a_line_of_its_own(gathering: Gathering) -> None:
    lines = "".join(json_report(an_evening(gathering), gathering)).splitlines()
    items = [line for line in lines if line.startswith('    {"item"')]
    assert [json.loads(line.removesuffix(","))["scene_id"] for line in items][::5] == ["opening", "ending"]


def test_nothing_is_a_report_too(gathering: Gathering) -> None:
    assert json.loads("".join(json_report(facts_of(gathering), gathering)))["items"] == []
