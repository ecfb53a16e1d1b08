"""What may stand in the sidecar of a library file, and what a bad one is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assetctl.errors import LibraryError
from assetctl.library.folder.sidecar import Sidecar
from assetctl.library.folder.wire import MAX_SIDECAR_BYTES, parse_sidecar
from assetctl.models import Style

WHOLE = b"""\
id = "first-confession"
scene = "romance_5"
choice = " confess "
character = "mia"
location = "park"
prompt = "Two friends"
description = "on a bench"
style = "Semi_Realistic"
duration_s = 5
tags = ["night", "night", "rain"]
"""


def refused(content: bytes) -> LibraryError:
    with pytest.raises(LibraryError) as caught:
        parse_sidecar(content, "a.mp4.toml")
    assert "`a.mp4.toml`" in caught.value.what
    return caught.value


def test_every_field_is_read():
    assert parse_sidecar(WHOLE, "a.mp4.toml") == Sidecar(
        id="first-confession", scene="romance_5", choice="confess", character="mia", location="park",
        prompt="Two friends", description="on a bench", style=Style.SEMI_REALISTIC, duration_s=5.0,
        tags=frozenset({"night", "rain"}),
    )  # fmt: skip


def test_an_empty_sidecar_states_nothing():
    sidecar = parse_sidecar(b"", "a.mp4.toml")
    assert sidecar == Sidecar()
    assert not sidecar.has_context


def test_a_byte_order_mark_does_no_harm():
    assert parse_sidecar(b'\xef\xbb\xbfscene = "a"', "a.mp4.toml").has_context


def test_a_misspelt_field_is_refused_with_its_line_and_the_nearest_name():
    error = refused(b'scene = "a"\n\nchioce = "b"\n')
    assert error.what == "the sidecar `a.mp4.toml` has no field `chioce`"
    assert (error.why, error.hint) == ("line 3", "did you mean `choice`?")


def test_a_table_of_an_unknown_name_is_refused_with_its_line():
    assert refused(b'[asset]\nscene = "a"\n').why == "line 1"


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (b"scene = 5", "scene"),
        (b'scene = ""', "scene"),
        (b'scene = "  "', "scene"),
        (b'style = "oil"', "style"),
        (b"style = 1", "style"),
        (b"duration_s = 0", "duration_s"),
        (b"duration_s = inf", "duration_s"),
        (b"duration_s = nan", "duration_s"),
        (b"duration_s = true", "duration_s"),
        (b'duration_s = "5"', "duration_s"),
        (b'tags = "night"', "tags"),
        (b'tags = ["night", 5]', "tags"),
        (b'tags = [""]', "tags"),
        (b'id = "' + b"x" * 201 + b'"', "id"),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_its_line(line, name):
    error = refused(b"\n" + line)
    assert f"`{name}`" in error.what
    assert error.why is not None
    assert error.why.startswith("line 2: ")


def test_a_refusal_does_not_repeat_the_value():
    error = refused(b'style = "hunter2"')
    assert "hunter2" not in f"{error.what} {error.why} {error.hint}"


def test_a_field_written_in_an_unusual_way_is_refused_without_a_line():
    assert refused(b'"chio\\u0063e" = "b"').why is None
    assert "line" not in (refused(b'"styl\\u0065" = "oil"').why or "")


def test_text_that_is_no_toml_is_refused_with_its_line():
    assert "line 2" in (refused(b'scene = "a"\nchoice = "b\n').why or "")


def test_deep_nesting_is_refused():
    refused(b"tags = " + b"[" * 30_000)


def test_bytes_that_are_no_text_are_refused():
    assert refused(b"scene = '\xff'").hint == "save it as UTF-8"


def test_a_huge_sidecar_is_refused():
    assert "too long" in refused(b"#" * (MAX_SIDECAR_BYTES + 1)).what


@pytest.mark.parametrize("asset_id", ["romance_5/confess.mp4", "x.PNG"])
def test_an_id_that_looks_like_a_path_is_refused(asset_id):
    assert "looks like the path" in refused(f'id = "{asset_id}"'.encode()).what


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_content_breaks_the_reader(content):
    try:
        assert isinstance(parse_sidecar(content, "a.mp4.toml"), Sidecar)
    except LibraryError as error:
        assert "`a.mp4.toml`" in error.what  # noqa: PT017 - both outcomes are right
