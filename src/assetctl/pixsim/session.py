"""Which token is sent, and what is done when the server does not take it any more.

A token that was handed in (environment or settings) is the only one then. Otherwise the kept login counts; rejected,
it is read again, since another process may have logged in meanwhile, and only then made anew, once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import anyio

from assetctl.eventloop import in_thread

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from assetctl.network import Origin
    from assetctl.pixsim.logins import KeptLogin, LoginStore
    from assetctl.secret import Secret

LOG_IN: Final = "assetctl auth login"


class HandedIn:
    """A token that was handed in: there is no other."""

    def __init__(self, token: Secret, *, hint: str = LOG_IN) -> None:
        """`hint` says what to do when the server does not take it."""
        self.hint = hint
        self._token = token

    async def token(self) -> Secret | None:
        """The token."""
        return self._token

    async def renewed(self, rejected: Secret) -> Secret | None:
        """None: there is no other."""
        del rejected
        return None


class KeptSession:
    """The login kept for one server, shared by all tasks of a run."""

    hint = LOG_IN

    def __init__(
        self,
        origin: Origin,
        store: LoginStore,
        *,
        log_in: Callable[[], Awaitable[Secret | None]] | None = None,
    ) -> None:
        """`log_in`, of a host program that knows a password, is called at most once; it gives a new token or None."""
        self._origin = origin
        self._store = store
        self._log_in = log_in
        self._kept: Secret | None = None
        self._lock = anyio.Lock()

    async def token(self) -> Secret | None:
        """The token of the kept login; read once, None without one.

        Raises:
            ConfigError: what was kept cannot be read.
            NotAllowed: the keyring does not give it.
        """
        async with self._lock:
            if self._kept is None:
                self._kept = await self._read() or await self._made()
            return self._kept

    async def renewed(self, rejected: Secret) -> Secret | None:
        """Another token than `rejected`: one that came meanwhile, or a new login; None when there is none to be had.

        Raises:
            ConfigError, NotAllowed: as `token`.
        """
        async with self._lock:
            if self._kept is None or self._kept == rejected:
                found = await self._read()
                self._kept = found if found != rejected else None
                self._kept = self._kept or await self._made()
            return self._kept

    async def _read(self) -> Secret | None:
        kept: KeptLogin | None = await in_thread(self._store.get, self._origin)
        return None if kept is None else kept.token

    async def _made(self) -> Secret | None:
        log_in, self._log_in = self._log_in, None
        return None if log_in is None else await log_in()
