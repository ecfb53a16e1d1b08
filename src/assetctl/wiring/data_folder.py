"""What lies where in the data directory: each name stands here and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class DataFolder:
    """Paths below the data directory; whose part it is makes what it needs of them."""

    def __init__(self, root: Path) -> None:
        """Touch nothing."""
        self.root = root
        self.cache = root / "cache"
        #: What requests were answered with, counted; clearing the cache leaves it.
        self.usage = self.cache / "usage"
        self.lookups = self.cache / "lookups"
        #: What the folder of pre-made assets was like when it was last read.
        self.library_snapshot = root / "library-folder.json"
        self.journal = root / "journal.sqlite3"
        self.locks = root / "locks"
        #: Files of finished jobs on their way into the cache.
        self.downloads = root / "downloads"
        self.placeholders = root / "placeholders"
        #: What runs over chapters leave for the next one, and what they put aside while they go on.
        self.prefetch = root / "prefetch"
        #: Logins where there is no keyring to keep them.
        self.logins = root / "logins.json"
        #: For each backend, what its window of orders is like.
        self.turns = root / "turns"
