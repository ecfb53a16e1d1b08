"""The command line over a shared folder, and with answers of libraries remembered or asked for anew."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from cli_harness import INSTANT

from assetctl.cache.store import AssetCache
from assetctl.events import AssetEventBus
from assetctl.library.remembered import RememberedLibrary
from assetctl.settings import load
from assetctl.wiring import Stack, Surroundings
from fakes import FakeClock, FakeLibrary

if TYPE_CHECKING:
    from pathlib import Path

    from cli_harness import Tool

needs_groups = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX groups")


class FarLibrary(FakeLibrary):
    needs_network = True


def stack_of(folder: Path, *, refresh: bool = False) -> Stack:
    settings = load(environ={"ASSETCTL_DATA_DIR": str(folder / "data")}, cwd=folder)
    return Stack(Surroundings(settings, events=AssetEventBus(), clock=FakeClock(), refresh=refresh))


@needs_groups
def test_what_one_data_folder_made_another_is_given(tool: Tool) -> None:
    team = tool.work / "team"
    team.mkdir()
    team.chmod(0o2770)
    shared = {"ASSETCTL_CACHE__SHARED": str(team)}
    first = tool(*INSTANT, "--json", env=shared).document
    tool.data = tool.work / "another"
    second = tool(*INSTANT, "--json", env=shared).document
    assert second["source"] == "cached"
    assert second["sha256"] == first["sha256"]
    assert second["path"].startswith(str(tool.data))


@needs_groups
def test_a_shared_folder_open_to_everybody_stops_the_request(tool: Tool) -> None:
    team = tool.work / "team"
    team.mkdir()
    team.chmod(0o2777)
    ran = tool(*INSTANT, env={"ASSETCTL_CACHE__SHARED": str(team)})
    assert ran.code == 1
    assert "everybody may write to it" in ran.err
    assert "next:" in ran.err or "install -d" in ran.err


def test_a_library_that_needs_the_network_is_remembered_and_nothing_is_opened_for_it(tmp_path: Path) -> None:
    assert isinstance(stack_of(tmp_path).libraries.remembered(FarLibrary(tmp_path / "far")), RememberedLibrary)
    assert not (tmp_path / "data").exists()


def test_refresh_reaches_the_remembered_library(tmp_path: Path) -> None:
    far = FarLibrary(tmp_path / "far", recheck_after_s=60.0)
    assert stack_of(tmp_path).libraries.remembered(far).recheck_after_s == 60.0
    assert stack_of(tmp_path, refresh=True).libraries.remembered(far).recheck_after_s == 0.0


def test_without_a_shared_folder_the_cache_is_the_users_own(tmp_path: Path) -> None:
    assert type(stack_of(tmp_path).cache) is AssetCache


@pytest.mark.parametrize("command", ["request", "explain", "available"])
def test_refresh_is_taken_where_a_library_is_asked(tool: Tool, command: str) -> None:
    tool.put_sound("park.wav")
    ran = tool(command, "--scene", "park", "--type", "audio", "--refresh")
    assert ran.code == 0, ran.err
