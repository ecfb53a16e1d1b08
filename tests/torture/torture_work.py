"""What the processes of the torture tests do, as functions that a fresh process can be told to run."""

from __future__ import annotations

import json
import os
import sys
import time
from random import Random
from typing import TYPE_CHECKING

from torture_scenes import SCENES
from torture_shelf import Shelf, digest_of

from assetctl.cache.removal.pruning import Limits
from assetctl.errors import AssetctlError, StorageFull, StorageUnusable

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.synchronize import Barrier
    from pathlib import Path

CRASHED = 77
DEADLINE_S = 300.0
_NAMES = 12


def churn(root: Path, log: Path, seed: int) -> None:
    """Store, replace, look up and clear for ever."""
    random = Random(seed)
    with Shelf(root, log=log) as shelf:
        for serial in range(seed * 1_000_000, (seed + 1) * 1_000_000):
            name = f"n{random.randrange(_NAMES)}"
            kind = random.random()
            if kind < 0.6:
                shelf.put(name, serial, paid=random.random() < 0.5)
            elif kind < 0.75:
                shelf.read(name)
            else:
                before = digest_of(shelf.read(name))
                reports = shelf.clear(name, keep=random.random() < 0.7)
                # Else the last deed is an older one.
                if before is not None and reports[0].undoable and random.random() < 0.5:
                    shelf.undo(name, before)


class Crash:
    """Ends this process, as a kill would, before the file call of the given number; counts them with 0."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.seen = 0

    def __call__(self, change: str, path: Path) -> None:  # noqa: ARG002 - a step
        self.seen += 1
        if self.seen == self.at:
            os._exit(CRASHED)


def act(scene: str, root: Path, log: Path, at: int) -> None:
    """The deed of `scene`, until before its file call number `at`."""
    step = Crash(at)
    SCENES[scene].act(root, log, step)
    log.with_suffix(".calls").write_text(str(step.seen), encoding="ascii")
    sys.stdout.flush()


def store_within_file_size(root: Path, log: Path, limit: int) -> None:
    """Stores until it is refused, with no file larger than `limit`; reads all the same. Exits with CRASHED if so."""
    import resource  # noqa: PLC0415 - Windows has none

    # A cut byte-code file would spoil every later process.
    sys.dont_write_bytecode = True
    with Shelf(root, log=log) as shelf:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        try:
            for serial in range(1_000):
                shelf.put(f"n{serial}", serial, size=min(limit * 2, 20_000))
        except StorageFull:
            is_read = shelf.read("before") is not None and not shelf.partial_files()
            os._exit(CRASHED if is_read else 1)


def fill(root: Path, me: int, writes: int, limit: int) -> None:
    """Stores in a cache that may hold `limit` bytes."""
    limits = Limits(max_size_bytes=limit, min_free_bytes=0, max_unused_s=1e9)
    with Shelf(root, limits=limits) as shelf:
        for serial in range(writes):
            shelf.put(f"writer{me}-{serial}", serial, paid=False)


def crowd(root: Path, log: Path, me: int, rounds: int, together: Barrier) -> None:
    """What 32 users of one cache do at once; writes down how long each operation took, and what failed."""
    random, times, failed = Random(me), [], []
    with Shelf(root, log=log) as shelf:
        together.wait(DEADLINE_S)
        for serial in range(rounds):
            for name, deed in _deeds(shelf, me, serial, random):
                start = time.perf_counter()
                try:
                    deed()
                except AssetctlError as error:
                    failed.append(f"{name}: {error.what}, {error.why}")
                times.append(time.perf_counter() - start)
    log.with_suffix(".json").write_text(json.dumps({"times": times, "failed": failed}), encoding="utf-8")


def _deeds(shelf: Shelf, me: int, serial: int, random: Random) -> list[tuple[str, Callable[[], object]]]:
    mine, theirs = f"p{me}-{random.randrange(3)}", f"p{random.randrange(8)}-{random.randrange(3)}"
    deeds: list[tuple[str, Callable[[], object]]] = [
        ("store", lambda: shelf.put(mine, serial, size=3_000)),
        ("store what all store", lambda: shelf.put("same", 1, size=3_000)),
        ("look up", lambda: shelf.read(theirs)),
        ("look up what all store", lambda: shelf.read("same")),
    ]
    if random.random() < 0.3:
        deeds.append(("clear", lambda: shelf.clear(mine)))
    random.shuffle(deeds)
    return deeds


def as_another_user(root: Path, deed: str, user: int) -> None:
    """`deed` on somebody else's cache; exits with CRASHED when it is refused as it must be."""
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)
    try:
        with Shelf(root) as shelf:
            {
                "read": lambda: shelf.read("one"),
                "put": lambda: shelf.put("mine", 1, size=500),
                "clear": lambda: shelf.clear("one"),
                "sweep": shelf.sweep,
            }[deed]()
    except StorageUnusable:
        os._exit(CRASHED)
