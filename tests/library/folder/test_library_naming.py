"""What a file's name says in a library folder."""

from __future__ import annotations

import pytest

from assetctl.library.folder.naming import asset_type_by_name, context_by_name, described_by, parts_of, sidecar_of
from assetctl.models import AssetType


@pytest.mark.parametrize(
    ("name", "asset_type"),
    [
        ("confess.mp4", AssetType.VIDEO),
        ("confess.MP4", AssetType.VIDEO),
        ("a.b.png", AssetType.IMAGE),
        ("a.wav", AssetType.AUDIO),
        ("a.glb", AssetType.MODEL_3D),
        ("a.psd", None),
        ("mp4", None),
        (".mp4", None),
        (".hidden.mp4", None),
        ("~$a.mp4", None),
        ("a.mp4~", None),
        ("a~.mp4", None),
        ("a.mp4.partial", None),
        ("a.partial.mp4", None),
        ("a.tmp.mp4", None),
        ("a.mp4.toml", None),
    ],
)
def test_only_finished_visible_media_files_have_a_type(name, asset_type):
    assert asset_type_by_name(name) is asset_type


@pytest.mark.parametrize(
    ("relative", "context"),
    [
        ("romance_5.mp4", ("romance_5", None)),
        ("romance_5/confess.mp4", ("romance_5", "confess")),
        ("romance.5/con.fess.mp4", ("romance.5", "con.fess")),
        ("act/romance_5/confess.mp4", None),
    ],
)
def test_a_path_of_one_or_two_parts_names_scene_and_choice(relative, context):
    assert context_by_name(relative) == context


def test_a_sidecar_bears_the_whole_name_of_its_file():
    assert sidecar_of("a/b.mp4") == "a/b.mp4.toml"
    assert described_by("a/b.mp4.toml") == "a/b.mp4"


@pytest.mark.parametrize("asset_id", ["first-confession", "a/b", "../a.mp4", "a/../b.mp4", "/a.mp4", "a//b.mp4",
                                      "./a.mp4", ".git/a.mp4", "a.mp4\0.mp4", "a/", ""])  # fmt: skip
def test_what_cannot_be_a_path_in_the_library_is_none(asset_id):
    assert parts_of(asset_id) is None


def test_a_path_in_the_library_has_parts():
    assert parts_of("a/b.mp4") == ("a", "b.mp4")
