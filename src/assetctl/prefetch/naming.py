"""File names for the copies of a chapter's assets: `<scene>--<choice>`, each its own on every system.

Given out in the order of the manifest, so that the next run of the same chapter gives the same names.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from assetctl.prefetch.manifest.seen import SeenKeys
from assetctl.text import file_name

if TYPE_CHECKING:
    from assetctl.prefetch.manifest.findings import Item


class Names:
    """Names without their ending; two that a file system takes for one, such as `Park` and `park`, are numbered."""

    def __init__(self) -> None:
        """Give out nothing yet."""
        self._taken = SeenKeys()
        self._numbered: dict[int, str] = {}

    def see(self, item: Item) -> None:
        """`item` has its name; shown once, each in its turn."""
        plain, count = _plain(item), 1
        name = plain
        while self._taken.first(hashlib.sha256(name.casefold().encode()).hexdigest(), item.number) != item.number:
            count += 1
            name = f"{plain}~{count}"
        if name != plain:
            self._numbered[item.number] = name

    def of(self, item: Item) -> str:
        """The name of `item`, which was seen."""
        return self._numbered.get(item.number) or _plain(item)


def _plain(item: Item) -> str:
    context = (item.request.scene_id, item.request.choice_id)
    label = "--".join(part for part in context if part) or f"asset-{item.key[:12]}"
    # Room for a number and an ending within what a name may have.
    return file_name(label, " " * 16).rstrip()
