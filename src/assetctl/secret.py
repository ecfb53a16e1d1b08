"""A text that must not be seen: masked wherever it is printed, logged, formatted or stored by mistake."""

from __future__ import annotations

from typing import Final, NoReturn

_MASK: Final = "**********"


class Secret:
    """A text that no print, log, format, copy or pickle gives away; only `reveal` does."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the one place that sends it."""
        return self._text

    def __repr__(self) -> str:
        return _MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is neither pickled nor copied")
