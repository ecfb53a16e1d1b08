"""What a chapter may be given that makes no sense: told with its place and what to do, with nothing ordered."""

from __future__ import annotations

import ctypes
import json
import os
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import RawIOBase

    from cli_harness import Ran, Tool

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="POSIX has it")
_PIECE = 1 << 20


def assert_refused(tool: Tool, ran: Ran, *said: str, code: int = 2) -> None:
    assert (ran.code, ran.out, tool.orders()) == (code, "", []), ran.err
    assert ran.err.count("error: ") == 1
    assert "Traceback" not in ran.err
    assert "\n  why: " in ran.err or "\n  next: " in ran.err
    for words in said:
        assert words in ran.err


def sounds(tool: Tool, *scenes: str, name: str = "chapter.jsonl", generator: str = "instant") -> str:
    rows = [{"scene": scene, "type": "audio", "generator": generator} for scene in scenes]
    (tool.work / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return name


UTF_16 = 'scene,prompt\r\na,"b"\r\n'.encode("utf-16")
MANIFESTS: dict[str, tuple[str, bytes, tuple[str, ...]]] = {
    "empty TOML": ("c.toml", b"", ("c.toml: the manifest is empty", "assetctl manifest init")),
    "empty JSON": ("c.json", b"\n", ("c.json: the manifest is empty", "assetctl manifest init")),
    "empty CSV": ("c.csv", b"", ("c.csv: the manifest is empty", "assetctl manifest init")),
    "empty JSON Lines": ("c.jsonl", b"\n\n", ("c.jsonl: the manifest is empty", "assetctl manifest init")),
    "no scene": ("c.json", b'{"scenes": []}', ("the manifest is empty",)),
    "TOML as UTF-16": ("c.toml", UTF_16, ("c.toml:1: it is not UTF-8", "save it as UTF-8")),
    "CSV as UTF-16": ("c.csv", UTF_16, ("c.csv:1: the line is not UTF-8", "save the file as UTF-8")),
    "NUL in TOML": ("c.toml", b'[[scenes]]\nid = "a\0"\n', ("c.toml:2: it is not TOML",)),
    "NUL in CSV": ("c.csv", b"scene\na\0b\n", ("c.csv:2: `scene`: the scene id has a character",)),
    "two columns of a name": ("c.csv", b"scene,scene\na,b\n", ("c.csv:1: there are two columns `scene`",)),
    "ragged rows": ("c.csv", b"scene,prompt\na\nb,c,d\n", ("c.csv:2: the row has 1 cell", "c.csv:3: the row has 3")),
    "a header that ends nowhere": ("c.csv", b'"a\n' * 9, ("c.csv:1: the header is not CSV",)),
    "a Mac's line ends": ("c.csv", b"scene\ra\r", ("c.csv:1: the header is not CSV", "save the file with LF or CRLF")),
    "a table in a table": ("c.toml", b'[[scenes]]\nid = "a"\n[[scenes.choices]]\nid = "b"\n[scenes.choices.x]\n',
                           ("c.toml:5: there is no field `x`",)),
    "wrong types": ("c.jsonl", b'{"scene": "a", "prompt": 5, "seed": 1.5, "inputs": {}}\n',
                    ("`prompt` must be text", "`seed` must be a whole number", "`inputs` must be a list")),
    "a field that is none": ("c.toml", b'[[scenes]]\nid = "a"\nstile = "anime"\n', ("did you mean `style`?",)),
    "choices that are none": ("c.toml", b'[[scenes]]\nid = "a"\nchoices = "b"\n', ("`choices` must be a list",)),
    "no name for a folder": ("c.jsonl", b'{"scene": "../a"}\n', ("c.jsonl:1: `scene`: the scene id",)),
}  # fmt: skip


@pytest.mark.parametrize("name", MANIFESTS)
@pytest.mark.parametrize("way", ["file", "stdin"])
def test_a_manifest_that_is_none(tool: Tool, name: str, way: str) -> None:
    file, content, said = MANIFESTS[name]
    (tool.work / file).write_bytes(content)
    if way == "file":
        ran = tool("prefetch", file)
    else:
        said = tuple(words.replace(f"{file}:", "stdin:") for words in said)
        ran = tool("prefetch", "-", "--format", file.removeprefix("c."), stdin=content)
    assert (ran.code, ran.out, tool.orders()) == (2, "", [])
    assert ran.err.count("error: ") == 1
    for words in said:
        assert words in ran.err


@pytest.mark.parametrize("content", [
    b'\xef\xbb\xbf[[scenes]]\r\nid = "a"\r\n',
    b'\xef\xbb\xbf{"scenes": [{"id": "a"}]}',
    b"\xef\xbb\xbfscene\r\na\r\n",
    b'\xef\xbb\xbf{"scene": "a"}\r\n',
])  # fmt: skip
def test_what_windows_programs_put_around_it_does_no_harm(tool: Tool, content: bytes) -> None:
    format_ = "csv" if content.endswith(b"a\r\n") else "jsonl" if b'"scene"' in content else "json"
    format_ = "toml" if b"[[" in content else format_
    (tool.work / "chapter").write_bytes(content)
    assert tool("prefetch", "chapter", "--format", format_, "--plan").out.startswith("1 asset: ")


def test_a_single_mistake_is_told_once(tool: Tool) -> None:
    (tool.work / "c.jsonl").write_text('{"scene": "a", "stile": 1}\n')
    assert tool("prefetch", "c.jsonl").err.count("there is no field `stile`") == 1


@pytest.mark.parametrize("name", [".", "folder.toml"])
def test_a_folder_for_a_manifest(tool: Tool, name: str) -> None:
    (tool.work / "folder.toml").mkdir()
    assert_refused(tool, tool("prefetch", name), f"`{name}` is a folder", "name the manifest in it")


@posix_only
def test_a_manifest_from_a_named_pipe(tool: Tool) -> None:
    os.mkfifo(tool.work / "pipe.jsonl")
    line = json.dumps({"scene": "a", "type": "audio", "generator": "instant"}).encode() + b"\n"
    writer = threading.Thread(target=lambda: (tool.work / "pipe.jsonl").write_bytes(line))
    writer.start()
    ran = tool.process("prefetch", "pipe.jsonl")
    writer.join()
    assert (ran.code, len(tool.orders())) == (0, 1)


# Garbage without end


@posix_only
@pytest.mark.parametrize(
    ("suffix", "piece", "said"),
    [
        ("jsonl", bytes(_PIECE), "the line is too long"),
        ("csv", bytes(_PIECE), "the line is too long"),
        ("toml", bytes(_PIECE), "it is too large"),
        ("json", b"[" * _PIECE, "it is too large"),
        ("jsonl", b"y\n" * (_PIECE // 2), "the line is not JSON"),
        ("csv", b"y\n" * (_PIECE // 2), "there is no column `y`"),
        ("csv", b'"a\n' * (_PIECE // 3), "the header is not CSV"),
    ],
)
def test_a_gigabyte_of_garbage_costs_little_memory(tool: Tool, suffix: str, piece: bytes, said: str) -> None:
    import resource  # noqa: PLC0415 - POSIX alone has it

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (1 << 29, 1 << 29))

    path = tool.work / f"garbage.{suffix}"
    with path.open("wb") as file:
        for _ in range(16):
            file.write(piece)
        file.truncate(1 << 30)
    ran = tool.process("prefetch", path.name, preexec_fn=limit)
    assert_refused(tool, ran, said)


# Names, budgets and deadlines


def test_ids_that_are_one_file_name_on_some_system_get_each_their_own(tool: Tool) -> None:
    scenes = ("Park", "PARK", "park", "con", "nul.x", "a", "straße", "STRASSE", "e\u0301", "\xe9")
    assert tool("prefetch", sounds(tool, *scenes), "--output", "out").code == 0
    names = [path.name for path in (tool.work / "out").iterdir()]
    # The last two are one id, however it is written.
    assert len(names) == len({name.casefold() for name in names}) == len(scenes) - 1
    assert not [name for name in names if name.partition(".")[0].casefold() in ("con", "nul")]


@pytest.mark.parametrize(("words", "said"), [
    (("--deadline", "soon"), "`soon` is no deadline"),
    (("--deadline", "2026-13-45"), "or as a moment: `2030-01-31T18:00:00Z`"),
    (("--deadline", "2001-01-01"), "the deadline `2001-01-01` has passed"),
    (("--max-cost", "-1"), "is no amount of money"),
    (("--apply", "gone"), "the plan `gone` cannot be read"),
    (("--apply", "."), "the plan `.` cannot be read"),
    (("--apply", "chapter.jsonl"), "`chapter.jsonl` is no plan"),
])  # fmt: skip
def test_an_option_that_makes_no_sense(tool: Tool, words: tuple[str, str], said: str) -> None:
    assert_refused(tool, tool("prefetch", sounds(tool, "a"), *words), said)


@pytest.mark.parametrize("words", [("--max-generations", "0"), ("--max-cost", "0")])
def test_a_budget_of_nothing_buys_nothing(tool: Tool, words: tuple[str, str]) -> None:
    ran = tool("prefetch", sounds(tool, "a", generator="paid"), *words)
    assert (ran.code, tool.orders()) == (6, [])
    assert ran.out.startswith("1 asset: 1 over the budget")


# Disks


@pytest.fixture
def small_disk(tool: Tool) -> Iterator[Path]:
    """The folder `out` is a disk of its own with room for a dozen sounds; unmounted afterwards."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        pytest.skip("only root on Linux may mount a small disk")
    libc = ctypes.CDLL(None, use_errno=True)
    folder = tool.work / "out"
    folder.mkdir()
    if libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", 0, b"size=48k,mode=0755") != 0:
        pytest.skip(f"no small disk here: {os.strerror(ctypes.get_errno())}")
    yield folder
    libc.umount2(os.fsencode(folder), 2)


def test_an_output_that_is_full_in_the_middle_stops_the_run_and_loses_nothing(tool: Tool, small_disk: Path) -> None:
    manifest = sounds(tool, *(f"s{number}" for number in range(40)))
    ran = tool.process("prefetch", manifest, "--output", "out", "--concurrency", "2")
    assert (ran.code, ran.err.count("error: ")) == (1, 1), ran.err
    assert f"error: no room for a copy in `{small_disk}`\n  why: No space left on device\n" in ran.err
    assert "next: make room there, or name another place: --output DIR; then run the same command again" in ran.err
    assert "cache prune" not in ran.err
    assert "run the same command again" in ran.err
    assert "not begun" in ran.out
    bought = len(tool.orders())
    assert 0 < bought < 40
    assert not [path for path in small_disk.iterdir() if path.name.startswith(".")]
    again = tool.process("prefetch", manifest, "--output", "copies", "--json")
    outcomes: dict[str, Any] = json.loads(again.out.splitlines()[-1])["outcomes"]
    assert (again.code, outcomes["here"], outcomes["generated"]) == (0, bought, 40 - bought)
    assert len(list((tool.work / "copies").iterdir())) == 40


@posix_only
def test_an_output_that_may_not_be_written_is_known_before_the_first_order(tool: Tool) -> None:
    if not Path("/proc/self").is_dir():
        pytest.skip("needs a place where nobody may write")
    for option in ("--output", "--plan-out"):
        ran = tool("prefetch", sounds(tool, "a"), option, "/proc/out")
        assert_refused(tool, ran, "/proc/out", code=1)
        assert f": {option} FO" in ran.err or f": {option} FILE" in ran.err


# Consent


def all_said_on(terminal: RawIOBase) -> bytes:
    """What is left to read of a pseudo-terminal whose other end is closed; a single read gives a part of it."""
    said = b""
    # At its end Linux says EIO, macOS nothing more.
    with suppress(OSError):
        while piece := terminal.read(1 << 16):
            said += piece
    return said


@posix_only
def test_a_chapter_from_stdin_cannot_be_agreed_to_on_the_terminal(tool: Tool) -> None:
    import pty  # noqa: PLC0415 - POSIX alone has it

    tool.settings("[budget]\nmax_generations_per_run = 1\n")
    content = (tool.work / sounds(tool, "a", "b")).read_bytes()
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        try:
            ran = tool.process("prefetch", "-", stdin=content, stderr=theirs, start_new_session=True)
        finally:
            os.close(theirs)
        said = all_said_on(terminal).decode()
    assert (ran.code, tool.orders()) == (6, [])
    assert "Go on?" not in said
    assert "stdin is the manifest, so nobody can be asked" in said
    assert "--yes" in said


@pytest.mark.parametrize("words", [("--plan",), ()])
def test_what_to_do_about_one_asset_is_told_beside_its_trouble(tool: Tool, words: tuple[str, ...]) -> None:
    (tool.work / "chapter.jsonl").write_text('{"scene": "a", "type": "audio", "generator": "instnt"}\n')
    ran = tool("prefetch", "chapter.jsonl", *words)
    said = "a: there is no generator `instnt`; did you mean `instant`? (`assetctl generators ls`)"
    assert said in ran.err.splitlines()
