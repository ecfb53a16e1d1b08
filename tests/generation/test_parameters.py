"""A knob is typed, in range and known before anything is sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assetctl.errors import InvalidRequest
from assetctl.generation.base import GenerationOrder, ParameterSpec
from assetctl.generation.parameters import checked_parameters, range_text
from assetctl.models import AssetRequest, AssetType

if TYPE_CHECKING:
    from assetctl.models import ParameterValue

SPECS = (
    ParameterSpec("fps", int, default=10, minimum=1, maximum=60),
    ParameterSpec("weight", float, minimum=0.0, maximum=1.0),
    ParameterSpec("loop", bool),
    ParameterSpec("mood", str, choices=("blue", "green")),
    ParameterSpec("note", str),
    ParameterSpec("bitrate", int, minimum=1),
    ParameterSpec("shift", float, maximum=5.0),
    ParameterSpec("free", float),
    ParameterSpec("columns", int, asset_types=frozenset({AssetType.IMAGE})),
)


@dataclass
class Knobs:
    """As much of a generator as has parameters."""

    name: str = "knobs"
    asset_types: frozenset[AssetType] = frozenset({AssetType.VIDEO, AssetType.IMAGE, AssetType.AUDIO})
    specs: tuple[ParameterSpec, ...] = field(default=SPECS)

    def parameters(self) -> tuple[ParameterSpec, ...]:
        return self.specs


def checked(name: str, value: ParameterValue, asset_type: AssetType = AssetType.VIDEO) -> ParameterValue:
    return checked_parameters({name: value}, Knobs(), asset_type)[name]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value", "typed"),
    [
        ("fps", "24", 24),
        ("fps", 24, 24),
        ("fps", " 24 ", 24),
        ("fps", 1, 1),
        ("fps", 60, 60),
        ("weight", "0.5", 0.5),
        ("weight", 1, 1.0),
        ("weight", "1e-3", 0.001),
        ("loop", "Yes", True),
        ("loop", "off", False),
        ("loop", True, True),
        ("loop", "0", False),
        ("loop", 1, True),
        ("mood", "blue", "blue"),
        ("note", " as it is ", " as it is "),
        ("bitrate", 10**12, 10**12),
        ("shift", -1e9, -1e9),
    ],
)
def test_value_leaves_typed(name: str, value: ParameterValue, typed: ParameterValue):
    result = checked(name, value)
    assert result == typed
    assert type(result) is type(typed)


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("fps", "many", "a whole number"),
        ("fps", "24.5", "a whole number"),
        ("fps", 24.5, "a whole number"),
        ("fps", True, "a whole number"),
        ("fps", "", "a whole number"),
        ("weight", "half", "a number"),
        ("weight", "nan", "a number"),
        ("weight", "inf", "a number"),
        ("weight", float("nan"), "a number"),
        ("weight", False, "a number"),
        ("loop", "perhaps", "true or false"),
        ("loop", 2, "true or false"),
        ("note", 5, "text"),
        ("note", True, "text"),
    ],
)
def test_wrong_type_is_refused(name: str, value: ParameterValue, wanted: str):
    with pytest.raises(InvalidRequest) as caught:
        checked(name, value)
    assert caught.value.what == f"the parameter `{name}` must be {wanted}"
    assert caught.value.why is not None


@pytest.mark.parametrize(
    ("name", "value", "range_"),
    [
        ("fps", 0, "1 to 60"),
        ("fps", "61", "1 to 60"),
        ("weight", -0.1, "0 to 1"),
        ("weight", "1.01", "0 to 1"),
        ("bitrate", 0, "1 or more"),
        ("shift", 5.1, "up to 5"),
    ],
)
def test_value_out_of_range_is_refused(name: str, value: ParameterValue, range_: str):
    with pytest.raises(InvalidRequest, match="out of range") as caught:
        checked(name, value)
    assert range_ in (caught.value.why or "")


def test_unknown_choice_suggests_the_nearest():
    with pytest.raises(InvalidRequest) as caught:
        checked("mood", "gren")
    assert caught.value.hint == "did you mean `green`?"


def test_unknown_name_suggests_the_nearest():
    with pytest.raises(InvalidRequest, match="has no parameter `wieght`") as caught:
        checked("wieght", 1)
    assert caught.value.hint == "did you mean `weight`?"


def test_knob_of_another_type_is_unknown():
    assert checked("columns", 3, AssetType.IMAGE) == 3
    with pytest.raises(InvalidRequest, match="has no parameter `columns`"):
        checked("columns", 3, AssetType.VIDEO)


def test_generator_without_knobs_says_so():
    with pytest.raises(InvalidRequest) as caught:
        checked_parameters({"fps": 4}, Knobs(specs=()), AssetType.VIDEO)  # type: ignore[arg-type]
    assert caught.value.hint == "it has none for this type"


def test_type_that_it_cannot_make_is_refused_even_without_knobs():
    with pytest.raises(InvalidRequest, match="makes no 3d_model") as caught:
        checked_parameters({}, Knobs(), AssetType.MODEL_3D)  # type: ignore[arg-type]
    assert caught.value.why == "it makes audio, image, video"


def test_nothing_is_added():
    assert dict(checked_parameters({}, Knobs(), AssetType.VIDEO)) == {}  # type: ignore[arg-type]


def test_result_cannot_be_changed():
    result = checked_parameters({"fps": 4}, Knobs(), AssetType.VIDEO)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        result["fps"] = 5  # type: ignore[index]


@given(
    st.sampled_from([spec.name for spec in SPECS]),
    st.text(max_size=8) | st.integers() | st.floats(allow_nan=True) | st.booleans(),
)
def test_whatever_is_given_is_checked_or_refused_and_stays_when_checked_again(name: str, value: ParameterValue):
    try:
        once = checked(name, value, AssetType.IMAGE)
    except InvalidRequest:
        return
    assert checked(name, once, AssetType.IMAGE) == once


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("fps", "1 to 60"),
        ("mood", "blue, green"),
        ("note", "any text"),
        ("loop", "any true or false"),
        ("free", "any number"),
        ("bitrate", "1 or more"),
        ("shift", "up to 5"),
    ],
)
def test_range_is_told_for_a_person(name: str, told: str):
    assert range_text(next(spec for spec in SPECS if spec.name == name)) == told


def test_order_carries_the_knobs_of_its_request():
    assert dict(GenerationOrder("k", AssetRequest(parameters={"fps": 4})).parameters) == {"fps": 4}
    assert dict(GenerationOrder("k", AssetRequest()).parameters) == {}
