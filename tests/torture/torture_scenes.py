"""Deeds that change a cache, each with what was there before: for crashing and failing at every file call of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from torture_shelf import SetClock, Shelf, content, digest_of

from assetctl.cache.removal.pruning import Limits

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from assetctl.filesystem import Step

#: Small, so that each content is written with one call.
SIZE = 2_000


@dataclass(frozen=True)
class Scene:
    """`prepare` makes what was there, `deed` is what happens to it."""

    prepare: Callable[[Shelf], object]
    deed: Callable[[Shelf], object]
    loses_index: bool = False

    def set_up(self, root: Path, log: Path) -> None:
        with Shelf(root, log=log, clock=SetClock()) as shelf:
            self.prepare(shelf)
        if self.loses_index:
            for path in (root / "v1").glob("index.sqlite3*"):
                path.unlink()

    def act(self, root: Path, log: Path, step: Step) -> None:
        with Shelf(root, log=log, clock=SetClock(), step=step) as shelf:
            self.deed(shelf)


def _three(shelf: Shelf) -> None:
    shelf.put("bought", 1, size=SIZE, paid=True)
    shelf.put("copied", 1, size=SIZE)
    shelf.put("other", 1, size=SIZE)


def _store(shelf: Shelf) -> None:
    shelf.put("new", 1, size=SIZE, paid=True)
    shelf.put("newer", 1, size=SIZE)


def _replace(shelf: Shelf) -> None:
    shelf.put("bought", 2, size=SIZE, paid=True)
    shelf.put("copied", 2, size=SIZE)


def _undo(shelf: Shelf) -> None:
    shelf.undo("bought", digest_of(content("bought", 1, SIZE)))


def _prune(shelf: Shelf) -> None:
    shelf.prune(Limits(max_size_bytes=SIZE + 5_000, min_free_bytes=0, max_unused_s=1e9), "copied", "other")


SCENES = {
    "first store": Scene(lambda _shelf: None, _store),
    "store": Scene(_three, _store),
    "replace": Scene(_three, _replace),
    "clear": Scene(_three, lambda shelf: shelf.clear("copied", "bought")),
    "clear for good": Scene(_three, lambda shelf: shelf.clear("copied", "bought", keep=False)),
    "undo": Scene(lambda shelf: (_three(shelf), shelf.clear("bought")), _undo),
    "prune": Scene(_three, _prune),
    "pin": Scene(_three, lambda shelf: shelf.pin("bought", "copied")),
    "rebuild": Scene(_three, lambda shelf: shelf.read("bought"), loses_index=True),
    "sweep": Scene(_three, lambda shelf: shelf.sweep()),
}
