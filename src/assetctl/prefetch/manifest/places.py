"""Line numbers in nested manifests: neither `json` nor `tomllib` tells them, so the text is looked at once more.

Only when there is a mistake to tell. Where the exact place cannot be found, the nearest table around it is named.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

Path = tuple[str | int, ...]

_PIECE: Final = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_DOTTED: Final = rf"({_PIECE}(?:\s*\.\s*{_PIECE})*)"
_HEADER: Final = re.compile(rf"\s*(\[\[?)\s*{_DOTTED}\s*\]")
_KEY: Final = re.compile(rf"\s*{_DOTTED}\s*=")
_PIECES: Final = re.compile(_PIECE)
_MULTILINE: Final = re.compile(r'"""' + r"|'''")
_TOKENS: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|\n|[^\s{}\[\],:"]+', re.DOTALL)


def toml_lines(text: str, wanted: Collection[Path]) -> dict[Path, int]:
    """The line of each of `wanted` in the TOML `text`, or of what is nearest around it; 1 when nothing is."""
    return _nearest(_toml_paths(text), wanted)


def json_lines(text: str, wanted: Collection[Path]) -> dict[Path, int]:
    """The line of each of `wanted` in the JSON `text`, or of what is nearest around it; 1 when nothing is."""
    return _nearest(_json_paths(text), wanted)


def _nearest(places: Iterator[tuple[Path, int]], wanted: Collection[Path]) -> dict[Path, int]:
    # Whatever is around something that is wanted, too; nothing else is kept of a large file.
    looked_for = {path[:length] for path in wanted for length in range(1, len(path) + 1)}
    found: dict[Path, int] = {}
    for path, line in places:
        if path in looked_for:
            found.setdefault(path, line)
    return {path: _line(found, path) for path in wanted}


def _line(found: dict[Path, int], path: Path) -> int:
    return next((found[path[:length]] for length in range(len(path), 0, -1) if path[:length] in found), 1)


def _toml_paths(text: str) -> Iterator[tuple[Path, int]]:
    table: Path = ()
    counts: dict[Path, int] = {}
    in_text = False
    for number, line in enumerate(text.split("\n"), start=1):
        header, key = (None, None) if in_text else (_HEADER.match(line), _KEY.match(line))
        if header:
            table = _entered(_pieces(header[2]), counts, is_array=header[1] == "[[")
            yield from _with_parents(table, number)
        elif key:
            yield from _with_parents((*table, *_pieces(key[1])), number)
        in_text ^= len(_MULTILINE.findall(line)) % 2 == 1


def _with_parents(path: Path, line: int) -> Iterator[tuple[Path, int]]:
    return ((path[:length], line) for length in range(1, len(path) + 1))


def _pieces(dotted: str) -> list[str]:
    return [piece.strip("\"'") for piece in _PIECES.findall(dotted)]


def _entered(pieces: list[str], counts: dict[Path, int], *, is_array: bool) -> Path:
    """The path of the table that a header of `pieces` opens; `counts` holds how often each array was opened."""
    path: Path = ()
    for position, piece in enumerate(pieces):
        path = (*path, piece)
        if is_array and position == len(pieces) - 1:
            counts[path] = counts.get(path, 0) + 1
        if path in counts:
            path = (*path, counts[path] - 1)
    return path


def _json_paths(text: str) -> Iterator[tuple[Path, int]]:
    path: list[str | int] = []
    line, key_comes = 1, False
    for match in _TOKENS.finditer(text):
        piece = match[0]
        if piece == "\n":
            line += 1
        elif piece in ("{", "["):
            yield tuple(path), line
            path.append("" if piece == "{" else 0)
            key_comes = piece == "{"
        elif piece in ("}", "]"):
            if path:
                path.pop()
            key_comes = False
        elif piece == ",":
            last = path[-1] if path else ""
            key_comes = isinstance(last, str)
            if isinstance(last, int):
                path[-1] = last + 1
        elif piece == ":":
            key_comes = False
        elif key_comes and path:
            path[-1] = piece[1:-1]
        else:
            yield tuple(path), line
