"""The one table of suffixes, media types and signatures."""

from __future__ import annotations

import subprocess
import sys
from pathlib import PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assetctl.media.kinds import (
    HEAD_BYTES,
    asset_type_of,
    default_suffix,
    format_of,
    suffixes_of,
)
from assetctl.models import AssetType


@pytest.mark.parametrize("asset_type", list(AssetType))
def test_every_suffix_leads_back_to_its_type(asset_type: AssetType) -> None:
    suffixes = suffixes_of(asset_type)

    assert suffixes[0] == default_suffix(asset_type)
    assert len(set(suffixes)) == len(suffixes)
    for suffix in suffixes:
        assert asset_type_of(PurePath(f"a.b{suffix.upper()}")) is asset_type


@pytest.mark.parametrize("name", ["readme.txt", "clip", ".mp4", "clip.mp4.part", "clip.mp4 "])
def test_other_files_are_no_media(name: str) -> None:
    assert asset_type_of(PurePath(name)) is None


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "WAV"),
        (b"JUNK\x00\x00\x00\x00WAVEfmt ", None),
        (b"\x00\x00\x00\x20ftypisom", "MP4"),
        (b"\x00\x00\x00\x20ftypqt  ", "QuickTime"),
        (b"\x1a\x45\xdf\xa3\x9fB\x82\x84webm", "WebM"),
        (b"\x1a\x45\xdf\xa3\x9fB\x82\x88matroska", "Matroska"),
        (b"\xff\xfb\x90\x64", "MP3"),
        (b"\xff\xfb\xf0\x64", None),
        (b"\xff\xfb\x9c\x64", None),
        (b"\xff\xfb", None),
        (b"\xef\xbb\xbf {}", "glTF"),
        (b"; FBX 7.3.0 project file", "FBX"),
        (b"v 0 0 0\n", "OBJ"),
        (b"vine leaves\n", None),
        (b"#!/bin/sh\n", None),
    ],
)
def test_signature_names_the_format(head: bytes, name: str | None) -> None:
    found = format_of(head)

    assert (found.name if found else None) == name


@given(st.binary(max_size=HEAD_BYTES))
def test_any_bytes_may_be_asked_about(head: bytes) -> None:
    found = format_of(head)

    assert found is None or found.mime_types


def test_table_loads_no_media_library() -> None:
    code = "import assetctl.media.kinds, sys; print(sorted({'av', 'PIL'} & set(sys.modules)))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=240)

    assert said.stdout.strip() == "[]"
