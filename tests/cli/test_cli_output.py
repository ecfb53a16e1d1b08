"""stdout is data, stderr is talk, and nothing foreign reaches a terminal raw."""

from __future__ import annotations

import errno
import io
import json
import logging
import os
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer.main
from cli_harness import DEADLINE_S, INSTANT, MAIN, is_clean
from hypothesis import given
from hypothesis import strategies as st

from assetctl.cli import terminal
from assetctl.cli.app import _refused_print, app
from assetctl.cli.delivery import _stream
from assetctl.cli.logs import showing_logs
from assetctl.cli.output import BrokenOutput, Printer
from assetctl.cli.state import CliState
from assetctl.cli.tables import render_table
from assetctl.cli.terminal import wants_colour
from assetctl.errors import AssetctlError, CacheError, StorageFull

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli_harness import Tool

HOSTILE = "\x1b[31mred\x1b[0m \x9b2J [red]markup[/] [/] \u202eevil \x07"
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="shells and /dev are POSIX")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environ", "terminal", "wanted"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": "0"}, False, False),
        ({"CLICOLOR_FORCE": "1"}, False, True),
        ({"CLICOLOR_FORCE": "1", "TERM": "dumb"}, False, True),
        ({"CLICOLOR": "0"}, True, False),
        ({"CLICOLOR": "1"}, True, True),
        ({"CLICOLOR": "1"}, False, False),
        ({"TERM": "dumb"}, True, False),
    ],
)
def test_colour_is_as_the_environment_wants_it(environ: dict[str, str], terminal: bool, wanted: bool) -> None:  # noqa: FBT001 - a table
    assert wants_colour(Terminal() if terminal else io.StringIO(), environ) is wanted


def test_a_closed_or_missing_stream_has_no_colour() -> None:
    closed = Terminal()
    closed.close()
    assert not wants_colour(closed, {})
    assert not wants_colour(None, {})


@pytest.mark.parametrize("name", ["FORCE_COLOR", "CLICOLOR_FORCE"])
def test_errors_and_tables_are_coloured_when_forced(tool: Tool, name: str) -> None:
    assert "\x1b[31;1merror:\x1b[0m" in tool("request", env={name: "1"}).err
    assert "\x1b[" in tool("generators", "ls", env={name: "1"}).out
    assert "\x1b[" not in tool("generators", "ls").out
    assert "\x1b[" not in tool("generators", "ls", env={name: "1", "NO_COLOR": "1"}).out


def test_an_error_has_three_parts(tool: Tool) -> None:
    lines = tool("request").err.splitlines()
    assert [line[:7] for line in lines] == ["error: ", "  why: ", "  next:"]


def test_with_json_the_last_line_of_stderr_is_the_error_document(tool: Tool) -> None:
    ran = tool("request", "--json")
    assert ran.out == ""
    assert ran.error == {
        "schema": "assetctl.error/1",
        "code": "invalid_request",
        "message": "the request doesn't say what it is for",
        "why": "at least one of scene, choice, character, location or prompt is needed",
        "hint": "assetctl request --scene romance_5 --choice confess",
        "exit_code": 2,
    }


@pytest.mark.parametrize(
    "words",
    [
        ("request", "--json", "--no-such-option"),
        ("request", "--scene", "a", "--duration", "long", "--json"),
        ("request", "--scene", "a", "--type", "film", "--json"),
        ("no-such-command", "--json"),
        ("cache", "no-such-command", "--json"),
        ("get", "--json"),
        ("--progress", "loud", "request", "--json"),
        ("request", "--json", "--seed", "1.5"),
        ("request", "--json", "--scene"),
    ],
)
def test_wrong_usage_is_a_document_too(tool: Tool, words: tuple[str, ...]) -> None:
    ran = tool(*words)
    assert (ran.code, ran.out) == (2, "")
    assert (ran.error["schema"], ran.error["exit_code"]) == ("assetctl.error/1", 2)


def test_wrong_usage_names_the_help_to_read(tool: Tool) -> None:
    ran = tool("cache", "ls", "--colour")
    assert ran.err.splitlines()[-1].startswith("  next: ")
    assert ran.err.splitlines()[-1].endswith(" cache ls --help")


def test_debug_adds_the_traceback_and_nothing_else_does(tool: Tool) -> None:
    assert "Traceback" not in tool("-v", "request", "-v").err
    for words, env in ((("--debug", "request"), {}), (("request",), {"ASSETCTL_DEBUG": "1"})):
        ran = tool(*words, env=env)
        assert ran.code == 2
        assert "Traceback" in ran.err
        assert "error: the request doesn't say" in ran.err


def test_with_debug_and_json_the_document_is_still_the_last_line(tool: Tool) -> None:
    assert tool("--debug", "request", "--json").error["code"] == "invalid_request"


def test_global_options_stand_before_the_command_and_shared_ones_at_either_place(tool: Tool) -> None:
    assert tool("-q", "doctor", "--offline", "--no-input", "-v", "--progress", "none").code == 0
    assert tool("--offline", "--no-input", "-v", "--progress", "none", "doctor", "-q").code == 0
    assert tool("doctor", "--debug").code == 2


def test_without_a_command_the_help_is_printed(tool: Tool) -> None:
    ran = tool()
    assert ran.code == 0
    assert "request" in ran.out
    assert tool("-h").out == tool("--help").out


def test_a_group_without_a_command_shows_its_help(tool: Tool) -> None:
    ran = tool("cache")
    assert "clear" in ran.out + ran.err


def test_version_is_one_line(tool: Tool) -> None:
    ran = tool("--version")
    assert ran.code == 0
    assert ran.out.startswith("assetctl ")
    assert ran.out.count("\n") == 1


# --- hostile text -----------------------------------------------------------------------------------------------


def test_the_words_of_a_generator_never_reach_the_terminal_raw(tool: Tool) -> None:
    for words in (("failing", "--no-placeholder"), ("failing",), ("forbidden",)):
        ran = tool(*INSTANT[:-1], *words, "-v")
        assert is_clean(ran.out + ran.err)
        assert "[red]markup[/]" in ran.err


def test_a_job_that_failed_with_hostile_words_is_shown_safely(tool: Tool) -> None:
    tool(*INSTANT[:-1], "failing")
    for words in (("ls", "--all"), ("ls", "--all", "--json"), ("show", tool.orders()[0]["job_id"])):
        ran = tool("jobs", *words)
        assert ran.code == 0
        assert is_clean(ran.out + ran.err)


def test_a_prompt_with_markup_and_direction_marks_is_shown_safely(tool: Tool) -> None:
    prompt = "[red]stop[/] [/] \u202eback"
    words = ("--type", "audio", "--generator", "instant", "--prompt", prompt)
    assert tool("request", *words).code == 0
    for command in ("explain", "available"):
        ran = tool(command, *words)
        assert is_clean(ran.out + ran.err)
        assert "[red]stop[/] [/] \\u202eback" in ran.out
    entry = tool("cache", "ls", "--json")
    assert is_clean(entry.out)
    assert entry.document[0]["request"]["prompt"] == prompt


def test_a_sidecar_cannot_steer_the_terminal(tool: Tool) -> None:
    text = json.dumps("\x1b[2J\u009b [red]x[/] [/] \u202e")
    tool.put_sound("park.wav", f"description = {text}\nstyle = {text}\n")
    tool.put_sound("lake.wav", f"description = {text}\nscene = 'park'\nprompt = {text}\n")
    for words in (
        ("explain", *INSTANT[1:]),
        ("doctor",),
        (*INSTANT, "-v"),
        ("available", *INSTANT[1:]),
        ("cache", "ls"),
    ):
        ran = tool(*words)
        assert is_clean(ran.out + ran.err)


@posix_only
def test_a_file_name_in_the_library_cannot_steer_the_terminal(tool: Tool) -> None:
    tool.put_sound("\x1b[31mpark[red].wav", "scene = 'park'\n")
    for words in (
        ("explain", *INSTANT[1:]),
        ("available", *INSTANT[1:]),
        (*INSTANT, "-v"),
        ("doctor",),
        ("cache", "ls"),
    ):
        ran = tool(*words)
        assert ran.code == 0
        assert is_clean(ran.out + ran.err)


@pytest.mark.parametrize("words", [("get", HOSTILE), ("request", "--scene", HOSTILE), ("request", "--type", HOSTILE)])
def test_words_of_the_user_come_back_safely(tool: Tool, words: tuple[str, ...]) -> None:
    ran = tool(*words)
    assert ran.code in (2, 7)
    assert is_clean(ran.err)


@given(st.text())
def test_no_text_at_all_gets_through_a_table_or_an_error(text: str) -> None:
    stderr = io.StringIO()
    Printer(stderr=stderr).error(AssetctlError(text, why=text, hint=text))
    assert is_clean(stderr.getvalue())
    assert len(stderr.getvalue().splitlines()) <= 3
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    Printer(stdout=out).table(("a", "b"), [[text, "x"], ["y", text]])
    written = out.buffer.getvalue().decode()  # type: ignore[attr-defined]
    assert is_clean(written)
    assert len(written.split("\n")) == 5


@given(st.lists(st.tuples(st.text("abc", max_size=40), st.text("xyz", max_size=40)), max_size=4), st.integers(1, 90))
def test_a_table_is_never_wider_than_its_terminal(rows: list[tuple[str, str]], width: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(width))
        patch.setenv("TERM", "dumb")
        text = "".join(render_table(("first", "second"), rows, right=("second",), stdout=Terminal()))
    assert max(len(line) for line in text.splitlines()) <= width


def test_a_table_cuts_the_widest_column_and_the_first_one_last() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "40")
        patch.setenv("TERM", "dumb")
        pieces = render_table(("key", "long", "size"), [["k" * 12, "l" * 60, "1.2 kB"]], right=(), stdout=Terminal())
        text = "".join(pieces)
    assert text.splitlines()[-1] == f"{'k' * 12}  {'l' * 17}…  1.2 kB"


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        ("40", ["one  12  apple, pear, a very long word", "two   3  plum"]),
        ("33", ["one  12  apple, pear, a very long", "         word", "two   3  plum"]),
        ("20", ["one  12  apple,", "         pear, a", "         very long", "         word", "two   3  plum"]),
    ],
)
def test_a_last_column_that_flows_is_not_cut(width: str, lines: list[str]) -> None:
    rows = [("one", "12", "apple, pear, a very long word"), ("two", "3", "plum")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", width)
        patch.setenv("TERM", "dumb")
        text = "".join(render_table(("of", "no", "words"), rows, right=("no",), stdout=Terminal(), flows=True))
    assert text.splitlines()[2:] == lines


@pytest.mark.parametrize(
    ("width", "line"),
    [
        ("60", "the-evening-of-the-festival-on-the-hill / yes  12,345  made"),
        ("50", "the-evening…stival-on-the-hill / yes  12,345  made"),
        ("30", "the-e…hill / yes  12,345  made"),
        ("20", "the… / yes  12…  ma…"),
    ],
)
def test_a_long_name_gives_way_before_numbers_and_loses_its_middle(width: str, line: str) -> None:
    row = ["the-evening-of-the-festival-on-the-hill / yes", "12,345", "made"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", width)
        patch.setenv("TERM", "dumb")
        text = "".join(render_table(("asked for", "size", "is"), [row], right=("size",), stdout=Terminal()))
    assert text.splitlines()[-1] == line


def test_a_table_that_goes_to_a_file_is_not_cut() -> None:
    assert "x" * 5000 in "".join(render_table(("a",), [["x" * 5000]], right=(), stdout=io.StringIO()))


def test_a_long_table_is_drawn_in_pieces_that_look_like_one() -> None:
    rows = [[f"row {number}", f"{number:,}"] for number in range(2_500)]
    head, *pieces = render_table(("name", "number"), rows, right=("number",), stdout=io.StringIO())
    assert len(pieces) == 3
    lines = "".join([head, *pieces]).splitlines()
    assert lines[0] == "name      number"
    assert set(lines[1]) <= set("─━- ")
    assert lines[2:] == [f"row {number:<4}  {number:>6,}" for number in range(2_500)]


def test_wide_characters_are_aligned_and_cut_by_the_columns_they_take() -> None:
    rows = [["park", "1"], ["公園公", "22"]]
    text = "".join(render_table(("a", "b"), rows, right=("b",), stdout=io.StringIO()))
    assert text.splitlines()[2:] == ["park     1", "公園公  22"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "10")
        text = "".join(render_table(("a",), [["公園公園公園公園"]], right=(), stdout=Terminal()))
    assert text.splitlines()[-1] == "公 …園公園"


class Counted:
    """Rows without end of memory: how many were asked for is counted."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.given = 0

    def __iter__(self) -> Iterator[list[str]]:
        self.given = 0
        for number in range(self.count):
            self.given += 1
            yield [f"row {number}"]


def test_neither_a_table_nor_a_list_of_documents_holds_all_its_rows() -> None:
    rows = Counted(10_000)
    assert "row 0" in "".join(islice(render_table(("name",), rows, right=(), stdout=io.StringIO()), 2))
    assert rows.given <= 2_000

    class Ended(io.BytesIO):
        def write(self, _data: Any) -> int:
            raise BrokenPipeError(errno.EPIPE, "nobody reads")

    with pytest.raises(BrokenOutput):
        Printer(stdout=io.TextIOWrapper(Ended(), encoding="utf-8")).documents(rows)
    assert rows.given <= 2_000


@pytest.mark.parametrize("count", [0, 1, 1_000, 1_001, 2_500])
def test_documents_are_one_list_with_a_line_for_each(count: int) -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    Printer(stdout=out).documents(Counted(count))
    out.seek(0)
    told = out.read()
    assert json.loads(told) == [[f"row {number}"] for number in range(count)]
    assert len(told.splitlines()) == (count + 2 if count else 1)


def test_a_table_without_rows_has_a_header() -> None:
    (text,) = render_table(("name", "number"), [], right=(), stdout=io.StringIO())
    assert text.splitlines()[0].split() == ["name", "number"]


# --- streams that are closed, broken, full ----------------------------------------------------------------------


def shell(tool: Tool, script: str) -> subprocess.CompletedProcess[bytes]:
    """Run `script` in bash, where "$@" is the command line."""
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", script, "bash", *MAIN],
        cwd=tool.work,
        env=tool.environment(),
        capture_output=True,
        timeout=DEADLINE_S,
        check=False,
    )


@posix_only
@pytest.mark.parametrize(
    "words", ["cache ls", "doctor --json", "--help", "--version", "request --help", "request --scene a --no-generate"]
)
def test_a_pipe_that_nobody_reads_ends_quietly(tool: Tool, words: str) -> None:
    # The reader waits for its own input to end, so it is surely gone before anything is printed.
    ran = shell(tool, f'"$@" {words} | head -c 0 ; echo "${{PIPESTATUS[0]}}" >&2')
    *talk, code = ran.stderr.decode().splitlines()
    assert code in ("141", "5" if "no-generate" in words else "0")
    assert not [line for line in talk if not line.startswith("warning: this is a placeholder")]


@posix_only
@pytest.mark.parametrize(
    "words", [("cache", "ls"), ("--help",), ("--version",), ("request", "-h"), ("doctor", "--json")]
)
def test_a_pipe_closed_before_the_start_ends_quietly_with_141(tool: Tool, words: tuple[str, ...]) -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        ran = tool.process(*words, stdout=write)
    finally:
        os.close(write)
    assert (ran.code, ran.err) == (141, "")


@posix_only
def test_a_pipe_that_breaks_while_bytes_are_streamed_ends_quietly(tool: Tool) -> None:
    assert tool(*INSTANT).code == 0
    read, write = os.pipe()
    os.close(read)
    try:
        ran = tool.process(*INSTANT, "--output", "-", stdout=write)
    finally:
        os.close(write)
    assert (ran.code, ran.err) == (141, "")


@posix_only
def test_a_closed_stdout_is_a_clear_error_and_the_asset_is_kept(tool: Tool) -> None:
    ran = shell(tool, f'"$@" {" ".join(INSTANT)} -q >&-')
    assert ran.returncode == 1
    assert b"stdout is closed" in ran.stderr
    assert b"Traceback" not in ran.stderr
    assert tool(*INSTANT, "--json").document["source"] == "cached"


@posix_only
def test_a_closed_stderr_costs_nothing_but_the_talk(tool: Tool) -> None:
    ran = shell(tool, f'"$@" {" ".join(INSTANT)} 2>&-')
    assert ran.returncode == 0
    assert Path(ran.stdout.decode().strip()).exists()


@posix_only
def test_all_streams_closed_still_gives_the_exit_code(tool: Tool) -> None:
    assert shell(tool, '"$@" request --scene park --no-generate --no-placeholder <&- >&- 2>&-').returncode == 7


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("words", [INSTANT, ("--help",), ("--version",), ("cache", "path"), ("doctor",)])
def test_a_full_disk_under_stdout_is_a_clear_error(tool: Tool, words: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full:
        ran = tool.process("-q", *words, stdout=full)
    assert ran.code == 1
    assert ran.err.startswith("error: the result could not be printed\n  why: No space left")
    assert "Traceback" not in ran.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("mode", ["lines", "json", "bar", "none"])
def test_a_full_disk_under_stderr_costs_nothing_but_the_talk(tool: Tool, mode: str) -> None:
    with Path("/dev/full").open("wb") as full:
        ran = tool.process(*INSTANT, "--progress", mode, stderr=full)
    assert ran.code == 0
    assert ran.path.exists()


def test_a_stream_that_cannot_say_it_in_unicode_says_it_in_ascii(tool: Tool) -> None:
    ran = tool.process("request", "--scene", "пар/к", env={"PYTHONIOENCODING": "ascii", "LC_ALL": "C"})
    assert ran.code == 2
    assert "error: " in ran.err
    ran = tool.process("explain", "--scene", "парк", env={"PYTHONIOENCODING": "ascii"})
    assert ran.code == 0


class Refusing(io.RawIOBase):
    """A stream that refuses every byte with one errno; beneath it lies a harmless file."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._file = os.open(os.devnull, os.O_WRONLY)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._file

    def write(self, _data: object) -> int:
        raise OSError(self._number, os.strerror(self._number))

    def close(self) -> None:
        if not self.closed:
            os.close(self._file)
        super().close()


REFUSALS = [(errno.EPIPE, BrokenOutput), (errno.EINVAL, BrokenOutput), (errno.EIO, StorageFull)]


@pytest.mark.parametrize(("number", "error"), REFUSALS)
def test_what_a_stream_refuses_is_told_by_its_number(number: int, error: type[Exception]) -> None:
    with pytest.raises(error):
        Printer(stdout=io.TextIOWrapper(Refusing(number), encoding="utf-8")).line("data")


@pytest.mark.parametrize(("number", "code"), [(errno.EPIPE, 141), (errno.ENOSPC, 1)])
def test_what_is_refused_only_at_the_end_counts_too(
    number: int, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stdout = io.TextIOWrapper(Refusing(number), encoding="utf-8")
    stdout.write("left by somebody who did not flush")
    monkeypatch.setattr(sys, "stdout", stdout)
    group = typer.main.get_command(app)
    with pytest.raises(SystemExit) as ended:
        group._end(0, [], CliState())
    assert ended.value.code == code
    assert bool(capsys.readouterr().err) is (code == 1)
    stdout.detach().close()


def test_talk_that_cannot_be_said_is_left_out() -> None:
    stderr = io.TextIOWrapper(Refusing(errno.EIO), encoding="utf-8")
    Printer(stderr=stderr).note("nobody hears this")
    Printer(stderr=None).note("nor this")
    stderr.detach().close()


def test_talk_that_a_stream_has_no_letters_for_is_spelled_out() -> None:
    raw = io.BytesIO()
    stderr = io.TextIOWrapper(raw, encoding="ascii")
    Printer(stderr=stderr).note("парк")
    assert raw.getvalue() == b"\\u043f\\u0430\\u0440\\u043a\n"


def test_a_host_program_gets_errors_and_values_instead_of_an_end() -> None:
    group = typer.main.get_command(app)
    with pytest.raises(AssetctlError):
        group.main(["request"], standalone_mode=False)
    assert group.main(["cache", "path", "-q"], standalone_mode=False) == 0


def test_what_a_file_says_is_not_taken_for_a_refusal_of_stdout() -> None:
    with pytest.raises(OSError, match="disk"):
        _refused_print(OSError(errno.EIO, "disk"))


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that opens and cannot be read")
def test_an_asset_that_cannot_be_read_is_named_and_not_stdout() -> None:
    with pytest.raises(CacheError, match="/proc/self/mem"):
        _stream(Path("/proc/self/mem"), Printer())


def test_debug_makes_every_line_of_a_traceback_safe() -> None:
    stderr = io.StringIO()
    Printer(stderr=stderr).traceback(ValueError("\x1b[2J one\ntwo"))
    assert is_clean(stderr.getvalue())
    assert stderr.getvalue().splitlines()[-1] == "two"


@pytest.mark.parametrize(("quiet", "debug"), [(False, False), (False, True), (True, True)])
def test_what_is_logged_comes_out_once_and_safe(quiet: bool, debug: bool) -> None:  # noqa: FBT001 - a table
    stderr, log = io.StringIO(), logging.getLogger("assetctl.test")
    with showing_logs(Printer(quiet=quiet, stderr=stderr), debug=debug):
        log.info("not this")
        log.warning("lost \x1b[2J", exc_info=ValueError("\x1b[2J"))
    log.warning("nobody listens any more")
    said = stderr.getvalue()
    assert is_clean(said)
    assert said.startswith("note: lost \\x1b[2J") is not quiet
    assert ("ValueError" in said) is (debug and not quiet)
    assert "listens" not in said


def test_modules_of_the_command_line_know_each_other_in_one_direction_only() -> None:
    folder = Path(terminal.__file__).parent
    imports = {
        path.stem: set(re.findall(r"^ *from assetctl\.cli\.(\w+) import", path.read_text(), re.MULTILINE))
        for path in folder.glob("*.py")
    }
    assert tuple(TopologicalSorter(imports).static_order())
