"""Which chapter of the backend is meant: a scene with those it leads to, or a world; and in which order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_ADDRESS: Final = re.compile(r"(scene|world):([0-9]{1,18})")


class Order(StrEnum):
    """In which order a chapter is worked on: as its scenes branch, or what a player most likely meets next first."""

    CHAPTER = "chapter"
    LIKELY = "likely"


class Kind(StrEnum):
    """What of a game a chapter is."""

    SCENE = "scene"
    WORLD = "world"


@dataclass(frozen=True, slots=True)
class GameChapter:
    """A chapter that is read from the backend."""

    kind: Kind
    id: int
    order: Order = Order.CHAPTER

    @property
    def name(self) -> str:
        """How messages call it."""
        return f"{self.kind.value} {self.id}"

    @property
    def address(self) -> str:
        """What stands for it where a manifest has its path; no absolute path looks like this."""
        return f"{self.kind.value}:{self.id}"

    @property
    def option(self) -> str:
        """The option that asks for it."""
        return f"--from-{self.kind.value} {self.id}"


def chapter_at(address: str, order: Order) -> GameChapter | None:
    """The chapter whose `address` this is; None when it is the path of a manifest."""
    found = _ADDRESS.fullmatch(address)
    return None if found is None else GameChapter(Kind(found[1]), int(found[2]), order)
