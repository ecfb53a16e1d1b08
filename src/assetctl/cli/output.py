"""The one printer: data goes in, a path, a table or JSON comes out.

stdout is data, stderr is talk. Foreign text is made safe here and nowhere else in the command line, for terminals and
for the logs of CI jobs; JSON escapes instead.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
import traceback
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NoReturn, TextIO

from assetctl.cli.pipelines import Pipeline, pipeline_of
from assetctl.cli.terminal import is_terminal, wants_colour
from assetctl.documents import error_document
from assetctl.errors import AssetctlError, StorageFull
from assetctl.text import safe

_PIECES_AT_ONCE: Final = 10_000
_DOCUMENTS_AT_ONCE: Final = 1_000

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from assetctl.media.cells import Cell


class BrokenOutput(Exception):
    """Nobody reads our output any more. The exit code is that of a process which SIGPIPE ended."""

    exit_code: Final = 141


@dataclass(frozen=True, slots=True)
class Printer:
    """Prints for one command. `as_json` and `quiet` say how; the streams are where.

    `indent` None puts each document on one line, for commands that print several. `curtains` are called before each
    line: what draws on the terminal takes itself away. Nothing foreign that people are told is a command to `pipeline`.
    """

    as_json: bool = False
    quiet: bool = False
    verbose: bool = False
    stdout: TextIO | None = None
    stderr: TextIO | None = None
    colour: bool = False
    indent: int | None = 2
    curtains: list[Callable[[], None]] = field(default_factory=list["Callable[[], None]"])
    pipeline: Pipeline = field(default_factory=Pipeline)

    @classmethod
    def for_process(
        cls, words: Sequence[str] = (), *, as_json: bool = False, quiet: bool = False, verbose: bool = False
    ) -> Printer:
        """A printer on the process's own streams; `--json` among `words` counts too, also where parsing failed."""
        return cls(
            as_json=as_json or "--json" in words,
            quiet=quiet,
            verbose=verbose,
            stdout=sys.stdout,
            stderr=sys.stderr,
            colour=wants_colour(sys.stderr, os.environ),
            pipeline=pipeline_of(os.environ),
        )

    def path(self, path: Path) -> None:
        """`path` stands on a line of stdout, byte for byte."""
        self._write(os.fsencode(path) + b"\n")

    def line(self, text: str) -> None:
        """`text`, made safe, stands on a line of stdout; when quiet it is data, and a CI job's log is no concern."""
        shown = safe(text) if self.quiet else self._shown(text)
        self._write(shown.encode(errors="backslashreplace") + b"\n")

    def document(self, document: Any) -> None:
        """`document` stands on stdout as JSON in ASCII."""
        if self.indent is None:
            self._write(json.dumps(document, ensure_ascii=True).encode() + b"\n")
            return
        self.pieces(json.JSONEncoder(indent=self.indent, ensure_ascii=True).iterencode(document))
        self._write(b"\n")

    def pieces(self, pieces: Iterable[str]) -> None:
        """The pieces of a document stand on stdout, many at once: they are small, and a chapter has very many."""
        left = iter(pieces)
        while text := "".join(islice(left, _PIECES_AT_ONCE)):
            self._write(text.encode())

    def documents(self, documents: Iterable[Any]) -> None:
        """They stand on stdout as one JSON list in ASCII, each on a line of its own."""
        lines = (json.dumps(document, ensure_ascii=True) for document in documents)
        separator = "[\n"
        while piece := list(islice(lines, _DOCUMENTS_AT_ONCE)):
            self._write((separator + ",\n".join(piece)).encode())
            separator = ",\n"
        self._write(b"[]\n" if separator == "[\n" else b"\n]\n")

    def bytes(self, chunk: bytes) -> None:
        """`chunk` went to stdout as it is."""
        self._write(chunk)

    def table(
        self, columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[str] = (), flows: bool = False
    ) -> None:
        """The rows stand on stdout as a table under `columns`, those in `right` aligned right; cut to the terminal.

        With `flows` the last column isn't cut but goes on in further lines. `rows` are walked twice.
        """
        from assetctl.cli.tables import render_table  # noqa: PLC0415 - what measures text is loaded only for tables

        shown = _ShownRows(rows, self._shown)
        for piece in render_table(columns, shown, right=right, flows=flows, stdout=self.stdout):
            self._write(piece.encode(errors="replace"))

    def has_room_for(self, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> bool:
        """Whether a table of `rows`, which are walked, would stand on stdout uncut."""
        from assetctl.cli.tables import fits  # noqa: PLC0415 - as above

        return fits(columns, _ShownRows(rows, self._shown), self.stdout)

    def picture(self, rows: Sequence[Sequence[Cell]]) -> None:
        """The cells stand on stderr as a picture; nothing where no terminal with colours would show it."""
        if self.colour and is_terminal(self.stderr):
            from assetctl.cli.pictures import render_cells  # noqa: PLC0415 - only `--preview` draws

            self._talk(render_cells(rows).rstrip("\n"))

    def picture_size(self) -> tuple[int, int]:
        """How many columns and rows a picture may take: the terminal's width, and some of its height."""
        size = shutil.get_terminal_size()
        return max(1, size.columns - 1), max(1, min(size.lines - 4, 24))

    def event(self, document: dict[str, Any]) -> None:
        """`document` stands on a line of stderr as JSON, also when quiet: only who asks for events gets them."""
        self._talk(json.dumps(document, ensure_ascii=True))

    def mark(self, text: str) -> None:
        """`text`, which is ours to the last sign, stands on stderr as it is; nothing for an empty one."""
        if text:
            self._talk(text)

    def note(self, text: str) -> None:
        """`text` stands on stderr, unless quiet."""
        if not self.quiet:
            self._talk(self._shown(text))

    def detail(self, text: str) -> None:
        """`text` stands on stderr when verbose."""
        if self.verbose:
            self._talk(self._shown(text))

    def warning(self, text: str) -> None:
        """A warning stands on stderr, also when quiet: it says that the answer is not quite what was asked for."""
        self._talk(f"{self._painted('warning:', '33;1')} {self._shown(text)}")

    def error(self, error: AssetctlError) -> None:
        """`error` stands on stderr: what happened, why, what to do next; as JSON on the last line with `--json`."""
        if self.as_json:
            self._talk(json.dumps(error_document(error), ensure_ascii=True))
            return
        self._talk(f"{self._painted('error:', '31;1')} {self._shown(error.what)}")
        if error.why:
            self._talk(f"  why: {self._shown(error.why)}")
        if self.verbose:
            for attempt in error.attempts:
                asked = f"{attempt.provider}: {attempt.outcome.value} {attempt.detail or ''}"
                self._talk(f"  asked: {self._shown(asked)}".rstrip())
        if error.hint:
            self._talk(f"  next: {self._shown(error.hint)}")

    def traceback(self, error: BaseException) -> None:
        """Where `error` came from stands on stderr, also when quiet: only who asks for it gets it."""
        for line in "".join(traceback.format_exception(error)).splitlines():
            self._talk(self._shown(line))

    def finish(self) -> None:
        """Everything printed has left the process.

        Raises:
            BrokenOutput: nobody reads any more.
            StorageFull: it was written to a file that has no room.
        """
        if self.stdout is None or self.stdout.closed:
            return
        try:
            self.stdout.flush()
        except OSError as error:
            self.lost(error)

    def lost(self, error: OSError) -> NoReturn:
        """What `error` means for the rest of this run: nothing more is written to stdout.

        Raises:
            BrokenOutput: nobody reads any more.
            StorageFull: it was written to a file that has no room.
        """
        if self.stdout is sys.stdout:
            _lead_nowhere(sys.stdout)
        if error.errno in (errno.EPIPE, errno.EINVAL):
            raise BrokenOutput from error
        raise StorageFull("the result could not be printed", why=error.strerror or str(error)) from error

    def _write(self, data: bytes) -> None:
        self._lift()
        if self.stdout is None or self.stdout.closed:
            raise AssetctlError(
                "there is nowhere to print the result",
                why="stdout is closed",
                hint="use `--output FILE`, or open stdout",
            )
        try:
            self.stdout.flush()
            self.stdout.buffer.write(data)
            self.stdout.buffer.flush()
        except OSError as error:
            self.lost(error)

    def _lift(self) -> None:
        for lift in self.curtains:
            lift()

    def _shown(self, text: str) -> str:
        return self.pipeline.disarmed(safe(text))

    def _talk(self, text: str) -> None:
        self._lift()
        if self.stderr is None or self.stderr.closed:
            return
        try:
            self.stderr.write(text + "\n")
            self.stderr.flush()
        except UnicodeEncodeError:
            self.stderr.write(text.encode("ascii", "backslashreplace").decode() + "\n")
            self.stderr.flush()
        except OSError:
            # Nobody listens to our talk; the work and its exit code are what counts.
            return

    def _painted(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour else text


@dataclass(frozen=True, slots=True)
class _ShownRows:
    """Rows with every cell shown as `show` does it, each time they are walked."""

    rows: Iterable[Sequence[str]]
    show: Callable[[str], str]

    def __iter__(self) -> Iterator[list[str]]:
        return ([self.show(cell) for cell in row] for row in self.rows)


def leave_stderr_clean() -> None:
    """What stderr refuses is given up, so that it costs nothing but the talk: not the exit code either."""
    if sys.stderr is None or sys.stderr.closed:
        return
    try:
        sys.stderr.flush()
    except OSError:
        _lead_nowhere(sys.stderr)


def _lead_nowhere(stream: TextIO) -> None:
    # Python flushes its streams once more at exit and would complain again: give this one somewhere to flush to.
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, stream.fileno())
    os.close(devnull)
