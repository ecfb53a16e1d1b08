"""What is known between runs of a library folder: what its sidecars said and how long its files are. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from assetctl.library.folder.sidecar import Sidecar

SNAPSHOT_SCHEMA: Final = "assetctl.library-snapshot/1"


@dataclass(slots=True)
class Snapshot:
    """What is known of the library folder `root`: by path, the file's size and time, and what was in it.

    `durations` has None for a file that was looked into and has no duration.
    """

    root: str
    sidecars: dict[str, tuple[int, int, Sidecar]] = field(default_factory=dict[str, tuple[int, int, Sidecar]])
    durations: dict[str, tuple[int, int, float | None]] = field(
        default_factory=dict[str, tuple[int, int, float | None]]
    )
