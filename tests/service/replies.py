"""What the real server says: JSON bodies, its one form of error, its date and identification headers."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, Final

from service.messages import Response, as_json

if TYPE_CHECKING:
    from service.messages import Request

_CODES: Final = {
    400: "invalid_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    409: "conflict",
    422: "validation_error",
    500: "internal_error",
    503: "service_unavailable",
}


@dataclass
class Refused(Exception):
    """A handler's way to answer with an error; the headers it might want to add never reach a client."""

    status: int
    message: str
    detail: str | None = None
    fields: list[dict[str, Any]] = field(default_factory=list)
    code: str | None = None


def invalid(*fields: tuple[list[str | int], str, str]) -> Refused:
    """A 422 that names each field: where it stands, what is wrong, the word for it."""
    listed = [{"loc": where, "msg": message, "type": kind} for where, message, kind in fields]
    detail = "One or more fields failed validation"
    return Refused(422, "Invalid request data", detail, listed, "validation_error")


def json_reply(document: Any, status: int = 200) -> Response:
    return Response(status, as_json(document), [("content-type", "application/json")])


def no_content() -> Response:
    return Response(204, b"", [("content-type", "application/json")])


def refusal(refused: Refused, request: Request, request_id: str, trace_id: str) -> Response:
    document: dict[str, Any] = {"code": refused.code or _CODES.get(refused.status, f"http_{refused.status}")}
    document["message"] = refused.message
    if refused.detail:
        document["detail"] = refused.detail
    if refused.fields:
        document["fields"] = refused.fields
    reply = json_reply(document | {"request_id": request_id, "trace_id": trace_id}, refused.status)
    if request.method == "HEAD":
        reply.headers.append(("content-length", str(reply.length)))
        reply.body = b""
    return reply


def identifiers(request: Request) -> tuple[str, str]:
    """The ids of this request and its trace: the client's own when it sent some."""
    own, trace = request.header("x-request-id"), request.header("x-trace-id")
    return (own or str(uuid.uuid4()))[:200], (trace or str(uuid.uuid4()))[:200]


def dressed(response: Response, request_id: str, trace_id: str, now: datetime) -> list[tuple[str, str]]:
    """All headers of an answer of the API, in the real server's order. No length is given to an answer without body."""
    own = list(response.headers)
    names = {name for name, _ in own}
    if "content-length" not in names and response.status not in {204, 304}:
        own.insert(0, ("content-length", str(response.length)))
    return [
        ("date", format_datetime(now.astimezone(UTC), usegmt=True)),
        ("server", "uvicorn"),
        *own,
        ("vary", "Origin"),
        ("x-request-id", request_id),
        ("x-trace-id", trace_id),
    ]


def moment(at: datetime | None) -> str | None:
    """A time as the API writes it."""
    return at.isoformat().replace("+00:00", "Z") if at else None
