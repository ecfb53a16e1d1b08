"""Gathered scenes as a manifest: rows in the order that was asked for, to be read like those of any other file.

So all that comes after a manifest is the same for a chapter that stands in the backend: plan, run, coverage, reports.
"""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from assetctl.errors import ManifestError
from assetctl.prefetch.manifest.fields import ASSET
from assetctl.prefetch.manifest.findings import problem_of
from assetctl.prefetch.manifest.reading import MAX_PROBLEMS, ManifestCheck
from assetctl.prefetch.scenes.chapter import Order
from assetctl.prefetch.scenes.likelihood import likelihoods
from assetctl.prefetch.scenes.moments import mistakes, moments

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from assetctl.prefetch.manifest.findings import Problem
    from assetctl.prefetch.scenes.chapter import GameChapter
    from assetctl.prefetch.scenes.gathering import Gathered


class ScenesMistaken(ManifestError):
    """What authors ask for in the scenes of a chapter cannot be; `check` has all their mistakes."""

    def __init__(self, first: ManifestError, check: ManifestCheck) -> None:
        """Tell the `first` mistake of `check`, and how to see the others."""
        super().__init__(first.what, why=first.why, hint=first.hint)
        self.check = check


def rows(gathered: Gathered, chapter: GameChapter, *, with_assets: bool = True) -> list[Mapping[str, Any]]:
    """The rows of a flat manifest, one for each moment; `with_assets` they say which asset of the backend it is.

    Raises:
        ScenesMistaken: authors ask for something that cannot be; names all of it.
        ManifestError: there is none.
    """
    problems = list(islice(_problems(gathered, chapter), MAX_PROBLEMS))
    check = ManifestCheck(chapter.name, chapter.option, chapter.address, gathered.title, problems=problems)
    if (mistake := check.error()) is not None:
        raise ScenesMistaken(mistake, check)
    found = [moment for reached in gathered.scenes for moment in moments(reached)]
    if not found:
        why = "; ".join(gathered.notes) or None
        raise ManifestError(f"{chapter.name} has nothing to prefetch", why=why, hint="give it a scene with a start")
    if chapter.order is Order.LIKELY:
        shares = likelihoods(gathered.scenes, gathered.starts, gathered.weights)
        # What players meet as likely, or never as far as is known, stays in the chapter's order.
        found.sort(key=lambda moment: -shares.get(moment.spot, 0.0))
    if with_assets:
        return [moment.row for moment in found]
    return [{name: value for name, value in moment.row.items() if name != ASSET} for moment in found]


def _problems(gathered: Gathered, chapter: GameChapter) -> Iterator[Problem]:
    for reached in gathered.scenes:
        name = f"scene {reached.scene.id}"
        for node_id, error in mistakes(reached):
            within = f"node {node_id}" if name == chapter.name else f"{name}, node {node_id}"
            yield replace(problem_of(error, None), within=within)


def json_lines(rows: list[Mapping[str, Any]]) -> Iterator[bytes]:
    """The rows as JSON Lines."""
    return (json.dumps(row).encode() + b"\n" for row in rows)
