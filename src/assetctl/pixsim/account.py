"""Logging in, out, and knowing who is logged in: the server and the kept logins brought together.

A token is stored only after the server said whose it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from assetctl.errors import InvalidRequest, NotAllowed
from assetctl.eventloop import in_thread
from assetctl.pixsim.logins import is_token
from assetctl.pixsim.session import LOG_IN

if TYPE_CHECKING:
    from datetime import datetime

    from assetctl.pixsim.client import PixsimClient
    from assetctl.pixsim.logins import LoginStore
    from assetctl.pixsim.records import TokenFacts
    from assetctl.secret import Secret


@dataclass(frozen=True, slots=True)
class Standing:
    """Who is logged in: `kept_in` is `keyring`, `file`, or where settings have the token from.

    `is_verified` is None while the server was not asked; `user` and `expires_at` are then as they were at the login.
    """

    kept_in: str
    user: str | None
    expires_at: datetime | None
    is_verified: bool | None = None


class Account:
    """The account used at one server."""

    def __init__(
        self, client: PixsimClient, store: LoginStore, *, given: Secret | None = None, given_by: str = "settings"
    ) -> None:
        """A token `given` in the settings goes before any that is kept; `given_by` says where it stands."""
        self._client = client
        self._store = store
        self._given = given
        self._given_by = given_by

    async def log_in(self, user: str, password: Secret) -> Standing:
        """Whoever `user` is, by name or e-mail address, is logged in from now on.

        Raises:
            InvalidRequest: a token of the settings would go before it; nothing was sent.
            NotAllowed: name and password don't fit.
            ServiceError, CacheError, ConfigError: it could not be done.
        """
        self._refuse_beside_given()
        made = await self._client.login(user, password)
        return await self._keep(made.token)

    async def adopt(self, token: Secret) -> Standing:
        """Whoever `token` belongs to is logged in from now on.

        Raises:
            InvalidRequest: it can be no token, or one of the settings would go before it.
            NotAllowed: the server does not take it.
            ServiceError, CacheError, ConfigError: it could not be done.
        """
        self._refuse_beside_given()
        if not is_token(token.reveal()):
            raise InvalidRequest(
                "what was given is no token",
                why="it is empty or has characters that a header cannot carry (not shown)",
                hint="assetctl auth login --with-token < token.txt",
            )
        return await self._keep(token)

    async def standing(self, *, verify: bool = True) -> Standing:
        """Who is logged in, asked of the server when `verify`.

        Raises:
            NotAllowed: nobody, or the server does not take the token any more.
            ServiceError, ConfigError: it could not be found out.
        """
        token, known = await self._known()
        if not verify:
            return known
        facts = await self._client.introspect(token)
        if not facts.is_active:
            raise self._not_logged_in(f"the server does not take the token of `{known.kept_in}` any more")
        return _verified(known.kept_in, facts)

    async def known(self) -> Standing:
        """Who is logged in as far as this machine knows.

        Raises:
            NotAllowed: nobody.
        """
        return (await self._known())[1]

    async def log_out(self, *, at_server: bool = True) -> None:
        """The kept login is gone, here and, if wanted, at the server: first there, so that it can be tried again.

        Raises:
            InvalidRequest: the token is one of the settings, which are not ours to change.
            NotAllowed: nobody was logged in.
            ServiceError, CacheError, ConfigError: it could not be done; the login is still kept.
        """
        kept = await in_thread(self._store.get, self._client.origin)
        if kept is None and self._given is not None:
            raise InvalidRequest(
                f"the token comes from `{self._given_by}` and is not ours to remove",
                hint="take it away there; it stays valid at the server until it expires",
            )
        if kept is None:
            raise self._not_logged_in(None)
        if at_server:
            await self._client.logout(kept.token)
        await in_thread(self._store.remove, self._client.origin)

    async def _known(self) -> tuple[Secret, Standing]:
        if self._given is not None:
            return self._given, Standing(self._given_by, None, None)
        kept = await in_thread(self._store.get, self._client.origin)
        if kept is None:
            raise self._not_logged_in(None)
        return kept.token, Standing(kept.place.value, kept.user, kept.expires_at)

    async def _keep(self, token: Secret) -> Standing:
        facts = await self._client.introspect(token)
        if not facts.is_active:
            raise NotAllowed(
                f"`{self._client.origin}` does not take this token", hint="make another one, or log in with a password"
            )
        place = await in_thread(
            lambda: self._store.put(self._client.origin, token, user=facts.user, expires_at=facts.expires_at)
        )
        return _verified(place.value, facts)

    def _refuse_beside_given(self) -> None:
        if self._given is not None:
            raise InvalidRequest(
                f"a login would not be used: the token of `{self._given_by}` goes before it",
                hint="take that one away first",
            )

    def _not_logged_in(self, why: str | None) -> NotAllowed:
        return NotAllowed(f"not logged in at `{self._client.origin}`", why=why, hint=LOG_IN)


def _verified(kept_in: str, facts: TokenFacts) -> Standing:
    return Standing(kept_in, facts.user, facts.expires_at, is_verified=True)
