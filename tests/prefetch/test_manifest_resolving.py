"""Rows resolved together come to what they come to alone, though what they share is looked at once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assetctl.keys import request_key
from assetctl.models import OWN_FIELDS, AssetRequest, AssetType, Reuse
from assetctl.prefetch.manifest.findings import Item, Row
from assetctl.prefetch.manifest.resolving import Resolver
from assetctl.validation import check_request

if TYPE_CHECKING:
    from pathlib import Path

    from assetctl.prefetch.manifest.findings import Problem


def effective(request: AssetRequest) -> AssetRequest:
    check_request(request)
    return replace(request, generator=request.generator or "storyboard", max_wait_s=1.0)


def row(line: int = 1, label: Any = None, **fields: Any) -> Row:
    return Row(line, fields, label)


def alone(rows: list[Row]) -> list[Item | list[Problem]]:
    return [Resolver(effective).resolved(one, number) for number, one in enumerate(rows, start=1)]


def together(rows: list[Row]) -> list[Item | list[Problem]]:
    resolver = Resolver(effective)
    return [resolver.resolved(one, number) for number, one in enumerate(rows, start=1)]


texts = st.sampled_from(["a", " a", "A b", "", "..", "é", "e\u0301", "x\r\ny", "\x00", 'q"\\', "\u2028", "\U0001f600"])
# What equals what it is not: 1, 1.0 and true; 0 and false.
values = st.sampled_from([None, True, False, 0, 1, 1.0, 5, 2.5, 1e22, -1, "5", "video", "anime", [], {}])
parameters = st.dictionaries(st.sampled_from(["fps", "mood", ""]), values | texts, max_size=2)
fields = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(OWN_FIELDS, texts | st.just(None) | st.just(7)),
        "type": values,
        "style": values,
        "duration_s": values,
        "seed": values,
        "generator": texts,
        "reuse": st.sampled_from([*Reuse, "never", 3]),
        "player_id": texts,
        "allow_generation": values,
        "parameters": parameters | values,
        "inputs": st.sampled_from([[], [{"url": "https://a.example/b.png"}], [{}], "x"]),
    },
)


@given(st.lists(fields, max_size=6), st.lists(texts, min_size=1, max_size=3), texts)
def test_rows_come_to_the_same_together_and_alone(some: list[dict[str, Any]], scenes: list[str], prompt: str):
    # Each row again and again, with other fields of its own.
    rows = [row(**one) for one in some]
    rows += [row(**{**one, "scene_id": scene}) for scene in scenes for one in some]
    rows += [row(**{**one, "prompt": prompt}) for one in some]
    found = together(rows)
    assert found == alone(rows)
    assert all(item.key == request_key(item.request) for item in found if isinstance(item, Item))


def test_what_rows_share_is_looked_at_once():
    asked: list[AssetRequest] = []

    def counting(request: AssetRequest) -> AssetRequest:
        asked.append(request)
        return effective(request)

    resolver = Resolver(counting)
    rows = [row(line, f"row {line}", scene_id=f"s{line}", style="anime", parameters={"fps": 24}) for line in range(9)]
    items = [resolver.resolved(one, number) for number, one in enumerate(rows, start=1)]
    assert len(asked) == 1
    assert [(item.place, item.label, item.number) for item in items if isinstance(item, Item)] == [
        (line, f"row {line}", line + 1) for line in range(9)
    ]


def test_a_mistake_is_shared_with_nobody():
    rows = [row(scene_id="a", duration_s=-1), row(scene_id="b", duration_s=-1), row(scene_id="c", duration_s=1)]
    assert [isinstance(one, Item) for one in together(rows)] == [False, False, True]


@pytest.mark.parametrize("value", [True, "1"])
def test_what_only_equals_a_sound_value_is_a_mistake_all_the_same(value: object):
    first, second = together([row(scene_id="a", duration_s=1), row(scene_id="b", duration_s=value)])
    assert isinstance(first, Item)
    assert isinstance(second, list)


def test_a_knob_that_only_equals_another_is_another():
    knobs = [{"fps": 1}, {"fps": True}, {"fps": 1.0}, {"fps": 1}]
    items = together([row(scene_id="a", parameters=one) for one in knobs])
    told = [item.request.parameters["fps"] for item in items if isinstance(item, Item)]
    assert [(value, type(value)) for value in told] == [(1, int), (True, bool), (1.0, float), (1, int)]
    assert [item.key for item in items if isinstance(item, Item)] == [one.key for one in alone_items(knobs)]


def alone_items(knobs: list[dict[str, Any]]) -> list[Item]:
    found = alone([row(scene_id="a", parameters=one) for one in knobs])
    return [one for one in found if isinstance(one, Item)]


def test_files_are_looked_at_for_each_row(tmp_path: Path):
    asked: list[AssetRequest] = []
    resolver = Resolver(lambda request: asked.append(request) or request, tmp_path)
    for scene in "ab":
        resolver.resolved(row(scene_id=scene, inputs=[{"path": "lantern.png"}]), 1)
    assert [request.inputs[0].path for request in asked] == [tmp_path / "lantern.png"] * 2


def test_rows_of_a_thousand_kinds_are_resolved_too():
    rows = [row(scene_id="a", seed=seed % 1_500) for seed in range(3_000)]
    items = [item for item in together(rows) if isinstance(item, Item)]
    assert [item.request.seed for item in items] == [seed % 1_500 for seed in range(3_000)]
    assert {item.request.asset_type for item in items} == {AssetType.VIDEO}
