"""What a sidecar says of the library file it lies beside: `confess.mp4.toml` describes `confess.mp4`.

Plain values; `wire.py` reads them from bytes and decides what may stand in one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assetctl.models import Style


@dataclass(frozen=True, slots=True)
class Sidecar:
    """What a sidecar states of its file; None is "not stated".

    `prompt` is the prompt the file was generated from, `description` is for a hand-made one.
    """

    id: str | None = None
    scene: str | None = None
    choice: str | None = None
    character: str | None = None
    location: str | None = None
    prompt: str | None = None
    description: str | None = None
    style: Style | None = None
    duration_s: float | None = None
    tags: frozenset[str] = field(default=frozenset())

    @property
    def has_context(self) -> bool:
        """Whether it states any of scene, choice, character and location."""
        return any((self.scene, self.choice, self.character, self.location))
