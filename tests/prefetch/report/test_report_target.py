"""A report is there whole or not at all, and where it goes is known before."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from assetctl.errors import CacheError, InvalidRequest, StorageFull
from assetctl.prefetch.report.kinds import ReportKind, kind_of
from assetctl.prefetch.report.target import check_target, targets_of, write_report

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "reports"
    made.mkdir()
    return made


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.json", ReportKind.JSON),
        ("a.b.MD", ReportKind.MARKDOWN),
        ("x/a.html", ReportKind.PAGE),
        ("junit.Xml", ReportKind.JUNIT),
    ],
)
def test_the_ending_says_how_it_is_written(name: str, kind: ReportKind) -> None:
    assert kind_of(Path(name)) is kind


@pytest.mark.parametrize("name", ["", "a", "json", ".json", "a.htm", "a.json.gz"])
def test_any_other_ending_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        kind_of(Path(name))
    assert caught.value.hint


def test_no_file_is_named_twice_whatever_it_is_called(folder: Path) -> None:
    (folder / "link").symlink_to(folder)
    with pytest.raises(InvalidRequest):
        targets_of([folder / "a.json", folder / "link" / "a.json"], [])
    with pytest.raises(InvalidRequest):
        targets_of([folder / "a.json"], [folder / "link" / "a.json"])
    assert len(targets_of([folder / "a.json", folder / "c.json"], [folder / "b.json"])) == 2


def test_a_check_leaves_everything_as_it_is(folder: Path) -> None:
    path = folder / "report.json"
    path.write_text("older")
    check_target(path)
    assert (path.read_text(), list(folder.iterdir())) == ("older", [path])
    check_target(folder / "new" / "report.json")
    assert list((folder / "new").iterdir()) == []


def test_what_is_no_file_is_not_replaced(folder: Path) -> None:
    os.mkfifo(folder / "pipe.json")
    with pytest.raises(InvalidRequest):
        check_target(folder / "pipe.json")
    (folder / "file").touch()
    with pytest.raises(CacheError) as caught:
        check_target(folder / "file" / "report.json")
    assert caught.value.what == f"the report `{folder / 'file' / 'report.json'}` cannot be written"


def test_it_is_there_at_the_end_and_not_before(folder: Path) -> None:
    path = folder / "report.json"
    path.write_text("older")

    def pieces() -> Iterator[str]:
        for piece in ("new ", "and whole ", "\ud800"):
            assert path.read_text() == "older"
            yield piece

    with path.open() as reader:
        write_report(path, pieces())
        # Whoever had it open reads the older one to its end.
        assert reader.read() == "older"
    assert path.read_bytes() == b"new and whole \\ud800"
    assert list(folder.iterdir()) == [path]


@pytest.mark.parametrize("trouble", [OSError(errno.ENOSPC, "No space left on device"), ValueError("a mistake of ours")])
def test_whatever_happens_meanwhile_the_older_one_stays(folder: Path, trouble: Exception) -> None:
    path = folder / "report.json"
    path.write_text("older")

    def pieces() -> Iterator[str]:
        yield "new " * 1_000_000
        raise trouble

    with pytest.raises(StorageFull if isinstance(trouble, OSError) else ValueError):
        write_report(path, pieces())
    assert (path.read_text(), list(folder.iterdir())) == ("older", [path])
