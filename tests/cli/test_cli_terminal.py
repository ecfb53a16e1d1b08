"""What a person sees: a real pseudo-terminal, read by a terminal emulator."""

from __future__ import annotations

import json
import re
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from cli_harness import DEADLINE_S, INSTANT, MAIN, wait_until

if sys.platform == "win32":
    pytest.skip("pseudo-terminals as here are POSIX", allow_module_level=True)

import pexpect
import pyte

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from cli_harness import Tool

SLOW = (*INSTANT[:-1], "slow")


class Seen:
    """A command on a terminal of its own, and what stands on the screen."""

    def __init__(
        self, tool: Tool, words: tuple[str, ...], *, columns: int = 80, env: Mapping[str, str] | None = None
    ) -> None:
        self.screen = pyte.Screen(columns, 40)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = b""
        environment = {**tool.environment(), "TERM": "xterm-256color", **(env or {})}
        self._child: Any = pexpect.spawn(
            MAIN[0], [*MAIN[1:], *words], cwd=str(tool.work), env=environment, dimensions=(40, columns), timeout=None
        )

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip()

    def wait_for(self, condition: Callable[[str], object]) -> str:
        """The screen, as soon as `condition` holds of it."""
        deadline = time.monotonic() + DEADLINE_S
        while not condition(self.text):
            assert time.monotonic() < deadline, self.text
            assert self._read(), f"it ended first:\n{self.text}"
        return self.text

    def send(self, keys: str) -> None:
        self._child.send(keys)

    def end(self) -> int:
        """Its exit code, with all it said on the screen."""
        deadline = time.monotonic() + DEADLINE_S
        while self._read():
            assert time.monotonic() < deadline, self.text
        self._child.close()
        return self._child.exitstatus if self._child.signalstatus is None else -self._child.signalstatus

    def close(self) -> None:
        self._child.close(force=True)

    def _read(self) -> bool:
        try:
            data = self._child.read_nonblocking(4096, timeout=0.2)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        self.raw += data
        self._stream.feed(data)
        return True


@pytest.fixture
def see(tool: Tool) -> Iterator[Callable[..., Seen]]:
    """Opens terminals that are closed after the test."""
    opened: list[Seen] = []

    def look(*words: str, **options: Any) -> Seen:
        opened.append(Seen(tool, words, **options))
        return opened[-1]

    yield look
    for one in opened:
        one.close()


@pytest.mark.parametrize("columns", [20, 40, 80, 200])
def test_the_bar_shows_the_true_share_and_leaves_a_clean_line(
    tool: Tool, see: Callable[..., Seen], columns: int
) -> None:
    tool.say("fraction", "0.25")
    seen = see(*SLOW, columns=columns)
    for share in ("25%", "60%"):
        tool.say("fraction", str(int(share[:-1]) / 100))
        # A frame may come in pieces, and the time stands at its end.
        text = seen.wait_for(lambda text, share=share: re.search(rf"{share}.* \d:\d\d:\d\d$", text))
        assert len(text.splitlines()) == 1
        assert text.startswith("slo")
    tool.release()
    assert seen.end() == 0
    assert seen.text.replace("\n", "") == str(tool(*SLOW).path)


def test_a_generator_that_states_no_share_gets_none(tool: Tool, see: Callable[..., Seen]) -> None:
    seen = see(*SLOW)
    text = seen.wait_for(lambda text: re.search(r"running.* \d:\d\d:\d\d$", text))
    assert "%" not in text
    tool.release()
    assert seen.end() == 0


def test_a_hostile_message_cannot_leave_the_line_of_the_bar(tool: Tool, see: Callable[..., Seen]) -> None:
    tool.say("says", "\x1b[2J\x1b[H[red]x[/] [/]\n\u202e\x9b2J")
    seen = see(*SLOW)
    text = seen.wait_for(lambda text: re.search(r"\[red\].* \d:\d\d:\d\d$", text))
    assert len(text.splitlines()) == 1
    assert b"\x1b[2J" not in seen.raw
    tool.release()
    assert seen.end() == 0


def test_ctrl_c_on_the_terminal_ends_the_bar_names_the_job_and_gives_the_cursor_back(
    tool: Tool, see: Callable[..., Seen]
) -> None:
    seen = see(*SLOW)
    seen.wait_for(lambda text: "slow:" in text)
    seen.send("\x03")
    assert seen.end() == 130
    lines = seen.text.splitlines()
    assert not [line for line in lines if line.startswith("slow:")]
    assert tool.orders()[0]["job_id"] in "".join(lines)
    assert not seen.screen.cursor.hidden
    tool.release()
    assert tool(*SLOW).code == 0
    assert tool.calls("submit") == ["submit"]


def test_a_chapter_has_a_bar_while_it_is_made_and_none_is_left_when_it_is_here(
    tool: Tool, see: Callable[..., Seen]
) -> None:
    rows = [{"scene_id": scene, "type": "audio", "generator": "slow"} for scene in ("alpha", "beta")]
    (tool.work / "chapter.json").write_text(json.dumps({"scenes": [row | {"id": row.pop("scene_id")} for row in rows]}))
    seen = see("prefetch", "chapter.json")
    seen.wait_for(lambda text: "0 of 2, 2 under way" in text and "alpha" in text and "beta" in text)
    tool.release()
    assert seen.end() == 0
    assert "2 assets: 2 generated" in seen.text
    assert "of 2, " not in seen.text
    # Nothing is left to do, so there is nothing to draw or to guess.
    again = see("prefetch", "chapter.json")
    assert again.end() == 0
    assert again.text.splitlines()[-1].startswith("2 assets: 2 here before")
    assert "Traceback" not in again.text


def test_a_closed_terminal_ends_the_asker_and_keeps_the_job(tool: Tool, see: Callable[..., Seen]) -> None:
    seen = see(*SLOW)
    seen.wait_for(lambda text: "slow:" in text)
    seen.close()
    looks = 0

    def nobody_asks() -> bool:
        nonlocal looks
        before, looks = looks, len(tool.calls("status"))
        time.sleep(0.3)
        return looks == before

    wait_until(nobody_asks)
    tool.release()
    assert tool(*SLOW).code == 0
    assert tool.calls("submit") == ["submit"]


@pytest.mark.parametrize("words", [("-q",), ("--progress", "none"), ("--progress", "lines")])
def test_no_bar_where_none_is_wanted(see: Callable[..., Seen], words: tuple[str, ...]) -> None:
    seen = see(*INSTANT, *words)
    assert seen.end() == 0
    assert b"\x1b" not in seen.raw


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"CLICOLOR": "0"}, {"TERM": "dumb"}])
def test_errors_and_tables_have_no_colour_where_none_is_wanted(see: Callable[..., Seen], env: dict[str, str]) -> None:
    for words in (("request",), ("generators", "ls")):
        seen = see(*words, env=env)
        seen.end()
        assert b"\x1b" not in seen.raw


def test_a_dumb_terminal_gets_no_escape_codes_at_all(tool: Tool, see: Callable[..., Seen]) -> None:
    seen = see(*INSTANT, env={"TERM": "dumb"})
    assert seen.end() == 0
    assert b"\x1b" not in seen.raw
    assert tool.calls("submit") == ["submit"]


def test_errors_have_colour_on_a_terminal(see: Callable[..., Seen]) -> None:
    seen = see("request")
    assert seen.end() == 2
    assert b"\x1b[31;1merror:" in seen.raw


@pytest.mark.parametrize("columns", [20, 40, 80])
@pytest.mark.parametrize("words", [("cache", "ls"), ("generators", "ls"), ("jobs", "ls", "--all")])
def test_a_table_row_stays_on_one_line(
    tool: Tool, see: Callable[..., Seen], words: tuple[str, ...], columns: int
) -> None:
    tool(*INSTANT, "--choice", "a-rather-long-choice-that-nobody-should-make")
    seen = see(*words, "-v", columns=columns)
    assert seen.end() == 0
    head, rule, *rows = seen.text.splitlines()
    assert set(rule.strip()) == {"─"}
    expected = {"cache": 2, "generators": 14, "jobs": 1}[words[0]]
    if columns > 20:
        assert len(rows) == expected
    assert head.split()[0].startswith(("key", "name", "job"))


def test_a_preview_is_a_picture_above_the_prompt_and_not_data(see: Callable[..., Seen]) -> None:
    small = ("--duration", "0.5", "--param", "fps=4", "--param", "width=64", "--param", "height=64")
    seen = see("request", "--scene", "park", *small, "--preview")
    assert seen.end() == 0
    assert b"\x1b[38;2;" in seen.raw
    assert "▀" in seen.text
    plain = see("request", "--scene", "park", *small, "--preview", env={"NO_COLOR": "1"})
    assert plain.end() == 0
    assert "▀" not in plain.text


def test_clear_asks_and_a_no_is_nothing_done(tool: Tool, see: Callable[..., Seen]) -> None:
    tool(*INSTANT)
    for answer, code, left in (("n\r", 6, 1), ("\x03", 130, 1), ("\x04", 130, 1), ("y\r", 0, 0)):
        seen = see("cache", "clear", "--all")
        seen.wait_for(lambda text: "Delete them?" in text)
        seen.send(answer)
        assert seen.end() == code, seen.text
        assert "Traceback" not in seen.text
        assert len(tool("cache", "ls", "-q").out.split()) == left


def test_no_input_never_asks(tool: Tool, see: Callable[..., Seen]) -> None:
    tool(*INSTANT)
    seen = see("cache", "clear", "--all", "--no-input")
    assert seen.end() == 6
    assert "Delete them?" not in seen.text


def test_the_help_fits_a_narrow_terminal(see: Callable[..., Seen]) -> None:
    for columns in (20, 40):
        seen = see("request", "--help", columns=columns)
        assert seen.end() == 0


@pytest.mark.parametrize(("columns", "head"), [(100, "scene  choice_0"), (40, "scene  state")])
def test_a_matrix_that_is_wider_than_the_terminal_gives_way_to_the_names(
    see: Callable[..., Seen], tool: Tool, columns: int, head: str
) -> None:
    rows = [{"scene": scene, "choice": f"choice_{number}"} for scene in "ab" for number in range(5)]
    (tool.work / "chapter.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    seen = see("coverage", "chapter.jsonl", columns=columns)
    assert seen.end() == 0
    assert head in seen.text
    assert all(f"choice_{number}" in seen.text for number in range(5))
    assert "…" not in seen.text
