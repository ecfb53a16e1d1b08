"""Many questions to a library: together where it can, else each alone and few at a time, and answered all the same."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import pytest

from assetctl.errors import LibraryError
from assetctl.library import together
from assetctl.library.base import BatchLibrary, Given, Standing
from assetctl.library.together import AT_ONCE, few_at_a_time
from fakes import REQUEST, FakeLibrary, FarLibrary, film

if TYPE_CHECKING:
    from pathlib import Path

    from assetctl.library.base import Candidate
    from assetctl.models import AssetRequest

pytestmark = pytest.mark.anyio

MANY = [replace(REQUEST, choice_id=f"c{number}") for number in range(40)]


class Slow(FakeLibrary):
    """One that is asked for each by itself, and in trouble with every tenth."""

    now = most = 0

    async def search(self, request: AssetRequest) -> list[Candidate]:
        self.now += 1
        self.most = max(self.most, self.now)
        await anyio.lowlevel.checkpoint()
        self.now -= 1
        if request.choice_id == "c10":
            raise LibraryError("it cannot tell")
        return await super().search(request)


async def test_a_library_that_answers_one_question_at_a_time_is_asked_few_at_a_time(tmp_path: Path) -> None:
    library = Slow(tmp_path / "slow")
    asset = library.add("clip", film("x"), MANY[7])
    assert not isinstance(library, BatchLibrary)
    found = await together.search_all(library, MANY)
    assert [index for index, one in enumerate(found) if isinstance(one, LibraryError)] == [10]
    matching = [
        index for index, one in enumerate(found) if not isinstance(one, LibraryError) and any(c.matches for c in one)
    ]
    assert matching == [7]
    assert library.most == AT_ONCE
    given = [Given("none", ""), Given("clip", asset.fingerprint), Given("clip", "other")]
    assert await together.standings(library, given) == [Standing.GONE, Standing.SAME, Standing.CHANGED]


async def test_a_library_that_answers_many_is_asked_once(tmp_path: Path) -> None:
    library = FarLibrary(tmp_path / "far")
    assert await together.search_all(library, MANY) == [[]] * 40
    assert await together.standings(library, [Given("none", "")] * 3) == [Standing.GONE] * 3
    assert library.asked == [40, 3]


async def test_nothing_to_do_is_done_without_a_loop() -> None:
    done: list[int] = []

    async def work(thing: int) -> None:
        done.append(thing)

    with pytest.raises(StopIteration):
        few_at_a_time(work, []).send(None)
    await few_at_a_time(work, range(20), at_once=1)
    assert done == list(range(20))
