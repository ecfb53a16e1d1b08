"""One attempt at a file: asks for what is missing, takes it in, and compares the whole with what is known of it."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import anyio
import httpx

from assetctl import filesystem
from assetctl.errors import IntegrityError, ServiceUnreachable
from assetctl.eventloop import in_thread
from assetctl.transfer.answers import LOOK_AT_IT, body_of, too_large
from assetctl.transfer.hops import translated_trouble
from assetctl.transfer.pace import Pace
from assetctl.transfer.remote import HEAD_BYTES, MAX_BYTES, Recognise, TransferLimits
from assetctl.transfer.retries import Again

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from assetctl.clock import Clock
    from assetctl.network import Origin
    from assetctl.transfer.answers import Body
    from assetctl.transfer.hops import Hops
    from assetctl.transfer.partials import Partial
    from assetctl.transfer.remote import Downloaded, RemoteFile

#: How much waits to be written at once, in bytes and in pieces; a transfer never holds more than twice that.
_BATCH_BYTES: Final = 1 << 20
_BATCH_PIECES: Final = 256
_TELL_EVERY_S: Final = 0.1
#: Less than this is not looked for before it is written.
_LOOK_FOR_ROOM: Final = 16 << 20


@dataclass(frozen=True, slots=True)
class Receiver:
    """How files are received, the same for all of them."""

    hops: Hops
    clock: Clock
    recognise: Recognise
    limits: TransferLimits
    free_bytes: Callable[[Path], int | None]

    async def receive(
        self, file: RemoteFile, url: httpx.URL, partial: Partial, on_progress: Callable[[int, int | None], None]
    ) -> Downloaded:
        """The file, whole at its target.

        Raises:
            Again: another attempt may bring it; what came is still in `partial`.
            IntegrityError: it is not what was described, or no file of its type.
            ServiceError: it can't be had.
            CacheError: it can't be written.
        """
        asked = partial.asked
        headers = {"Range": f"bytes={asked.offset}-"} if asked.offset else {}
        if asked.offset and asked.etag is not None:
            headers["If-Range"] = asked.etag
        async with self.hops.get(url, headers) as (response, head):
            body = body_of(head, asked, file, now=self.clock.now())
            if not partial.is_ready_for(body) or _missing(body) > _LOOK_FOR_ROOM:
                await in_thread(self._prepare, body, partial)
            intake = _Intake(self, file, partial, body=body, origin=head.origin, on_progress=on_progress)
            with translated_trouble(head.origin):
                return await intake.take(response)

    def _prepare(self, body: Body, partial: Partial) -> None:
        partial.begin(body)
        missing = _missing(body)
        if missing > _LOOK_FOR_ROOM:
            free = self.free_bytes(partial.folder)
            if free is not None and free < missing:
                full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                raise filesystem.storage_error(full, partial.target, needed_bytes=missing) from full


def _missing(body: Body) -> int:
    return (body.total_bytes or 0) - body.offset


class _Intake:
    """Takes in the body of one answer."""

    def __init__(
        self,
        receiver: Receiver,
        file: RemoteFile,
        partial: Partial,
        *,
        body: Body,
        origin: Origin,
        on_progress: Callable[[int, int | None], None],
    ) -> None:
        self._clock = receiver.clock
        self._recognise = receiver.recognise
        self._limits = receiver.limits
        self._file = file
        self._partial = partial
        self._body = body
        self._origin = origin
        self._on_progress = on_progress
        self._total = file.size_bytes if body.total_bytes is None else body.total_bytes
        self._size = body.offset
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        # What goes on was looked at when it began.
        self._is_recognised = body.offset > 0

    async def take(self, response: httpx.Response) -> Downloaded:
        self._on_progress(self._size, self._total)
        try:
            with anyio.CancelScope(deadline=self._silent_until()) as silence:
                await self._take_pieces(response, silence)
        except httpx.HTTPError:
            await self._write()
            raise
        if silence.cancelled_caught:
            await self._write()
            raise Again(self._too_slow())
        return await self._complete()

    async def _take_pieces(self, response: httpx.Response, silence: anyio.CancelScope) -> None:
        most = MAX_BYTES[self._file.asset_type] if self._total is None else self._total
        told_at_s = self._clock.elapsed_s()
        pace = Pace(self._limits, told_at_s)
        async for piece in response.aiter_raw():
            now_s = self._clock.elapsed_s()
            self._size += len(piece)
            if self._size > most:
                raise too_large(self._origin, self._file)
            self._waiting.append(piece)
            self._waiting_bytes += len(piece)
            if pace.is_too_slow(len(piece), now_s):
                await self._write()
                raise Again(self._too_slow())
            if self._waiting_bytes >= _BATCH_BYTES or len(self._waiting) >= _BATCH_PIECES:
                await self._write()
            if now_s - told_at_s >= _TELL_EVERY_S:
                told_at_s = now_s
                self._on_progress(self._size, self._total)
            silence.deadline = self._silent_until()

    def _silent_until(self) -> float:
        # What sends nothing that counts, a header without end for one, is never seen by `Pace`.
        return anyio.current_time() + self._limits.window_s

    async def _write(self) -> None:
        """What waits is written, but for a beginning that is too short to be judged yet."""
        if self._waiting and (self._is_recognised or self._waiting_bytes >= HEAD_BYTES):
            pieces, self._waiting, self._waiting_bytes = self._waiting, [], 0
            self._check_beginning(pieces)
            await in_thread(self._partial.append, pieces)

    async def _complete(self) -> Downloaded:
        if self._total is not None and self._size < self._total:
            await self._write()
            raise Again(_cut_off(self._origin, self._size, self._total))
        if not self._size:
            raise IntegrityError(f"the file at `{self._origin}` is empty", hint=LOOK_AT_IT)
        done = await in_thread(self._finish, self._waiting)
        self._on_progress(done.hashed.size_bytes, done.hashed.size_bytes)
        return done

    def _finish(self, pieces: list[bytes]) -> Downloaded:
        self._check_beginning(pieces)
        self._partial.append(pieces)
        if not self._partial.is_as_described:
            error = IntegrityError(
                f"the file at `{self._origin}` is not the one that was described",
                why=f"its SHA-256 is {self._partial.sha256[:12]}…, described was {(self._file.sha256 or '')[:12]}…",
                hint=LOOK_AT_IT,
            )
            # Of two parts, one may be of another file; what came in one piece is what the server has.
            raise Again(error, anew=True) if self._body.offset else error
        return self._partial.finish()

    def _check_beginning(self, pieces: list[bytes]) -> None:
        if self._is_recognised:
            return
        beginning = b"".join(pieces[:HEAD_BYTES])[:HEAD_BYTES]
        problem = self._recognise(beginning, self._file.asset_type)
        if problem is not None:
            raise IntegrityError(
                f"what `{self._origin}` sends is no {self._file.asset_type.value}", why=problem, hint=LOOK_AT_IT
            )
        self._is_recognised = True

    def _too_slow(self) -> ServiceUnreachable:
        return ServiceUnreachable(
            f"`{self._origin}` sends the file too slowly",
            why=f"less than {self._limits.min_bytes_per_s:.0f} bytes a second for {self._limits.window_s:.0f} s",
            hint="ask again: what came already is not fetched twice",
        )


def _cut_off(origin: Origin, size: int, total: int) -> ServiceUnreachable:
    return ServiceUnreachable(
        f"`{origin}` did not send the file",
        why=f"it broke off after {size} of {total} bytes",
        hint="ask again: what came already is not fetched twice",
    )
