from __future__ import annotations

import pytest

from assetctl.settings import UserDirs


@pytest.fixture
def dirs(tmp_path) -> UserDirs:
    return UserDirs(home=tmp_path / "home", config=tmp_path / "home/config", data=tmp_path / "home/data")


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "game"
    folder.mkdir()
    return folder


@pytest.fixture
def write_project(project):
    def write(text: str):
        file = project / "assetctl.toml"
        file.write_text(text, encoding="utf-8")
        return file

    return write


@pytest.fixture
def write_user(dirs):
    def write(text: str, mode: int = 0o600):
        dirs.config.mkdir(parents=True, exist_ok=True)
        file = dirs.config / "config.toml"
        file.write_text(text, encoding="utf-8")
        file.chmod(mode)
        return file

    return write
