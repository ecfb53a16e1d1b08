"""`assetctl config show|path|init|validate|trust`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest
    from cli_harness import Tool


def test_show_lists_every_setting_and_where_it_comes_from(tool: Tool) -> None:
    tool.settings("[cache]\nmax_size = '1GB'\n")
    plain, told = tool("config", "show"), tool("config", "show", "--origin")
    assert "cache.max_size" in plain.out
    assert "assetctl.toml" not in plain.out
    assert "assetctl.toml" in told.out
    document = tool("config", "show", "--json").document
    assert document["generation.enabled"] == {"value": True, "origin": "default"}
    assert document["data_dir"] == {"value": str(tool.data), "origin": "option --data-dir"}


def test_show_never_tells_a_token(tool: Tool) -> None:
    env = {"ASSETCTL_TOKEN": "sentinel-4711"}
    for words in (("config", "show"), ("config", "show", "--origin"), ("config", "show", "--json"), ("doctor",)):
        ran = tool(*words, env=env)
        assert ran.code == 0
        assert "sentinel" not in ran.out + ran.err


def test_path_lists_the_files_strongest_first(tool: Tool) -> None:
    file = tool.settings("")
    document = tool("config", "path", "--json").document
    assert document[0] == {"kind": "project", "path": str(file), "exists": True, "is_read": True}
    assert [one["kind"] for one in document] == ["project", "user"]
    assert "not there" in tool("config", "path").out
    assert tool("config", "path", "-q").path == file


def test_a_project_file_above_the_folder_counts(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tool.settings("")
    below = tool.work / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert tool("config", "path", "-q").path == file


def test_init_writes_a_file_that_validates(tool: Tool) -> None:
    written = tool("config", "init").path
    assert written == tool.work / "assetctl.toml"
    assert "[generation]" in written.read_text()
    ran = tool("config", "validate")
    assert (ran.code, ran.out) == (0, "")
    assert str(written) in ran.err


def test_init_makes_the_user_file_or_the_named_one(tool: Tool) -> None:
    user = tool("config", "init", "--user").path
    assert user.is_relative_to(tool.home)
    assert tool("config", "init", "deep/er/my.toml").path == tool.work / "deep" / "er" / "my.toml"


def test_init_never_replaces_a_file(tool: Tool) -> None:
    file = tool.settings("# mine\n")
    ran = tool("config", "init", "--quiet")
    assert (ran.code, ran.out) == (2, "")
    assert "it is never replaced" in ran.err
    assert file.read_text() == "# mine\n"


def test_init_below_a_file_is_a_clear_error(tool: Tool) -> None:
    tool.settings("")
    ran = tool("config", "init", "assetctl.toml/more/x.toml")
    assert ran.code == 1
    assert "error: " in ran.err


def test_validate_tells_each_problem_with_its_line_and_what_to_write(tool: Tool) -> None:
    file = tool.settings("[cache]\nmax_sise = 3\n[generation]\nenabled = 'perhaps'\n")
    ran = tool("config", "validate")
    assert ran.code == 2
    assert f"{file}:2" in ran.out
    assert "max_size" in ran.out
    document = tool("config", "validate", "--json").document
    assert [(one["line"], one["name"]) for one in document] == [(2, "cache.max_sise"), (4, "generation.enabled")]
    assert tool("config", "validate", "assetctl.toml").code == 2


def test_validate_with_no_file_says_so(tool: Tool) -> None:
    ran = tool("config", "validate")
    assert (ran.code, ran.err) == (0, "nothing to check: no settings file is read\n")
    assert tool("config", "validate", "--json").document == []


def test_validate_finds_what_only_the_environment_gets_wrong(tool: Tool) -> None:
    assert tool("config", "validate", env={"ASSETCTL_CACHE__MAX_SIZE": "much"}).code == 2


def test_a_project_file_may_not_set_the_data_folder_until_it_is_trusted(tool: Tool) -> None:
    file = tool.settings("data_dir = 'elsewhere'\n[backend]\nurl = 'http://127.0.0.1:1'\n")
    refused = tool("config", "show", "--json")
    assert refused.code == 2
    assert "config trust" in refused.error["hint"]
    trusted = tool("config", "trust")
    assert (trusted.code, trusted.out) == (0, "")
    assert "it may set backend.url" in trusted.err
    assert tool("config", "show", "--json").document["backend.url"]["value"] == "http://127.0.0.1:1"
    file.write_text(file.read_text() + "# changed\n")
    assert tool("config", "show").code == 2
    assert tool("config", "trust", str(file), "-q") == tool("-q", "config", "trust", "assetctl.toml")
    assert tool("config", "show").code == 0


def test_there_is_nothing_to_trust_without_a_project_file(tool: Tool) -> None:
    ran = tool("config", "trust")
    assert ran.code == 2
    assert "assetctl config trust FILE" in ran.err


def test_the_strongest_place_wins(tool: Tool) -> None:
    user = tool("config", "init", "--user").path
    user.write_text("[generation]\nmax_wait_s = 1\n[cache]\nmax_size = '1GB'\n[prefetch]\nconcurrency = 1\n")
    tool.settings("[cache]\nmax_size = '2GB'\n[prefetch]\nconcurrency = 2\n")
    document = tool("config", "show", "--json", env={"ASSETCTL_PREFETCH__CONCURRENCY": "3"}).document
    values = [document[name]["value"] for name in ("generation.max_wait_s", "cache.max_size", "prefetch.concurrency")]
    assert values == [1.0, "2 GB", 3]
    assert document["prefetch.concurrency"]["origin"] == "env ASSETCTL_PREFETCH__CONCURRENCY"


def test_a_profile_overlays_the_rest(tool: Tool) -> None:
    tool.settings("[generation]\nenabled = true\n[profiles.ci.generation]\nenabled = false\n")
    shown = tool("--profile", "ci", "config", "show", "--json").document
    assert shown["generation.enabled"]["value"] is False
    assert "false" in tool("--profile", "ci", "config", "show").out
    assert tool("--profile", "cl", "config", "show").code == 2


def test_a_config_file_named_by_an_option_is_used(tool: Tool) -> None:
    other = tool.work / "other.toml"
    other.write_text("[prefetch]\nconcurrency = 5\n")
    shown = tool("--config", str(other), "config", "show", "--json").document
    assert shown["prefetch.concurrency"]["value"] == 5
    assert tool("--config", "missing.toml", "config", "show").code == 2


def test_generation_that_is_switched_off_is_not_asked(tool: Tool) -> None:
    tool.settings("[generation]\nenabled = false\n")
    assert tool("request", "--scene", "park", "--no-placeholder").code == 7
    assert Path("assets").exists() is False
