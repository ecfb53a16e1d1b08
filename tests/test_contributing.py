"""CONTRIBUTING.md says where things are; each place it names is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "assetctl"
PLACE = re.compile(r"(?:[\w.-]+/)+(?:[\w-]+(?:\.\w+)*)?|[\w.-]+\.(?:py|css|toml)\b")


def missing(text: str) -> list[str]:
    """The places in `text` that are not there; a bare name lies in the folder named before it on its line."""
    lacking: list[str] = []
    for line in text.splitlines():
        folder = ROOT
        for name in PLACE.findall(line):
            found = next((path for base in (ROOT, PACKAGE, folder) if (path := base / name).exists()), None)
            if found is None:
                lacking.append(name)
            else:
                folder = found if found.is_dir() else found.parent
    return lacking


def test_every_place_that_is_named_is_there():
    assert not missing((ROOT / "CONTRIBUTING.md").read_text("utf-8"))


def test_a_place_that_is_not_there_is_missing():
    text = "| how | `cli/chapter/`: `words.py`, `verbs.py`; see wiring/helpers.py |\n| where | `words.py` |"
    assert missing(text) == ["verbs.py", "wiring/helpers.py", "words.py"]
