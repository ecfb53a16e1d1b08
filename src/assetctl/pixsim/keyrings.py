"""The system's store of secrets, where there is one that deserves the name.

Servers have none, and some stand-ins keep plain text or nothing at all: those count as none. The library is loaded
late, and its plug-ins' exceptions stop here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from keyring.backend import KeyringBackend

SERVICE: Final = "assetctl"
#: keyring's documentation, "Backends": 1 and more is recommended for use, below lie stand-ins.
_LOWEST_PRIORITY: Final = 1


class KeyringTrouble(Exception):
    """The keyring did not do what it was asked for; the sentence holds no secret."""


class Keyring(Protocol):
    """A store of secrets by name."""

    @property
    def name(self) -> str:
        """What a person calls it."""
        ...

    def get(self, name: str) -> str | None:
        """The secret; None without one. All three raise `KeyringTrouble` when the keyring refuses."""
        ...

    def put(self, name: str, secret: str) -> None:
        """The keyring holds the secret, as reading it again showed."""
        ...

    def remove(self, name: str) -> None:
        """The keyring holds no such secret."""
        ...


def system_keyring() -> Keyring | None:
    """The keyring of this user's session; None where there is none to rely on."""
    try:
        import keyring  # noqa: PLC0415 - it takes 150 ms to load, and few commands need a login

        backend = keyring.get_keyring()
        is_fit = backend.priority >= _LOWEST_PRIORITY
    except Exception:  # noqa: BLE001 - whatever a plug-in of the keyring raises, it is no keyring for us
        return None
    return _SystemKeyring(backend) if is_fit else None


class _SystemKeyring:
    def __init__(self, backend: KeyringBackend) -> None:
        self._backend = backend

    @property
    def name(self) -> str:
        return self._backend.name

    def get(self, name: str) -> str | None:
        return self._asked(lambda: self._backend.get_password(SERVICE, name))

    def put(self, name: str, secret: str) -> None:
        # Its types are lost in a decorator of its own.
        backend: Any = self._backend
        self._asked(lambda: backend.set_password(SERVICE, name, secret))
        if self.get(name) != secret:
            raise KeyringTrouble(f"{self.name} does not keep what it is given")

    def remove(self, name: str) -> None:
        if self.get(name) is not None:
            self._asked(lambda: self._backend.delete_password(SERVICE, name))

    def _asked(self, work: Callable[[], str | None]) -> str | None:
        try:
            return work()
        except Exception as error:  # noqa: BLE001 - a plug-in's, as above
            # Each keyring has exceptions of its own, below no common one. Their text may hold what they were given.
            raise KeyringTrouble(f"{self.name} refused ({type(error).__name__})") from None
