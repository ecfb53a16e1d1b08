"""Sums over requests: how many were answered by whom, and what that saved or cost. Pure values.

Money of two currencies is never added, and what nobody stated is counted as unknown, never as nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final, cast

from assetctl.models import Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_LARGEST: Final = 2**63
_LONGEST_NAME: Final = 200
_LARGEST_EXPONENT: Final = 30


@dataclass(slots=True)
class Tally:
    """Requests that were answered the same way.

    `time_ms` is what making the assets once took, as far as it is known: it is of `timed` of the `requests`. So is
    `money`, by currency, of `priced` ones.
    """

    requests: int = 0
    size_bytes: int = 0
    time_ms: int = 0
    timed: int = 0
    money: dict[str, Decimal] = field(default_factory=dict[str, Decimal])
    priced: int = 0

    def add(self, other: Tally) -> None:
        """This tally holds what `other` holds too."""
        self.requests += other.requests
        self.size_bytes += other.size_bytes
        self.time_ms += other.time_ms
        self.timed += other.timed
        self.priced += other.priced
        for currency, amount in other.money.items():
            self.money[currency] = self.money.get(currency, Decimal(0)) + amount


Answered = dict[tuple[Source, str], Tally]
"""Tallies by how an asset came and which provider it first came from."""


def add_up(parts: Iterable[Answered]) -> Answered:
    """All of `parts` together; none of them is changed."""
    total: Answered = {}
    for part in parts:
        add_to(total, part)
    return total


def add_to(total: Answered, part: Answered) -> None:
    """`total` holds what `part` holds too."""
    for how, tally in part.items():
        total.setdefault(how, Tally()).add(tally)


@dataclass(frozen=True, slots=True)
class Usage:
    """What the requests of one period came to."""

    answered: Answered

    @property
    def requests(self) -> int:
        """How many were answered, by whatever means."""
        return sum(tally.requests for tally in self.answered.values())

    @property
    def hits(self) -> Tally:
        """Those the cache answered: `time_ms` and `money` are saved."""
        return self._of(Source.CACHED)

    @property
    def generated(self) -> Tally:
        """Those a generator answered: `time_ms` and `money` are spent."""
        return self._of(Source.GENERATED)

    @property
    def misses(self) -> dict[tuple[Source, str], int]:
        """How many were answered by something else than the cache, the most first."""
        missed = {how: tally.requests for how, tally in self.answered.items() if how[0] is not Source.CACHED}
        return dict(sorted(missed.items(), key=lambda pair: (-pair[1], pair[0])))

    @property
    def hit_rate(self) -> float | None:
        """Hits per request, None when nothing was asked."""
        return _share(self.hits.requests, self.requests)

    @property
    def byte_hit_rate(self) -> float | None:
        """Bytes from the cache per byte of real assets, None without any; a placeholder's bytes are nobody's asset."""
        real = [tally.size_bytes for (source, _), tally in self.answered.items() if source is not Source.PLACEHOLDER]
        return _share(self.hits.size_bytes, sum(real))

    @property
    def time_hit_rate(self) -> float | None:
        """Time saved per time saved or spent, as far as it is known; None when it is not."""
        return _share(self.hits.time_ms, self.hits.time_ms + self.generated.time_ms)

    def _of(self, source: Source) -> Tally:
        found = Tally()
        for (how, _), tally in self.answered.items():
            if how is source:
                found.add(tally)
        return found


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def to_rows(answered: Answered) -> list[dict[str, Any]]:
    """`answered` as JSON values."""
    return [
        {
            "source": source.value,
            "provider": provider,
            "requests": tally.requests,
            "bytes": tally.size_bytes,
            "time_ms": tally.time_ms,
            "timed": tally.timed,
            "money": {currency: str(amount) for currency, amount in sorted(tally.money.items())},
            "priced": tally.priced,
        }
        for (source, provider), tally in sorted(answered.items())
    ]


def from_rows(rows: object) -> Answered:
    """What `to_rows` wrote.

    Raises:
        ValueError: it wrote something else.
    """
    if not isinstance(rows, list):
        raise ValueError("no list of tallies")  # noqa: TRY004 - damage, not a programming mistake
    return add_up(_from_row(row) for row in cast("list[object]", rows))


def _from_row(row: object) -> Answered:
    if not isinstance(row, dict):
        raise ValueError("no tally")  # noqa: TRY004 - as above
    found = cast("Mapping[str, object]", row)
    provider, money = found.get("provider"), found.get("money")
    if not isinstance(provider, str) or len(provider) > _LONGEST_NAME or not isinstance(money, dict):
        raise ValueError("a tally of nobody")
    tally = Tally(
        requests=_count(found.get("requests")),
        size_bytes=_count(found.get("bytes")),
        time_ms=_count(found.get("time_ms")),
        timed=_count(found.get("timed")),
        money={str(name): _amount(amount) for name, amount in cast("Mapping[object, object]", money).items()},
        priced=_count(found.get("priced")),
    )
    return {(Source(found.get("source")), provider): tally}


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < _LARGEST:
        raise ValueError("a count that is none")
    return value


def _amount(value: object) -> Decimal:
    try:
        amount = Decimal(value) if isinstance(value, str) else Decimal("NaN")
    except InvalidOperation as error:
        raise ValueError("money that is none") from error
    # An exponent of a million would be written out digit by digit when it is added.
    if not amount.is_finite() or abs(amount.adjusted()) > _LARGEST_EXPONENT:
        raise ValueError("money that is none")
    return amount
