"""Foreign text made fit to stand in a page, a document or a table: it is shown, and never obeyed."""

from __future__ import annotations

import re
from html import escape
from typing import Final

from assetctl.text import safe

# What XML 1.0 knows (section 2.2, Char); everything else makes a whole document unreadable.
_NOT_IN_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_IN_BACKTICKS: Final = re.compile("`([^`]+)`")
# All that CommonMark lets a backslash escape (section 2.4), but for what `html.escape` takes; GitHub's own marks too.
_MARKDOWN: Final = re.compile(r"([\\`*_{}\[\]()#+\-.!~^$:/@=])")


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
    """`text` on one line, fit for a cell of a table too: no markup, no HTML, no link comes of it."""
    escaped = _MARKDOWN.sub(r"\\\1", escape(safe(text, max_length=max_length), quote=False))
    return escaped.replace("|", "&#124;")
