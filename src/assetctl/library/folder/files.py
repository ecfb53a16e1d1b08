"""Finds one file of a library folder by its path, and refuses every way out of that folder.

The whole tree is never looked at here: an asset that was delivered before is compared by one look at its own file.
"""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from assetctl.errors import LibraryError

if TYPE_CHECKING:
    from pathlib import Path

# What the system says of a name that no file has or can have.
_NO_SUCH_FILE: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EINVAL})
_FOLDER_HINT: Final = "set `library.path` to the folder where the files are"


class LeadsElsewhere(LibraryError):
    """A link where the library must not follow; what it leads to is not the library's to give."""


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A regular file inside the library, as it was when it was looked at. `path` is absolute."""

    path: Path
    size_bytes: int
    mtime_ns: int

    @property
    def fingerprint(self) -> str:
        """What changes when somebody replaces the file."""
        return f"{self.size_bytes}:{self.mtime_ns}"


def check_folder(root: Path, *, must_exist: bool) -> bool:
    """Whether there is a library folder at `root`; False when there is nothing at all and that is fine.

    Raises:
        LibraryError: it is no folder, or cannot be looked at, or is missing although it `must_exist`.
    """
    try:
        mode = root.stat().st_mode
    except FileNotFoundError as error:
        if not must_exist and not root.is_symlink():
            return False
        raise LibraryError(f"the library folder `{root}` is not there", hint=_FOLDER_HINT) from error
    except OSError as error:
        raise unreadable(root, error) from error
    if not stat.S_ISDIR(mode):
        raise LibraryError(f"the library `{root}` is no folder", hint=_FOLDER_HINT)
    return True


def unreadable(path: Path, error: OSError) -> LibraryError:
    """What to raise when the system refuses to show `path`."""
    what = f"`{path}` in the library cannot be read"
    return LibraryError(what, why=error.strerror, hint=f"check the rights of `{path}`")


def find_file(root: Path, parts: tuple[str, ...]) -> FoundFile | None:
    """The regular file that `parts` lead to below `root`; None when there is none of exactly this name.

    Raises:
        LeadsElsewhere: it is a link that leads out of the library, or a folder on the way is a link.
        LibraryError: it cannot be looked at.
    """
    path = root.joinpath(*parts)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or not _is_spelled_exactly(root, parts):
            return None
        _refuse_detours(root, parts)
    except OSError as error:
        if is_absent(error):
            return None
        raise unreadable(path, error) from error
    return FoundFile(path.absolute(), status.st_size, status.st_mtime_ns)


def is_absent(error: OSError) -> bool:
    """Whether the system says that there is no such file, or can be none of this name."""
    return error.errno in _NO_SUCH_FILE


def _refuse_detours(root: Path, parts: tuple[str, ...]) -> None:
    library = os.path.realpath(root)
    *folders, name = parts
    folder = os.path.join(library, *folders)  # noqa: PTH118 - compared as text with what realpath gives
    real = os.path.realpath(os.path.join(folder, name))  # noqa: PTH118 - as above
    shown = "/".join(parts)
    if os.path.normcase(os.path.realpath(folder)) != os.path.normcase(folder):
        raise LeadsElsewhere(
            f"the library file `{shown}` is refused",
            why="it is reached through a folder that is a link",
            hint="copy the folder into the library",
        )
    if not os.path.normcase(real).startswith(os.path.normcase(library).rstrip(os.sep) + os.sep):
        raise LeadsElsewhere(
            f"the library file `{shown}` is refused",
            why="it is a link that leads out of the library",
            hint="copy the file into the library",
        )


def _is_spelled_exactly(root: Path, parts: tuple[str, ...]) -> bool:
    # Where `Confess.mp4` opens `confess.mp4`, one file would have many ids. Folders are listed only in such a place.
    if not root.joinpath(*(part.swapcase() for part in parts)).exists():
        return True
    return is_listed(root, parts)


def is_listed(root: Path, parts: tuple[str, ...]) -> bool:
    """Whether every folder on the way names its next part in exactly this spelling."""
    folders = (root.joinpath(*parts[:depth]) for depth in range(len(parts)))
    return all(part in (entry.name for entry in folder.iterdir()) for part, folder in zip(parts, folders, strict=True))
