"""Which entries are meant: the filter that `ls`, `clear`, `pin` and `verify` share, and the order of a listing.

Pure values; `queries.py` turns them into SQL.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final, assert_never

from assetctl.errors import InvalidRequest
from assetctl.units import parse_duration_s, parse_size_bytes
from assetctl.vocabulary import nearest_hint

if TYPE_CHECKING:
    from assetctl.models import AssetType, Source

MIN_PREFIX: Final = 4

_HEX: Final = re.compile(r"[0-9a-fA-F]*")
_SIGN: Final = re.compile(r"([<>=!]+)")
_SHOWN: Final = 60


class Measure(StrEnum):
    """What a comparison compares: bytes, seconds since stored, seconds since handed out, money."""

    SIZE = "size"
    AGE = "age"
    UNUSED = "unused"
    COST = "cost"


class Operator(StrEnum):
    """How a comparison compares."""

    MORE = ">"
    LESS = "<"
    AT_LEAST = ">="
    AT_MOST = "<="


@dataclass(frozen=True, slots=True)
class Comparison:
    """One condition such as `size>100MB`; `value` is in bytes, seconds or units of currency.

    An unknown cost never matches.
    """

    measure: Measure
    operator: Operator
    value: float


class State(StrEnum):
    """What an entry can be besides being there."""

    CURRENT = "current"
    EXPIRED = "expired"
    PINNED = "pinned"
    PAID = "paid"
    STAND_IN = "stand-in"


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryFilter:
    """Entries for which everything stated holds; None states nothing.

    With `key_prefixes`, hex digits of either case, the key begins with one of them.
    """

    key_prefixes: tuple[str, ...] = ()
    scene_id: str | None = None
    choice_id: str | None = None
    character_id: str | None = None
    location_id: str | None = None
    asset_type: AssetType | None = None
    source: Source | None = None
    generator: str | None = None
    paid: bool | None = None
    stand_in: bool | None = None
    expired: bool | None = None
    pinned: bool | None = None
    comparisons: tuple[Comparison, ...] = ()

    def with_state(self, state: State) -> EntryFilter:
        """This filter, and `state` must hold too.

        Raises:
            InvalidRequest: nothing can be current and expired.
        """
        match state:
            case State.CURRENT | State.EXPIRED:
                expired = state is State.EXPIRED
                if self.expired is not None and self.expired is not expired:
                    raise InvalidRequest("nothing is both current and expired", hint="leave one `--state` out")
                return replace(self, expired=expired)
            case State.PINNED:
                return replace(self, pinned=True)
            case State.PAID:
                return replace(self, paid=True)
            case State.STAND_IN:
                return replace(self, stand_in=True)
            case _:
                assert_never(state)


class SortField(StrEnum):
    """What a listing can be ordered by; `used` and `unused`, `created` and `age` are one thing seen from two sides."""

    KEY = "key"
    SCENE = "scene"
    SIZE = "size"
    COST = "cost"
    CREATED = "created"
    AGE = "age"
    USED = "used"
    UNUSED = "unused"


@dataclass(frozen=True, slots=True)
class Sort:
    """The order of a listing; ties go by when they were first listed."""

    field: SortField
    descending: bool


def parse_filter(text: str) -> Comparison:
    """The condition that `text` states, such as `size>100MB`, `unused>30d`, `age<=12h` or `cost>1`.

    Raises:
        InvalidRequest: it states none; says at which character.
    """
    name, sign, amount = [*_SIGN.split(text, maxsplit=1), "", ""][:3]
    known = [measure.value for measure in Measure]
    if name.strip().lower() not in known:
        raise _wrong(text, len(name) - len(name.lstrip()), nearest_hint(name.strip().lower(), known))
    if sign not in {operator.value for operator in Operator}:
        raise _wrong(text, len(name), "write `>`, `<`, `>=` or `<=` after the name")
    measure = Measure(name.strip().lower())
    try:
        return Comparison(measure, Operator(sign), _amount(measure, amount))
    except InvalidRequest as error:
        position = len(text) - len(amount.lstrip()) if amount.strip() else len(text)
        raise _wrong(text, position, error.hint or error.what) from error


def _amount(measure: Measure, text: str) -> float:
    match measure:
        case Measure.SIZE:
            return parse_size_bytes(text)
        case Measure.AGE | Measure.UNUSED:
            return parse_duration_s(text)
        case Measure.COST:
            return _money(text)


def _money(text: str) -> float:
    try:
        amount = float(text)
    except ValueError:
        amount = math.nan
    if not math.isfinite(amount) or amount < 0:
        raise InvalidRequest(f"`{text:.{_SHOWN}}` is no amount", hint="a cost is a plain number such as `1` or `0.5`")
    return amount


def _wrong(text: str, position: int, hint: str) -> InvalidRequest:
    return InvalidRequest(
        f"`{text:.{_SHOWN}}` is no filter",
        why=f"at character {position + 1}: `{text[position : position + 20] or 'the end'}`",
        hint=hint,
    )


def parse_sort(text: str) -> Sort:
    """The order that `text` names: `size`, `unused:asc`. Without a direction, numbers and times go from large to small.

    Raises:
        InvalidRequest: it names none.
    """
    name, colon, direction = text.strip().lower().partition(":")
    names = [field.value for field in SortField]
    if name not in names:
        raise InvalidRequest(f"`{name:.{_SHOWN}}` is nothing to sort by", hint=nearest_hint(name, names))
    if colon and direction not in ("asc", "desc"):
        raise InvalidRequest(f"`{direction:.{_SHOWN}}` is no direction", hint=f"write `{name}:asc` or `{name}:desc`")
    field = SortField(name)
    return Sort(field, direction == "desc" if colon else field not in (SortField.KEY, SortField.SCENE))


def check_prefix(text: str, *, shortest: int = 0) -> str:
    """`text` as the beginning of a key or digest, in lower case.

    Raises:
        InvalidRequest: it is shorter than `shortest`, or no hex digits.
    """
    if len(text) < shortest or not _HEX.fullmatch(text):
        raise InvalidRequest(
            f"`{text:.{_SHOWN}}` is no beginning of a key",
            why=f"it takes at least {shortest} of the digits 0-9 and a-f",
            hint="assetctl cache ls",
        )
    return text.lower()
