"""Nested manifests: TOML and JSON mean the same, the innermost wins, and every mistake has its line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from manifest_samples import Read

from assetctl.models import AssetType, Style
from assetctl.prefetch.manifest.nested import MAX_NESTED_BYTES
from assetctl.prefetch.manifest.reading import placed
from assetctl.prefetch.manifest.source import Format

if TYPE_CHECKING:
    from pathlib import Path

CHAPTER = """
[chapter]
id = "chapter-1"
title = "First date"
[defaults]
type = "image"
style = "anime"
parameters = {fps = 24, loud = true}
[[scenes]]
id = "opening"
[[scenes]]
id = "romance_5"
location = "park"
prompt = "Two friends on a bench"
parameters = {fps = 30}
[[scenes.choices]]
id = "confess"
prompt = "She says it at last"
style = "realistic"
[[scenes.choices]]
id = "wait"
"""
AS_JSON = {
    "$schema": "x",
    "chapter": {"id": "chapter-1", "title": "First date"},
    "defaults": {"type": "image", "style": "anime", "parameters": {"fps": 24, "loud": True}},
    "scenes": [
        {"id": "opening"},
        {
            "id": "romance_5",
            "location_id": "park",
            "prompt": "Two friends on a bench",
            "parameters": {"fps": 30},
            "choices": [
                {"id": "confess", "prompt": "She says it at last", "style": "realistic"},
                {"id": "wait"},
            ],
        },
    ],
}


@pytest.fixture(params=[Format.TOML, Format.JSON])
def read(tmp_path: Path, request: pytest.FixtureRequest) -> Read:
    return Read(tmp_path, CHAPTER if request.param is Format.TOML else json.dumps(AS_JSON), request.param)


def test_a_scene_without_choices_is_one_asset_and_every_choice_is_one(read: Read):
    assert read.moments == [("opening", None), ("romance_5", "confess"), ("romance_5", "wait")]
    assert (read.check.chapter_id, read.check.title, read.check.items, read.check.scenes) == (
        "chapter-1",
        "First date",
        3,
        2,
    )


def test_the_innermost_value_counts(read: Read):
    opening, confess, wait = read.requests
    assert (opening.asset_type, opening.style, opening.location_id) == (AssetType.IMAGE, Style.ANIME, None)
    assert (confess.style, confess.prompt, confess.location_id) == (Style.REALISTIC, "She says it at last", "park")
    assert (wait.style, wait.prompt) == (Style.ANIME, "Two friends on a bench")


def test_parameters_are_put_together_name_by_name(read: Read):
    opening, confess, _ = read.requests
    assert dict(opening.parameters) == {"fps": 24, "loud": True}
    assert dict(confess.parameters) == {"fps": 30, "loud": True}


def test_null_takes_back_what_is_inherited(tmp_path: Path):
    chapter = {"defaults": {"style": "anime"}, "scenes": [{"id": "a", "style": None}]}
    (request,) = Read(tmp_path, json.dumps(chapter), Format.JSON).requests
    assert request.style is None


MISTAKES = """[chapter]
id = 3
names = 1
[defaults]
stile = "anime"
style = "anme"
[[scenes]]
id = "a"
duration_s = "x"
[[scenes.choices]]
id = "c"
seed = 1.5
[[scenes.choices]]
prompt = '''
id = "no key, but text"
'''
[[scenes]]
prompt = "p"
location = "x"
location_id = "x"
[extra]
"""


def test_all_mistakes_are_told_at_once_each_with_its_line(tmp_path: Path):
    read = Read(tmp_path, MISTAKES, Format.TOML)
    assert read.problems == [
        (2, "id", "`id` must be text"),
        (3, "names", "a chapter has no `names`"),
        (5, "stile", "there is no field `stile` in `defaults`"),
        (6, "style", "`anme` is no style"),
        (9, "duration_s", "`duration_s` must be a number of seconds"),
        (12, "seed", "`seed` must be a whole number"),
        (13, "id", "a choice has no id"),
        (17, "id", "a scene has no id"),
        (20, "location_id", "`location_id` is given twice"),
        (21, "extra", "a manifest has no `extra`"),
    ]
    assert [problem.hint for problem in read.check.problems][2:4] == ["did you mean `style`?", "did you mean `anime`?"]


def test_a_mistake_that_is_inherited_is_told_once(tmp_path: Path):
    choices = "".join(f'[[scenes.choices]]\nid = "c{number}"\n' for number in range(50))
    read = Read(tmp_path, f'[defaults]\nstyle = "x"\n[[scenes]]\nid = "a"\n{choices}', Format.TOML)
    assert read.problems == [(2, "style", "`x` is no style")]


def test_json_mistakes_have_lines_too(tmp_path: Path):
    text = """{"scenes": [
  {"id": "a"},
  {"id": "b",
   "choices": [
     {"id": "c", "prompt": "with \\"quotes\\": and, [brackets]"},
     {"id": "-d",
      "seed": true}]}],
  "defaults": {
    "type": "vidio"}}"""
    assert Read(tmp_path, text, Format.JSON).problems == [
        (6, "choice", "`-d` cannot be the id of a choice"),
        (7, "seed", "`seed` must be a whole number"),
        (9, "type", "`vidio` is no type"),
    ]


def test_where_all_stands_on_one_line_scenes_and_choices_are_named(tmp_path: Path):
    choices = [{"id": "x", "sede": 3}, {"duration_s": "long"}, 3]
    scenes = [{"id": "a", "type": "vidio"}, {"id": "b", "choices": choices}, {}]
    document = {"defaults": {"seed": "x"}, "scenes": scenes}
    text = json.dumps(document) + "\n"
    check = Read(tmp_path, text, Format.JSON).check
    assert [problem.within for problem in check.problems] == [
        None,
        "scene `a`",
        "scene `b`, choice `x`",
        "scene `b`, choice 2",
        "scene `b`, choice 2",
        "scene `b`, choice 3",
        "scene 3",
    ]
    assert placed("it.json", check.problems[2]) == "it.json:1: scene `b`, choice `x`"
    beautiful = Read(tmp_path, json.dumps(document, indent=1), Format.JSON).check
    assert {problem.within for problem in beautiful.problems} == {None}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "the manifest is empty"),
        ("[chapter]", "the manifest has no scenes"),
        ("scenes = 3", "`scenes` must be a list"),
        ("scenes = [3]", "this in `scenes` must be a table"),
        ("scenes = [{id = 'a', choices = 3}]", "`choices` must be a list"),
        ("scenes = [{id = 3}]", "the id of a scene must be text"),
        ("chapter = 3\nscenes = [{id = 'a'}]", "`chapter` must be a table"),
        ("defaults = 3\nscenes = [{id = 'a'}]", "this in `defaults` must be a table"),
        ("scenes = [{id = 'a', scene = 'b'}]", "there is no field `scene` in `scenes`"),
        ("a = ", "it is not TOML"),
        ("a = " + "[" * 100_000, "it is not TOML"),
        ("a = " + "9" * 5_000, "it is not TOML"),
        (b"a = '\xff'", "it is not UTF-8"),
        (b"\0" * (MAX_NESTED_BYTES + 1), "it is too large"),
    ],
)
def test_what_is_no_manifest_is_told_as_one_mistake(tmp_path: Path, text: str | bytes, what: str):
    assert Read(tmp_path, text, Format.TOML).problem.what == what


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (" \n", "the manifest is empty"),
        ("[1, 2]", "it is not a manifest"),
        ('{"scenes": NaN}', "it is not JSON"),
        ("[" * 200_000, "it is not JSON"),
        ('{"scenes": [{"id": "a", "id": "b"}]}', "`id` is given twice in one object"),
    ],
)
def test_json_that_is_no_manifest_is_told_as_one_mistake(tmp_path: Path, text: str, what: str):
    assert Read(tmp_path, text, Format.JSON).problem.what == what


def test_an_empty_list_of_choices_is_no_choice(tmp_path: Path):
    assert Read(tmp_path, "scenes = [{id = 'a', choices = []}]", Format.TOML).moments == [("a", None)]


def test_a_list_without_scenes_is_empty(tmp_path: Path):
    assert Read(tmp_path, "scenes = []", Format.TOML).problem.what == "the manifest is empty"


def test_an_empty_field_name_points_at_its_table(tmp_path: Path):
    read = Read(tmp_path, "[[scenes]]\nid = 'a'\n\n[scenes.parameters]\nx = [1]", Format.TOML)
    assert read.problems == [(4, "parameters", "`parameters.x` must be text, a number, true or false")]


def test_files_that_an_asset_is_made_from_are_relative_to_the_manifest(tmp_path: Path):
    scene = {"id": "a", "inputs": [{"path": "art/lantern.png"}, {"asset_id": "12"}]}
    (request,) = Read(tmp_path, json.dumps({"scenes": [scene]}), Format.JSON).requests
    assert [given.path for given in request.inputs] == [tmp_path / "art" / "lantern.png", None]
