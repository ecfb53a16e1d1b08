"""Flat manifests, a row per asset: CSV and JSON Lines, read row by row so that a million take no more memory."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast

from assetctl.errors import InvalidRequest
from assetctl.prefetch.manifest.fields import (
    FULL_NAMES,
    PARAMETER_PREFIX,
    ROW_FIELDS,
    SHORT_NAMES,
    from_cell,
    unknown_field_hint,
)
from assetctl.prefetch.manifest.findings import Problem, Row, problem_of
from assetctl.prefetch.manifest.lines import MAX_LINE_BYTES, bounded_lines
from assetctl.prefetch.manifest.resolving import field_problems
from assetctl.units import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_BOM: Final = b"\xef\xbb\xbf"
_EXAMPLE: Final = '{"scene": "romance_5", "choice": "confess"}'
_DELIMITERS: Final = (",", ";", "\t")
_TOO_LONG: Final = f"it has more than {MAX_LINE_BYTES:,} bytes"


def read_json_lines(file: BinaryIO) -> Iterator[Row | Problem]:
    """Each line of JSON Lines as a row or as what is wrong with it; empty lines are passed over."""
    for number, line in bounded_lines(file):
        if line is None:
            yield Problem(number, None, "the line is too long", _TOO_LONG)
            continue
        text = line.removeprefix(_BOM) if number == 1 else line
        if text.strip():
            yield from _json_row(number, text)


def _json_row(number: int, line: bytes) -> Sequence[Row | Problem]:
    try:
        # Constructed for each line, a decoder takes longer than what it decodes.
        found, repeated = _decode(line.decode()), None
    except _GivenTwiceError as error:
        found, repeated = {}, error.names
    except UnicodeDecodeError:
        return [Problem(number, None, "the line is not UTF-8", hint="save the file as UTF-8")]
    except (ValueError, RecursionError) as error:
        return [Problem(number, None, "the line is not JSON", _syntax(error), f"a line is an object: {_EXAMPLE}")]
    if not isinstance(found, dict):
        return [Problem(number, None, "the line is not a JSON object", hint=_EXAMPLE)]
    if repeated is not None:
        return [Problem(number, name, f"`{name}` is given twice") for name in repeated]
    fields, problems = named(cast("dict[str, Any]", found), number)
    label = fields.pop("id", None)
    return _row(number, fields, label, problems)


def _row(place: int, fields: dict[str, Any], label: Any, problems: list[Problem]) -> Sequence[Row | Problem]:
    """The row of these fields; where it has `problems` already, these and what else is wrong with the fields."""
    return [*problems, *field_problems(fields, lambda _: place)] if problems else [Row(place, fields, label)]


class _GivenTwiceError(Exception):
    """An object has some names more than once."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(names)
        self.names = names


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _GivenTwiceError(sorted({name for name in names if names.count(name) > 1}))
    return found


_decode: Final = json.JSONDecoder(object_pairs_hook=_object).decode


def _syntax(error: Exception) -> str:
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)


def named(given: dict[str, Any], place: int) -> tuple[dict[str, Any], list[Problem]]:
    """`given` under the full names of its fields, and what is wrong with the names."""
    fields: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, value in given.items():
        full = FULL_NAMES.get(name)
        if full is None:
            hint = unknown_field_hint(name, ROW_FIELDS)
            problems.append(Problem(place, name, f"there is no field `{name}`", hint=hint))
            continue
        if full in fields:
            problems.append(Problem(place, name, f"`{name}` is given twice", why=f"`{full}` is the same field"))
        fields[full] = value
    return fields, problems


def read_csv(file: BinaryIO) -> Iterator[Row | Problem]:
    """Each row of CSV under its header as a row or as what is wrong with it; an empty cell is not demanded.

    The cells are parted by commas, semicolons or tabs, as the header has them.
    """
    lines = _CsvLines(file)
    header = lines.header()
    if header is None:
        if lines.problem is not None:
            yield lines.problem
        return
    reader = csv.reader(lines, delimiter=header.delimiter, strict=True)
    try:
        cells = next(reader)
    except csv.Error as error:
        yield _no_csv(header.line, "the header is not CSV", error)
        return
    columns, problems = _columns(cells, header.line)
    yield from problems
    if not any(columns):
        return  # it is something else, and may be of any length
    while True:
        lines.begin_record()
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            yield _no_csv(lines.begun, "the row is not CSV", error)
            # Where a quote was never closed, nobody knows where the next row begins.
            reader = csv.reader(lines, delimiter=header.delimiter, strict=True)
            continue
        if lines.problem is not None:
            yield lines.problem
            lines.problem = None
            continue
        if any(cells):
            yield from _csv_row(lines.begun, columns, cells, are_known=not problems)


def _no_csv(line: int, what: str, error: csv.Error) -> Problem:
    if "new-line character" in str(error):
        return Problem(line, None, what, "a line ends with a carriage return alone", "save the file with LF or CRLF")
    return Problem(line, None, what, str(error), 'a `"` within quotes is doubled: `""`')


class _Header:
    def __init__(self, line: int, text: str) -> None:
        self.line = line
        self.delimiter = max(_DELIMITERS, key=text.count)


class _CsvLines:
    """The lines of a CSV file as text, for its reader; a record that never ends is cut."""

    def __init__(self, file: BinaryIO) -> None:
        self._lines = bounded_lines(file)
        self._waiting: str | None = None
        self._read_bytes = 0
        self.number = 0
        self.begun = 1
        self.problem: Problem | None = None

    def header(self) -> _Header | None:
        """The first line that has anything on it, which is read once more as the first record."""
        for text in self:
            if text.strip():
                self._waiting = text
                return _Header(self.number, text)
            if self.problem is not None:
                return None
        return None

    def begin_record(self) -> None:
        self._read_bytes = 0
        self.begun = self.number + 1

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._waiting is not None:
            text, self._waiting = self._waiting, None
            return text
        self.number, line = next(self._lines)
        if line is None:
            self.problem = Problem(self.number, None, "the line is too long", _TOO_LONG)
            return "\n"
        self._read_bytes += len(line)
        if self._read_bytes > MAX_LINE_BYTES:
            raise csv.Error("a row has no end; a quote that is never closed?")
        try:
            return (line.removeprefix(_BOM) if self.number == 1 else line).decode()
        except UnicodeDecodeError:
            self.problem = Problem(self.number, None, "the line is not UTF-8", hint="save the file as UTF-8")
            return "\n"


def _columns(cells: list[str], line: int) -> tuple[list[str | None], list[Problem]]:
    """The full names of the columns, None for one that is none, and what is wrong with them."""
    names: list[str | None] = []
    problems: list[Problem] = []
    for cell in cells:
        name = cell.strip()
        full = SHORT_NAMES.get(name, name)
        problem = None
        if full in names:
            problem = Problem(line, name, f"there are two columns `{name}`")
        elif not name:
            problem = Problem(line, None, f"column {len(names) + 1} has no name")
        elif name not in ROW_FIELDS and not (name.startswith(PARAMETER_PREFIX) and name != PARAMETER_PREFIX):
            hint = unknown_field_hint(name, ROW_FIELDS)
            problem = Problem(line, name, f"there is no column `{name}`", hint=hint)
        names.append(full if problem is None else None)
        problems += [] if problem is None else [problem]
    return names, problems


def _csv_row(line: int, columns: list[str | None], cells: list[str], *, are_known: bool) -> Sequence[Row | Problem]:
    """The row of these cells, or what is wrong with them; no row unless all columns `are_known`."""
    if len(cells) != len(columns):
        return [Problem(line, None, f"the row has {counted(len(cells), 'cell', 'cells')}, the header {len(columns)}")]
    fields: dict[str, Any] = {}
    parameters: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, cell in zip(columns, cells, strict=True):
        if name is None or not cell:
            continue
        if name.startswith(PARAMETER_PREFIX):
            parameters[name.removeprefix(PARAMETER_PREFIX)] = cell
            continue
        try:
            fields[name] = from_cell(name, cell)
        except InvalidRequest as error:
            problems.append(problem_of(error, line, name))
    label = fields.pop("id", None)
    general = fields.get("parameters", {})
    # What is no object is told as such.
    if parameters and isinstance(general, dict):
        fields["parameters"] = {**general, **parameters}
    if problems or are_known:
        return _row(line, fields, label, problems)
    return [*field_problems(fields, lambda _: line)]
