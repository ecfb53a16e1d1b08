"""A decision about a request, told instead of carried out: what each provider would do, and which would decide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from assetctl.errors import AssetctlError
    from assetctl.models import AssetRequest, Availability


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one provider would do for a request. Exactly one of `availability`, `skipped` and `error` is set."""

    provider: str
    elapsed_ms: float
    availability: Availability | None = None
    skipped: str | None = None
    error: AssetctlError | None = None
    stops: bool = False
    """Whether `error` would end the request instead of moving on to the next provider."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What would become of one request of many: which provider would decide it, and with what.

    Exactly one of `availability` and `error` is set; `error` is trouble that would end the request.
    """

    provider: str
    availability: Availability | None = None
    error: AssetctlError | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """The whole decision for a request, made without spending.

    `request` is in effect after settings, `parts` is what `key` is the hash of, `verdicts` are in asking order.
    """

    request: AssetRequest
    key: str
    parts: dict[str, Any]
    verdicts: tuple[Verdict, ...]

    @property
    def decisive(self) -> Verdict | None:
        """The verdict that would decide: the first with something to give, or trouble that stops; None when nobody."""
        for verdict in self.verdicts:
            if verdict.stops or (verdict.availability and verdict.availability.would is not None):
                return verdict
        return None
