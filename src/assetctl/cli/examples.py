"""Files to start from that commands write for a person, and never twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assetctl import filesystem

if TYPE_CHECKING:
    from pathlib import Path

    from assetctl.cli.output import Printer
    from assetctl.errors import AssetctlError


def write_example(text: str, file: Path, printer: Printer, *, refusal: type[AssetctlError], checked_by: str) -> None:
    """`text` stands in `file`, whose folder is made if needed, and the file's path on stdout.

    Raises:
        AssetctlError: a `refusal`, as there is such a file already, which the command `checked_by` looks at.
        CacheError: it cannot be written.
    """
    with filesystem.translated(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            stream = file.open("x", encoding="utf-8")
        except FileExistsError as error:
            hint = f"{checked_by} {file}"
            raise refusal(f"`{file}` exists already", why="it is never replaced", hint=hint) from error
        try:
            with stream:
                stream.write(text)
        except BaseException:
            # The rest of it would be in the way of the next try.
            file.unlink(missing_ok=True)
            raise
    printer.path(file.absolute())
