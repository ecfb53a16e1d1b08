"""Whatever stands in foreign text, a page, a table or a document shows it letter by letter and does nothing else."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from assetctl.prefetch.report.escaping import (
    html_sentence,
    html_text,
    markdown_html,
    markdown_line,
    markdown_text,
    xml_text,
)
from assetctl.text import safe
from report_samples import HOSTILE

#: Words that mean something in one of the languages, among any others.
WORDS = (
    r"** __ ` `` | \ \| <b> </td> &amp; &#60; ![a](b) [a]:b ~~ - 1. # > --- https://a.example www.a.example a@b.example"
    " $x$ @mona #12 gh-12 !7 {+ <!-- --> ]]> \" ' :smile:"
)
PIECES = st.one_of(st.text(max_size=12), st.sampled_from([*WORDS.split(), " ", "\n", "    ", "\t", "\x1b", "\u202e"]))
TEXTS = st.lists(PIECES, max_size=8).map("".join)
MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


class Cells(HTMLParser):
    """The text of each cell, and the elements that stand in them."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.cells: list[str] = []
        self.elements: list[str] = []
        self.is_inside = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        if tag == "td":
            self.cells.append("")
            self.is_inside = True
        elif self.is_inside:
            self.elements.append(tag)

    def handle_endtag(self, tag: str) -> None:
        self.is_inside = self.is_inside and tag != "td"

    def handle_data(self, data: str) -> None:
        if self.is_inside:
            self.cells[-1] += data


@given(TEXTS)
@example(HOSTILE)
@example("_a_ b_c_ __d__ a_b")
def test_a_cell_of_a_table_shows_it_letter_by_letter(text: str) -> None:
    shown = safe(text).strip()
    table = f"| a | b | c |\n|---|---|---|\n| 1 | {markdown_text(text)} | 3 |\n"
    cells = Cells(MARKDOWN.render(table))
    assert cells.elements == []
    assert [in_words(cell) for cell in cells.cells] == ["1", in_words(shown), "3"]


@given(TEXTS, st.sampled_from(["", "## ", "> ", "- "]))
@example(HOSTILE, "- ")
@example("1. x", "")
@example("- - -", "")
@example("--- ", "- ")
def test_a_line_is_one_block_that_shows_it_letter_by_letter(text: str, start: str) -> None:
    source = f"{start}{markdown_line(f'{text}.' if not text.strip() else text)}\n"
    block = {"": "p", "## ": "h2", "> ": "blockquote", "- ": "ul"}[start]
    page = MARKDOWN.render(source)
    inner = {"p": "p", "h2": "h2", "blockquote": "p", "ul": "li"}[block]
    found = Cells(page.replace(f"<{inner}>", "<td>").replace(f"</{inner}>", "</td>"))
    assert page.startswith(f"<{block}>")
    assert found.elements == []
    assert [in_words(cell) for cell in found.cells] == [in_words(safe(((text.strip() and text) or f"{text}.").strip()))]


@given(TEXTS)
@example("@mona at mona@example.com, #12, o/r#12, gh-12, !7, :smile: https://a.example www.a.example WWW.b.example")
def test_nothing_in_it_is_linked_by_whoever_shows_it(text: str) -> None:
    source = markdown_line(text)
    # GitHub's parser finds addresses in the source, and the pages of a forge find names and numbers in what is shown.
    assert re.search(r"(?i)\w://|\bwww\.", source) is None
    for shown in (Cells(f"<td>{MARKDOWN.renderInline(source)}</td>"), Cells(f"<td>{markdown_html(text)}</td>")):
        (cell,) = shown.cells
        assert re.search(r"(?i)@[\w-]|#\w|\bgh-\d|!\d|:[+-]1:|:[a-z_]+:", cell) is None


@pytest.mark.parametrize(
    "text",
    [
        "romance_5", "run-1", "0.40 USD", "2 assets: 2 generated (1 of them late); 3s", "a + b = c", "a < b",
        "Tom & Jo!", "2026-11-27", "-5 degrees", "films/a.mp4:3: line 12:30:45", "{x}",
    ],
)  # fmt: skip
def test_what_means_nothing_is_left_as_it_is(text: str) -> None:
    assert markdown_line(text) == text


def in_words(text: str) -> str:
    return " ".join(text.replace("\u200b", "").split())


@given(TEXTS)
@example(HOSTILE)
def test_a_page_shows_it_letter_by_letter(text: str) -> None:
    cells = Cells(f"<table><tr><td>{html_text(text)}</td></tr></table>")
    assert (cells.cells, cells.elements) == ([safe(text)], [])
    assert set(Cells(f"<table><tr><td>{html_sentence(text)}</td></tr></table>").elements) <= {"code"}
    assert '"' not in html_text(text)


@given(TEXTS)
@example(HOSTILE)
def test_xml_says_it_letter_by_letter_but_for_what_it_has_no_letters_for(text: str) -> None:
    kept = "".join(
        sign
        for sign in text
        if sign in "\t\n\r" or "\x20" <= sign <= "\ud7ff" or "\ue000" <= sign <= "\ufffd" or sign > "\uffff"
    )
    document = ET.fromstring(f'<a b="{xml_text(text)}">{xml_text(text)}</a>'.encode())
    assert document.get("b") == (document.text or "") == kept
