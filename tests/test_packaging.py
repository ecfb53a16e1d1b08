"""What an installer and a checkout get; the wheel itself is built and tried by .ci/run."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from importlib.metadata import distribution, entry_points
from pathlib import Path

import pytest

import assetctl

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def tracked_files() -> list[str]:
    """A line per committed file: mode, hash, stage and path."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run([git, "ls-files", "-s"], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True)
    return listed.stdout.splitlines()


def test_package_says_that_it_is_typed():
    assert Path(assetctl.__file__).with_name("py.typed").exists()


def test_installed_metadata_is_that_of_the_checkout():
    installed = distribution("assetctl")

    assert installed.version == PROJECT["version"]
    assert installed.metadata["Requires-Python"] == PROJECT["requires-python"]
    assert installed.metadata["License-Expression"] == "MIT"


@pytest.mark.parametrize("group", ["console_scripts", "assetctl.generators"])
def test_entry_points_load(group: str):
    ours = [point for point in entry_points(group=group) if point.dist and point.dist.name == "assetctl"]

    assert ours
    assert all(callable(point.load()) for point in ours)


@pytest.mark.parametrize("name", assetctl.__all__)
def test_public_names_are_there(name: str):
    assert getattr(assetctl, name) is not None


def test_unknown_public_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nothing_like_it"):
        assetctl.nothing_like_it  # noqa: B018 - the look-up is what fails


def test_changelog_has_this_version():
    assert re.search(
        rf"^## {re.escape(PROJECT['version'])}\b", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE
    )


def test_lock_file_is_not_committed():
    assert [file for file in tracked_files() if file.endswith(".lock")] == []


def test_ci_script_may_be_run():
    modes = [line.split()[0] for line in tracked_files() if line.endswith("\t.ci/run")]

    assert modes == ["100755"]
