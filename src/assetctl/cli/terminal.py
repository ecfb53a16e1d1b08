"""What a stream is: a terminal or not, and whether to colour what goes to it; and what is asked there."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping


def wants_colour(stream: TextIO | None, environ: Mapping[str, str]) -> bool:
    """Whether to colour what goes to `stream`.

    Order: `NO_COLOR` (no-color.org), `FORCE_COLOR` and `CLICOLOR_FORCE`, `CLICOLOR=0`, `TERM=dumb`, then whether the
    stream is a terminal. An empty variable counts as not set; `0` for the forcing ones too.
    """
    if environ.get("NO_COLOR"):
        return False
    if any(environ.get(name, "") not in ("", "0") for name in ("FORCE_COLOR", "CLICOLOR_FORCE")):
        return True
    if environ.get("CLICOLOR") == "0" or environ.get("TERM") == "dumb":
        return False
    return is_terminal(stream)


def is_terminal(stream: TextIO | None) -> bool:
    """Whether `stream` is open and a terminal."""
    return stream is not None and not stream.closed and stream.isatty()


def says_yes(question: str) -> bool:
    """Whether whoever is at the terminal answers `question` with a yes. Whatever comes next has a line of its own.

    Raises:
        typer.Abort: there is no answer: Ctrl-D, or Ctrl-C in the main thread.
    """
    try:
        return typer.confirm(question, err=True)
    except typer.Abort:
        # Only Enter would have ended the line.
        typer.echo(err=True)
        raise
