"""What the server says of itself, of logins, and of what went wrong."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from assetctl.pixsim.records import Login, ServerVersion, TokenFacts
from assetctl.pixsim.wire.reading import MANY, Id, Moment, Reference, Unreadable, Wire, read, without_none
from assetctl.secret import Secret


class _VersionWire(Wire):
    api_version: str | None = None
    build_sha: str | None = None
    server_time: Moment = None


class _ClaimsWire(Wire):
    sub: Reference = None
    username: str | None = None
    email: str | None = None
    exp: Moment = None


class _IntrospectionWire(Wire):
    active: bool
    claims: _ClaimsWire | None = None

    def record(self) -> TokenFacts:
        claims = self.claims
        if not self.active or claims is None:
            return TokenFacts(self.active)
        return TokenFacts(self.active, claims.username or claims.email, claims.sub, claims.exp)


class _UserWire(Wire):
    id: Id | None = None
    username: str | None = None
    email: str | None = None


class _LoginWire(Wire):
    access_token: Annotated[str, Field(min_length=1, max_length=16_384, pattern=r"^[!-~]+$")]
    user: _UserWire = _UserWire()


class _FieldWire(Wire):
    loc: Annotated[tuple[Any, ...], *MANY] = ()
    msg: str = ""


class _ErrorWire(Wire):
    code: str
    message: str
    fields: Annotated[tuple[_FieldWire, ...], *MANY, BeforeValidator(without_none)] = ()


def version(data: bytes) -> ServerVersion:
    """What the server is."""
    told = read(_VersionWire, data)
    return ServerVersion(told.api_version, told.build_sha, told.server_time)


def token_facts(data: bytes) -> TokenFacts:
    """What the server says of a token."""
    return read(_IntrospectionWire, data).record()


def login(data: bytes) -> Login:
    """A new token."""
    told = read(_LoginWire, data)
    return Login(Secret(told.access_token), told.user.username or told.user.email or "", told.user.id)


def complaint(data: bytes) -> tuple[str, str] | None:
    """Code and message of an error answer, fields named in the message; None when it is no PixSim7 error."""
    try:
        told = read(_ErrorWire, data)
    except Unreadable:
        return None
    fields = [f"{'.'.join(str(part) for part in field.loc)}: {field.msg}" for field in told.fields]
    return told.code, "; ".join([told.message, *fields])
