"""Faults: where they strike, how often, and what they do to an answer or instead of one.

A fault is matched by `METHOD path` with shell patterns (`GET /api/v1/media/*`, `vendor GET /out/*`, `* *`), or by
`connect` and `vendor connect` as soon as a connection is there. Of several that match, the oldest strikes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from typing import Any


@dataclass
class Fault:
    """One fault. Alone, `end` leaves the request without an answer; with the fields of an answer it ends that one.

    `when`: `before` the request is handled (nothing happened), `after` (the deed is done, the answer is lost), or
    `later`: it is lost at once, and the deed is done `delay_s` after that.
    `end`: `close`, `reset` (TCP RST), `hang`, or None to go on. `status`, `body`, `headers`: another answer instead.
    `after_bytes` of the body are sent before `end`; `head_bytes` of the head, if the head is to be cut.
    `drip`: so many bytes, then so many seconds, again and again. `framing`: `length`, `close` or `chunked`.
    """

    route: str
    times: int | None = 1
    skip: int = 0
    when: str = "before"
    delay_s: float = 0.0
    end: str | None = None
    status: int | None = None
    body: str | None = None
    headers: dict[str, str | None] = field(default_factory=dict)
    after_bytes: int | None = None
    head_bytes: int | None = None
    drip: tuple[int, float] | None = None
    length_off_by: int = 0
    framing: str = "length"
    encoding: int = 0
    flips_bytes: bool = False
    forgets_ranges: bool = False
    json_bytes: int = 0
    json_depth: int = 0

    def document(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def replaces_answer(self) -> bool:
        return self.status is not None or self.body is not None or bool(self.json_bytes or self.json_depth)

    @property
    def gives_no_answer(self) -> bool:
        return self.end is not None and self.after_bytes is None and self.head_bytes is None


class Faults:
    """The faults that are armed, in the order they were."""

    def __init__(self) -> None:
        self.armed: list[Fault] = []

    def strike(self, what: str) -> Fault | None:
        """The fault that hits this request or connection, counted down; None: it is served well."""
        for fault in self.armed:
            if not fnmatchcase(what, fault.route):
                continue
            if fault.skip:
                fault.skip -= 1
                continue
            if fault.times is not None:
                fault.times -= 1
                if not fault.times:
                    self.armed.remove(fault)
            return fault
        return None


def lost_before() -> dict[str, Any]:
    """Closed before anything was done."""
    return {"when": "before", "end": "close"}


def lost_after() -> dict[str, Any]:
    """Done, and closed without a word."""
    return {"when": "after", "end": "close"}


def lost_while(delay_s: float) -> dict[str, Any]:
    """Closed without a word, and done only `delay_s` later: who looks at once sees nothing."""
    return {"when": "later", "end": "close", "delay_s": delay_s}


def reset(when: str = "before") -> dict[str, Any]:
    return {"when": when, "end": "reset"}


def silence(when: str = "before") -> dict[str, Any]:
    """No answer, and no end of the connection either."""
    return {"when": when, "end": "hang"}


def slow(delay_s: float, when: str = "before") -> dict[str, Any]:
    """The pause stands before the deed or between the deed and its answer."""
    return {"delay_s": delay_s, "when": when}


def answers(status: int, message: str = "trouble", *, code: str | None = None, when: str = "before") -> dict[str, Any]:
    """Another status, with an error body as the API writes it."""
    return {"status": status, "when": when, "body": f'{{"code":"{code or f"http_{status}"}","message":"{message}"}}'}


def text(body: str, status: int = 200, content_type: str = "text/html") -> dict[str, Any]:
    """Something that is no JSON."""
    return {"status": status, "body": body, "headers": {"content-type": content_type}}


def moved(location: str, status: int = 307) -> dict[str, Any]:
    return {"status": status, "body": "", "headers": {"location": location}}


def drip(size: int = 1, pause_s: float = 0.05) -> dict[str, Any]:
    return {"when": "after", "drip": (size, pause_s)}


def cut_off(after_bytes: int, end: str = "close", framing: str = "length") -> dict[str, Any]:
    """The body breaks off; with another framing than `length` nothing says that it did."""
    return {"when": "after", "after_bytes": after_bytes, "end": end, "framing": framing}


def cut_head(head_bytes: int = 20, end: str = "close") -> dict[str, Any]:
    """Not even the head arrives whole."""
    return {"when": "after", "head_bytes": head_bytes, "end": end}


def with_headers(headers: dict[str, str | None]) -> dict[str, Any]:
    """The true answer with these headers; None takes one away."""
    return {"when": "after", "headers": headers}


def without_ranges() -> dict[str, Any]:
    """A Range is not looked at: 200 and everything."""
    return {"when": "after", "forgets_ranges": True}


def wrong_length(off_by: int) -> dict[str, Any]:
    """`Content-Length` tells of more bytes (or, negative, fewer) than are sent; then the connection is closed."""
    return {"when": "after", "length_off_by": off_by}


def wrong_type(content_type: str) -> dict[str, Any]:
    return {"when": "after", "headers": {"content-type": content_type}}


def zipped(times: int = 1) -> dict[str, Any]:
    """Compressed though nobody asked."""
    return {"when": "after", "encoding": times}


def bomb(size_bytes: int = 100_000_000, times: int = 2) -> dict[str, Any]:
    """A small body that unpacks to a big one."""
    return {"json_bytes": size_bytes, "encoding": times}


def damaged() -> dict[str, Any]:
    """The right length, other bytes."""
    return {"when": "after", "flips_bytes": True}


def big_json(size_bytes: int = 100_000_000) -> dict[str, Any]:
    return {"json_bytes": size_bytes}


def deep_json(depth: int = 100_000) -> dict[str, Any]:
    return {"json_depth": depth}


def expired(status: int = 403) -> dict[str, Any]:
    """A link that no longer opens, said as object stores say it."""
    body = '<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>'
    return text(body, status, "application/xml")
