"""Logins kept between runs, one for each server: the token in the system's keyring, else in a file for its owner alone.

The file says of each login who it is and where its token lies, so that one without a keyring never waits for one. It
is refused when others could read it or it is somebody else's. Blocking: callers use a thread.
"""

from __future__ import annotations

import errno
import json
import os
import stat
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, cast

from assetctl import filesystem, locks
from assetctl.errors import ConfigError, NotAllowed
from assetctl.pixsim.keyrings import KeyringTrouble, system_keyring
from assetctl.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from assetctl.network import Origin
    from assetctl.pixsim.keyrings import Keyring

_SCHEMA: Final = "assetctl.logins/1"
_MAX_FILE_BYTES: Final = 1 << 20
_LOCK_LIMIT_S: Final = 20.0
_LOG_IN_AGAIN: Final = "remove it and run `assetctl auth login` again"


class Place(StrEnum):
    """Where a token lies."""

    KEYRING = "keyring"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class KeptLogin:
    """A token that was kept, where it lies, whose it is and until when (UTC), as far as was known."""

    token: Secret
    place: Place
    user: str | None = None
    expires_at: datetime | None = None


class LoginStore:
    """The logins of this user; safe to use from many processes."""

    def __init__(self, file: Path, *, open_keyring: Callable[[], Keyring | None] = system_keyring) -> None:
        """Remember logins in `file`, whose folder is made when the first one is kept."""
        self.file = file
        self._open_keyring = open_keyring

    def get(self, origin: Origin) -> KeptLogin | None:
        """The login for this very origin; None without one.

        Raises:
            ConfigError: the file is unfit or unreadable.
            NotAllowed: the keyring that has the token does not give it.
        """
        record = self._read().get(str(origin))
        if record is not None and record.token is not None:
            return KeptLogin(record.token, Place.FILE, record.user, record.expires_at)
        try:
            keyring = self._open_keyring()
            text = None if keyring is None else keyring.get(str(origin))
        except KeyringTrouble as error:
            raise _locked(origin, error) from error
        if text is None or not is_token(text):
            return None
        known = record or _Record()
        return KeptLogin(Secret(text), Place.KEYRING, known.user, known.expires_at)

    def put(self, origin: Origin, token: Secret, *, user: str | None, expires_at: datetime | None) -> Place:
        """Where the token is kept from now on, in place of any other for this origin.

        Raises:
            CacheError, ConfigError: it cannot be written.
        """
        place = self._put_in_keyring(str(origin), token)
        kept = token if place is Place.FILE else None
        self._change(lambda records: {**records, str(origin): _Record(user, expires_at, kept)})
        return place

    def remove(self, origin: Origin) -> bool:
        """Whether a login was kept for this origin; none is any more.

        Raises:
            CacheError, ConfigError: the file cannot be written.
            NotAllowed: the keyring does not give the token up.
        """
        found = self.get(origin)
        try:
            keyring = self._open_keyring() if found is not None and found.place is Place.KEYRING else None
            if keyring is not None:
                keyring.remove(str(origin))
        except KeyringTrouble as error:
            raise _locked(origin, error) from error
        if str(origin) in self._read():
            self._change(lambda records: {name: value for name, value in records.items() if name != str(origin)})
        return found is not None

    def keyring_name(self) -> str | None:
        """What a person calls the keyring that new logins go to; None where they go to the file."""
        keyring = self._open_keyring()
        return None if keyring is None else keyring.name

    def _put_in_keyring(self, name: str, token: Secret) -> Place:
        keyring = self._open_keyring()
        if keyring is None:
            return Place.FILE
        try:
            keyring.put(name, token.reveal())
        except KeyringTrouble:
            return Place.FILE
        return Place.KEYRING

    def _change(self, change: Callable[[dict[str, _Record]], dict[str, _Record]]) -> None:
        filesystem.make_private_folder(self.file.parent)
        with locks.held(self.file.with_suffix(".lock"), limit_s=_LOCK_LIMIT_S):
            records = change(self._read())
            document = {"schema": _SCHEMA, "logins": {name: record.document() for name, record in records.items()}}
            temporary = filesystem.temporary_path(self.file.parent, ".login")
            filesystem.write_new(temporary, json.dumps(document, indent=2, sort_keys=True).encode())
            try:
                filesystem.publish(temporary, self.file)
            finally:
                filesystem.remove(temporary)
            filesystem.sync_folder(self.file.parent)

    def _read(self) -> dict[str, _Record]:
        try:
            content = _private_content(self.file)
            document: Any = {"schema": _SCHEMA, "logins": {}} if content is None else json.loads(content)
            if document["schema"] != _SCHEMA:
                raise _unfit(self.file, "this version does not understand it")
            records = cast("dict[str, dict[str, Any]]", document["logins"])
            return {name: _Record.of(record) for name, record in records.items()}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise _unfit(self.file, "it is garbled") from None


@dataclass(frozen=True, slots=True)
class _Record:
    user: str | None = None
    expires_at: datetime | None = None
    token: Secret | None = None

    @classmethod
    def of(cls, document: dict[str, Any]) -> _Record:
        user, moment, token = document.get("user"), document.get("expires_at"), document.get("token")
        if (token is not None and not is_token(token)) or not isinstance(user, str | None):
            raise ValueError("not as written")
        expires_at = None if moment is None else datetime.fromisoformat(moment).astimezone(UTC)
        return cls(user, expires_at, None if token is None else Secret(token))

    def document(self) -> dict[str, str | None]:
        moment = None if self.expires_at is None else self.expires_at.isoformat()
        token = {} if self.token is None else {"token": self.token.reveal()}
        return {"user": self.user, "expires_at": moment, **token}


def is_token(text: object) -> bool:
    """Whether `text` is something that an Authorization header can carry: printable ASCII without spaces."""
    return isinstance(text, str) and 0 < len(text) <= 16_384 and all("!" <= character <= "~" for character in text)  # noqa: PLR2004 - longer than any header


def _private_content(path: Path) -> bytes | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unfit(path, "it is a link" if error.errno == errno.ELOOP else error.strerror) from error
    try:
        _check(path, os.fstat(descriptor))
        return os.read(descriptor, _MAX_FILE_BYTES)
    finally:
        os.close(descriptor)


def _check(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise _unfit(path, "it is no regular file")
    if sys.platform == "win32":  # pragma: no cover - Windows: access lists decide there
        return
    if found.st_uid != os.geteuid():
        raise _unfit(path, "it belongs to another user", hint="run as its owner")
    if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise _unfit(path, "others can read it", hint=f"chmod 600 '{path}', and log in anew if they may have")


def _unfit(path: Path, why: str | None, *, hint: str = _LOG_IN_AGAIN) -> ConfigError:
    return ConfigError(f"the logins in `{path}` can't be used", why=why, hint=hint)


def _locked(origin: Origin, error: KeyringTrouble) -> NotAllowed:
    return NotAllowed(
        f"the login for `{origin}` can't be taken from the keyring",
        why=str(error),
        hint="unlock it, or set ASSETCTL_TOKEN",
    )
