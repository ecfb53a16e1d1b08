"""A project's file may not decide where credentials or files go, until the user trusted exactly this file."""

from __future__ import annotations

import json
import os
import stat
import sys

import pytest

from assetctl.errors import ConfigError
from assetctl.settings import check, known_settings, load, trust

_RESTRICTED = {
    "data_dir": "data_dir = 'elsewhere'\n",
    "backend.url": "[backend]\nurl = 'https://evil.example.com'\n",
    "backend.ca_file": "[backend]\nca_file = 'theirs.pem'\n",
    "backend.token": "[backend]\ntoken = 'theirs'\n",
    "cache.shared": "[cache]\nshared = '/srv/theirs'\n",
}


def test_exactly_these_settings_are_restricted():
    assert {setting.name for setting in known_settings() if setting.is_restricted} == _RESTRICTED.keys()


@pytest.mark.parametrize("name", _RESTRICTED)
@pytest.mark.parametrize("in_profile", [False, True])
def test_untrusted_project_file_may_not_set_them(project, dirs, write_project, name, in_profile):
    text = _RESTRICTED[name]
    if in_profile:
        text = text.replace("[", "[profiles.x.", 1) if "[" in text else f"[profiles.x]\n{text}"
    file = write_project(text)
    file.chmod(0o600)
    with pytest.raises(ConfigError) as caught:
        load(environ={}, cwd=project, dirs=dirs, profile="x" if in_profile else None)
    shown = f"profiles.x.{name}" if in_profile else name
    assert f"a project file may not set `{shown}`" in caught.value.what
    assert caught.value.hint == f"look at it, then: assetctl config trust {file}"


@pytest.mark.skipif(os.name == "nt", reason="shells differ")
def test_command_of_the_hint_is_quoted(tmp_path, dirs):
    folder = tmp_path / "my $(game)"
    folder.mkdir()
    (folder / "assetctl.toml").write_text("data_dir = 'x'\n")
    with pytest.raises(ConfigError) as caught:
        load(environ={}, cwd=folder, dirs=dirs)
    assert caught.value.hint.endswith(f"assetctl config trust '{folder}/assetctl.toml'")


def test_a_profile_nobody_asked_for_is_restricted_too(project, dirs, write_project):
    write_project("[profiles.x]\nbackend.url = 'https://evil.example.com'\n")
    with pytest.raises(ConfigError, match="may not set"):
        load(environ={}, cwd=project, dirs=dirs)


def test_trusted_file_may_set_them_until_it_changes(project, dirs, write_project):
    file = write_project("data_dir = 'd'\n[backend]\nurl = 'https://ours.example.com'\n")
    assert trust(file, dirs=dirs) == ("data_dir", "backend.url")
    settings = load(environ={}, cwd=project, dirs=dirs)
    assert (settings.data_dir, settings.backend.url) == (project / "d", "https://ours.example.com")
    assert check(file, dirs=dirs) == []
    write_project("data_dir = 'd'\n[backend]\nurl = 'https://evil.example.com'\n")
    with pytest.raises(ConfigError, match="may not set"):
        load(environ={}, cwd=project, dirs=dirs)


def test_trust_is_about_the_path_too(tmp_path, project, dirs, write_project):
    content = "data_dir = 'd'\n"
    trust(write_project(content), dirs=dirs)
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "assetctl.toml").write_text(content)
    with pytest.raises(ConfigError, match="may not set"):
        load(environ={}, cwd=copy, dirs=dirs)
    assert load(environ={}, cwd=project, dirs=dirs).data_dir == project / "d"


def test_trust_of_two_files_is_kept_by_the_user_alone(tmp_path, dirs, write_project):
    first = write_project("data_dir = 'd'\n")
    second = tmp_path / "assetctl.toml"
    second.write_text("[prefetch]\n")
    assert trust(first, dirs=dirs) == ("data_dir",)
    assert trust(second, dirs=dirs) == ()
    stored = dirs.config / "trusted.json"
    assert json.loads(stored.read_text())["trusted"].keys() == {str(first.resolve()), str(second.resolve())}
    assert [entry.name for entry in dirs.config.iterdir()] == ["trusted.json"]
    if os.name != "nt":
        assert stat.S_IMODE(stored.stat().st_mode) == 0o600
        assert stat.S_IMODE(dirs.config.stat().st_mode) == 0o700


def test_user_file_and_explicit_file_are_the_users_own(project, dirs, write_user, write_project):
    write_user("[backend]\nurl = 'https://ours.example.com'\n")
    assert load(environ={}, cwd=project, dirs=dirs).backend.url == "https://ours.example.com"
    named = write_project("[backend]\nurl = 'https://named.example.com'\n")
    assert load(environ={}, cwd=project, dirs=dirs, config=named).backend.url == "https://named.example.com"


def test_harmless_project_file_needs_no_trust(project, dirs, write_project):
    write_project("[generation]\nenabled = false\n")
    assert not load(environ={}, cwd=project, dirs=dirs).generation.enabled
    assert not dirs.config.exists()


def test_file_that_is_no_toml_is_not_trusted(dirs, write_project):
    with pytest.raises(ConfigError, match="not TOML"):
        trust(write_project("["), dirs=dirs)
    assert not dirs.config.exists()


@pytest.mark.parametrize(
    "content",
    ["{", "[]", "{}", '{"schema": "other/1", "trusted": {}}', '{"schema": "assetctl.trust/1", "trusted": []}'],
)
def test_garbled_list_gives_no_trust_and_is_not_overwritten(project, dirs, write_project, content):
    file = write_project("data_dir = 'd'\n")
    dirs.config.mkdir(parents=True)
    (dirs.config / "trusted.json").write_text(content)
    for attempt in (lambda: load(environ={}, cwd=project, dirs=dirs), lambda: trust(file, dirs=dirs)):
        with pytest.raises(ConfigError, match="no list of trusted files"):
            attempt()
    assert (dirs.config / "trusted.json").read_text() == content


def test_list_that_cannot_be_read_is_an_error(project, dirs, write_project):
    write_project("data_dir = 'd'\n")
    (dirs.config / "trusted.json").mkdir(parents=True)
    with pytest.raises(ConfigError, match="cannot be read"):
        load(environ={}, cwd=project, dirs=dirs)


def test_trust_without_a_folder_to_store_it_in_is_an_error(dirs, write_project):
    file = write_project("data_dir = 'd'\n")
    dirs.config.parent.mkdir(parents=True, exist_ok=True)
    dirs.config.symlink_to(dirs.config.parent / "nowhere")
    with pytest.raises(ConfigError, match="cannot be stored"):
        trust(file, dirs=dirs)


@pytest.mark.skipif(os.name == "nt", reason="needs a limit on file sizes")
def test_trust_that_cannot_be_written_is_an_error_and_keeps_the_old_list(dirs, write_project, monkeypatch):
    import resource  # noqa: PLC0415 - exists on Unix alone

    file = write_project("data_dir = 'd'\n")
    trust(file, dirs=dirs)
    before = (dirs.config / "trusted.json").read_bytes()
    write_project("data_dir = 'e'\n")
    # A cut byte-code file would spoil every later process.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, hard))
    try:
        with pytest.raises(ConfigError, match="cannot be stored") as caught:
            trust(file, dirs=dirs)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.why == "File too large"
    assert {entry.name: entry.read_bytes() for entry in dirs.config.iterdir()} == {"trusted.json": before}
