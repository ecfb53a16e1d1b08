"""What a start loads, asked of a fresh interpreter; and what `--help` promises, tried."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import typer.main
from cli_harness import DEADLINE_S, INSTANT

from assetctl.cli.app import COMMANDS, app
from assetctl.media.placeholder import write_placeholder
from assetctl.models import AssetRequest
from service.harness import LookAlike

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cli_harness import Tool

# Runs as the console script would; what is loaded by then is told on the last line of stderr.
PROBE = """
import sys, json
from assetctl.cli.main import main
sys.argv[0] = "assetctl"
try:
    main()
finally:
    print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})), file=sys.stderr)
"""


def loaded(tool: Tool, *words: str, env: dict[str, str] | None = None) -> set[str]:
    """The packages that a run of `words` loaded."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *words],
        cwd=tool.work,
        env=tool.environment(env),
        capture_output=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return set(json.loads(done.stderr.splitlines()[-1]))


PROMISED = {"httpx", "diskcache", "av", "PIL", "pydantic_settings"}


@pytest.mark.parametrize("words", [("--help",), ("--version",), ("request", "--help"), ("cache", "ls", "--help")])
def test_help_and_version_load_nothing_heavy(tool: Tool, words: tuple[str, ...]) -> None:
    assert loaded(tool, *words) & PROMISED == set()


@pytest.mark.parametrize(
    ("line", "offered"),
    [("assetctl re", "request"), ("assetctl request --sty", "--style"), ("assetctl request --style ", "anime")],
)
def test_completion_loads_nothing_heavy(tool: Tool, line: str, offered: str) -> None:
    words = line.split(" ")
    env = {
        "_ASSETCTL_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    assert offered
    assert loaded(tool, env=env) & PROMISED == set()


def test_a_warm_hit_loads_neither_media_nor_network_nor_tables(tool: Tool) -> None:
    tool(*INSTANT)
    heavy = PROMISED | {"rich", "pydantic", "anyio", "asyncio", "filelock"}
    assert loaded(tool, *INSTANT) & heavy == set()


def test_a_warm_hit_of_what_a_backend_once_gave_does_not_load_the_network(tool: Tool) -> None:
    tool(*INSTANT)
    backend = {"ASSETCTL_BACKEND__URL": "http://127.0.0.1:9", "ASSETCTL_GENERATION__GENERATOR": "instant"}
    ran = tool(*INSTANT, "--provider", "pixverse")
    assert ran.code == 0
    heavy = PROMISED - {"pydantic_settings"} | {"anyio", "keyring"}
    assert loaded(tool, *INSTANT, "--provider", "pixverse", env=backend) & heavy == set()


def commands() -> dict[tuple[str, ...], Any]:
    """Every command by its words."""
    group = typer.main.get_command(app)
    context = group.make_context("assetctl", [], resilient_parsing=True)
    found: dict[tuple[str, ...], Any] = {}
    for name in COMMANDS:
        command = group.get_command(context, name)  # type: ignore[attr-defined]
        below = getattr(command, "commands", None)
        if below is None:
            found[name,] = command
        else:
            found |= {(name, word): one for word, one in below.items()}
    return found


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_explains_itself_with_an_example(tool: Tool, words: tuple[str, ...]) -> None:
    ran = tool(*words, "--help")
    assert ran.code == 0
    assert "Example: assetctl " + " ".join(words) in " ".join(ran.out.split())


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_example_works(
    tool: Tool, small_video: Path, words: tuple[str, ...], request: pytest.FixtureRequest
) -> None:
    example = re.fullmatch(r"Example: assetctl (.*)", commands()[words].epilog)
    assert example is not None
    given = shlex.split(example[1])
    assert tuple(given[: len(words)]) == words
    stdin = request.getfixturevalue("password_of_designer") if words[0] == "auth" else None
    if words == ("manifest", "export"):
        request.getfixturevalue("scene_of_designer")
    assert tool(*_in_a_world_for(tool, given, small_video), stdin=stdin).code == 0


@pytest.fixture
def password_of_designer(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The designer's, who is logged in at a backend."""
    with LookAlike() as server:
        monkeypatch.setenv("ASSETCTL_BACKEND__URL", server.url)
        designer = server.user("designer")
        assert tool("auth", "login", "--with-token", stdin=designer.token).code == 0
        yield designer.password


@pytest.fixture
def scene_of_designer(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Scene 5, at a backend that the designer may use."""
    with LookAlike() as server:
        monkeypatch.setenv("ASSETCTL_BACKEND__URL", server.url)
        monkeypatch.setenv("ASSETCTL_TOKEN", server.user("designer").token)
        server.scenes([{"id": 5, "entry_node_id": 1, "nodes": [{"id": 1, "asset_id": 1}]}])
        yield


@pytest.fixture(scope="session")
def small_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A playable clip, made once."""
    path = tmp_path_factory.mktemp("video") / "small.mp4"
    write_placeholder(path, AssetRequest(scene_id="small", duration_s=0.5), "for a test")
    return path


def _in_a_world_for(tool: Tool, words: list[str], small_video: Path) -> list[str]:
    """`words`, with what they speak of made true: an asset in the library, a cached answer, a running job."""
    tool.put_sound("x.wav")
    video = tool.work / "assets" / "romance_5" / "confess.mp4"
    video.parent.mkdir(parents=True)
    shutil.copy(small_video, video)
    match words[:2]:
        case ["jobs", "show" | "cancel" | "wait"]:
            job_id = tool(*INSTANT[:-1], "slow", "--detach", "--json").error["job_id"]
            if words[1] == "wait":
                tool.release()
            return [*words[:2], job_id]
        case ["config", "trust"]:
            tool.settings("")
        case ["manifest", "check"] | ["prefetch", _] | ["coverage", _]:
            tool("manifest", "init", "chapter.toml")
        case ["cache", _]:
            key = tool("request", "--scene", "romance_5", "--choice", "confess", "--json").document["key"]
            if words[1] == "undo":
                assert tool("cache", "clear", "--all", "--yes").code == 0
            return [key if re.fullmatch(r"[0-9a-f]{4,64}", word) else word for word in words]
    return words
