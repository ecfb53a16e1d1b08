"""Foreign text made fit to stand in a page, a document or a table: it is shown, and never obeyed."""

from __future__ import annotations

import re
from html import escape
from typing import Final

from assetctl.text import safe

# What XML 1.0 knows (section 2.2, Char); everything else makes a whole document unreadable.
_NOT_IN_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_IN_BACKTICKS: Final = re.compile("`([^`]+)`")
# What a forge finds in the shown text, whatever was escaped in the source: people, issues, merge requests, pictograms.
_REFERENCE: Final = re.compile(r"@(?=[\w-])|#(?=\w)|\b[Gg][Hh]-(?=\d)|!(?=\d)|:(?=[+-]1:|\w*[A-Za-z][\w+-]*:)")
_NO_WIDTH: Final = "\u200b"
# What means something within a line of GitHub Flavored Markdown, where it stands; mathematics and GitLab's marks too.
_MARK: Final = re.compile(
    r"""
    \\ (?=[!-/:-@\[-`{-~] | \Z)             # a backslash before what one may escape
    | [`*\[~$]
    | (?<![^\W_]) _ | _ (?![^\W_])          # within a word it means nothing
    | \# (?!\u200b)
    | \{ (?=[+-])
    | : (?=//)                              # a web address
    | (?<=\b[Ww]{3}) \.
    """,
    re.VERBOSE,
)
_TAG_OR_ENTITY: Final = re.compile(r"<(?=[A-Za-z/!?])|&(?=[#A-Za-z])")
# What begins a quote, a list or a rule at the start of a line (CommonMark, sections 4.1 and 5).
_BLOCK: Final = re.compile(r"\A(\d{0,9})((?<=\d)[.)](?=\s|\Z)|(?<!\d)(?:>|[+-](?=[\s-]|\Z)))")


def html_text(text: str, *, max_length: int | None = None) -> str:
    """`text` as text of an HTML page or the value of a quoted attribute, on one line."""
    return escape(safe(text, max_length=max_length), quote=True)


def html_sentence(text: str, *, max_length: int | None = None) -> str:
    """As `html_text`, with what stands in backticks set as code."""
    return _IN_BACKTICKS.sub(r"<code>\1</code>", html_text(text, max_length=max_length))


def xml_text(text: str) -> str:
    """`text` as text of an XML document or the value of a quoted attribute; what XML has no room for is left out."""
    kept = escape(_NOT_IN_XML.sub("", text), quote=True)
    # A parser turns them into spaces in an attribute (XML 1.0, section 3.3.3).
    return kept.replace("\r", "&#13;").replace("\n", "&#10;").replace("\t", "&#9;")


def markdown_text(text: str, *, max_length: int | None = None) -> str:
    """`text` on one line, fit for a cell of a table too: no markup, no HTML, no link and no mention comes of it.

    What means nothing where it stands is left as it is, so that it can be read in the source.
    """
    marked = _MARK.sub(r"\\\g<0>", _unlinked(safe(text, max_length=max_length)))
    return _TAG_OR_ENTITY.sub(lambda found: escape(found[0]), marked).replace("|", "&#124;")


def markdown_line(text: str, *, max_length: int | None = None) -> str:
    """As `markdown_text`, fit to begin a line or the content of a heading, a quote or a list item."""
    return _BLOCK.sub(r"\1\\\2", markdown_text(text.strip(), max_length=max_length))


def markdown_html(text: str, *, max_length: int | None = None) -> str:
    """As `html_text`, for HTML within Markdown: no mention comes of it."""
    return escape(_unlinked(safe(text, max_length=max_length)), quote=True)


def _unlinked(text: str) -> str:
    return _REFERENCE.sub(rf"\g<0>{_NO_WIDTH}", text)
