"""What a cache owes after something happened to it: for each name the answers that it may give, and whether it does.

A change that was begun and not confirmed may have happened or not; one that was confirmed has happened.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from torture_shelf import Shelf, digest_of

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class Promises:
    """By name: `allowed` digests (None is a miss), and all that were `ever` begun."""

    allowed: dict[str, set[str | None]] = field(default_factory=dict)
    ever: dict[str, set[str | None]] = field(default_factory=dict)

    def begin(self, name: str, digest: str | None) -> None:
        self.allowed.setdefault(name, {None}).add(digest)
        self.ever.setdefault(name, set()).add(digest)

    def done(self, name: str, digest: str | None) -> None:
        self.allowed[name] = {digest}

    def read(self, log: Path, *, start: int = 0, end: int | None = None) -> int:
        """Where the read part of `log` ends: all its whole lines between `start` and `end` are promises from now on."""
        data = log.read_bytes()[:end]
        for line in data[start:].splitlines(keepends=True):
            if line.endswith(b"\n"):
                word, name, digest = json.loads(line)
                (self.begin if word == "begin" else self.done)(name, digest)
        return len(data)

    def check(self, shelf: Shelf) -> Losses:
        """What `shelf` owes and does not give."""
        losses = Losses()
        for name, allowed in sorted(self.allowed.items()):
            given = digest_of(shelf.read(name))
            losses.checked += 1
            if given in allowed:
                continue
            if given is not None and given not in self.ever.get(name, set()):
                losses.torn.append(name)
            elif None in allowed:
                losses.returned.append(name)
            else:
                losses.lost.append(name)
        return losses


@dataclass
class Losses:
    """`torn` gave bytes that nobody stored, `lost` none or older ones than confirmed, `returned` what was cleared."""

    checked: int = 0
    torn: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    returned: list[str] = field(default_factory=list)

    def __iadd__(self, other: Losses) -> Self:
        self.checked += other.checked
        self.torn += other.torn
        self.lost += other.lost
        self.returned += other.returned
        return self


def check(promises: Promises, root: Path) -> Losses:
    """What is owed, with the index as it is."""
    with Shelf(root) as shelf:
        return promises.check(shelf)


def check_rebuilt(promises: Promises, root: Path) -> Losses:
    """What is owed, with an index that is built anew from what lies on disk."""
    for path in (root / "v1").glob("index.sqlite3*"):
        path.unlink()
    return check(promises, root)


def check_twice(promises: Promises, root: Path) -> Losses:
    """What is owed with the index as it is, and then with a rebuilt one."""
    losses = check(promises, root)
    losses += check_rebuilt(promises, root)
    return losses
