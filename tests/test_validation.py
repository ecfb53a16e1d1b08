"""What makes no sense is refused with the reason before anybody is asked; what makes sense is let through."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assetctl import validation
from assetctl.errors import InvalidRequest
from assetctl.keys import request_key
from assetctl.models import AssetInput, AssetRequest, AssetType, Reuse
from assetctl.text import safe
from assetctl.validation import check_id, check_request

GOOD = AssetRequest(scene_id="romance_5")
IDS = ("scene_id", "choice_id", "character_id", "location_id", "player_id", "playthrough_id")
LABELS = ("generator", "provider", "model")

BAD_IDS = {
    "empty": "",
    "blank": " ",
    "tab": "\t",
    "ideographic blank": "\u3000",
    "one too long": "x" * 201,
    "10 kB": "x" * 10_240,
    "slash": "a/b",
    "absolute path": "/etc/passwd",
    "backslash": "a\\b",
    "parent": "..",
    "parent path": "../secret",
    "parent inside": "a..b",
    "hidden": ".ssh",
    "option": "--force",
    "dash": "-rf",
    "NUL": "a\x00b",
    "newline": "a\nb",
    "carriage return": "a\rb",
    "ESC": "a\x1b[31mb",
    "C1": "a\x9bb",
    "DEL": "a\x7fb",
    "emoji": "a🎬b",
    "emoji with a joiner": "👩\u200d🚀",
    "right-to-left override": "a\u202eb",
    "right-to-left mark": "a\u200fb",
    "isolate": "a\u2066b",
    "zero-width space": "a\u200bb",
    "byte order mark": "\ufeffa",
    "lone surrogate": "a\ud800b",
    "private use": "a\ue000b",
    "line separator": "a\u2028b",
    "quote": 'a"b',
    "dollar": "$HOME",
    "star": "a*",
    "comma": "a,b",
    "leading blank": " a",
    "trailing blank": "a ",
}
GOOD_IDS = [
    "a",
    "romance_5",
    "Kapitel-1.Szene:2",
    "mia+leo@park",
    "シーン_五",
    "مشهد",
    "café",
    "cafe\u0301",
    "x" * 200,
    "5",
    "a b",
]


@pytest.mark.parametrize("field", IDS)
@pytest.mark.parametrize("value", BAD_IDS.values(), ids=BAD_IDS.keys())
def test_bad_id_is_refused_wherever_it_stands(field: str, value: str):
    with pytest.raises(InvalidRequest) as caught:
        check_request(replace(GOOD, **{field: value}))
    assert field.removesuffix("_id") in caught.value.what
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("value", GOOD_IDS)
def test_good_id_is_taken_in_every_script(value: str):
    for field in IDS:
        check_request(replace(GOOD, **{field: value}))


def test_long_id_is_refused_without_repeating_all_of_it():
    with pytest.raises(InvalidRequest) as caught:
        check_id("scene", "x" * 10_240)
    assert "10,240 characters" in (caught.value.why or "")
    assert len(caught.value.hint or "") < 120


def test_refusal_names_the_character_and_its_place():
    with pytest.raises(InvalidRequest) as caught:
        check_id("scene", "ab\u202ec")
    assert caught.value.why == "`U+202E RIGHT-TO-LEFT OVERRIDE` at position 3"
    with pytest.raises(InvalidRequest) as caught:
        check_id("scene", "\x1b")
    assert caught.value.why == "`U+001B control character` at position 1"


@given(st.text(min_size=1, max_size=30))
def test_id_that_is_taken_is_harmless_everywhere(value: str):
    try:
        check_id("scene", value)
    except InvalidRequest:
        return
    assert safe(value) == value
    assert not set(value) & set('/\\<>"|?*\x00\n')
    assert value not in {".", ".."}
    assert value.isprintable()


@pytest.mark.parametrize(
    "request_",
    [
        AssetRequest(),
        AssetRequest(generator="storyboard", seed=5, duration_s=5),
        AssetRequest(player_id="ann", playthrough_id="one"),
    ],
)
def test_request_without_any_context_is_refused(request_: AssetRequest):
    with pytest.raises(InvalidRequest, match="what it is for") as caught:
        check_request(request_)
    assert caught.value.hint


@pytest.mark.parametrize("field", ["scene_id", "choice_id", "character_id", "location_id", "prompt"])
def test_one_part_of_the_context_is_enough(field: str):
    check_request(AssetRequest(**{field: "x"}))


@pytest.mark.parametrize("value", [0, -0.0, -1, -5.5, math.nan, math.inf, -math.inf, 1e9, 3600.1])
def test_duration_that_no_asset_can_have_is_refused(value: float):
    with pytest.raises(InvalidRequest, match="duration"):
        check_request(replace(GOOD, duration_s=value))


@pytest.mark.parametrize("value", [0.001, 0.5, 5, 3600])
def test_duration_within_reason_is_taken(value: float):
    check_request(replace(GOOD, duration_s=value))


@pytest.mark.parametrize("value", [-0.001, -1, math.nan, math.inf, -math.inf, 1e9])
def test_wait_that_nobody_can_mean_is_refused(value: float):
    with pytest.raises(InvalidRequest, match="max wait"):
        check_request(replace(GOOD, max_wait_s=value))


@pytest.mark.parametrize("value", [0, 0.0, 30, 7 * 86_400])
def test_wait_may_be_nothing_up_to_a_week(value: float):
    check_request(replace(GOOD, max_wait_s=value))


@pytest.mark.parametrize("value", [-1, 2**63, 10**400])
def test_seed_out_of_range_is_refused(value: int):
    with pytest.raises(InvalidRequest, match="seed"):
        check_request(replace(GOOD, seed=value))


@pytest.mark.parametrize("value", [0, 1, 2**63 - 1])
def test_seed_in_range_is_taken(value: int):
    check_request(replace(GOOD, seed=value))


@pytest.mark.parametrize("value", ["", "  \n", "x" * 10_001, "a\x00b", "a\x1b[2Jb", "a\ud800", "a\x9bb"])
def test_bad_prompt_is_refused(value: str):
    with pytest.raises(InvalidRequest, match="prompt"):
        check_request(replace(GOOD, prompt=value))


@pytest.mark.parametrize("value", ["She says it.\nAt last.\tSoftly.\r\n", "👩\u200d🚀 → café", "x" * 10_000])
def test_prompt_may_have_lines_and_every_script(value: str):
    check_request(replace(GOOD, prompt=value))


@pytest.mark.parametrize("field", LABELS)
@pytest.mark.parametrize("value", ["", " ", "x" * 201, "a\x1bb", "a\nb", "a\u202eb"])
def test_bad_name_is_refused(field: str, value: str):
    with pytest.raises(InvalidRequest, match=field):
        check_request(replace(GOOD, **{field: value}))


@pytest.mark.parametrize("field", LABELS)
def test_good_name_is_taken(field: str):
    check_request(replace(GOOD, **{field: "pixverse/v5 (beta)"}))


@pytest.mark.parametrize(
    "parameters",
    [{"": 1}, {"a\nb": 1}, {"x" * 201: 1}, {"negative": "a\x00b"}, {"negative": "a\ud800"}, {"negative": "x" * 10_001}],
)
def test_bad_parameter_is_refused(parameters: dict[str, str | int]):
    with pytest.raises(InvalidRequest, match="parameter"):
        check_request(replace(GOOD, parameters=parameters))


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=8) | st.integers() | st.floats() | st.booleans()))
def test_every_request_that_makes_sense_has_a_key(parameters: dict[str, str | float]):
    request = replace(GOOD, parameters=parameters)
    try:
        check_request(request)
    except InvalidRequest:
        return
    assert len(request_key(request)) == 64


@pytest.mark.parametrize(("reuse", "missing"), [(Reuse.PER_PLAYER, "player"), (Reuse.PER_PLAYTHROUGH, "playthrough")])
def test_reuse_that_nobody_can_be_told_by_is_refused(reuse: Reuse, missing: str):
    with pytest.raises(InvalidRequest, match=f"needs to know the {missing}") as caught:
        check_request(replace(GOOD, reuse=reuse))
    assert f"name the {missing}, or leave the reuse out" in (caught.value.hint or "")
    check_request(replace(GOOD, reuse=reuse, **{f"{missing}_id": "ann"}))


@pytest.mark.parametrize("reuse", [Reuse.ONCE, Reuse.ALWAYS])
def test_reuse_by_everybody_or_nobody_needs_no_player(reuse: Reuse):
    check_request(replace(GOOD, reuse=reuse))


PICTURE = AssetInput(AssetType.IMAGE, path=Path("lantern.png"))


@pytest.mark.parametrize(
    "given",
    [
        PICTURE,
        replace(PICTURE, sha256="ab" * 32),
        AssetInput(role="main_character", asset_id="12"),
        AssetInput(AssetType.VIDEO, url="https://example.com:8443/a.mp4?x=1"),
    ],
)
def test_input_that_makes_sense_is_taken(given: AssetInput):
    check_request(replace(GOOD, inputs=(given,) * 16))


@pytest.mark.parametrize(
    ("given", "what"),
    [
        (AssetInput(), "exactly one"),
        (AssetInput(path=Path("a.png"), url="https://example.com/a.png"), "exactly one"),
        (replace(PICTURE, asset_type=AssetType.AUDIO), "can't be of the type `audio`"),
        (replace(PICTURE, role=" "), "name of a role"),
        (replace(PICTURE, sha256="AB" * 32), "64 lower-case hex digits"),
        (AssetInput(asset_id="12", sha256="ab" * 32), "64 lower-case hex digits"),
        (AssetInput(asset_id=""), "name of a backend's asset"),
        (AssetInput(url="ftp://example.com/a.png"), "no address of an input"),
        (AssetInput(url="https:///a.png"), "no address of an input"),
        (AssetInput(url="https://[::1"), "can't be read"),
        (AssetInput(url="https://example.com/a b"), "a character that no address may have"),
        (AssetInput(url="https://example.com/\u202e"), "a character that no address may have"),
        (AssetInput(url="https://example.com/" + "x" * 2_000), "or too many"),
    ],
)
def test_input_that_makes_no_sense_is_refused(given: AssetInput, what: str):
    with pytest.raises(InvalidRequest, match=what) as caught:
        check_request(replace(GOOD, inputs=(given,)))
    assert caught.value.exit_code == 2


def test_too_many_inputs_are_refused():
    with pytest.raises(InvalidRequest, match="too many inputs"):
        check_request(replace(GOOD, inputs=(PICTURE,) * 17))


def test_password_in_an_address_is_refused_and_not_repeated():
    with pytest.raises(InvalidRequest, match="a password") as caught:
        check_request(replace(GOOD, inputs=(AssetInput(url="https://ann:hunter2@example.com/a.png"),)))
    assert "hunter2" not in f"{caught.value.what}{caught.value.why}{caught.value.hint}"


@given(st.text(alphabet="aZ0_-.:+@ /ä", max_size=8))
def test_an_id_known_at_a_glance_is_one_that_a_closer_look_allows(value: str):
    if validation._PLAIN_ID.fullmatch(value):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(validation, "_PLAIN_ID", re.compile("(?!)"))
            check_id("scene", value)


@pytest.mark.parametrize("value", ["romance_5", "a-b.c:d+e@f", "x" * 200])
def test_plain_ids_are_known_at_a_glance(value: str):
    assert validation._PLAIN_ID.fullmatch(value)
    check_id("scene", value)
