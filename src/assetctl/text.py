"""Foreign text made fit to stand in a terminal, a log or a file name.

Everything that came from a server, a file or another program passes `safe` before a person sees it, and `file_name`
before a file system does. Nothing else in the project decides this.
"""

from __future__ import annotations

import unicodedata

_ELLIPSIS = "…"
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
# Zero-width joiners build emoji and many scripts; they cannot move a cursor or reverse a line.
_HARMLESS = frozenset({"\u200c", "\u200d"})
_VISIBLE = {"\n": "⏎", "\r": "⏎", "\t": " "}

# Names Windows keeps for devices, whatever the extension (Microsoft, "Naming Files, Paths, and Namespaces").
_RESERVED_NAMES = frozenset(
    {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in "0123456789¹²³")}
)
_FORBIDDEN_IN_NAMES = frozenset('<>:"/\\|?*')
_MAX_NAME_BYTES = 120


def safe(text: str, *, max_length: int | None = None) -> str:
    """`text` on one line with control, escape, bidi and private characters shown as visible marks.

    With `max_length` the result has at most that many characters, the last an ellipsis when something was cut.
    """
    # What is printable has no character to show.
    shown = text if text.isprintable() else "".join(_shown(character) for character in text)
    if max_length is not None and len(shown) > max_length:
        return shown[: max_length - 1] + _ELLIPSIS if max_length > 0 else ""
    return shown


def _shown(character: str) -> str:
    if character in _VISIBLE:
        return _VISIBLE[character]
    if character in _HARMLESS or unicodedata.category(character) not in _UNSAFE_CATEGORIES:
        return character
    return f"\\x{ord(character):02x}" if ord(character) < 0x100 else f"\\u{ord(character):04x}"  # noqa: PLR2004 - Latin-1


def file_name(label: str, suffix: str) -> str:
    """A file name made of `label` and `suffix` (`.mp4`) that every common file system accepts.

    No separators, controls, device names, leading dot or dash, trailing dot or space; at most 120 bytes of UTF-8. Two
    labels may give one name: who writes many numbers the collisions.
    """
    cleaned = "".join(
        "_" if c in _FORBIDDEN_IN_NAMES or safe(c) != c else c for c in unicodedata.normalize("NFC", label)
    )
    stem = cleaned.lstrip(".- ").rstrip(". ") or "asset"
    if stem.split(".")[0].rstrip().casefold() in _RESERVED_NAMES:
        stem = f"_{stem}"
    room = _MAX_NAME_BYTES - len(suffix.encode())
    return stem.encode()[:room].decode(errors="ignore").rstrip(". ") + suffix
