"""Many questions to a library at once: in few steps where it can, else one by one, a few at a time.

What is asked together is answered as if it had been asked alone. Trouble with one question is that question's answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from assetctl import eventloop
from assetctl.errors import AssetctlError
from assetctl.library.base import BatchLibrary

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Sequence

    from assetctl.library.base import Given, Got, Library, Searched, Stood
    from assetctl.models import AssetRequest

AT_ONCE: Final = 8

_Question = TypeVar("_Question")
_Answer = TypeVar("_Answer")


async def get_all(library: Library, asset_ids: Sequence[str]) -> Sequence[Got]:
    """What `library` has under each of `asset_ids`, or its trouble with it; see `BatchLibrary`.

    Raises:
        LibraryError: none of them could be asked.
    """
    if isinstance(library, BatchLibrary):
        return await library.get_all(asset_ids)
    return await one_by_one(library.get, asset_ids)


async def search_all(library: Library, requests: Sequence[AssetRequest]) -> Sequence[Searched]:
    """What `library` finds for each of `requests`, or its trouble with it; see `BatchLibrary`.

    Raises:
        LibraryError: none of them could be asked.
    """
    if isinstance(library, BatchLibrary):
        return await library.search_all(requests)
    return await one_by_one(library.search, requests)


async def standings(library: Library, given: Sequence[Given]) -> Sequence[Stood]:
    """Whether `library` stands behind each of `given`, or its trouble with it; see `BatchLibrary`.

    Raises:
        LibraryError: none of them could be asked.
    """
    if isinstance(library, BatchLibrary):
        return await library.standings(given)
    return await one_by_one(lambda one: library.standing(*one), given)


async def few_at_a_time(
    work: Callable[[_Question], Awaitable[None]], things: Collection[_Question], *, at_once: int = AT_ONCE
) -> None:
    """`work` is done for each of `things`, begun in their order; it raises nothing that is expected."""
    if not things:
        return
    await eventloop.started()
    import anyio  # noqa: PLC0415 - one request, the usual case, asks once

    waiting = iter(things)

    async def go_on() -> None:
        for thing in waiting:
            await work(thing)

    async with anyio.create_task_group() as tasks:
        for _ in range(min(at_once, len(things))):
            tasks.start_soon(go_on)


async def one_by_one(
    ask: Callable[[_Question], Awaitable[_Answer]], questions: Sequence[_Question]
) -> list[_Answer | AssetctlError]:
    """What `ask` gives for each of `questions`, in their order, or its trouble with it."""
    answers: dict[int, _Answer | AssetctlError] = {}

    async def answer(index: int) -> None:
        try:
            answers[index] = await ask(questions[index])
        except AssetctlError as error:
            answers[index] = error

    await few_at_a_time(answer, range(len(questions)))
    return [answers[index] for index in range(len(questions))]
