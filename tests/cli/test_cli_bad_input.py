"""Bad input: each a clear error with its code, nothing lost, nothing ordered."""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cli_harness import INSTANT, is_clean, write_sound

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli_harness import Ran, Tool

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="rights and limits are POSIX")
root_only = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may set this up")

SOUND = ("--type", "audio", "--generator", "instant")
SOUND_TOML = "scene = 'park'\n"


@contextmanager
def without_roots_rights() -> Iterator[None]:
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


def assert_refused(tool: Tool, ran: Ran, code: int = 2) -> None:
    """One clear error, nothing on stdout, nothing ordered, nothing raw."""
    assert ran.code == code
    assert ran.out == ""
    assert ran.err.count("error: ") == 1
    assert "Traceback" not in ran.err
    assert is_clean(ran.err)
    assert len(ran.err) < 2000
    assert tool.calls("submit") == []


# --- requests ---------------------------------------------------------------------------------------------------


def test_a_request_without_any_context(tool: Tool) -> None:
    assert_refused(tool, tool("request", *SOUND))


BAD_IDS = {
    "empty": "",
    "blank": "   ",
    "ten kilobytes": "x" * 10_000,
    "a path": "a/b",
    "a Windows path": "a\\b",
    "a parent": "..",
    "a parent inside": "a..b",
    "a hidden name": ".a",
    "an option": "-a",
    "NUL": "a\0b",
    "a newline": "a\nb",
    "an escape code": "\x1b[31ma",
    "a C1 code": "a\x9bb",
    "an emoji": "a\N{SLIGHTLY SMILING FACE}",
    "a right-to-left override": "a\u202eb",
    "a right-to-left mark": "a\u200fb",
    "a zero-width space": "a\u200bb",
    "a lone surrogate": "a\udc80b",
    "a space before": " a",
}


@pytest.mark.parametrize("name", BAD_IDS)
@pytest.mark.parametrize("option", ["scene", "choice", "character", "location"])
def test_an_id_that_cannot_be_one(tool: Tool, option: str, name: str) -> None:
    assert_refused(tool, tool("request", f"--{option}={BAD_IDS[name]}", *SOUND))


@pytest.mark.parametrize("value", ["парк", "公園", "a b", "a:b+c@d_e-f.g", "x" * 200])
def test_an_id_of_any_script_is_fine(tool: Tool, value: str) -> None:
    assert tool("request", "--scene", value, *SOUND, "-o", "out/").path.parent == tool.work / "out"


@pytest.mark.parametrize(
    "words",
    [
        ("--style", "cubist"),
        ("--type", "film"),
        ("--strategy", "hope"),
        ("--reuse", "never"),
        ("--reuse", "per-player"),
        ("--reuse", "per-playthrough"),
        ("--duration", "0"),
        ("--duration", "-1"),
        ("--duration", "nan"),
        ("--duration", "inf"),
        ("--duration", "1e9"),
        ("--duration", "five"),
        ("--seed", "-1"),
        ("--seed", "99999999999999999999999"),
        ("--seed", "x"),
        ("--max-wait", "-1"),
        ("--max-wait", "1y"),
        ("--max-wait", "nan"),
        ("--max-wait", "8000h"),
        ("--generator", "nobody"),
        ("--generator", "broken"),
        ("--generator", ""),
        ("--generator", "\x1b[31m"),
        ("--model", ""),
        ("--prompt", ""),
        ("--prompt", "x" * 10_001),
        ("--prompt", "a\x1b[31mb"),
        ("--prompt", "a\0b"),
        ("--player", "../x"),
        ("--param", "loudness"),
        ("--param", "=3"),
        ("--param", "loudness=12"),
        ("--param", "loudness=-1"),
        ("--param", "loudness=much"),
        ("--param", "loudnes=3"),
        ("--param", "loudness=nan"),
        ("--param", "\x1b[31m=3"),
    ],
)
@pytest.mark.parametrize("command", ["request", "available", "explain"])
def test_an_option_that_makes_no_sense(tool: Tool, command: str, words: tuple[str, ...]) -> None:
    given = {name: value for name, value in zip(SOUND[::2], SOUND[1::2], strict=True) if name not in words}
    options = [word for pair in given.items() for word in pair]
    ran = tool(command, "--scene", "park", *options, *words)
    if command == "explain" and words[0] == "--generator" and ran.code == 0:
        # Trouble of one provider is part of what `explain` tells.
        assert "trouble: " in ran.out
        return
    assert_refused(tool, ran)


@pytest.mark.parametrize(("given", "meant"), [("anme", "anime"), ("realstic", "realistic")])
def test_the_nearest_known_word_is_suggested(tool: Tool, given: str, meant: str) -> None:
    assert f"did you mean `{meant}`?" in tool("request", "--scene", "a", "--style", given).err


def test_a_storyboard_outside_its_limits(tool: Tool) -> None:
    for words in (("--duration", "61"), ("--param", "fps=0"), ("--param", "width=63"), ("--param", "widht=64")):
        assert_refused(tool, tool("request", "--scene", "a", "--no-placeholder", *words), code=2)


# --- settings ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[cache\n", "assetctl.toml"),
        ("[cache]\nmax_sise = 1\n", "max_size"),
        ("[cach]\nmax_size = 1\n", "cache"),
        ("[prefetch]\nconcurrency = 'many'\n", "prefetch.concurrency"),
        ("[generation]\nenabled = 3\n", "generation.enabled"),
        ("[library]\nkind = 'cloud'\n", "library.kind"),
        ("cache = 3\n", "cache"),
        ("[profiles]\nx = 1\n", "profiles"),
    ],
)
def test_a_settings_file_that_cannot_be_used(tool: Tool, text: str, said: str) -> None:
    tool.settings(text)
    ran = tool(*INSTANT)
    assert_refused(tool, ran)
    assert said in ran.err


def test_a_settings_file_that_is_no_text(tool: Tool) -> None:
    (tool.work / "assetctl.toml").write_bytes(b"\xff\xfe\x00")
    assert_refused(tool, tool(*INSTANT))


def test_a_settings_file_that_is_a_folder(tool: Tool) -> None:
    (tool.work / "other.toml").mkdir()
    assert_refused(tool, tool("--config", "other.toml", *INSTANT))


@posix_only
def test_a_settings_file_that_may_not_be_read(tool: Tool) -> None:
    file = tool.settings("[")
    # Late imports must still find their files, also in a checkout that nobody else may read: the same command that
    # fails at the same place has loaded everything before root's rights are given up.
    assert_refused(tool, tool("--config", str(file), *INSTANT))
    file.chmod(0)
    with without_roots_rights():
        ran = tool("--config", str(file), *INSTANT)
    assert_refused(tool, ran)
    assert "Permission denied" in ran.err


def test_settings_with_hostile_names_are_shown_safely(tool: Tool) -> None:
    tool.settings('"\\u001b[31m[red]" = 1\n')
    assert_refused(tool, tool(*INSTANT))


@pytest.mark.parametrize("name", ["ASSETCTL_CACHE__MAX_SISE", "ASSETCTL_NONSENSE", "ASSETCTL_DEBUG"])
def test_a_variable_that_cannot_be_used(tool: Tool, name: str) -> None:
    assert_refused(tool, tool(*INSTANT, env={name: "much"}))


def test_a_library_kind_of_a_later_version(tool: Tool) -> None:
    assert_refused(tool, tool(*INSTANT, env={"ASSETCTL_LIBRARY__KIND": "pixsim"}))


# --- data directories -------------------------------------------------------------------------------------------


def test_a_data_folder_that_is_a_file(tool: Tool) -> None:
    tool.data.write_text("mine")
    assert_refused(tool, tool(*INSTANT), code=1)
    assert tool.data.read_text() == "mine"


@posix_only
def test_a_data_folder_that_is_a_link(tool: Tool) -> None:
    real = tool.home / "real"
    real.mkdir(mode=0o700)
    tool.data.symlink_to(real)
    assert_refused(tool, tool(*INSTANT), code=1)
    assert list(real.iterdir()) == []


@posix_only
def test_a_data_folder_that_strangers_may_write_to(tool: Tool) -> None:
    tool.data.mkdir()
    tool.data.chmod(0o777)
    ran = tool(*INSTANT)
    assert_refused(tool, ran, code=1)
    assert "chmod 700" in ran.err


@posix_only
@root_only
def test_a_data_folder_of_somebody_else(tool: Tool) -> None:
    tool.data.mkdir(mode=0o700)
    os.chown(tool.data, 65534, 65534)
    ran = tool(*INSTANT)
    assert_refused(tool, ran, code=1)
    assert "it belongs to" in ran.err


@posix_only
@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a place where nobody may write")
def test_a_data_folder_where_nobody_may_write(tool: Tool) -> None:
    assert_refused(tool, tool("--data-dir", "/proc/assetctl", *INSTANT), code=1)


def test_a_data_folder_with_an_impossible_name(tool: Tool) -> None:
    assert_refused(tool, tool("--data-dir", str(tool.data / ("x" * 300)), *INSTANT), code=1)


@pytest.fixture
def small_disk(tool: Tool) -> Any:
    """The data folder is a disk of its own with 1 MB of room; unmounted afterwards."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        pytest.skip("only root on Linux may mount a small disk")
    libc = ctypes.CDLL(None, use_errno=True)
    tool.data.mkdir(mode=0o700)
    target = os.fsencode(tool.data)
    if libc.mount(b"tmpfs", target, b"tmpfs", 0, b"size=1m,mode=0700") != 0:
        pytest.skip(f"no small disk here: {os.strerror(ctypes.get_errno())}")

    def remount_read_only() -> None:
        assert libc.mount(b"tmpfs", target, b"tmpfs", 0x21, b"size=1m,mode=0700") == 0  # MS_REMOUNT | MS_RDONLY

    yield remount_read_only
    libc.umount2(target, 2)


def fill(folder: Path) -> Path:
    filler = folder / "filler"
    with pytest.raises(OSError, match="No space"):
        write_without_end(filler)
    return filler


def write_without_end(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


def test_a_full_disk_is_one_clear_error_and_hits_go_on(tool: Tool, small_disk: Any) -> None:
    assert small_disk
    assert tool(*INSTANT).code == 0
    filler = fill(tool.data)
    ran = tool(*INSTANT, "--choice", "new")
    assert ran.code == 1
    assert ran.err.count("error: ") == 1
    assert "Traceback" not in ran.err
    assert tool(*INSTANT, "--json").document["source"] == "cached"
    assert tool("cache", "clear", "--all", "--yes").code == 0
    filler.unlink()
    assert tool(*INSTANT, "--choice", "new").code == 0


def test_a_read_only_disk_is_one_clear_error_and_hits_go_on(tool: Tool, small_disk: Any) -> None:
    assert tool(*INSTANT).code == 0
    small_disk()
    ran = tool(*INSTANT, "--choice", "new")
    assert ran.code == 1
    assert "read-only" in ran.err
    assert "Traceback" not in ran.err
    hit = tool(*INSTANT, "--json")
    assert (hit.code, hit.document["source"]) == (0, "cached")
    assert tool.calls("submit") == ["submit"]


def limit_on_files() -> None:
    import resource  # noqa: PLC0415 - POSIX alone has it

    resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))


def unmeasured() -> dict[str, None]:
    """What is taken out of the environment, as coverage would write a file over the limit too, and complain."""
    return dict.fromkeys(name for name in os.environ if name.startswith("COVERAGE_"))


@posix_only
def test_a_limit_on_the_size_of_files_is_one_clear_error(tool: Tool) -> None:
    tool.put_sound("park.wav")
    ran = tool.process(*INSTANT, "--no-placeholder", preexec_fn=limit_on_files, env=unmeasured())
    assert ran.code == 1
    assert "error: " in ran.err
    assert "Traceback" not in ran.err
    assert tool(*INSTANT, "--json").document["source"] == "pre_made"


@posix_only
@pytest.mark.parametrize("words", [("config", "init"), ("manifest", "init", "chapter.toml")])
def test_a_file_to_start_from_that_could_not_be_written_is_not_in_the_way(tool: Tool, words: tuple[str, ...]) -> None:
    ran = tool.process(*words, preexec_fn=limit_on_files, env=unmeasured())
    assert (ran.code, ran.out) == (1, "")
    assert "Traceback" not in ran.err
    assert tool(*words).path.stat().st_size > 100


# --- library files ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"RIFF\x24\x00", b"not media at all" * 100])
def test_a_library_file_that_is_not_playable(tool: Tool, content: bytes) -> None:
    path = tool.put_sound("park.wav")
    path.write_bytes(content)
    ran = tool(*INSTANT)
    assert_refused(tool, ran, code=ran.code)
    assert ran.code in (1, 8)
    assert "park.wav" in ran.err
    assert tool(*INSTANT, "--generate-on-trouble").code == 0


def test_a_library_file_that_is_cut_off(tool: Tool) -> None:
    path = tool.work / "assets" / "park.mp4"
    tool("request", "--scene", "x", "--duration", "0.5", "--param", "fps=4", "--param", "width=64", "-o", str(path))
    path.write_bytes(path.read_bytes()[:700])
    ran = tool("request", "--scene", "park", "--no-generate")
    assert ran.code in (1, 8)
    assert "park.mp4" in ran.err


def test_a_library_file_of_another_type_than_its_name_says(tool: Tool) -> None:
    write_sound(tool.work / "assets" / "park.mp4")
    ran = tool("request", "--scene", "park", "--no-generate")
    assert ran.code in (1, 8)
    assert "park.mp4" in ran.err


def test_a_library_file_of_another_type_than_asked_is_no_match(tool: Tool) -> None:
    tool.put_sound("park.wav")
    assert tool("request", "--scene", "park", "--no-generate", "--no-placeholder").code == 7


def test_a_library_that_is_a_file(tool: Tool) -> None:
    (tool.work / "assets").write_text("")
    assert_refused(tool, tool(*INSTANT), code=1)


# --- blobs and the index ----------------------------------------------------------------------------------------


def blob_of(tool: Tool) -> Path:
    path = tool(*INSTANT).path
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("damage", ["changed", "cut", "deleted"])
def test_a_damaged_blob_is_never_served(tool: Tool, damage: str) -> None:
    blob = blob_of(tool)
    sound = blob.read_bytes()
    match damage:
        case "changed":
            blob.write_bytes(sound[:-1] + b"\x01")
        case "cut":
            blob.write_bytes(sound[:100])
        case _:
            blob.unlink()
    ran = tool(*INSTANT, "--json")
    assert ran.code == 0
    assert ran.document["source"] == "generated"
    assert Path(ran.document["path"]).read_bytes() == sound


@pytest.mark.parametrize("damage", ["changed", "cut", "deleted"])
def test_a_damaged_blob_that_was_paid_for_is_fetched_again_and_never_bought_again(tool: Tool, damage: str) -> None:
    paid = (*INSTANT[:-1], "paid")
    blob = tool(*paid).path
    blob.chmod(0o600)
    if damage == "deleted":
        blob.unlink()
    else:
        blob.write_bytes(blob.read_bytes()[:100] if damage == "cut" else b"x" * blob.stat().st_size)
    assert tool(*paid).code == 0
    assert tool.calls("submit") == ["submit"]


@pytest.mark.parametrize("content", [None, b"", b"garbage" * 1000, b"SQLite format 3\0" + bytes(4096)])
def test_a_lost_index_is_rebuilt_and_the_answer_is_still_a_hit(tool: Tool, content: bytes | None) -> None:
    tool(*INSTANT)
    (index,) = tool.data.rglob("index.sqlite3")
    for beside in index.parent.glob("index.sqlite3?*"):
        beside.unlink()
    if content is None:
        index.unlink()
    else:
        index.write_bytes(content)
    ran = tool(*INSTANT, "--json")
    assert (ran.code, ran.document["source"]) == (0, "cached")
    assert tool.calls("submit") == ["submit"]


def test_a_damaged_journal_stops_orders_and_nothing_else(tool: Tool) -> None:
    tool(*INSTANT)
    journal = tool.data / "journal.sqlite3"
    journal.write_bytes(b"garbage" * 1000)
    assert tool(*INSTANT).code == 0
    ran = tool(*INSTANT, "--choice", "new", "--json")
    assert (ran.code, ran.error["code"]) == (1, "journal_failed")
    assert journal.read_bytes() == b"garbage" * 1000
    assert tool.calls("submit") == ["submit"]


# --- inputs -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("--image", "gone.png"), "can't be read"),
        (("--image", "notes.txt"), "neither an image nor a video"),
        (("--video", "lantern.png"), "is no video"),
        (("--image", "cut.png"), "is not whole"),
        (("--image", "."), "can't be read"),
        (("--image", " "), "`--image` is empty"),
        (("--image", "ftp://example.com/a.png"), "no address of an input"),
        (("--asset-ref", "12"), "no reference to an asset"),
        (("--asset-ref", "hero="), "no reference to an asset"),
    ],
)
def test_an_input_that_cannot_be_used(tool: Tool, words: tuple[str, ...], what: str) -> None:
    put_inputs(tool)
    ran = tool.process(*INSTANT, *words)
    assert_refused(tool, ran)
    assert what in ran.err


PNG = b"\x89PNG\r\n\x1a\n" + b"pixels" + b"IEND\xaeB`\x82"


def put_inputs(tool: Tool) -> None:
    (tool.work / "lantern.png").write_bytes(PNG)
    (tool.work / "cut.png").write_bytes(PNG[:-8])
    (tool.work / "notes.txt").write_text("words, and no more")
