"""Many searches as few: one for any of their tags, whose answer is taken apart here.

Whatever a search for all of its tags finds is found by one for any tag of many, and is told from the rest by the same
tags; it is judged as if it had been found alone. A joint search that had no end, or went wrong, answers nobody: it is
made again for each half, at last for each request alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Final, TypeAlias

from assetctl.errors import AssetctlError, NotAllowed, RateLimited, ServiceError, ServiceUnreachable
from assetctl.keys import request_key
from assetctl.library.pixsim.search import Found, Search, any_of, searches
from assetctl.library.together import few_at_a_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from assetctl.library.base import Candidate, Searched
    from assetctl.library.pixsim.search import Ask
    from assetctl.models import AssetRequest, AssetType
    from assetctl.pixsim.records import StoredAsset

Look: TypeAlias = Callable[[Search, Found], Awaitable[None]]
"""Adds to what was found so far what a search finds."""
Judge: TypeAlias = "Callable[[AssetRequest, str, Look], Awaitable[list[Candidate]]]"
"""What a request, whose key is given, is answered by what a look finds."""

MAX_TAGS: Final = 200
"""How many tags one search is for; the server has no limit of its own, but its database is asked for each of them."""
MAX_JOINT_PAGES: Final = 20
MAX_TROUBLES: Final = 40
"""How many searches in a row may go wrong until that is the server's trouble, and not that of something it found.

Each of the groups that are asked at once is halved eight times on its way to one bad asset.
"""

_GROUPS_AT_ONCE: Final = 4
TROUBLE_OF_ALL: Final = (ServiceUnreachable, NotAllowed, RateLimited)
"""What has nothing to do with what was asked for, so that asking for less of it is no remedy."""


@dataclass(frozen=True, slots=True)
class Member:
    """One request of many: the index of its answer, and the tag that each of its searches by tags cannot miss."""

    index: int
    request: AssetRequest
    key: str
    tags: tuple[str, ...]

    @property
    def asset_type(self) -> AssetType:
        """What is searched for with others of its kind only."""
        return self.request.asset_type


class JointSearches:
    """Searches for many requests, of which the server answers one."""

    def __init__(self, requests: Sequence[AssetRequest], *, ask: Ask, look: Look, judge: Judge) -> None:
        """Ask the server by `ask`, or by `look` for one search alone; `judge` makes answers of what was found."""
        self._ask = ask
        self._look = look
        self._judge = judge
        self._members = [_member(index, request) for index, request in enumerate(requests)]
        self._answers: dict[int, Searched] = {}
        self._troubles = 0
        self._given_up: AssetctlError | None = None

    async def answers(self) -> list[Searched]:
        """What each request is answered, in their order."""
        await few_at_a_time(self._settle, list(groups(self._members)), at_once=_GROUPS_AT_ONCE)
        return [self._answers[member.index] for member in self._members]

    async def _settle(self, group: list[Member]) -> None:
        tags = _tags(group)
        if len(group) == 1 or not tags:
            await few_at_a_time(self._alone, group)
        elif self._given_up is not None:
            self._fail(group, self._given_up)
        else:
            await self._settle_jointly(group, tags)

    async def _settle_jointly(self, group: list[Member], tags: Sequence[str]) -> None:
        found = Found()
        # More pages than requests would be more than asking for each alone.
        max_pages = min(len(group), MAX_JOINT_PAGES)
        try:
            await found.read(self._ask, any_of(tags, group[0].asset_type), max_pages=max_pages)
        except TROUBLE_OF_ALL as error:
            self._fail(group, error)
            return
        except AssetctlError as error:
            self._failed(error)
        else:
            self._troubles = 0
            if found.is_all:
                await few_at_a_time(partial(self._answer, _Shelf(found, tags, self._look).look), group)
                return
        await self._parted(group)

    async def _parted(self, group: list[Member]) -> None:
        if len(_tags(group)) == 1:
            await few_at_a_time(self._alone, group)
            return
        middle = len(group) // 2
        for half in (group[:middle], group[middle:]):
            await self._settle(half)

    async def _alone(self, member: Member) -> None:
        if self._given_up is not None:
            self._answers[member.index] = self._given_up
            return
        await self._answer(self._look, member)
        # That too much is tagged like this is the request's own trouble.
        if isinstance(answer := self._answers[member.index], ServiceError):
            self._failed(answer)
        else:
            self._troubles = 0

    async def _answer(self, look: Look, member: Member) -> None:
        try:
            self._answers[member.index] = await self._judge(member.request, member.key, look)
        except AssetctlError as error:
            self._answers[member.index] = error

    def _fail(self, group: list[Member], error: AssetctlError) -> None:
        self._answers |= dict.fromkeys((member.index for member in group), error)

    def _failed(self, error: AssetctlError) -> None:
        self._troubles += 1
        if self._troubles >= MAX_TROUBLES:
            self._given_up = error


class _Shelf:
    """All that has any of some tags: what a search for such a tag, and others, finds is found here."""

    def __init__(self, found: Found, tags: Sequence[str], ask: Look) -> None:
        wanted = frozenset(tags)
        self._ask = ask
        self._by_tag: defaultdict[str, list[StoredAsset]] = defaultdict(list)
        for stored in found.assets.values():
            for tag in wanted & stored.tags:
                self._by_tag[tag].append(stored)

    async def look(self, search: Search, found: Found) -> None:
        """What `search` finds is added to `found`; words are nothing that a shelf is sorted by."""
        if not search.tags:
            await self._ask(search, found)
            return
        here = self._by_tag.get(_guide(search), ())
        found.assets |= {stored.id: stored for stored in here if search.finds(stored)}


def groups(members: Sequence[Member]) -> Iterator[list[Member]]:
    """`members` by type, those with the same tags together, so many that at most `MAX_TAGS` are searched for."""
    ordered = sorted(members, key=lambda member: (member.asset_type.value, member.tags))
    for _, alike in groupby(ordered, key=lambda member: member.asset_type):
        group: list[Member] = []
        tags: set[str] = set()
        for member in alike:
            if group and len(tags.union(member.tags)) > MAX_TAGS:
                yield group
                group, tags = [], set()
            group.append(member)
            tags.update(member.tags)
        yield group


def _member(index: int, request: AssetRequest) -> Member:
    key = request_key(request)
    return Member(index, request, key, tuple(_guide(search) for search in searches(request, key) if search.tags))


def _guide(search: Search) -> str:
    """The tag that stands for `search` among others: the first, its scene if it has one, for few assets have the same.

    A choice, such as `yes`, is made in many scenes.
    """
    return search.tags[0]


def _tags(group: Sequence[Member]) -> list[str]:
    return list(dict.fromkeys(tag for member in group for tag in member.tags))
