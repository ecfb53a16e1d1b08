"""Which token is sent, and what is done when the server does not take it any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assetctl.secret import Secret


class HandedIn:
    """A token that was handed in: there is no other."""

    def __init__(self, token: Secret | None) -> None:
        self._token = token

    async def token(self) -> Secret | None:
        """The token."""
        return self._token

    async def renewed(self, rejected: Secret | None) -> Secret | None:
        """None: there is no other."""
        del rejected
        return None
