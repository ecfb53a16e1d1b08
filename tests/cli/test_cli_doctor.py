"""`assetctl doctor`: what is found, and what to mend."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from cli_harness import INSTANT

from assetctl import filesystem

if TYPE_CHECKING:
    from cli_harness import Ran, Tool


def found(ran: Ran) -> dict[str, tuple[str, str]]:
    return {one["check"]: (one["health"], one["detail"]) for one in ran.document if one["check"] != "generator"}


def test_a_fresh_machine_is_healthy(tool: Tool) -> None:
    ran = tool("doctor", "--json")
    assert ran.code == 0
    checks = found(ran)
    assert {health for health, _ in checks.values()} == {"ok"}
    assert set(checks) == {"python", "settings", "disk", "cache", "journal", "library"}


def test_a_broken_plug_in_is_reported_and_is_no_failure(tool: Tool) -> None:
    ran = tool("doctor")
    assert ran.code == 0
    assert "warning  generator  broken: ModuleNotFoundError" in ran.out
    assert "next: reinstall" in ran.out


def test_what_is_there_is_counted(tool: Tool) -> None:
    tool.put_sound("hall.wav")
    tool(*INSTANT)
    tool(*INSTANT[:-1], "slow", "--detach")
    checks = found(tool("doctor", "--json"))
    assert checks["cache"][1].startswith("1 entry")
    assert checks["journal"] == ("warning", "1 job is open")
    assert checks["library"] == ("ok", str(tool.work / "assets"))


def test_settings_tell_where_they_come_from(tool: Tool) -> None:
    tool.settings("[prefetch]\nconcurrency = 2\n")
    assert "assetctl.toml" in found(tool("doctor", "--json"))["settings"][1]
    assert tool.process("doctor", "--json", env={"ASSETCTL_DATA_DIR": ""}).document[1]["detail"].endswith(".toml")


def test_a_library_with_broken_files_is_a_warning(tool: Tool) -> None:
    tool.put_sound("hall.wav", "not toml at all [")
    health, detail = found(tool("doctor", "--json"))["library"]
    assert health == "warning"
    assert "hall.wav" in detail


def test_a_library_that_should_be_there_and_is_not_is_a_failure(tool: Tool) -> None:
    tool.settings("[library]\npath = 'nowhere'\n")
    ran = tool("doctor", "--json")
    assert ran.code == 1
    assert found(ran)["library"][0] == "failed"


def test_settings_that_cannot_be_read_are_a_failure(tool: Tool) -> None:
    tool.settings("[cache\n")
    ran = tool("doctor", "--json")
    assert ran.code == 1
    assert found(ran)["settings"][0] == "failed"


def test_a_data_folder_that_is_a_file_is_a_failure_of_all_that_lies_in_it(tool: Tool) -> None:
    tool.data.write_text("")
    ran = tool("doctor", "--json")
    assert ran.code == 1
    assert found(ran)["disk"][0] == "failed"


def test_a_damaged_journal_is_a_failure_with_a_hint(tool: Tool) -> None:
    tool(*INSTANT)
    (tool.data / "journal.sqlite3").write_bytes(b"garbage" * 1000)
    ran = tool("doctor")
    assert ran.code == 1
    assert "failed   journal" in ran.out
    assert "next: nothing was ordered" in ran.out


def test_a_journal_of_a_newer_version_is_left_alone(tool: Tool) -> None:
    tool(*INSTANT)
    path = tool.data / "journal.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    before = path.read_bytes()
    assert found(tool("doctor", "--json"))["journal"][0] == "failed"
    assert path.read_bytes() == before


def test_a_disk_with_less_room_than_wanted_is_a_warning(tool: Tool) -> None:
    tool.settings("[cache]\nmin_free = '9000PB'\n")
    assert found(tool("doctor", "--json"))["disk"][0] == "warning"


def test_the_kind_of_file_system_is_told(tool: Tool) -> None:
    detail = found(tool("doctor", "--json"))["disk"][1]
    assert detail.endswith(f"({filesystem.kind_of(tool.work).name})")


def test_a_shared_folder_is_looked_at(tool: Tool) -> None:
    team = tool.work / "team"
    team.mkdir()
    team.chmod(0o2770)
    environment = {"ASSETCTL_CACHE__SHARED": str(team)}
    assert found(tool("doctor", "--json", env=environment))["shared"][0] == "ok"
    team.chmod(0o2777)
    ran = tool("doctor", env=environment)
    assert ran.code == 1
    assert "everybody may write to it" in ran.out
    assert "install -d" in ran.out
