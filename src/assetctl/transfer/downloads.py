"""Fetches files, as often as it takes and no more; the room's face."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

import anyio

from assetctl import eventloop, filesystem
from assetctl.errors import IntegrityError, ServiceUnreachable
from assetctl.eventloop import in_thread
from assetctl.network import accepted, address
from assetctl.transfer.hops import Hops
from assetctl.transfer.partials import Partial
from assetctl.transfer.receiving import Receiver
from assetctl.transfer.remote import TransferLimits
from assetctl.transfer.retries import MAX_PAUSE_S, Again, RetryBudget, Tries

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path
    from random import Random

    import httpx

    from assetctl.clock import Clock
    from assetctl.filesystem import Step
    from assetctl.network import Origin
    from assetctl.transfer.hops import Credentials
    from assetctl.transfer.remote import Downloaded, Recognise, RemoteFile

MAX_TRANSFERS: Final = 16
"""How many files come at once; the client must have more connections than that."""


class Downloads:
    """Fetches files through one client; safe to use from many tasks, for one target at a time each."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        *,
        home: Origin | None,
        credentials: Credentials | None,
        recognise: Recognise,
        clock: Clock,
        random: Random,
        limits: TransferLimits = TransferLimits(),  # noqa: B008 - it is frozen
        max_transfers: int = MAX_TRANSFERS,
        free_bytes: Callable[[Path], int | None] = filesystem.free_bytes,
        step: Step = filesystem.no_step,
    ) -> None:
        """Fetch through `client`, made by `network.new_client` for `home`; it stays the caller's to close.

        `credentials` is asked for the token of `home` alone. `recognise` judges how a file begins.
        """
        self._receiver = Receiver(
            Hops(client, home=home, credentials=credentials), clock, recognise, limits, free_bytes
        )
        self._clock = clock
        self._random = random
        self._limits = limits
        self._slots = anyio.Semaphore(max_transfers)
        self._step = step
        self._budgets: defaultdict[Origin, RetryBudget] = defaultdict(RetryBudget)
        self._held_until_s: dict[Origin, float] = {}

    async def fetch(
        self,
        file: RemoteFile,
        target: Path,
        on_progress: Callable[[int, int | None], None] = lambda _received, _total: None,
        *,
        keep_partial: bool = True,
    ) -> Downloaded:
        """The file, whole at `target` in place of what was there, its length and digest as far as they are known.

        With `keep_partial`, what came stays beside `target` when this fails or the process dies, and is gone on with
        the next time; call `forget` when the file is stored. `on_progress` hears how many bytes there are of how many
        (None: unknown), at most ten times a second.

        Raises:
            LinkExpired: there is nothing behind the link any more; a fresh one may help.
            NotAllowed: the backend does not give it to us.
            ServiceUnreachable, RateLimited, ServiceError: it could not be had; asking again may help.
            AddressRefused: it leads to where assetctl does not go.
            IntegrityError: it is not the file that was described, or no file of its type.
            StorageFull, CacheError: it could not be written.
        """
        await eventloop.started()
        url = address(file.url)
        origin = accepted(url)
        partial = Partial(file, target, keep=keep_partial, step=self._step)
        try:
            if keep_partial and (done := await in_thread(partial.open)) is not None:
                return done
            done = await self._until_done(file, url, partial, on_progress)
        except BaseException as error:
            with eventloop.shield():
                await in_thread(partial.discard if isinstance(error, IntegrityError) else partial.abandon)
            raise
        self._budgets[origin].earn()
        return done

    async def forget(self, target: Path) -> None:
        """Nothing of what was fetched to `target` is left: it is stored elsewhere, or nobody wants it any more.

        Raises:
            CacheError: it could not be removed.
        """
        await in_thread(forget, target, self._step)

    async def _until_done(
        self,
        file: RemoteFile,
        url: httpx.URL,
        partial: Partial,
        on_progress: Callable[[int, int | None], None],
    ) -> Downloaded:
        origin = accepted(url)
        give_up_at_s = self._clock.elapsed_s() + self._limits.deadline_s
        tries = Tries(self._random, self._budgets[origin])
        while True:
            await self._wait_for(origin, give_up_at_s)
            before = partial.size_bytes
            try:
                left_s = give_up_at_s - self._clock.elapsed_s()
                return await self._once(left_s, lambda: self._receiver.receive(file, url, partial, on_progress))
            except Again as failure:
                if failure.anew:
                    await in_thread(partial.restart)
                pause_s = tries.pause_s(failure, progressed=partial.size_bytes > before)
                if pause_s is None or self._clock.elapsed_s() + pause_s >= give_up_at_s:
                    raise failure.error from failure.__cause__
                if failure.wait_s is not None:
                    self._hold(origin, min(failure.wait_s, MAX_PAUSE_S))
                await self._clock.sleep(pause_s)

    async def _once(self, left_s: float, attempt: Callable[[], Awaitable[Downloaded]]) -> Downloaded:
        # A slot is only held while something is asked for: who waits for a server keeps nobody from another.
        async with self._slots:
            with anyio.move_on_after(max(left_s, 0)):
                return await attempt()
        raise ServiceUnreachable(
            "the file did not come in time",
            why=f"it took longer than {self._limits.deadline_s:.0f} s",
            hint="ask again: what came already is not fetched twice",
        )

    def _hold(self, origin: Origin, wait_s: float) -> None:
        until_s = self._clock.elapsed_s() + wait_s
        self._held_until_s[origin] = max(until_s, self._held_until_s.get(origin, until_s))

    async def _wait_for(self, origin: Origin, give_up_at_s: float) -> None:
        """Nobody asks `origin` for anything while it wants to be left alone."""
        left_s = self._held_until_s.get(origin, 0.0) - self._clock.elapsed_s()
        if left_s > 0:
            await self._clock.sleep(min(left_s, max(give_up_at_s - self._clock.elapsed_s(), 0)))


def forget(target: Path, step: Step = filesystem.no_step) -> None:
    """Nothing of what was fetched to `target` is left.

    Raises:
        CacheError: it could not be removed.
    """
    for path in (target, target.with_name(f"{target.name}.part"), target.with_name(f"{target.name}.resume")):
        filesystem.remove(path, step=step)
