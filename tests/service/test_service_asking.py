"""What is wrong with a create body, field by field, and what of a right one counts."""

from __future__ import annotations

from typing import Any

import pytest

from service import providers
from service.asking import canonical, check_inputs, check_shape, inputs_of, parameter_fault
from service.orders import order
from service.replies import Refused


def wrong_fields(body: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(Refused) as caught:
        check_shape(body)
    assert caught.value.status == 422
    return [(".".join(map(str, field["loc"][1:])), field["type"]) for field in caught.value.fields]


def without(key: str) -> dict[str, Any]:
    body = order()
    del body["config"][key]
    return body


def having(**config: Any) -> dict[str, Any]:
    body = order()
    body["config"] |= config
    return body


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (order(config=3), [("config", "model_type")]),
        (without("generation_type"), [("config.generationType", "missing")]),
        (without("purpose"), [("config.purpose", "missing")]),
        (without("fallback"), [("config.fallback", "missing")]),
        (having(strategy="twice"), [("config.strategy", "literal_error")]),
        (having(style=[]), [("config.style", "model_type")]),
        (having(fallback={}), [("config.fallback.mode", "literal_error")]),
        (having(prompt=3), [("config.prompt", "string_type")]),
        (having(duration={"target": -1}), [("config.duration.target", "greater_than_equal")]),
        (order(provider_id=3), [("provider_id", "string_type")]),
        (order(provider_id="p" * 51), [("provider_id", "string_too_long")]),
        (order(name="n" * 256), [("name", "string_too_long")]),
        (order(priority=11), [("priority", "less_than_equal")]),
        (order() | {"to_scene": {"mood": "calm"}}, [("to_scene.id", "missing")]),
        (order(priority=11, name=4), [("name", "string_type"), ("priority", "less_than_equal")]),
    ],
)
def test_each_wrong_field_is_named(body: dict[str, Any], fields: list[tuple[str, str]]):
    assert wrong_fields(body) == fields


def test_camel_case_is_taken_for_the_type_alone():
    body = order(operation="image_to_video")
    body["config"]["generationType"] = body["config"].pop("generation_type")
    body["config"]["compositionAssets"] = [{"asset": 1}]

    check_shape(body)
    with pytest.raises(Refused, match="IMAGE_TO_VIDEO operation requires"):
        check_inputs("image_to_video", body["config"])


@pytest.mark.parametrize(
    ("operation", "role", "media_type"),
    [
        ("image_to_image", "composition_reference", "image"),
        ("image_to_video", "source_image", "image"),
        ("video_extend", "source_video", "video"),
        ("video_transition", "transition_input", "image"),
        ("fusion", "composition_reference", "image"),
    ],
)
def test_input_gets_the_role_and_type_of_its_operation(operation: str, role: str, media_type: str):
    params = canonical(order(operation=operation, assets=[{"asset": 4}, {"asset_id": "asset:5"}, {"url": "http://x/"}]))

    assert {entry["media_type"] for entry in params["composition_assets"]} == {media_type}
    assert [(entry["role"], entry.get("asset") or entry["url"]) for entry in inputs_of(params)] == [
        (role, "asset:4"),
        (role, "asset:5"),
        (role, "http://x/"),
    ]
    assert ("composition_metadata" in params) == (operation in {"image_to_image", "fusion"})


def test_inputs_of_a_modification_are_dropped_and_lines_of_a_transition_kept():
    modified = canonical(order(operation="video_modify", assets=[{"asset": 4}]))
    body = order(operation="video_transition", assets=[{"asset": 1}, {"asset": 2}])
    body["config"]["prompts"] = ["then"]

    assert "composition_assets" not in modified
    assert canonical(body)["prompts"] == ["then"]


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"prompt": "x" * 2048, "duration": 10.0, "model": "v6"}, None),
        ({"prompt": "x" * 2049}, "param_too_long"),
        ({"duration": 11.0}, "param_invalid"),
        ({"model": "v99"}, "param_invalid"),
        ({"audio": True}, None),
    ],
)
def test_vendor_takes_what_its_parameters_allow(params: dict[str, Any], code: str | None):
    job = {"provider": "pixverse", "operation": "text_to_video", "params": params}

    assert parameter_fault(job, providers.known()) == code


def test_vendor_that_tells_no_parameters_takes_all():
    job = {"provider": "plain", "operation": "text_to_video", "params": {"duration": 999}}

    assert parameter_fault(job, [{"provider_id": "plain", "capabilities": None}]) is None
