"""One walk through a chapter: items in their order, each with what it takes, some hundred at a time.

Reading happens off the event loop and every provider is asked once for each piece, so a chapter of any length takes the
memory of one piece.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Final

from assetctl.errors import InvalidRequest
from assetctl.eventloop import in_thread
from assetctl.prefetch.deeds import Deed, Selection, deed_of
from assetctl.prefetch.manifest.findings import Item
from assetctl.prefetch.manifest.reading import Checking, ManifestReader
from assetctl.prefetch.manifest.wording import in_fields
from assetctl.providers.base import Asked
from assetctl.validation import MAX_WAIT_S
from assetctl.vocabulary import nearest_hint

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator

    from assetctl.explanation import Decision
    from assetctl.prefetch.manifest.reading import Finding, ManifestCheck
    from assetctl.prefetch.manifest.source import ManifestSource
    from assetctl.service import AssetService

PIECE: Final = 2_000
_NAMES_KEPT: Final = 1_000


@dataclass(frozen=True, slots=True)
class Planned:
    """An item and what it takes; `decision` says who would do it, None when nobody."""

    item: Item
    deed: Deed
    decision: Decision | None


class Walk:
    """One walk through the manifest of `source`. Made anew for every walk, which happens once."""

    def __init__(self, source: ManifestSource, service: AssetService, selection: Selection) -> None:
        """Ask `service` what becomes of the items that `selection` has the scenes of.

        Raises:
            ManifestError: the manifest is not what it was when it was opened.
        """
        self._service = service
        self._selection = selection
        self._reader: ManifestReader | None = None
        self._source = source
        self._checking: Checking | None = None
        #: The first scenes that were not chosen, as long as none was.
        self._others: dict[str, None] | None = None if selection.scene is None else {}

    def check(self) -> ManifestCheck:
        """What was found of the manifest; complete once the walk is."""
        if self._checking is None:
            raise RuntimeError("the walk has not begun")
        return self._checking.result()

    async def pieces(self, see: Callable[[Item], None] | None = None) -> AsyncGenerator[list[Planned]]:
        """The items of the chosen scenes; `see` is shown every item, chosen or not. Nothing comes after a mistake.

        Raises:
            ManifestError: the manifest was changed meanwhile.
            InvalidRequest: it is sound and has none of the scenes that were chosen by name.
            CacheError: the cache cannot be used.
        """
        # A chapter waits as long as its jobs take; who wants less says so, or gives a deadline.
        effective = partial(self._service.effective, max_wait_s=MAX_WAIT_S)
        self._reader = await in_thread(ManifestReader, self._source, effective)
        self._checking = Checking(self._reader)
        findings = self._reader.findings()
        while piece := await in_thread(self._next, findings):
            items: list[Item] = []
            for finding in piece:
                self._checking.add(finding)
                if isinstance(finding, Item):
                    if see is not None:
                        see(finding)
                    if self._selection.has_scene(finding):
                        items.append(finding)
                        self._others = None
                    elif self._others is not None and len(self._others) < _NAMES_KEPT:
                        self._others[finding.request.scene_id or ""] = None
            # What has a mistake is refused as a whole: the rest is read, but nobody is asked any more.
            if items and not self._checking.has_problems:
                yield await self._planned(items)
        if self._others is not None and not self._checking.has_problems:
            raise _no_such_scene(self._selection.scene or "", list(self._others))

    async def _planned(self, items: list[Item]) -> list[Planned]:
        decisions = await self._service.decisions([Asked(item.request, item.key) for item in items])
        for one in decisions:
            if one is not None and one.error is not None:
                in_fields(one.error)
        return [Planned(item, deed_of(one), one) for item, one in zip(items, decisions, strict=True)]

    def _next(self, findings: Iterator[Finding]) -> list[Finding]:
        piece = list(islice(findings, PIECE))
        # Nobody has seen in the plan what was written into the file since.
        self._source.require_unchanged()
        return piece


def _no_such_scene(glob: str, names: list[str]) -> InvalidRequest:
    known = [name for name in names if name]
    hint = nearest_hint(glob.strip("*?"), known) if known else "its assets belong to no scene"
    return InvalidRequest(f"no scene of the chapter matches `{glob}`", hint=hint)
