"""What a storyboard can be asked for, settled before anything is written."""

from __future__ import annotations

import pytest

from assetctl.errors import InvalidRequest, JobFailed
from assetctl.generation.storyboard.order import SPECS, RenderPlan, estimate_of, plan_of
from assetctl.models import AssetRequest, AssetType

VIDEO, IMAGE, AUDIO, MODEL = AssetType.VIDEO, AssetType.IMAGE, AssetType.AUDIO, AssetType.MODEL_3D


@pytest.mark.parametrize("asset_type", [VIDEO, IMAGE, AUDIO])
def test_defaults_fill_the_plan(asset_type: AssetType) -> None:
    assert plan_of(AssetRequest(scene_id="a", asset_type=asset_type)) == RenderPlan(5.0, 24, 1280, 720, 60)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_spec_states_what_is_accepted(spec) -> None:
    for asset_type in spec.asset_types:
        for value in (spec.default, spec.minimum, spec.maximum):
            request = AssetRequest(scene_id="a", asset_type=asset_type, parameters={spec.name: value})
            assert getattr(plan_of(request), spec.name) == value
        for value in (spec.minimum - 2, spec.maximum + 2, float(spec.default), str(spec.default), True):
            with pytest.raises(JobFailed) as caught:
                plan_of(AssetRequest(scene_id="a", asset_type=asset_type, parameters={spec.name: value}))
            assert spec.name in caught.value.what


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (AssetRequest(scene_id="a", asset_type=MODEL), "3d_model"),
        (AssetRequest(scene_id="a", duration_s=0.4), "0.4 s"),
        (AssetRequest(scene_id="a", duration_s=60.5), "60.5 s"),
        (AssetRequest(scene_id="a", duration_s=61, asset_type=AUDIO), "61 s"),
        (AssetRequest(scene_id="a", parameters={"bpm": 60}), "`bpm`"),
        (AssetRequest(scene_id="a", asset_type=AUDIO, parameters={"fps": 24}), "`fps`"),
        (AssetRequest(scene_id="a", parameters={"quality": 1}), "`quality`"),
        (AssetRequest(scene_id="a", parameters={"width": 641, "height": 361}), "`width` 641 and `height` 361"),
    ],
)
def test_what_cannot_be_made_is_refused_with_a_way_out(request_: AssetRequest, words: str) -> None:
    with pytest.raises(JobFailed) as caught:
        plan_of(request_)
    with pytest.raises(InvalidRequest) as estimated:
        estimate_of(request_)

    assert words in caught.value.what
    assert caught.value.hint
    assert (estimated.value.what, estimated.value.hint) == (caught.value.what, caught.value.hint)


def test_length_means_nothing_for_an_image() -> None:
    assert plan_of(AssetRequest(scene_id="a", asset_type=IMAGE, duration_s=600.0)).duration_s == 600


def test_estimate_is_free_and_grows_with_the_work() -> None:
    short, long = (estimate_of(AssetRequest(scene_id="a", duration_s=seconds)) for seconds in (1.0, 60.0))

    assert short.cost_low is not None
    assert short.cost_low == short.cost_high
    assert short.cost_low.amount == 0
    assert 0 < (short.seconds_low or 0) < (long.seconds_low or 0) < (long.seconds_high or 0)
    assert "free" in (short.basis or "")
