"""The example file is generated, complete, true about the defaults, and loads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from assetctl.settings import check, example_toml, known_settings, load

_FILE = Path(__file__).parents[2] / "config.example.toml"


@pytest.fixture
def uncommented() -> str:
    return re.sub(r"(?m)^#(?=[\w\[])", "", example_toml())


def test_file_is_what_the_function_writes():
    assert _FILE.read_text(encoding="utf-8") == example_toml()


def test_each_setting_appears_with_its_help():
    text = example_toml()
    for setting in known_settings():
        section, _, leaf = setting.name.rpartition(".")
        part = text.partition(f"[{section}]\n")[2].partition("\n[")[0] if section else text.partition("\n[")[0]
        assert re.search(rf"(?m)^#?{leaf} = ", part), setting.name
        assert setting.help in part


def test_lines_are_short_enough_to_read():
    assert max(len(line) for line in example_toml().splitlines()) <= 120


def test_as_project_file_it_changes_nothing(tmp_path, dirs):
    plain = load(environ={}, cwd=tmp_path, dirs=dirs)
    (tmp_path / "assetctl.toml").write_text(example_toml(), encoding="utf-8")
    loaded = load(environ={}, cwd=tmp_path, dirs=dirs)
    assert check(tmp_path / "assetctl.toml", dirs=dirs) == []
    assert {name: getattr(loaded, name) for name in loaded.__slots__ if name != "origins"} == {
        name: getattr(plain, name) for name in plain.__slots__ if name != "origins"
    }


def test_as_user_file_with_all_lines_active_every_setting_comes_from_it(tmp_path, dirs, uncommented):
    dirs.config.mkdir(parents=True)
    file = dirs.config / "config.toml"
    file.write_text(uncommented, encoding="utf-8")
    file.chmod(0o600)
    settings = load(environ={}, cwd=tmp_path, dirs=dirs)
    assert set(settings.origins.values()) == {str(file)}
    assert settings.origins.keys() == {setting.name for setting in known_settings()}


def test_its_profile_can_be_asked_for(tmp_path, dirs, uncommented):
    file = tmp_path / "mine.toml"
    file.write_text(uncommented, encoding="utf-8")
    file.chmod(0o600)
    assert load(environ={}, cwd=tmp_path, dirs=dirs, config=file, profile="ci").generation.enabled is False
