"""Words that are known: one of them is meant, or the nearest is suggested."""

from __future__ import annotations

from contextlib import suppress
from enum import StrEnum
from typing import Final, TypeVar

from assetctl.errors import InvalidRequest

_E = TypeVar("_E", bound=StrEnum)

_SHOWN: Final = 40


def word(name: str, value: object, words: type[_E]) -> _E:
    """`value` as one of `words`; underscores and capitals are accepted too.

    Raises:
        InvalidRequest: it is none of them; the nearest is suggested.
    """
    if isinstance(value, str):
        with suppress(ValueError):
            # What we wrote ourselves is spelled right, and a listing reads thousands of them.
            return words(value)
        spelled = value.strip().lower()
        for member in words:
            if spelled.replace("_", "-") == member.value.replace("_", "-"):
                return member
    known = [member.value for member in words]
    hint = nearest_hint(value, known) if isinstance(value, str) else f"known values: {', '.join(known)}"
    raise InvalidRequest(f"`{value}` is no {name}", why=f"a {name} is one of {', '.join(known)}", hint=hint)


def nearest_hint(given: str, known: frozenset[str] | list[str]) -> str:
    """A sentence that suggests the known word nearest to `given`, or lists them, the first of very many."""
    import difflib  # noqa: PLC0415 - only a mistake needs it

    close = difflib.get_close_matches(given, sorted(known), n=1)
    if close:
        return f"did you mean `{close[0]}`?"
    more = len(known) - _SHOWN
    return f"known: {', '.join(sorted(known)[:_SHOWN])}" + (f" and {more:,} more" if more > 0 else "")
