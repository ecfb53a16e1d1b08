"""Foreign text is shown, never obeyed; a label becomes a name that every file system takes."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from assetctl.text import file_name, safe

NASTY = "".join(map(chr, [*range(0x20), *range(0x7F, 0xA0), 0xAD, 0x200E, 0x200F, *range(0x2028, 0x202F),
                          *range(0x2066, 0x206A), 0xFEFF, 0xE000, 0xD800, 0xE0001]))  # fmt: skip
foreign = st.text() | st.text(alphabet=NASTY + "a/\\.:- \u0301") | st.text(st.characters(codec=None, categories=None))
suffixes = st.sampled_from(["", ".mp4", ".png", ".tar.gz", ".abcdefghij"])
DEVICES = {"con", "prn", "aux", "nul"} | {f"{port}{n}" for port in ("com", "lpt") for n in "0123456789¹²³"}


@given(foreign)
@example("\x1b[31mred\x1b[0m")
@example("a\u202eb")
@example("\x9b31m")
@example("one\ntwo\r\nthree\u2028four")
def test_safe_text_can_move_no_cursor_and_turn_no_line(text: str):
    shown = safe(text)
    assert not any(
        unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"} and character not in "\u200c\u200d"
        for character in shown
    )
    assert len(shown.splitlines()) <= 1


@given(foreign)
def test_safe_text_stays_as_it_is(text: str):
    assert safe(safe(text)) == safe(text)


@given(st.text(alphabet="abc äöü 漢字 🎬👩\u200d🚀 é[]"))
def test_harmless_text_is_not_touched(text: str):
    assert safe(text) == text


@given(foreign, st.integers(min_value=0, max_value=40))
def test_safe_text_keeps_to_its_length(text: str, most: int):
    shown = safe(text, max_length=most)
    assert len(shown) <= most
    if len(safe(text)) <= most:
        assert shown == safe(text)
    elif most:
        assert shown.endswith("…")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;x\x07", "\\x1b]0;x\\x07"),
        ("a\x00b", "a\\x00b"),
        ("a\x85b", "a\\x85b"),
        ("a\u202eb", "a\\u202eb"),
        ("a\U000e0001b", "a\\ue0001b"),
        ("a\nb\rc\td", "a⏎b⏎c d"),
        ("\ud800", "\\ud800"),
    ],
)
def test_what_is_hidden_becomes_a_visible_mark(text: str, shown: str):
    assert safe(text) == shown


@given(foreign, suffixes)
@example("../../etc/passwd", ".mp4")
@example("con.txt", ".mp4")
@example("COM¹", ".mp4")
@example("aux .x", "")
@example("a" * 115 + "é", ".mp4")
@example("-rf", "")
@example("...", ".mp4")
@example("", "")
def test_file_name_is_one_that_every_file_system_takes(label: str, suffix: str):
    name = file_name(label, suffix)
    stem = name.removesuffix(suffix) if suffix else name
    assert stem
    assert len(name.encode()) <= 120
    assert name.endswith(suffix)
    assert not set(name) & set('<>:"/\\|?*')
    assert safe(name) == name
    assert name[0] not in ".- "
    assert name[-1] not in ". "
    assert name.split(".")[0].rstrip().casefold() not in DEVICES
    assert name == unicodedata.normalize("NFC", name)


@given(foreign, suffixes)
def test_file_name_of_a_file_name_is_itself(label: str, suffix: str):
    name = file_name(label, suffix)
    assert file_name(name.removesuffix(suffix) if suffix else name, suffix) == name


@given(st.from_regex(r"[a-z0-9_äéß]{1,20}", fullmatch=True).filter(lambda label: label not in DEVICES))
def test_plain_label_is_kept(label: str):
    assert file_name(label, ".mp4") == unicodedata.normalize("NFC", label) + ".mp4"


@pytest.mark.parametrize(
    ("label", "name"),
    [("romance_5--confess", "romance_5--confess.mp4"), ("a/b", "a_b.mp4"), ("NUL", "_NUL.mp4"), ("", "asset.mp4")],
)
def test_examples_of_names(label: str, name: str):
    assert file_name(label, ".mp4") == name
