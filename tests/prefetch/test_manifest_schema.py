"""The published schema and the example are made from the same list as the reading."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from manifest_samples import Read

from assetctl.documents import REQUEST_FIELDS
from assetctl.prefetch.manifest.example import example_manifest
from assetctl.prefetch.manifest.fields import NESTED_FIELDS, ROW_FIELDS, SHORT_NAMES, field_infos
from assetctl.prefetch.manifest.schema import manifest_schema
from assetctl.prefetch.manifest.source import Format

if TYPE_CHECKING:
    from typing import Any

PUBLISHED = Path(__file__).parents[2] / "docs" / "manifest.schema.json"


def test_the_published_schema_is_up_to_date():
    assert json.loads(PUBLISHED.read_text("utf-8")) == manifest_schema(), (
        "write it anew: assetctl manifest schema > docs/manifest.schema.json"
    )


def test_every_field_of_a_request_is_described():
    described = {SHORT_NAMES.get(info.name, info.name) for info in field_infos()}
    assert described == REQUEST_FIELDS - {"scene_id", "choice_id"} | {"asset"}


def names(schema: Any) -> set[str]:
    return set(schema["properties"])


def test_the_schema_knows_the_fields_that_reading_knows():
    schema = manifest_schema()
    assert names(schema["properties"]["defaults"]) == NESTED_FIELDS
    assert names(schema["$defs"]["scene"]) == NESTED_FIELDS | {"id", "choices"}
    assert names(schema["$defs"]["choice"]) == NESTED_FIELDS | {"id"}
    assert names(schema["$defs"]["row"]) == ROW_FIELDS


def test_the_example_is_a_manifest_and_names_every_field(tmp_path: Path):
    read = Read(tmp_path, example_manifest(), Format.TOML)
    assert read.problems == []
    assert read.moments == [("opening", None), ("romance_5", "confess"), ("romance_5", "wait")]
    for info in field_infos():
        assert info.help in example_manifest()


@pytest.mark.parametrize("name", sorted(REQUEST_FIELDS - {"scene_id", "choice_id"}))
def test_every_described_value_is_accepted(tmp_path: Path, name: str):
    samples = {
        "type": "image",
        "style": "anime",
        "reuse": "once",
        "strategy": "pre-made-only",
        "via": "game",
        "parameters": {"a": 1},
        "inputs": [{"asset_id": "12", "role": "character", "type": "image"}],
    }
    shape = next(info.shape for info in field_infos() if SHORT_NAMES.get(info.name, info.name) == name)
    sample = samples.get(name, {"string": "a", "boolean": True, "number": 1.5, "integer": 3}.get(shape["type"]))
    chapter = {"scenes": [{"id": "a", name: sample}]}
    read = Read(tmp_path, json.dumps(chapter), Format.JSON)
    assert read.problems == []
    assert len(read.requests) == 1
