"""Knobs reach the server only where a provider has them, typed and in its range."""

from __future__ import annotations

import pytest

from assetctl.errors import InvalidRequest
from assetctl.generation.parameters import checked_value
from assetctl.generation.pixsim.knobs import SPECS, checked_knobs, provider_named, providers_table, specs_of
from assetctl.generation.pixsim.operations import Operation
from assetctl.models import AssetRequest, AssetType, Style
from assetctl.pixsim.records import ProviderInfo, ProviderParameter

VIDEO = Operation.TEXT_TO_VIDEO
PIXVERSE = ProviderInfo(
    "pixverse",
    "Pixverse AI",
    frozenset({"text_to_video", "text_to_image", "video_modify"}),
    {
        "text_to_video": (
            ProviderParameter("prompt", "string", max_length=20),
            ProviderParameter("model", "enum", choices=("v5", "v6"), default="v5"),
            ProviderParameter("quality", "enum", choices=("540p", "720p"), description="Output resolution"),
            ProviderParameter("duration", "number", minimum=1, maximum=10),
            ProviderParameter("seed", "integer"),
            ProviderParameter("style", "string"),
            ProviderParameter("audio", "boolean", default=False),
            ProviderParameter("width", "integer", minimum=64, maximum=1280),
        )
    },
)
QUIET = ProviderInfo(
    "standin", "Stand-in", frozenset({"text_to_video"}), {"text_to_video": (ProviderParameter("prompt", "string"),)}
)
PLAIN = AssetRequest(scene_id="park", prompt="A lantern")


def asked(**fields: object) -> AssetRequest:
    return AssetRequest(**{"scene_id": "park", "prompt": "A lantern", **fields})  # type: ignore[arg-type]


def test_knobs_are_typed_as_the_provider_wants_them():
    request = asked(
        model="v6", seed=7, style=Style.ANIME, duration_s=5.0, parameters={"quality": "720p", "audio": "yes"}
    )
    knobs = checked_knobs(request, PIXVERSE, VIDEO)
    assert knobs == {"model": "v6", "seed": 7, "style": "anime", "quality": "720p", "audio": True}
    assert knobs["audio"] is True


def test_what_the_server_reads_itself_is_no_knob_of_a_provider():
    request = asked(parameters={"operation": "text_to_video", "rating": "PG", "pacing": "slow", "priority": 0})
    assert checked_knobs(request, PIXVERSE, VIDEO) == {}


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"model": "v9"}, "`v9` is no value for the parameter `model`"),
        ({"duration_s": 11.0}, "`duration` is out of range"),
        ({"duration_s": 0.5}, "`duration` is out of range"),
        ({"parameters": {"audio": "perhaps"}}, "`audio` must be true or false"),
        ({"parameters": {"camera_movement": "zoom_in"}}, "takes no `camera_movement` for `text_to_video`"),
        ({"prompt": "x" * 21}, "the prompt is too long"),
    ],
)
def test_what_the_provider_does_not_take_is_refused(fields: dict[str, object], what: str):
    with pytest.raises(InvalidRequest) as caught:
        checked_knobs(asked(**fields), PIXVERSE, VIDEO)
    assert what in caught.value.what
    assert caught.value.why or caught.value.hint


def test_duration_of_whole_seconds_fits_a_whole_number():
    whole = ProviderInfo(
        "sora", "Sora", frozenset(Operation), {VIDEO: (ProviderParameter("duration", "integer", maximum=30),)}
    )
    assert checked_knobs(asked(duration_s=5.0), whole, VIDEO) == {}
    worded = ProviderInfo(
        "x", "X", frozenset(Operation), {VIDEO: (ProviderParameter("duration", "enum", choices=("5",)),)}
    )
    assert checked_knobs(asked(duration_s=5.0), worded, VIDEO) == {}


@pytest.mark.parametrize("provider", [QUIET, ProviderInfo("bare", "Bare", frozenset(Operation), {})])
def test_a_provider_that_states_nothing_is_given_all(provider: ProviderInfo):
    request = asked(model="v9", seed=1, parameters={"quality": "720p"})
    assert checked_knobs(request, provider, VIDEO) == {"model": "v9", "seed": 1, "quality": "720p"}


def test_only_what_the_server_passes_on_is_offered():
    names = [spec.name for spec in specs_of(PIXVERSE, VIDEO)]
    assert names == ["model", "quality", "seed", "style", "audio"]
    model = specs_of(PIXVERSE, VIDEO)[0]
    assert (model.choices, model.default, model.asset_types) == (("v5", "v6"), "v5", {AssetType.VIDEO})
    assert specs_of(PIXVERSE, Operation.TEXT_TO_IMAGE) == []


def test_table_leaves_out_what_is_not_used():
    assert {name: list(operations) for name, operations in providers_table([PIXVERSE, QUIET]).items()} == {
        "pixverse": ["text_to_image", "text_to_video"],
        "standin": ["text_to_video"],
    }


def test_provider_is_found_by_its_id():
    assert provider_named("standin", [PIXVERSE, QUIET], VIDEO) is QUIET


@pytest.mark.parametrize(
    ("name", "operation", "what", "told"),
    [
        ("pixvers", VIDEO, "has no provider `pixvers`", "did you mean `pixverse`?"),
        (None, VIDEO, "no provider is named", "pixverse, standin"),
        ("standin", Operation.TEXT_TO_IMAGE, "can't do `text_to_image`", "is done by pixverse"),
        ("pixverse", Operation.FUSION, "can't do `fusion`", "no provider there does `fusion`"),
    ],
)
def test_provider_that_cannot_do_it_is_refused_and_those_that_can_are_named(
    name: str | None, operation: Operation, what: str, told: str
):
    with pytest.raises(InvalidRequest) as caught:
        provider_named(name, [PIXVERSE, QUIET], operation)
    assert what in caught.value.what
    assert told in f"{caught.value.why} {caught.value.hint}"


def test_backend_without_providers_says_so():
    with pytest.raises(InvalidRequest) as caught:
        provider_named("pixverse", [], VIDEO)
    assert caught.value.hint == "the backend has no provider at all"


def test_static_knobs_hold_for_what_can_be_made_alone():
    assert all(spec.asset_types <= {AssetType.VIDEO, AssetType.IMAGE} for spec in SPECS)
    assert len({spec.name for spec in SPECS}) == len(SPECS)


@pytest.mark.parametrize(("given", "typed"), [("yes", True), (True, True), ("off", False)])
def test_switch_is_taken_from_a_command_and_from_json(given: object, typed: bool):  # noqa: FBT001 - a table
    (spec,) = [spec for spec in SPECS if spec.name == "audio"]
    assert checked_value(given, spec) is typed  # type: ignore[arg-type]
