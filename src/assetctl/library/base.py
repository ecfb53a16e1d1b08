"""What a library of pre-made assets is: where it is searched, and how its bytes come out.

A library never spends money. Its trouble is a `LibraryError` and must never look like "no match".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias, runtime_checkable

from assetctl.errors import AssetctlError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from assetctl.models import AssetRequest, AssetType, Origin, Style


@dataclass(frozen=True, slots=True)
class LibraryAsset:
    """An asset as its library describes it. None is "not stated"; a stated value may not contradict a request.

    `prompt` is the prompt the asset was generated from; a hand-made one states none and may carry a `description`.
    `fingerprint` changes when the bytes behind `asset_id` change, as far as the library can tell without reading them.
    """

    asset_id: str
    asset_type: AssetType
    fingerprint: str
    scene_id: str | None = None
    choice_id: str | None = None
    character_id: str | None = None
    location_id: str | None = None
    prompt: str | None = None
    description: str | None = None
    style: Style | None = None
    duration_s: float | None = None
    tags: frozenset[str] = field(default=frozenset())
    size_bytes: int | None = None
    url: str | None = None
    origin: Origin | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A library asset judged against a request.

    `refusal` says why it is no match, None when it is one; `notes` say what ranked it. Lists of candidates are ordered
    best match first, then the refused ones, nearest first. `trouble` is set when it would match but for something
    broken: then it is no "no match", and must not lead to generation.
    """

    asset: LibraryAsset
    refusal: str | None
    notes: tuple[str, ...] = ()
    trouble: AssetctlError | None = None

    @property
    def matches(self) -> bool:
        """Whether it may be delivered."""
        return self.refusal is None


class Standing(Enum):
    """Whether a library still stands behind an asset it once gave."""

    SAME = "same"
    CHANGED = "changed"
    GONE = "gone"


class Library(Protocol):
    """A place of pre-made assets."""

    @property
    def name(self) -> str:
        """Short name, as in `library:folder`."""
        ...

    @property
    def needs_network(self) -> bool:
        """Whether `--offline` leaves it out."""
        ...

    @property
    def recheck_after_s(self) -> float:
        """How long a cached copy is served before `standing` is asked again; 0 asks at each hit."""
        ...

    async def get(self, asset_id: str) -> LibraryAsset | None:
        """The asset with this id, None when the library has none.

        Raises:
            LibraryError: the library could not be asked.
        """
        ...

    async def search(self, request: AssetRequest) -> list[Candidate]:
        """Every asset worth telling about, in the order of `Candidate`; the first that `matches` is the answer.

        Raises:
            LibraryError: the library could not be asked.
        """
        ...

    def remarks(self, request: AssetRequest) -> tuple[str, ...]:
        """What a person should know of a search for `request` whatever it finds, a sentence each; usually nothing."""
        ...

    async def standing(self, asset_id: str, fingerprint: str) -> Standing:
        """Whether `asset_id` is still there and still has `fingerprint`.

        Raises:
            LibraryError: the library could not be asked.
        """
        ...

    def open(self, asset: LibraryAsset, target: Path) -> AbstractAsyncContextManager[Path]:
        """Within the block, the path of a file with the asset's bytes, read-only.

        It is either the library's own file or one written to `target`, which is free to use and on the cache's file
        system. Bytes that cannot be what was described are refused. Whether the library's own file stayed as it was
        while it was read is for the reader to ask; what was written to `target` was compared with what stands now.

        Raises:
            LibraryError: the bytes could not be had.
        """
        ...


#: What is found for one id of many, or why there is no saying.
Got: TypeAlias = LibraryAsset | AssetctlError | None
#: What a search for one request of many gives, or why there is no saying.
Searched: TypeAlias = list[Candidate] | AssetctlError
#: Whether the library stands behind one asset of many, or why there is no saying.
Stood: TypeAlias = Standing | AssetctlError


class Given(NamedTuple):
    """An asset that a library once gave, as it was then."""

    asset_id: str
    fingerprint: str


@runtime_checkable
class BatchLibrary(Protocol):
    """A library that answers many questions in fewer steps than there are questions (see `together.py`)."""

    async def get_all(self, asset_ids: Sequence[str]) -> Sequence[Got]:
        """For each of `asset_ids`, what `get` gives or raises.

        What one of them is in trouble with is its answer and stops no other.

        Raises:
            LibraryError: none of them could be asked.
        """
        ...

    async def search_all(self, requests: Sequence[AssetRequest]) -> Sequence[Searched]:
        """For each of `requests`, what `search` gives or raises; refused candidates without trouble may be left out.

        Trouble as above.

        Raises:
            LibraryError: none of them could be asked.
        """
        ...

    async def standings(self, given: Sequence[Given]) -> Sequence[Stood]:
        """For each of `given`, what `standing` gives or raises; trouble as above.

        Raises:
            LibraryError: none of them could be asked.
        """
        ...
