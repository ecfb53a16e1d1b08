"""Flat manifests: a row per asset, whatever the spreadsheet, and garbage that costs mistakes instead of memory."""

from __future__ import annotations

import io
import json
import tracemalloc
from itertools import islice
from typing import TYPE_CHECKING

import pytest
from manifest_samples import Read

from assetctl.models import Reuse
from assetctl.prefetch.manifest.findings import Problem, Row
from assetctl.prefetch.manifest.lines import MAX_LINE_BYTES
from assetctl.prefetch.manifest.reading import MAX_PROBLEMS
from assetctl.prefetch.manifest.rows import read_csv, read_json_lines
from assetctl.prefetch.manifest.source import Format

if TYPE_CHECKING:
    from pathlib import Path


def test_a_line_of_json_is_an_asset_and_keeps_its_own_id(tmp_path: Path):
    text = '{"id": 7, "scene": "a", "choice_id": "b", "duration_s": 5}\n\n{"scene_id": "c", "prompt": null}\n'
    read = Read(tmp_path, b"\xef\xbb\xbf" + text.encode(), Format.JSONL)
    assert read.moments == [("a", "b"), ("c", None)]
    assert [(item.place, item.label, item.number) for item in read.findings] == [(1, 7, 1), (3, None, 2)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_spreadsheet_is_read_whatever_parts_its_cells(tmp_path: Path, delimiter: str):
    rows = [
        ["scene", "choice", "prompt", "duration_s", "seed", "allow_generation", "parameters.fps", "parameters", "id"],
        ["a", "b", '"Two, ""friends""; a\tbench\nin two lines"', "2.5", "3", "no", "24", '"{""loud"": 3}"', "x1"],
        ["", "", "only words", "", "", "yes", "", "", ""],
    ]
    text = "\r\n".join(delimiter.join(row) for row in rows)
    first, second = Read(tmp_path, b"\xef\xbb\xbf" + text.encode(), Format.CSV).requests
    assert (first.scene_id, first.choice_id, first.duration_s, first.seed) == ("a", "b", 2.5, 3)
    assert first.prompt == 'Two, "friends"; a\tbench\nin two lines'
    assert (first.allow_generation, dict(first.parameters)) == (False, {"loud": 3, "fps": "24"})
    assert (second.scene_id, second.prompt, second.allow_generation) == (None, "only words", True)


def test_equal_requests_are_told_and_done_once(tmp_path: Path):
    read = Read(tmp_path, "scene,type\na,video\nb,video\na,\n", Format.CSV)
    assert read.moments == [("a", None), ("b", None)]
    assert read.check.duplicate_lines == [(4, 1)]
    assert read.check.duplicates == 1


def test_a_column_that_is_none_hides_no_other_mistake(tmp_path: Path):
    text = "scene,chioce,seed,type,\na,b,x,vidio,\nc,d,1,audio,\ne,f,1\n"
    assert Read(tmp_path, text, Format.CSV).problems == [
        (1, "chioce", "there is no column `chioce`"),
        (1, None, "column 5 has no name"),
        (2, "seed", "`seed` must be a whole number"),
        (2, "type", "`vidio` is no type"),
        (4, None, "the row has 3 cells, the header 5"),
    ]


def test_where_no_column_is_one_nothing_more_is_read(tmp_path: Path):
    assert Read(tmp_path, "y\ny,y\n", Format.CSV).problems == [(1, "y", "there is no column `y`")]


def test_a_field_that_is_none_hides_no_other_mistake(tmp_path: Path):
    assert Read(tmp_path, '{"scene": "a", "sede": 1, "type": "vidio"}\n', Format.JSONL).problems == [
        (1, "sede", "there is no field `sede`"),
        (1, "type", "`vidio` is no type"),
    ]


def test_parameters_that_are_no_object_are_told_also_beside_columns_of_theirs(tmp_path: Path):
    (problem,) = Read(tmp_path, "scene,parameters,parameters.fps\na,[1],3\n", Format.CSV).problems
    assert problem[:2] == (2, "parameters")


def test_every_mistake_of_every_row_is_told(tmp_path: Path):
    lines = [
        '{"scene": "ok"}',
        '{"scene": "", "duration_s": -1, "style": "anme"}',
        '{"scene": "a", "scne": "b", "stile": 1}',
        '{"scene": "a", "scene": "b"}',
        '{"scene": "a", "scene_id": "b"}',
        "[]",
        "{",
        '{"type": "video"}',
        '{"scene": "a", "reuse": "per-player"}',
        '{"scene": "a", "reuse": "never"}',
    ]
    assert Read(tmp_path, "\n".join(lines), Format.JSONL).problems == [
        (2, "scene", "the scene id is empty"),
        (2, "duration_s", "`-1` is no duration in seconds"),
        (2, "style", "`anme` is no style"),
        (3, "scne", "there is no field `scne`"),
        (3, "stile", "there is no field `stile`"),
        (4, "scene", "`scene` is given twice"),
        (5, "scene_id", "`scene_id` is given twice"),
        (6, None, "the line is not a JSON object"),
        (7, None, "the line is not JSON"),
        (8, None, "the request doesn't say what it is for"),
        (9, None, "the reuse `per-player` needs to know the player"),
        (10, "reuse", "`never` is no reuse"),
    ]


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("", [(None, None, "the manifest is empty")]),
        ("\n\n", [(None, None, "the manifest is empty")]),
        ('"a" b,scene\n', [(1, None, "the header is not CSV")]),
        ("a\rb\n", [(1, None, "the header is not CSV")]),
        (b"\xff\n", [(1, None, "the line is not UTF-8")]),
        ("scne,choice\na,b\n", [(1, "scne", "there is no column `scne`")]),
        ("scene,scene_id,\n", [(1, "scene_id", "there are two columns `scene_id`"), (1, None, "column 3 has no name")]),
        ("scene,parameters.\na,b\n", [(1, "parameters.", "there is no column `parameters.`")]),
        ("scene,choice\na\n", [(2, None, "the row has 1 cell, the header 2")]),
        ('scene,choice\na,"b\n', [(2, None, "the row is not CSV")]),
        ('scene,choice\na,"b"c\nd,e\n', [(2, None, "the row is not CSV")]),
        (b"scene\n\xff\nb\n", [(2, None, "the line is not UTF-8")]),
        ("scene\n" + "x" * (MAX_LINE_BYTES + 1) + "\nb\n", [(2, None, "the line is too long")]),
        ("x" * (MAX_LINE_BYTES + 1), [(1, None, "the line is too long")]),
        (
            "scene,duration_s,seed,prefer_cached,parameters\na,x,1.5,perhaps,{\n",
            [
                (2, "duration_s", "`duration_s` must be a number of seconds"),
                (2, "seed", "`seed` must be a whole number"),
                (2, "prefer_cached", "`prefer_cached` must be true or false"),
                (2, "parameters", '`parameters` must be JSON, such as `{"fps": 24}`'),
            ],
        ),
    ],
)
def test_a_spreadsheet_with_mistakes_tells_them(tmp_path: Path, text: str | bytes, problems: list[object]):
    assert Read(tmp_path, text, Format.CSV).problems == problems


def test_a_row_whose_quote_never_ends_is_cut(tmp_path: Path):
    text = 'scene,prompt\na,"' + "words\n" * (MAX_LINE_BYTES // 4)
    (problem,) = (one for one in Read(tmp_path, text, Format.CSV).check.problems if one.place == 2)
    assert problem.what == "the row is not CSV"


@pytest.mark.parametrize("line", [b"{" * 10_000, b"9" * 10_000, b'"\xff"', b"NaN", b"[" * 100_000])
def test_a_line_of_garbage_is_one_mistake(line: bytes):
    found = list(read_json_lines(io.BytesIO(line + b'\n{"scene": "a"}\n')))
    assert [type(one) for one in found] == [Problem, Row]


def test_a_line_that_is_too_long_costs_itself():
    found = list(read_json_lines(io.BytesIO(b"x" * (3 * MAX_LINE_BYTES) + b'\n{"scene": "a"}\n' + b"x" * 9)))
    assert [(type(one), one.place) for one in found] == [(Problem, 1), (Row, 2), (Problem, 3)]


def test_reading_stops_after_many_mistakes(tmp_path: Path):
    read = Read(tmp_path, "garbage\n" * (MAX_PROBLEMS + 50), Format.JSONL)
    assert len(read.check.problems) == MAX_PROBLEMS + 1
    assert read.check.problems[-1].what == "reading stopped here"


class Endless(io.RawIOBase):
    """Rows without end, or one line without end."""

    def __init__(self, line: bytes) -> None:
        self._line = line

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:
        size = len(buffer)
        buffer[:] = (self._line * (size // len(self._line) + 1))[:size]
        return size


@pytest.mark.parametrize(
    "rows",
    [
        lambda: read_json_lines(io.BufferedReader(Endless(json.dumps({"scene": "a"}).encode() + b"\n"))),
        lambda: read_csv(io.BufferedReader(Endless(b"scene\n"))),
    ],
    ids=["jsonl", "csv"],
)
def test_memory_does_not_grow_with_the_rows(rows):
    walk = rows()
    for _ in islice(walk, 1_000):
        pass
    tracemalloc.start()
    for _ in islice(walk, 50_000):
        pass
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 100_000


def test_per_player_results_are_asked_for_by_a_row(tmp_path: Path):
    (request,) = Read(tmp_path, "scene,reuse,player\na,per_player,p1\n", Format.CSV).requests
    assert (request.reuse, request.player_id) == (Reuse.PER_PLAYER, "p1")


def test_the_first_mistake_is_the_error_and_the_others_are_counted(tmp_path: Path):
    error = Read(tmp_path, "scene,seed\na,x\nb,y\nc,z\n", Format.CSV).check.error()
    assert error is not None
    assert error.what.endswith("chapter.csv` lists them)")
    assert "chapter.csv:2: `seed` must be a whole number (2 more: `assetctl manifest check " in error.what
    assert (error.why, error.exit_code) == ("it is `x`", 2)
    assert Read(tmp_path, "scene\na\n", Format.CSV).check.error() is None
