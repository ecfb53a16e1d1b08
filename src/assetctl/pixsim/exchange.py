"""One HTTP exchange with the server: a request out, a bounded answer in, within a deadline.

The only caller of httpx in this room, and where its exceptions stop. An answer is read as it comes and refused when it
is too long, encoded, or leads to another server; the token goes to the configured origin and nowhere else.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urljoin

import anyio
import httpx

from assetctl.network import Origin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assetctl.secret import Secret

MAX_BODY_BYTES: Final = 16 << 20
MAX_ERROR_BYTES: Final = 64 << 10
_MAX_REDIRECTS: Final = 3
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_REDIRECTED: Final = 302
#: Each silence is limited by the client; a whole exchange may take this many of them, so that a drip ends.
_SILENCES: Final = 4
#: Uploads get more time by their size, at this speed.
_SLOWEST_UPLOAD_BYTES_PER_S: Final = 64 << 10


@dataclass(frozen=True, slots=True)
class Call:
    """One logical request. `path` begins with a slash; `is_repeatable` means that twice is as good as once.

    The server may be silent over it for `patience_s` longer than usual. `body` is sent as
    JSON. With `upload` (file name, open file, media type, size in bytes) it is sent as a form.
    """

    method: str
    path: str
    request_id: str
    body: Mapping[str, Any] | None = None
    query: Mapping[str, str | int] | None = None
    upload: tuple[str, Any, str, int] | None = None
    is_repeatable: bool = False
    patience_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: all of a body up to the cap, of an error's body the beginning."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        """Whether the server says that it did what was asked (RFC 9110, section 15.3)."""
        return 200 <= self.status < 300  # noqa: PLR2004 - the class of the status


class Lost(Enum):
    """Why there is no answer."""

    NO_CONNECTION = auto()
    TLS = auto()
    PROXY = auto()
    SILENCE = auto()
    DEADLINE = auto()
    BROKEN = auto()


class NoAnswer(Exception):
    """There is no answer. With `was_sent` false the server certainly never saw the request."""

    def __init__(self, reason: Lost, detail: str, *, was_sent: bool) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.was_sent = was_sent


class UnusableAnswer(Exception):
    """The server answered with `status`, in a way that is refused; the sentence is ours."""

    def __init__(self, why: str, *, status: int) -> None:
        super().__init__(why)
        self.why = why
        self.status = status


class Exchange:
    """Sends calls to one server through one httpx client, which stays the caller's."""

    def __init__(self, http: httpx.AsyncClient, origin: Origin, *, timeout_s: float) -> None:
        """`timeout_s` is the longest silence, as the client was made with."""
        self._http = http
        self._origin = origin
        self._timeout_s = timeout_s

    async def send(self, call: Call, token: Secret | None) -> Answer:
        """The server's answer to `call`, any status; redirects within the server are followed for GET.

        Raises:
            NoAnswer: there is none.
            UnusableAnswer: there is one that is refused.
        """
        progress = _Progress()
        deadline_s = self._timeout_s * _SILENCES + call.patience_s
        if call.upload is not None:
            deadline_s += call.upload[3] / _SLOWEST_UPLOAD_BYTES_PER_S
        try:
            with anyio.fail_after(deadline_s):
                return await self._followed(call, token, progress)
        except TimeoutError:
            raise NoAnswer(
                Lost.DEADLINE, f"no whole answer within {deadline_s:.0f} s", was_sent=progress.may_be_sent
            ) from None
        except httpx.TransportError as error:
            # Not `from` it: its own text may repeat what was sent.
            raise _no_answer(error, self._timeout_s + call.patience_s, progress) from None
        except httpx.InvalidURL:
            # httpx looks at where a redirect leads although it is told to follow none.
            raise UnusableAnswer("it redirects to something that is no address", status=_REDIRECTED) from None

    async def _followed(self, call: Call, token: Secret | None, progress: _Progress) -> Answer:
        url, query, hops = f"{self._origin}{call.path}", call.query, 0
        while True:
            answer = await self._once(call, url, query, token, progress)
            target = answer.headers.get("location")
            if answer.status not in _REDIRECTS or target is None:
                return answer
            if hops == _MAX_REDIRECTS:
                raise UnusableAnswer(f"it redirects more than {_MAX_REDIRECTS} times", status=answer.status)
            url, query, hops = self._redirected(call, url, target, answer.status), None, hops + 1

    def _redirected(self, call: Call, url: str, target: str, status: int) -> str:
        if call.method != "GET":
            raise UnusableAnswer(f"it redirects a {call.method}, which is not followed", status=status)
        try:
            found = urljoin(url, target)
            origin = Origin.of(found)
        except ValueError:
            raise UnusableAnswer("it redirects to something that is no address", status=status) from None
        if origin != self._origin:
            raise UnusableAnswer(f"it redirects to another server, `{origin}`", status=status)
        return found

    async def _once(
        self, call: Call, url: str, query: Mapping[str, str | int] | None, token: Secret | None, progress: _Progress
    ) -> Answer:
        headers = {"X-Request-ID": call.request_id, "Accept": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token.reveal()}"
        given: dict[str, Any] = {"params": dict(query)} if query else {}
        if call.upload is not None:
            name, file, mime_type, _ = call.upload
            given |= {"files": {"file": (name, file, mime_type)}, "data": dict(call.body or {})}
        elif call.body is not None:
            given |= {"json": dict(call.body)}
        if call.patience_s:
            given["timeout"] = httpx.Timeout(self._timeout_s, read=self._timeout_s + call.patience_s)
        extensions = {"trace": progress.trace}
        async with self._http.stream(call.method, url, headers=headers, extensions=extensions, **given) as response:
            return await _read(response)


async def _read(response: httpx.Response) -> Answer:
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise UnusableAnswer("it is compressed, which was not asked for", status=response.status_code)
    is_success = response.is_success
    limit = MAX_BODY_BYTES if is_success else MAX_ERROR_BYTES
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > limit:
            if is_success:
                raise UnusableAnswer(f"it is longer than {limit >> 20} MB", status=response.status_code)
            del body[limit:]
            break
    return Answer(response.status_code, response.headers, bytes(body))


class _Progress:
    """Watches how far a request got. A transport that tells nothing may have sent it."""

    def __init__(self) -> None:
        self._has_begun = False
        self._has_sent = False

    @property
    def may_be_sent(self) -> bool:
        return self._has_sent or not self._has_begun

    async def trace(self, name: str, _info: Mapping[str, Any]) -> None:
        """Called by httpcore at each step (its documentation, "Extensions")."""
        if name.startswith(("connection.", "proxy.", "http_proxy.")):
            self._has_begun = True
        elif name.endswith("send_request_headers.started"):
            self._has_begun = self._has_sent = True


def _no_answer(error: httpx.TransportError, timeout_s: float, progress: _Progress) -> NoAnswer:
    was_sent = progress.may_be_sent
    match error:
        case httpx.ProxyError():
            reason, detail, was_sent = Lost.PROXY, f"the proxy refused: {_sentence(error)}", False
        case httpx.ConnectTimeout() | httpx.PoolTimeout():
            reason, detail, was_sent = Lost.NO_CONNECTION, f"no connection within {timeout_s:.0f} s", False
        case httpx.ConnectError() | httpx.UnsupportedProtocol():
            tls = _tls_trouble(error)
            reason, detail, was_sent = Lost.TLS if tls else Lost.NO_CONNECTION, tls or _sentence(error), False
        case httpx.TimeoutException():
            reason, detail = Lost.SILENCE, f"silent for {timeout_s:.0f} s"
        case httpx.LocalProtocolError():
            # Its sentence repeats the header that it does not like.
            reason, detail = Lost.BROKEN, "the request can't be written as HTTP"
        case _:
            reason, detail = Lost.BROKEN, _sentence(error)
    return NoAnswer(reason, detail, was_sent=was_sent)


def _tls_trouble(error: BaseException) -> str | None:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError):
            return f"no secure connection: {cause.reason or 'the handshake failed'}"
        cause = cause.__cause__ or cause.__context__
    return None


def _sentence(error: Exception) -> str:
    return str(error) or type(error).__name__
