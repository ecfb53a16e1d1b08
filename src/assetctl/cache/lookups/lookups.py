"""The lookups as the rest of the house sees them: async, opened on first use; trouble is a miss that is told once."""

from __future__ import annotations

import logging
import sqlite3
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeVar

from assetctl import filesystem
from assetctl.cache.entries import milliseconds
from assetctl.cache.lookups import texts
from assetctl.cache.lookups.rows import LONGEST_LIFE, row_key, row_of, text_of
from assetctl.cache.lookups.shape import ForeignError, ForeignRowError, discard, is_garbled, prepare
from assetctl.cache.lookups.texts import LONGEST_TEXT, BusyError, TextCache
from assetctl.errors import CacheError
from assetctl.eventloop import in_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from assetctl.clock import Clock
    from assetctl.filesystem import FindKind, Step

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

SIZE_LIMIT: Final = 32 << 20
TIMEOUT_S: Final = 1.0
"""Longest time one use waits for other processes, opening included."""
PAUSE_S: Final = 60.0
"""How long nothing is tried after trouble: a hundred lookups must not wait a hundred times for a hung process."""


class Lookups:
    """Texts by key, each for its time; safe to use from many tasks and processes at once. Never raises what went wrong.

    Between two uses nothing is open, so there is nothing to close.
    """

    def __init__(
        self,
        folder: Path,
        *,
        clock: Clock,
        size_limit: int = SIZE_LIMIT,
        timeout_s: float = TIMEOUT_S,
        find_kind: FindKind = filesystem.kind_of,
        step: Step = filesystem.no_step,
    ) -> None:
        """Touch nothing yet. `folder` is used for nothing else; `size_limit` is in bytes."""
        self._folder = folder
        self._clock = clock
        self._settings = texts.settings(size_limit)
        self._timeout_s = timeout_s
        self._find_kind = find_kind
        self._step = step
        self._guard = threading.Lock()
        self._cache: TextCache | None = None
        self._paused_until_s: float | None = None
        self._is_told = False

    async def recall(self, key: str) -> str | None:
        """The text remembered for `key`; None when there is none, its time is over, or it is not what was written."""

        def work(cache: TextCache) -> str | None:
            return self._recalled(cache, key)

        return await in_thread(lambda: self._with_cache(work))

    async def recall_all(self, keys: Iterable[str]) -> dict[str, str]:
        """The texts that `recall` gives for `keys`, by key, in one use."""

        def work(cache: TextCache) -> dict[str, str]:
            found = ((key, self._recalled(cache, key)) for key in keys)
            return {key: text for key, text in found if text is not None}

        return await in_thread(lambda: self._with_cache(work)) or {}

    async def remember(self, key: str, text: str, *, ttl_s: float) -> None:
        """`recall` gives `text` for `ttl_s` seconds, at most `LONGEST_LIFE`; nothing if that cannot be had.

        A text of more than `LONGEST_TEXT` characters is not remembered.
        """
        await self.remember_all({key: text}, ttl_s=ttl_s)

    async def remember_all(self, texts: Mapping[str, str], *, ttl_s: float) -> None:
        """Each of `texts` is remembered for its key as by `remember`, in one use."""
        fitting = {key: text for key, text in texts.items() if len(text) <= LONGEST_TEXT}

        def work(cache: TextCache) -> None:
            for key, text in fitting.items():
                self._note(cache, key, text, ttl_s)

        if fitting:
            await in_thread(lambda: self._with_cache(work))

    async def forget(self, key: str) -> None:
        """`recall` gives nothing for `key`."""
        await in_thread(lambda: self._with_cache(lambda cache: cache.delete(row_key(key), retry=False)))

    def _recalled(self, cache: TextCache, key: str) -> str | None:
        try:
            row = cache.get(row_key(key), retry=False)
            return None if row is None else text_of(row, key, milliseconds(self._clock.now()))
        except ForeignRowError as error:
            _log.debug("a remembered answer is thrown away: %s", error)
            cache.delete(row_key(key), retry=False)
            return None

    def _note(self, cache: TextCache, key: str, text: str, ttl_s: float) -> None:
        life = min(timedelta(seconds=ttl_s), LONGEST_LIFE)
        made_ms = milliseconds(self._clock.now())
        row = row_of(key, text, made_ms, made_ms + life // timedelta(milliseconds=1))
        self._step("remember", self._folder)
        cache.set(row_key(key), row, expire=life.total_seconds(), retry=False)

    def _with_cache(self, work: Callable[[TextCache], _T]) -> _T | None:
        with self._guard:
            if self._paused_until_s is not None and self._clock.elapsed_s() < self._paused_until_s:
                return None
            try:
                return self._attempt(work)
            except (BusyError, sqlite3.Error, OSError, CacheError) as error:
                self._cache = None
                self._paused_until_s = self._clock.elapsed_s() + PAUSE_S
                why = error.why if isinstance(error, CacheError) else str(error)
                self._tell("what libraries answer is not remembered: %s", why or "other processes keep it busy")
                return None

    def _attempt(self, work: Callable[[TextCache], _T]) -> _T | None:
        try:
            if self._cache is None:
                filesystem.require_local(self._folder, "remembered answers", find_kind=self._find_kind)
            # Each time: it may have been replaced since, and diskcache opens it anew for each use.
            prepare(self._folder, self._settings, timeout_s=self._timeout_s, step=self._step)
            if self._cache is None:
                self._cache = TextCache(self._folder, self._settings, self._timeout_s)
            with self._cache.within(self._timeout_s) as cache:
                return work(cache)
        except ForeignError as error:
            why = str(error)
        except sqlite3.DatabaseError as error:
            if not is_garbled(error):
                raise
            why = str(error)
        self._cache = None
        self._tell("what libraries answered lately is forgotten: %s", why)
        discard(self._folder, step=self._step)
        return None

    def _tell(self, message: str, why: str) -> None:
        if not self._is_told:
            _log.warning(message, why)
        self._is_told = True
