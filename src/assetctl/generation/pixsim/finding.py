"""What became of an order whose answer was lost: looked for until it is certain, never guessed.

The server lists a row only once it is committed, and takes a row for a repeated order only once it is remembered. So a
row that is not there counts only after a while; and a list that leaves out what exists counts for nothing.
"""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from assetctl.errors import OutcomeUnknown
from assetctl.generation.pixsim.comparing import bears

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from assetctl.clock import Clock
    from assetctl.pixsim.client import PixsimClient
    from assetctl.pixsim.records import Generation

SETTLE_S: Final = 25.0
"""How long after an order was sent it may still appear."""

GIVE_UP: Final = "look for it at the backend; `assetctl jobs cancel ORDER --forget` gives it up"

_PAGE: Final = 200
_OVERLAP: Final = 10
_MAX_PAGES: Final = 50
_MAX_RECENT: Final = 100
_MAX_LOOKED_UP: Final = 20
_SKEW: Final = timedelta(hours=1)


class Finder:
    """Looks for orders at one server."""

    def __init__(self, clock: Clock, *, settle_s: float = SETTLE_S) -> None:
        """Believe that an order never arrived `settle_s` after it was sent."""
        self._clock = clock
        self._settle_s = settle_s
        self._sent_s: dict[str, float] = {}

    def sending(self, idempotency_key: str) -> None:
        """The order with that key may be on its way until now: remembered by a clock that no one can set."""
        self._sent_s[idempotency_key] = self._clock.elapsed_s()

    async def find(self, client: PixsimClient, idempotency_key: str, sent_at: datetime | None) -> Generation | None:
        """The row of the order with that key, sent last at `sent_at`; None when there certainly is none.

        Raises:
            OutcomeUnknown: nothing certain can be said, or not before `ask_again_in_s`.
            ServiceError: the server could not be asked.
        """
        if sent_at is None:
            # Of an order of unknown age this much is known: it is older than the first search for it.
            self._sent_s.setdefault(idempotency_key, self._clock.elapsed_s())
        left_s = self._left_s(idempotency_key, sent_at)
        found = await self._look(client, idempotency_key, sent_at)
        if found is None and left_s > 0:
            raise OutcomeUnknown(
                "the order is not at the backend, but may still arrive there",
                why=f"it counts as lost {self._settle_s:g} s after it was sent",
                hint=f"ask again in {math.ceil(left_s)} s",
                ask_again_in_s=left_s,
            )
        return found

    def _left_s(self, idempotency_key: str, sent_at: datetime | None) -> float:
        """Seconds until what is not there never arrived; never more than the settle time, whatever the clocks say."""
        ages_s: list[float] = []
        if sent_at is not None:
            ages_s.append((self._clock.now() - sent_at).total_seconds())
        if idempotency_key in self._sent_s:
            ages_s.append(self._clock.elapsed_s() - self._sent_s[idempotency_key])
        return min(self._settle_s, self._settle_s - min(ages_s))

    async def _look(self, client: PixsimClient, idempotency_key: str, sent_at: datetime | None) -> Generation | None:
        listed: set[int] = set()
        first_total: int | None = None
        for page_number in range(_MAX_PAGES):
            # Pages overlap: a row that is deleted meanwhile moves all behind it forward.
            page = await client.generations(limit=_PAGE, offset=page_number * (_PAGE - _OVERLAP))
            found = next((row for row in page.generations if bears(row, idempotency_key)), None)
            if found is not None:
                return found
            listed |= {row.id for row in page.generations}
            first_total = page.total if first_total is None else first_total
            if len(page.generations) < _PAGE:
                _check_complete(first_total, listed)
                return await self._look_in_library(client, idempotency_key, sent_at, listed)
        raise _uncertain(f"the backend lists more than {len(listed)} generations")

    async def _look_in_library(
        self, client: PixsimClient, idempotency_key: str, sent_at: datetime | None, listed: Collection[int]
    ) -> Generation | None:
        """The row behind an asset that was made lately and is missing from the list.

        Raises:
            OutcomeUnknown: rows are missing from the list, though not this one.
        """
        body: dict[str, object] = {"filters": {"asset_kind": None}, "limit": _MAX_RECENT, "include_total": False}
        if sent_at is not None:
            body["created_from"] = (sent_at - _SKEW).isoformat()
        page = await client.search_assets(body)
        made = (asset.source_generation_id for asset in page.assets)
        missing = [number for number in made if number is not None and number not in listed]
        for number in missing[:_MAX_LOOKED_UP]:
            row = await client.generation(number)
            if row is not None and bears(row, idempotency_key):
                return row
            if row is not None:
                raise _uncertain("the backend's list of generations leaves out some that it has")
        return None


def _check_complete(total: int | None, listed: Collection[int]) -> None:
    if total is not None and len(listed) < total:
        raise _uncertain(f"the backend listed {len(listed)} of {total} generations")


def _uncertain(why: str) -> OutcomeUnknown:
    return OutcomeUnknown(
        "what became of the order can't be told for certain",
        why=why,
        hint=GIVE_UP,
    )
