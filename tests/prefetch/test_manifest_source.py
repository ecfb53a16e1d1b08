"""Where a manifest comes from: files, pipes kept on disk, and what is neither."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING

import pytest
from manifest_samples import opened_source

from assetctl.errors import ManifestError, StorageFull
from assetctl.prefetch.manifest import source as module
from assetctl.prefetch.manifest.source import Format, format_of, open_source

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("name", "stated", "known"),
    [
        ("a.TOML", None, Format.TOML),
        ("a.json", None, Format.JSON),
        ("a.tsv", None, Format.CSV),
        ("a.ndjson", None, Format.JSONL),
        ("-", None, Format.JSONL),
        ("-", Format.CSV, Format.CSV),
        ("a.txt", Format.JSON, Format.JSON),
    ],
)
def test_the_name_says_the_format_unless_it_is_stated(name: str, stated: Format | None, known: Format):
    assert format_of(name, stated) is known


@pytest.mark.parametrize(("name", "hint"), [("a.tml", "did you mean `.toml`?"), ("a", "say it: `--format toml`")])
def test_a_name_that_says_no_format_is_refused(name: str, hint: str):
    with pytest.raises(ManifestError) as caught:
        format_of(name, None)
    assert caught.value.hint == hint


def test_a_file_is_read_again_from_its_start(tmp_path: Path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"one")
    with opened_source(str(path), tmp_path) as source:
        assert [source.rewound().read(), source.rewound().read()] == [b"one", b"one"]


def test_a_file_that_changes_between_two_walks_is_refused(tmp_path: Path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"one")
    with opened_source(str(path), tmp_path) as source:
        path.write_bytes(b"another")
        with pytest.raises(ManifestError, match="was changed while it was read"):
            source.rewound()


@pytest.mark.skipif(sys.platform == "win32", reason="named pipes as here are POSIX")
def test_a_pipe_is_kept_to_be_read_again_and_leaves_nothing(tmp_path: Path):
    reader, writer = os.pipe()
    os.write(writer, b"some rows")
    os.close(writer)
    scratch = tmp_path / "scratch"
    with opened_source(f"/dev/fd/{reader}", scratch, Format.JSONL) as source:
        assert [source.rewound().read(), source.rewound().read()] == [b"some rows", b"some rows"]
    os.close(reader)
    assert list(scratch.iterdir()) == []


def test_stdin_is_taken_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "given"
    path.write_bytes(b"rows")
    with path.open() as given:
        monkeypatch.setattr(sys, "stdin", given)
        with opened_source("-", tmp_path) as source:
            assert (source.name, source.rewound().read()) == ("stdin", b"rows")


@pytest.mark.skipif(sys.platform == "win32", reason="named pipes as here are POSIX")
def test_a_pipe_without_end_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "MAX_PIPED_BYTES", 3)
    reader, writer = os.pipe()
    os.write(writer, b"more than three")
    os.close(writer)
    with pytest.raises(ManifestError, match="doesn't end"):
        open_source(f"/dev/fd/{reader}", tmp_path / "scratch", Format.JSONL)
    os.close(reader)
    assert list((tmp_path / "scratch").iterdir()) == []


def test_no_room_for_what_comes_from_a_pipe_is_told(tmp_path: Path):
    class Full(io.BytesIO):
        def read(self, *_: object) -> bytes:
            raise OSError(28, "No space left on device")

    with pytest.raises(StorageFull):
        module._kept(Full(), tmp_path / "scratch", "stdin")
    assert list((tmp_path / "scratch").iterdir()) == []


def test_what_cannot_be_read_is_told_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(ManifestError, match="there is no manifest") as caught:
        open_source(str(tmp_path / "nobody.toml"), tmp_path)
    assert "manifest init" in (caught.value.hint or "")
    with pytest.raises(ManifestError, match="is a folder"):
        open_source(str(tmp_path), tmp_path, Format.TOML)
    with pytest.raises(ManifestError, match="cannot be read"):
        open_source("a\0b.toml", tmp_path)
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(ManifestError, match="nothing to read a manifest from"):
        open_source("-", tmp_path)
