"""What an item of a chapter takes: the deed that its decision comes to, and which items a run is about."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final, assert_never

from assetctl.models import Would

if TYPE_CHECKING:
    from collections.abc import Container

    from assetctl.explanation import Decision
    from assetctl.prefetch.manifest.findings import Item


class Deed(StrEnum):
    """What has to be done so that an asset is here."""

    HERE = "here"
    FETCH = "library"
    JOIN = "running"
    MAKE = "generate"
    CARD = "placeholder"
    NOBODY = "missing"
    TROUBLE = "trouble"


def deed_of(decision: Decision | None) -> Deed:
    """The deed that `decision` comes to; None is nobody's."""
    if decision is None:
        return Deed.NOBODY
    availability = decision.availability
    if availability is None:
        return Deed.TROUBLE
    if availability.would is Would.GENERATE and availability.job_id is not None:
        return Deed.JOIN
    return _DEEDS[availability.would]


_DEEDS: Final = {
    Would.NOTHING: Deed.HERE,
    Would.DOWNLOAD: Deed.FETCH,
    Would.GENERATE: Deed.MAKE,
    Would.PLACEHOLDER: Deed.CARD,
    None: Deed.NOBODY,
}


class Only(StrEnum):
    """Which items a run is about."""

    MISSING = "missing"
    PLACEHOLDER = "placeholder"
    FAILED = "failed"
    ALL = "all"


_NO_KEYS: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Selection:
    """The items a run is about: those of the scenes that `scene` (a glob) names, as far as `only` wants them.

    `cards` are the keys that a placeholder was delivered for, `failed` those that failed in the last run.
    """

    only: Only = Only.MISSING
    scene: str | None = None
    cards: Container[str] = _NO_KEYS
    failed: Container[str] = _NO_KEYS

    @property
    def counts_all(self) -> bool:
        """Whether what is here already belongs to the picture too."""
        return self.only in (Only.MISSING, Only.ALL)

    def has_scene(self, item: Item) -> bool:
        """Whether `item` is of a chosen scene."""
        return self.scene is None or fnmatchcase(item.request.scene_id or "", self.scene)

    def wants(self, item: Item, deed: Deed) -> bool:
        """Whether anything is to be done for `item`, which takes `deed`."""
        match self.only:
            case Only.ALL:
                return True
            case Only.MISSING:
                return deed is not Deed.HERE
            case Only.PLACEHOLDER:
                return deed is not Deed.HERE and item.key in self.cards
            case Only.FAILED:
                return deed is not Deed.HERE and item.key in self.failed
            case _ as unknown:
                assert_never(unknown)
