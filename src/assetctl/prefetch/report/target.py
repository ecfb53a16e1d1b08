"""Where a report goes: known to be writable before anything is ordered, and there whole or not at all."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from assetctl import filesystem
from assetctl.errors import InvalidRequest
from assetctl.prefetch.report.kinds import ReportKind, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractContextManager
    from pathlib import Path

_BUFFER_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Target:
    """A file that a report is written to, and how."""

    path: Path
    kind: ReportKind


def targets_of(paths: Iterable[Path], others: Iterable[Path]) -> tuple[Target, ...]:
    """The targets that `paths` name; none of them may be one of `others`, files that are read or written besides.

    Raises:
        InvalidRequest: an ending says nothing, or a file is named twice.
    """
    taken = {other.resolve(): "the run itself uses it" for other in others}
    targets: list[Target] = []
    for path in paths:
        target, place = Target(path, kind_of(path)), path.resolve()
        if place in taken:
            raise InvalidRequest(f"`{path}` cannot be the report", why=taken[place], hint="name another file")
        taken[place] = "another report is written there"
        targets.append(target)
    return tuple(targets)


def check_target(path: Path) -> None:
    """Return when a report can be put at `path`, whose folder is made if needed; what is there stays as it is.

    Raises:
        InvalidRequest: something is there that is no file.
        CacheError: nothing can be written there.
    """
    if os.path.lexists(path) and not path.is_symlink() and not path.is_file():
        raise InvalidRequest(f"the report `{path}` cannot be written", why="something is there that is no file")
    folder = path.absolute().parent
    with _refused(path):
        with filesystem.translated(folder):
            folder.mkdir(parents=True, exist_ok=True)
        probe = filesystem.temporary_path(folder)
        filesystem.write_new(probe, b"")
        filesystem.remove(probe)


def write_report(path: Path, pieces: Iterable[str]) -> None:
    """`path` is a file of all of `pieces`, in place of what was there; on failure that still is.

    Raises:
        CacheError: it cannot be written.
    """
    partial = filesystem.temporary_path(path.absolute().parent, path.suffix)
    with _refused(path):
        with filesystem.translated(path):
            descriptor = filesystem.create(partial)
        try:
            with filesystem.translated(path), open(descriptor, "wb", _BUFFER_BYTES) as file:  # noqa: PTH123 - no path
                # What no encoding knows comes from broken file names alone.
                file.writelines(piece.encode(errors="backslashreplace") for piece in pieces)
            filesystem.hand_out(partial, path)
        finally:
            filesystem.remove(partial)


def _refused(path: Path) -> AbstractContextManager[None]:
    """What the system refuses within the block is told of the report at `path`."""
    hint = "make room there, or name another place: --report FILE"
    return filesystem.retold(f"the report `{path}` cannot be written", hint=hint)
