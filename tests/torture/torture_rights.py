"""Folders and files with owners, rights and links that a cache must refuse, or must not follow: each by its name."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOBODY = 65534


@dataclass(frozen=True)
class Ground:
    """`data` is where a cache will be, below `above`; `outside` lies beside it and is somebody else's business."""

    above: Path
    data: Path
    outside: Path


def link(ground: Ground) -> None:
    ground.data.symlink_to(ground.outside)


def dangling_link(ground: Ground) -> None:
    ground.data.symlink_to(ground.outside / "nowhere")


def file(ground: Ground) -> None:
    ground.data.write_bytes(b"")


def pipe(ground: Ground) -> None:
    os.mkfifo(ground.data)


def open_to_all(ground: Ground) -> None:
    ground.data.mkdir()
    ground.data.chmod(0o777)


def open_to_a_group(ground: Ground) -> None:
    ground.data.mkdir()
    os.chown(ground.data, -1, 54321)
    ground.data.chmod(0o770)


def sticky(ground: Ground) -> None:
    ground.data.mkdir()
    ground.data.chmod(0o1777)


def anothers(ground: Ground) -> None:
    ground.data.mkdir()
    os.chown(ground.data, NOBODY, NOBODY)


def below_anothers(ground: Ground) -> None:
    os.chown(ground.above, NOBODY, NOBODY)


def below_open_to_all(ground: Ground) -> None:
    ground.above.chmod(0o777)


def below_anothers_link(ground: Ground) -> None:
    ground.above.rename(ground.above.with_name("real"))
    ground.above.symlink_to(ground.above.with_name("real"))
    os.chown(ground.above, NOBODY, NOBODY, follow_symlinks=False)


#: Before anything is there: all of it must be refused, and nothing be written.
UNFIT: tuple[Callable[[Ground], None], ...] = (
    link, dangling_link, file, pipe, open_to_all, open_to_a_group, sticky, anothers, below_anothers,
    below_open_to_all, below_anothers_link,
)  # fmt: skip
NEEDS_ROOT = {open_to_a_group, anothers, below_anothers, below_anothers_link}

#: Folders within a cache that is there.
INNER = ("v1", "v1/blobs", "v1/blobs/*", "v1/partial", "v1/quarantine", "v1/leases")


def lead_outside(path: Path, outside: Path) -> None:
    """A folder of the cache is a link to one outside that has what it had."""
    shutil.move(path, outside / path.name)
    path.symlink_to(outside / path.name)


def hand_over(path: Path, _: Path) -> None:
    os.chown(path, NOBODY, NOBODY)


def open_up(path: Path, _: Path) -> None:
    path.chmod(0o777)


#: Files of the cache that may be swapped for links.
FILES = ("v1/index.sqlite3", "v1/index.sqlite3-wal", "CACHEDIR.TAG", "v1/index.lock", "v1/blobs/*/*.mp4",
         "v1/blobs/*/*.json")  # fmt: skip
