"""Somebody's word that an answer stays, kept in its sidecar and in its row. Synchronous; `store.py` is its face."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from assetctl.cache.index.batching import batches
from assetctl.cache.index.index import put

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assetctl.cache.files.blobs import Blobs
    from assetctl.cache.index.database import Run
    from assetctl.cache.index.index import Index

_log = logging.getLogger(__name__)


def set_pinned(keys: Sequence[str], pinned: bool, blobs: Blobs, index: Index) -> int:  # noqa: FBT001 - the wish itself
    """How many entries of `keys` are pinned now and were not, or the other way round."""

    def work(run: Run, batch: Sequence[str]) -> list[str]:
        changed = [entry for entry in index.of_keys(run, batch) if entry.pinned is not pinned]
        wanted = [replace(entry, pinned=pinned) for entry in changed]
        # Sidecars first: a rebuilt index must not forget a pin that was confirmed.
        blobs.rewrite_sidecars(wanted)
        for entry in wanted:
            put(run, entry)
        return [entry.key for entry in wanted]

    distinct = list(dict.fromkeys(keys))
    return sum(len(index.exclusively(lambda run, batch=batch: work(run, batch))) for batch in batches(distinct))
