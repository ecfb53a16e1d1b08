"""One tool for every test of the command line, what it may find in its cache, and a backend to talk to."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from cli_harness import INSTANT, PLUGIN, Tool

from assetctl.clock import SystemClock
from service.harness import LookAlike

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from service.harness import Account

_numbers = count()


@pytest.fixture
def tool(clean_environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tool]:
    """The command line in an empty home and folder, with the scripted generators installed."""
    monkeypatch.syspath_prepend(str(PLUGIN))
    made = Tool(home=clean_environment, work=tmp_path / "work", data=tmp_path / "data")
    yield made
    made.close()


@pytest.fixture
def hour_passes(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour passes in this process once a scripted generator was asked how a job is."""
    elapsed_s = SystemClock.elapsed_s
    monkeypatch.setattr(
        SystemClock, "elapsed_s", lambda clock: elapsed_s(clock) + (3600.0 if tool.calls("status") else 0.0)
    )


@pytest.fixture
def three(tool: Tool) -> dict[str, dict[str, Any]]:
    """Three cached answers by scene: a generated one, one that was paid for, one from the library."""
    tool.put_sound("hall.wav")
    words = ("--type", "audio", "--json")
    return {
        "park": tool(*INSTANT, "--choice", "go", "--json").document,
        "lake": tool("request", "--scene", "lake", "--generator", "paid", *words).document,
        "hall": tool("request", "--scene", "hall", *words).document,
    }


@pytest.fixture(scope="module")
def server() -> Iterator[LookAlike]:
    """A backend for all tests of a module, each of them with a `user` of its own."""
    with LookAlike() as server:
        yield server


@pytest.fixture
def user(server: LookAlike, tool: Tool, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """Somebody with a token, whose commands talk to the server."""
    del tool
    account = server.user(f"person_{next(_numbers)}")
    monkeypatch.setenv("ASSETCTL_BACKEND__URL", server.url)
    monkeypatch.setenv("ASSETCTL_TOKEN", account.token)
    yield account
    server.clear_faults()
    server.clear_scripts()
    assert not server.sightings()


@pytest.fixture
def another(server: LookAlike) -> Account:
    """Somebody else at the server."""
    return server.user(f"person_{next(_numbers)}")
