"""One GET, over the redirects it meets, each of them judged as if it had been asked for; and its trouble as ours.

The login goes to the backend's own origin alone. Once a redirect has led away from there, nothing of the rest is sent
with it, even if it leads back.
"""

from __future__ import annotations

import ssl
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Final, Protocol

import httpx

from assetctl.errors import AddressRefused, ServiceError, ServiceUnreachable
from assetctl.network import Origin, accepted
from assetctl.transfer.answers import LOOK_AT_IT, Head
from assetctl.transfer.retries import Again

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Mapping

    from assetctl.secret import Secret

MAX_REDIRECTS: Final = 5
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


class Credentials(Protocol):
    """Knows the bearer token of the backend."""

    async def __call__(self, origin: Origin, /) -> Secret | None:
        """The token for `origin`, which is always the backend's; None when nobody is logged in."""
        ...


class Hops:
    """Sends GETs through one client, which stays the caller's."""

    def __init__(self, client: httpx.AsyncClient, *, home: Origin | None, credentials: Credentials | None) -> None:
        """Ask `credentials` for the bearer token of `home`, and of nobody else."""
        self._client = client
        self._home = home
        self._credentials = credentials

    @asynccontextmanager
    async def get(self, url: httpx.URL, headers: Mapping[str, str]) -> AsyncGenerator[tuple[httpx.Response, Head]]:
        """Within the block, the answer at the end of all redirects; its body is still to be read.

        Raises:
            Again: no answer, but another attempt may bring one.
            AddressRefused: it leads to where we don't go.
            ServiceError: it redirects without end, or cannot be spoken to.
        """
        may_be_known, here, origin = True, url, accepted(url)
        for _ in range(MAX_REDIRECTS + 1):
            may_be_known = may_be_known and origin == self._home
            sent = dict(headers)
            token = await self._credentials(origin) if may_be_known and self._credentials is not None else None
            if token is not None:
                sent["Authorization"] = f"Bearer {token.reveal()}"
            with translated_trouble(origin):
                response = await self._client.send(self._client.build_request("GET", here, headers=sent), stream=True)
            try:
                if response.status_code not in _REDIRECTS:
                    yield response, Head(response.status_code, response.headers, origin, origin == self._home)
                    return
                here = _next(response, origin)
            finally:
                await response.aclose()
            origin = accepted(here)
        raise ServiceError(
            f"`{origin}` redirects more than {MAX_REDIRECTS} times", why="it may be a loop", hint=LOOK_AT_IT
        )


def _next(response: httpx.Response, origin: Origin) -> httpx.URL:
    try:
        target = response.request.url.join(response.headers.get("location", "")).copy_with(fragment=None)
    except httpx.InvalidURL as error:
        raise AddressRefused(f"`{origin}` redirects to something that is no address", hint=LOOK_AT_IT) from error
    if "location" not in response.headers:
        raise ServiceError(f"`{origin}` redirects to nowhere", why="its answer names no address", hint=LOOK_AT_IT)
    if origin.scheme == "https" and target.scheme != "https":
        raise AddressRefused(f"`{origin}` redirects from https to something else", why="nobody could tell who answers")
    return target


@contextmanager
def translated_trouble(origin: Origin) -> Generator[None]:
    """Within the block, what httpx raises of a talk with `origin` is ours.

    Raises:
        Again: another attempt may do.
        ServiceUnreachable: its certificate is not to be believed.
        ServiceError: it can't be spoken to.
    """
    try:
        yield
    except httpx.TimeoutException as error:
        raise Again(_unreachable(origin, "it was silent for too long")) from error
    except httpx.ConnectError as error:
        if certificate := _certificate_trouble(error):
            raise _unreachable(origin, f"its certificate is not to be believed: {certificate}") from error
        raise Again(_unreachable(origin, "there is no connection to it")) from error
    except (httpx.NetworkError, httpx.RemoteProtocolError) as error:
        raise Again(_unreachable(origin, "it broke off before the end")) from error
    except httpx.ProxyError as error:
        raise _unreachable(origin, "the proxy of the environment refused") from error
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
        raise ServiceError(f"`{origin}` cannot be spoken to", why=type(error).__name__) from error


def _unreachable(origin: Origin, why: str) -> ServiceUnreachable:
    return ServiceUnreachable(
        f"`{origin}` did not send the file", why=why, hint="ask again: what came already is not fetched twice"
    )


def _certificate_trouble(error: BaseException | None) -> str | None:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error.verify_message
        error = error.__cause__ or error.__context__
    return None
