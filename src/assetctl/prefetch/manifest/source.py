"""Where a manifest's bytes come from, and in which format: a file, or stdin, kept on disk so that it can be read twice.

A chapter is walked once to plan it and once to make it. What is read is the same both times, or the second walk stops.
"""

from __future__ import annotations

import os
import stat
import sys
from enum import StrEnum
from io import UnsupportedOperation
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from assetctl import filesystem
from assetctl.errors import ManifestError
from assetctl.vocabulary import nearest_hint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

STDIN: Final = "-"
#: The most that is taken from stdin or a pipe, which cannot be read a second time and is kept on disk meanwhile.
MAX_PIPED_BYTES: Final = 4 << 30
_CHUNK: Final = 1 << 20


class Format(StrEnum):
    """How a manifest is written."""

    TOML = "toml"
    JSON = "json"
    CSV = "csv"
    JSONL = "jsonl"


_BY_SUFFIX: Final = {
    ".toml": Format.TOML,
    ".json": Format.JSON,
    ".csv": Format.CSV,
    ".tsv": Format.CSV,
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
}


class ManifestSource:
    """The bytes of one manifest, to be read from the start as often as needed; the file at `path` stays open.

    `name` is what messages call it, `words` what a command is given to mean it. Paths in it are relative to `folder`;
    None is the working directory.
    """

    def __init__(
        self,
        name: str,
        file: BinaryIO,
        format_: Format,
        *,
        folder: Path | None = None,
        chapter: tuple[str | None, str | None] = (None, None),
        words: str | None = None,
    ) -> None:
        """Read `file`, which can be wound back and is closed with this; `chapter` is its id and title if rows are flat.

        `words` None is the name.
        `on_named` is told the key of each item for which the manifest names an asset, and that asset's id.
        """
        self.name = name
        self.words = words or name
        self.folder = folder
        self.format = format_
        self.chapter = chapter
        self.on_named: Callable[[str, str], None] | None = None
        self._file = file
        self._stamp = _stamp(file)

    def rewound(self) -> BinaryIO:
        """The file at its start.

        Raises:
            ManifestError: it is not what it was when it was opened.
        """
        self.require_unchanged()
        self._file.seek(0)
        return self._file

    def require_unchanged(self) -> None:
        """Return when the file is what it was when it was opened.

        Raises:
            ManifestError: it isn't.
        """
        if _stamp(self._file) != self._stamp:
            raise ManifestError(f"`{self.name}` was changed while it was read", hint="run the same command again")

    def close(self) -> None:
        """The file is closed."""
        self._file.close()


def _stamp(file: BinaryIO) -> tuple[int, int]:
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns


def format_of(name: str, stated: Format | None) -> Format:
    """The format `stated`, else the one that the file name says; JSON Lines for stdin.

    Raises:
        ManifestError: the name says none.
    """
    if stated is not None:
        return stated
    if name == STDIN:
        return Format.JSONL
    suffix = Path(name).suffix.lower()
    if suffix in _BY_SUFFIX:
        return _BY_SUFFIX[suffix]
    hint = nearest_hint(suffix, list(_BY_SUFFIX)) if suffix else "say it: `--format toml`"
    raise ManifestError(f"`{name}` doesn't say in which format it is", why="its name has no known ending", hint=hint)


def open_source(name: str, scratch: Path, format_: Format | None = None) -> ManifestSource:
    """The manifest called `name`: a path, or `-` for stdin. A pipe is read to its end and kept in `scratch` meanwhile.

    Blocks while a pipe goes on.

    Raises:
        ManifestError: there is no such file, or it cannot be read.
        CacheError: what comes from a pipe cannot be kept.
    """
    if name != STDIN and Path(name).is_dir():
        raise _is_folder(name)
    known = format_of(name, format_)
    shown = "stdin" if name == STDIN else name
    file = _opened(name)
    try:
        if _is_regular(file):
            return ManifestSource(shown, file, known, folder=Path(name).parent, words=name)
        with file:
            return ManifestSource(shown, _kept(file, scratch, shown), known, words=name)
    except BaseException:
        file.close()
        raise


def written_source(
    name: str,
    lines: Iterable[bytes],
    scratch: Path,
    chapter: tuple[str | None, str | None] = (None, None),
    words: str | None = None,
) -> ManifestSource:
    """A manifest of these `lines` of JSON Lines, kept in `scratch` meanwhile; the rest as `ManifestSource` takes it.

    Raises:
        CacheError: they cannot be kept.
    """
    file = _unnamed(scratch, lambda file: file.writelines(lines))
    return ManifestSource(name, file, Format.JSONL, chapter=chapter, words=words)


def _is_regular(file: BinaryIO) -> bool:
    try:
        return stat.S_ISREG(os.fstat(file.fileno()).st_mode)
    except UnsupportedOperation:
        return False  # a stream of a host program that is no file at all


def _opened(name: str) -> BinaryIO:
    try:
        if name == STDIN:
            if sys.stdin is None or sys.stdin.closed:  # pyright: ignore[reportUnnecessaryComparison] - None where it is closed
                raise ManifestError("there is nothing to read a manifest from", why="stdin is closed")
            return _stdin()
        return Path(name).open("rb")
    except FileNotFoundError as error:
        hint = "`assetctl manifest init` writes one to start from"
        raise ManifestError(f"there is no manifest `{name}`", hint=hint) from error
    except IsADirectoryError as error:
        raise _is_folder(name) from error
    except (OSError, ValueError) as error:
        raise ManifestError(f"`{name}` cannot be read", why=getattr(error, "strerror", None) or str(error)) from error


def _is_folder(name: str) -> ManifestError:
    return ManifestError(f"`{name}` is a folder", hint="name the manifest in it")


def _stdin() -> BinaryIO:
    try:
        descriptor = sys.stdin.fileno()
    except UnsupportedOperation:
        return sys.stdin.buffer
    # A reader of our own: the interpreter can't end while a thread is inside that of `sys.stdin`.
    return os.fdopen(os.dup(descriptor), "rb")


def _kept(pipe: BinaryIO, scratch: Path, shown: str) -> BinaryIO:
    return _unnamed(scratch, lambda file: _copy(pipe, file, shown))


def _unnamed(scratch: Path, fill: Callable[[BinaryIO], None]) -> BinaryIO:
    """A file in `scratch` that goes with this process, after `fill` has written it."""
    file = filesystem.unnamed(scratch, ".manifest")
    try:
        with filesystem.translated(scratch):
            fill(file)
            file.flush()
    except BaseException:
        file.close()
        raise
    return file


def _copy(pipe: BinaryIO, file: BinaryIO, shown: str) -> None:
    left = MAX_PIPED_BYTES
    while chunk := pipe.read(_CHUNK):
        left -= len(chunk)
        if left < 0:
            raise ManifestError(
                f"{shown} doesn't end", why=f"at most {MAX_PIPED_BYTES >> 30} GiB are taken", hint="write it to a file"
            )
        file.write(chunk)
