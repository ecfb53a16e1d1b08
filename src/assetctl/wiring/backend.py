"""The parts that speak to a backend, each built when it is first used: who we are there, what we ask, what we fetch.

Nothing here is loaded by an answer from the cache or from a folder.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import TYPE_CHECKING

from assetctl.errors import AssetUnavailable, ConfigError
from assetctl.events import TransferProgressed

if TYPE_CHECKING:
    from contextlib import AsyncExitStack
    from pathlib import Path

    from assetctl.network import Origin
    from assetctl.pixsim.account import Account
    from assetctl.pixsim.calling import Tokens
    from assetctl.pixsim.client import PixsimClient
    from assetctl.pixsim.logins import LoginStore
    from assetctl.pixsim.pacing import Pace
    from assetctl.pixsim.socket import EventSocket
    from assetctl.pixsim.turns import Turns
    from assetctl.prefetch.scenes.gathering import GameServer
    from assetctl.settings import Settings
    from assetctl.transfer import Downloads, RemoteFile
    from assetctl.wiring.surroundings import Surroundings


def backend_origin(settings: Settings) -> Origin:
    """Whose server the backend is.

    Raises:
        ConfigError: the settings name no backend.
    """
    from assetctl.network import Origin

    if settings.backend.url is None:
        raise ConfigError(
            "no backend is set",
            hint="set `backend.url` in your settings (assetctl config path) or ASSETCTL_BACKEND__URL",
        )
    return Origin.of(settings.backend.url)


class Backend:
    """One backend as `settings` name it, and everything that goes over HTTP; without one, only `downloads` works."""

    def __init__(self, surroundings: Surroundings, closing: AsyncExitStack) -> None:
        """Open nothing yet; what is opened later is closed with `closing`."""
        self._settings = surroundings.settings
        self._data = surroundings.data
        self._events = surroundings.events
        self._clock = surroundings.clock
        self._tell = surroundings.tell
        self._offline = surroundings.offline
        self._closing = closing

    @cached_property
    def origin(self) -> Origin:
        """Whose server the backend is.

        Raises:
            ConfigError: the settings name no backend.
        """
        return backend_origin(self._settings)

    @cached_property
    def logins(self) -> LoginStore:
        """Logins kept between runs."""
        from assetctl.pixsim.logins import LoginStore

        return LoginStore(self._data.logins)

    @cached_property
    def tokens(self) -> Tokens:
        """The token that was handed in, else that of the kept login.

        Raises:
            ConfigError: the settings name no backend.
        """
        from assetctl.pixsim.session import HandedIn, KeptSession

        token = self._settings.backend.token
        if token is None:
            return KeptSession(self.origin, self.logins)
        return HandedIn(token, hint=f"put a good one into {self._settings.origins['backend.token']}")

    @cached_property
    def client(self) -> PixsimClient:
        """The backend, with whatever login there is.

        Raises:
            ConfigError: the settings name no backend, or certificates that can't be used.
        """
        from assetctl.network import new_client
        from assetctl.pixsim.client import PixsimClient

        backend, origin = self._settings.backend, self.origin
        http = new_client(timeout_s=backend.timeout_s, home=origin, ca_file=backend.ca_file)
        self._closing.push_async_callback(http.aclose)
        return PixsimClient(
            origin,
            http,
            tokens=self.tokens,
            clock=self._clock,
            pace=self.pace,
            turns=self.turns,
            timeout_s=backend.timeout_s,
        )

    @property
    def game_server(self) -> GameServer:
        """Where the scenes of a game are read.

        Raises:
            AssetUnavailable: this is offline.
            ConfigError: as `client`.
        """
        if self._offline:
            raise AssetUnavailable(
                "scenes are read from the backend, and this is offline",
                hint="`assetctl manifest export` writes them to a file while there is a network",
            )
        return self.client

    @cached_property
    def pace(self) -> Pace:
        """How often the backend is asked."""
        from random import Random

        from assetctl.pixsim.pacing import Pace

        return Pace(clock=self._clock, random=Random())  # noqa: S311 - spreads askers, hides nothing

    @cached_property
    def turns(self) -> Turns:
        """Who may order next, among all processes of this user."""
        from math import inf

        from assetctl.pixsim.turn_file import WindowFile
        from assetctl.pixsim.turns import Turns
        from assetctl.pixsim.window import Rules

        most = self._settings.backend.orders_per_minute
        if not most:
            # There is nothing to share.
            return Turns(clock=self._clock, rules=Rules(most=inf))
        name = hashlib.sha256(str(self.origin).encode()).hexdigest()[:16]
        shared = WindowFile(self._data.turns / f"{name}.json", tell=self._tell)
        return Turns(clock=self._clock, rules=Rules(most=most), shared=shared)

    @cached_property
    def account(self) -> Account:
        """Who we are at the backend.

        Raises:
            ConfigError: as `client`.
        """
        from assetctl.pixsim.account import Account

        given_by = self._settings.origins["backend.token"]
        return Account(self.client, self.logins, given=self._settings.backend.token, given_by=given_by)

    @cached_property
    def event_socket(self) -> EventSocket:
        """The backend's events, which shorten waiting.

        Raises:
            ConfigError: the settings name no backend.
        """
        from random import Random

        from assetctl.network import ssl_context
        from assetctl.pixsim.socket import EventSocket

        backend = self._settings.backend
        return EventSocket(
            self.origin,
            clock=self._clock,
            random=Random(),  # noqa: S311 - spreads askers, hides nothing
            context=lambda: ssl_context(backend.ca_file),
            timeout_s=backend.timeout_s,
        )

    async def scope(self) -> tuple[str, ...]:
        """What decides the backend's answers: its address, and who asks; whoever has another token may see others."""
        token = await self.tokens.token()
        who = "" if token is None else hashlib.sha256(token.reveal().encode()).hexdigest()
        return (str(self.origin), who)

    async def fetch_for_nobody(self, file: RemoteFile, target: Path) -> None:
        """`file`, which can be had again for nothing, lies at `target`; a part of it is no use to a later process.

        Raises:
            ServiceError, IntegrityError, CacheError: as `Downloads.fetch`.
        """

        def tell(received: int, total: int | None) -> None:
            self._events.publish(TransferProgressed(None, received, total))

        await self.downloads.fetch(file, target, tell, keep_partial=False)

    @cached_property
    def downloads(self) -> Downloads:
        """Whatever comes over HTTP into a file; the login goes to the backend alone.

        Raises:
            ConfigError: the settings name certificates that can't be used.
        """
        from random import Random

        from assetctl.media.kinds import beginning_problem
        from assetctl.network import new_client
        from assetctl.transfer import MAX_TRANSFERS, Downloads

        backend = self._settings.backend
        home = None if backend.url is None else self.origin
        client = new_client(
            timeout_s=backend.timeout_s, home=home, ca_file=backend.ca_file, max_connections=MAX_TRANSFERS + 4
        )
        self._closing.push_async_callback(client.aclose)
        return Downloads(
            client,
            home=home,
            credentials=lambda _: self.tokens.token(),
            recognise=beginning_problem,
            clock=self._clock,
            random=Random(),  # noqa: S311 - spreads askers, hides nothing
        )
