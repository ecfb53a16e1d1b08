"""Settings files as text, tables and positions; and what can be wrong with one.

A file is read once: what is parsed is what is hashed, so that trust is about these bytes. Positions come from a look at
the lines, because tomllib gives none; when in doubt they name the table that holds the value.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from assetctl.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_MAX_BYTES: Final = 65_536
_MAX_DEPTH: Final = 8  # deeper names are wrong anyway, and a stranger's may be very deep
_AT: Final = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)$")
_PIECE: Final = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_DOTTED: Final = rf"({_PIECE}(?:\s*\.\s*{_PIECE})*)"
_HEADER: Final = re.compile(rf"\s*\[\[?\s*{_DOTTED}\s*\]")
_KEY: Final = re.compile(rf"\s*{_DOTTED}\s*=")
_MULTILINE: Final = re.compile(r'"""' + r"|'''")


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """One thing that makes a setting unusable.

    `file`, `line` and `column` (both from 1) are None where the value stands in no file. `name` is the setting, the
    variable or the option; None when the file as a whole is meant. No secret's value ever stands in any of it.
    """

    file: Path | None
    line: int | None
    column: int | None
    name: str | None
    what: str
    why: str | None = None
    hint: str | None = None
    cause: Exception | None = field(default=None, compare=False, repr=False)

    @property
    def place(self) -> str:
        """`FILE:LINE:COLUMN`, as far as known; empty without a file."""
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)

    def error(self, more: int = 0) -> ConfigError:
        """This problem as the error that stops the run; `more` others are only counted."""
        what = f"{self.place}: {self.what}" if self.file else self.what
        others = f" ({more} more: `assetctl config validate` lists them)" if more else ""
        error = ConfigError(what + others, why=self.why, hint=self.hint)
        error.__cause__ = self.cause
        return error


@dataclass(frozen=True, slots=True)
class SettingsDocument:
    """A file that was read. `positions` maps the keys and table headers seen to line and column, both from 1."""

    path: Path
    sha256: str
    table: Mapping[str, Any]
    positions: Mapping[tuple[str, ...], tuple[int, int]]
    is_private: bool

    def position(self, keys: tuple[str, ...]) -> tuple[int | None, int | None]:
        """Line and column of the value at `keys`, else of the nearest table around it."""
        for length in range(len(keys), 0, -1):
            if keys[:length] in self.positions:
                return self.positions[keys[:length]]
        return None, None


def read(path: Path) -> SettingsDocument | ConfigProblem:
    """The file's content, or why it has none."""
    try:
        with path.open("rb") as stream:
            content = stream.read(_MAX_BYTES + 1)
            is_private = os.name == "nt" or not os.fstat(stream.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    except FileNotFoundError as error:
        hint = "`assetctl config path` shows where settings are looked for"
        return _whole(path, "there is no such settings file", None, hint, error)
    except OSError as error:
        return _whole(path, "the settings file cannot be read", error.strerror, None, error)
    if len(content) > _MAX_BYTES:
        return _whole(path, "the settings file is too large", f"it has more than {_MAX_BYTES:,} bytes")
    return _parsed(path, content, is_private=is_private)


def _parsed(path: Path, content: bytes, *, is_private: bool) -> SettingsDocument | ConfigProblem:
    try:
        text = content.decode("utf-8-sig")  # editors on Windows put a byte order mark in front
        table = tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return ConfigProblem(path, line, None, None, "the file is not UTF-8", hint="save it as UTF-8", cause=error)
    except (ValueError, RecursionError) as error:  # not only TOMLDecodeError: endless digits, endless brackets
        return _syntax(path, content, error)
    return SettingsDocument(path, hashlib.sha256(content).hexdigest(), table, key_positions(text), is_private)


def _syntax(path: Path, content: bytes, error: Exception) -> ConfigProblem:
    at = _AT.search(str(error))
    if isinstance(error, RecursionError) or at is None:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else "a number in it has too many digits"
        return _whole(path, "this is not TOML", why, None, error)
    line, column = (int(at[1]), int(at[2])) if at[1] else (content.count(b"\n") + 1, None)
    hint = 'texts need quotes: name = "value"; https://toml.io explains the rest'
    return ConfigProblem(
        path, line, column, None, "this is not TOML", why=str(error)[: at.start()], hint=hint, cause=error
    )


def _whole(
    path: Path, what: str, why: str | None, hint: str | None = None, cause: Exception | None = None
) -> ConfigProblem:
    return ConfigProblem(path, None, None, None, what, why=why, hint=hint, cause=cause)


def key_positions(text: str) -> dict[tuple[str, ...], tuple[int, int]]:
    """Line and column where each key and table first begins a line; what stands in texts of many lines is skipped."""
    positions: dict[tuple[str, ...], tuple[int, int]] = {}
    table: tuple[str, ...] = ()
    in_text = False
    for number, line in enumerate(text.split("\n"), start=1):
        header, key = (None, None) if in_text else (_HEADER.match(line), _KEY.match(line))
        if found := header or key:
            keys = tuple(piece.strip("\"'") for piece in re.findall(_PIECE, found[1]))
            table = keys if header else table
            path = keys if header else table + keys
            for length in range(1, min(len(path), _MAX_DEPTH) + 1):
                positions.setdefault(path[:length], (number, found.start(1) + 1))
        in_text ^= len(_MULTILINE.findall(line)) % 2 == 1
    return positions
