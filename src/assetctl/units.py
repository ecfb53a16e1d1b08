"""Sizes and durations as people write them, in both directions.

Settings, `--max-wait`, `--deadline` and the cache's filters all read these, so that `2h` means the same everywhere. A
plain number is bytes or seconds; nothing here guesses a unit, rounds in silence or lets a negative value through.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Final

from assetctl.errors import InvalidRequest

MAX_DURATION_S: Final = 100 * 365 * 86_400
"""A century: longer spans are typing mistakes, and dates computed from them overflow."""
MAX_SIZE_BYTES: Final = 2**63 - 1
"""The largest whole number SQLite stores."""

_DURATION_UNITS: Final = {
    "w": Decimal(604_800),
    "d": Decimal(86_400),
    "h": Decimal(3_600),
    "m": Decimal(60),
    "s": Decimal(1),
    "ms": Decimal("0.001"),
}
_SIZE_UNITS: Final = {
    "B": 1,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "PB": 10**15,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
    "PiB": 2**50,
}
_SIZE_FACTORS: Final = {unit.lower(): factor for unit, factor in _SIZE_UNITS.items()} | {
    letter: _SIZE_UNITS[unit] for letter, unit in (("k", "kB"), ("m", "MB"), ("g", "GB"), ("t", "TB"), ("p", "PB"))
}
_PART: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([^\W\d_]*)\s*")
_MAX_TEXT: Final = 40
_DURATION_HINT: Final = "write it like `90s`, `30m`, `1h30m` or `180d`; a plain number is seconds"
_SIZE_HINT: Final = "write it like `500MB`, `20GB` or `1.5GiB`; a plain number is bytes"


def parse_duration_s(value: str | float, *, name: str = "duration") -> float:
    """The seconds that `value` says: a number of seconds, or text with the units ms, s, m, h, d, w.

    Units may be combined from large to small (`1h30m`). The result is between 0 and `MAX_DURATION_S`. `name` is what
    the errors call the value.

    Raises:
        InvalidRequest: it says no duration, a negative one, or one beyond a century.
    """
    seconds = _duration_text(value, name) if isinstance(value, str) else _plain(value, name, "seconds", _DURATION_HINT)
    if seconds > MAX_DURATION_S:
        raise InvalidRequest(f"{_shown(value)} is too long for a {name}", why="the longest is 36500d")
    return float(seconds)


def parse_size_bytes(value: str | float, *, name: str = "size") -> int:
    """The bytes that `value` says: a whole number of bytes, or text with a unit, decimal (`GB`) or binary (`GiB`).

    Capitals do not matter and the B may be left out (`20G` is `20GB`). With a unit, a fraction of a byte is rounded
    down. `name` is what the errors call the value.

    Raises:
        InvalidRequest: it says no size, a negative one, a fraction of bytes without a unit, or more than a file can be.
    """
    size = _size_text(value, name) if isinstance(value, str) else _plain(value, name, "bytes", _SIZE_HINT)
    if size > MAX_SIZE_BYTES:
        raise InvalidRequest(f"{_shown(value)} is too large for a {name}", why="the largest is 9.2 EB")
    return int(size)


def human_duration(seconds: float) -> str:
    """`seconds` for a person, in its two largest units: `250ms`, `8.5s`, `2m 5s`, `3h 20m`, `12d 4h`.

    `parse_duration_s` reads it back, to within the smaller unit shown. Negative spans read as `0s`.
    """
    if seconds < 0.9995:  # noqa: PLR2004 - what would round to 1000 ms
        return f"{round(seconds * 1000)}ms" if seconds > 0.0005 else "0s"  # noqa: PLR2004 - what rounds to 1 ms
    if round(seconds, 1) < 10:  # noqa: PLR2004 - below ten, a tenth matters
        return f"{seconds:.1f}".removesuffix(".0") + "s"
    return _two_units(seconds)


def human_age(seconds: float) -> str:
    """How long ago something was, for a person, in one unit: `just now`, `5m ago`, `3h ago`, `12d ago`, `2y ago`."""
    if seconds <= -60:  # noqa: PLR2004 - clocks of two machines differ by less
        return "in the future"
    if seconds < 60:  # noqa: PLR2004 - a minute
        return "just now"
    for unit, length, limit in (("m", 60, 3_600), ("h", 3_600, 86_400), ("d", 86_400, 730 * 86_400)):
        if seconds < limit:
            return f"{int(seconds // length)}{unit} ago"
    return f"{int(seconds // (365 * 86_400))}y ago"


def human_size(size_bytes: int) -> str:
    """`size_bytes` for a person, in decimal units with three digits: `999 B`, `1.5 kB`, `20 GB`.

    `parse_size_bytes` reads it back, to within half of the last digit shown.
    """
    if size_bytes < 1000:  # noqa: PLR2004 - a kilobyte
        return f"{size_bytes} B"
    amount, units = size_bytes / 1000, ["kB", "MB", "GB", "TB", "PB"]
    while amount >= 999.5 and len(units) > 1:  # noqa: PLR2004 - what would round to 1000
        amount, units = amount / 1000, units[1:]
    digits = 0 if amount >= 99.95 else 1 if amount >= 9.995 else 2  # noqa: PLR2004 - three digits in all
    text = f"{amount:.{digits}f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} {units[0]}"


def counted(count: int, one: str, many: str) -> str:
    """`count` and its noun for a person: `1 entry`, `1,000 entries`."""
    return f"{count:,} {one if count == 1 else many}"


def _two_units(seconds: float) -> str:
    # Rounded to the smaller of the two units first, so that 59m 59.6s is 1h and never 60m.
    whole = round(seconds)
    step = 1 if whole < 3_600 else 60 if whole < 86_400 else 3_600  # noqa: PLR2004 - an hour, a day
    rest = round(whole / step) * step
    parts: list[str] = []
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        count, rest = divmod(rest, length)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts)


def _plain(value: object, name: str, unit: str, hint: str) -> Decimal:
    # Values come from files too, so the signatures above are a wish.
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidRequest(f"a {name} is a number of {unit} or text with a unit", hint=hint)
    if isinstance(value, float) and not math.isfinite(value):
        raise _refused(value, name, f"a {name} is a finite number of {unit}", hint)
    if value < 0:
        raise _refused(value, name, f"a {name} is never negative", hint)
    if unit == "bytes" and value != int(value):
        raise _refused(value, name, "a plain number is whole bytes", hint)
    return Decimal(value)


def _duration_text(text: str, name: str) -> Decimal:
    parts = _parts(text, name, _DURATION_HINT)
    if len(parts) == 1 and not parts[0][1]:
        return parts[0][0]
    for _, unit in parts:
        if unit not in _DURATION_UNITS:
            raise _unknown_unit(text, unit, name, list(_DURATION_UNITS), _DURATION_HINT)
    places = [list(_DURATION_UNITS).index(unit) for _, unit in parts]
    if places != sorted(set(places)):
        raise _refused(text, name, "combined units go from large to small, each once", _DURATION_HINT)
    return sum((amount * _DURATION_UNITS[unit] for amount, unit in parts), start=Decimal(0))


def _size_text(text: str, name: str) -> Decimal:
    parts = _parts(text, name, _SIZE_HINT)
    amount, unit = parts[0]
    if len(parts) > 1:
        raise _refused(text, name, "a size is one number", _SIZE_HINT)
    if unit and unit not in _SIZE_FACTORS:
        raise _unknown_unit(text, unit, name, list(_SIZE_UNITS), _SIZE_HINT)
    if not unit and amount != int(amount):
        raise _refused(text, name, "a plain number is whole bytes", _SIZE_HINT)
    return amount * _SIZE_FACTORS[unit or "b"]


def _parts(text: str, name: str, hint: str) -> list[tuple[Decimal, str]]:
    stripped = text.strip()
    if stripped.startswith(("-", "\N{MINUS SIGN}")):
        raise _refused(text, name, f"a {name} is never negative", hint)
    parts: list[tuple[Decimal, str]] = []
    at = 0
    # A text of a million digits is no number anybody meant: it is not even looked at.
    while at < len(stripped) <= _MAX_TEXT and (match := _PART.match(stripped, at)):
        parts.append((Decimal(match[1]), match[2].lower()))
        at = match.end()
    if not parts or at < len(stripped):
        raise _refused(text, name, None, hint)
    return parts


def _unknown_unit(text: str, unit: str, name: str, known: list[str], hint: str) -> InvalidRequest:
    if not unit:
        return _refused(text, name, "a number in it has no unit", hint)
    same_letter = [word for word in known if word[0].lower() == unit[0]] if len(unit) > 1 else []
    nearest = f"did you mean `{same_letter[0]}`?" if same_letter else hint
    return _refused(text, name, f"`{unit}` is no unit; known: {', '.join(known)}", nearest)


def _refused(value: str | float, name: str, why: str | None, hint: str) -> InvalidRequest:
    return InvalidRequest(f"{_shown(value)} is no {name}", why=why, hint=hint)


def _shown(value: str | float) -> str:
    # Never str() of a huge integer: Python refuses beyond some thousand digits.
    if isinstance(value, int) and abs(value) > MAX_SIZE_BYTES:
        return "a number of more than 19 digits"
    text = str(value)
    return f"`{text if len(text) <= _MAX_TEXT else text[: _MAX_TEXT - 1] + '…'}`"
