"""What happened, one JSON line each, in a file that can be read while the server is dead.

Requests (when, what, answered how), charges, and sightings of a secret where it has no business. Secrets stand in it
as digests only.
"""

from __future__ import annotations

import hashlib
import os
import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from service.messages import as_json

if TYPE_CHECKING:
    from pathlib import Path

    from service.messages import Request

FILE: Final = "ledger.jsonl"
_SHORTEST_SECRET: Final = 6
# Where a client may say a secret in a body: the words it logs in with, and the token it asks about.
_SPOKEN_AT: Final = frozenset({"/api/v1/auth/login", "/api/v1/auth/register", "/api/v1/auth/introspect"})


def digest_of(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


class Ledger:
    """Appends; never reads what it wrote."""

    def __init__(self, folder: Path) -> None:
        self._file = os.open(folder / FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._secrets: dict[bytes, str] = {}

    def watch(self, secret: str) -> None:
        """Every appearance of it where it does not belong is recorded from now on."""
        if len(secret) >= _SHORTEST_SECRET:
            self._secrets[secret.encode()] = digest_of(secret)

    def record(self, what: str, **facts: Any) -> None:
        os.write(self._file, as_json({"what": what, "at": time.time(), **facts}) + b"\n")

    def look(self, request: Request, route: str) -> bool:
        """Whether a secret was seen in `request` where it has no business; each place is recorded."""
        if not self._secrets:
            return False
        places = {"url": (request.target + "\n" + unquote(request.target)).encode()}
        for name, value in request.headers:
            if name != "authorization" or request.host != "api":
                places[f"header {name}"] = value.encode("latin-1")
        if not (request.host == "api" and request.path in _SPOKEN_AT):
            places["body"] = request.body
        seen = False
        for place, text in places.items():
            for secret, digest in self._secrets.items():
                if secret in text:
                    seen = True
                    self.record("sighting", secret=digest, place=place, host=request.host, route=route)
        return seen
