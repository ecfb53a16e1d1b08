"""What lies where in the data directory: each name stands here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class DataFolder:
    """Paths below `root`, the data directory; whose part it is makes what it needs of them."""

    root: Path

    @property
    def cache(self) -> Path:
        """The folder of the cache, each of its formats in a folder of its own."""
        return self.root / "cache"

    @property
    def usage(self) -> Path:
        """What requests were answered with, counted; clearing the cache leaves it."""
        return self.cache / "usage"

    @property
    def lookups(self) -> Path:
        """What libraries and the backend answered lately."""
        return self.cache / "lookups"

    @property
    def library_snapshot(self) -> Path:
        """What the folder of pre-made assets was like when it was last read."""
        return self.root / "library-folder.json"

    @property
    def journal(self) -> Path:
        """The database of jobs."""
        return self.root / "journal.sqlite3"

    @property
    def locks(self) -> Path:
        """The locks of those who order."""
        return self.root / "locks"

    @property
    def downloads(self) -> Path:
        """Files of finished jobs on their way into the cache."""
        return self.root / "downloads"

    @property
    def placeholders(self) -> Path:
        """The cards that were delivered for what nobody had."""
        return self.root / "placeholders"

    @property
    def prefetch(self) -> Path:
        """What runs over chapters leave for the next one, and what they put aside while they go on."""
        return self.root / "prefetch"

    @property
    def logins(self) -> Path:
        """Logins where there is no keyring to keep them."""
        return self.root / "logins.json"

    @property
    def turns(self) -> Path:
        """For each backend, what its window of orders is like."""
        return self.root / "turns"
