"""One line of JSON for each torture test: what was tried, and what was lost.

Seen with `-s`; added to the file that ASSETCTL_TORTURE_REPORT names, if it names one. Quick figures run with every
other test, long ones with `-m torture_long`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any, Self

import pytest

#: Read when this file is loaded: the tests run without the variables of whoever starts them.
_FILE = os.environ.get("ASSETCTL_TORTURE_REPORT")


def scaled(name: str, *, quick: object, long: object):
    """A parameter of the test that has a quick figure and a long one."""
    return pytest.mark.parametrize(
        name, [pytest.param(quick, id="quick"), pytest.param(long, id="long", marks=pytest.mark.torture_long)]
    )


class Report:
    """For a `with` block: counts, told at its end, whether it passed or not."""

    def __init__(self, test: str) -> None:
        self.figures: dict[str, Any] = {"torture": test}
        self._start = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.figures["seconds"] = round(time.monotonic() - self._start, 1)
        line = json.dumps(self.figures)
        # Not stdout: what parallel tests write there is shown to nobody.
        sys.stderr.write(f"\n{line}\n")
        if _FILE:
            with Path(_FILE).open("a", encoding="utf-8") as file:
                file.write(line + "\n")

    def tell(self, **figures: object) -> None:
        """These figures stand in the line."""
        self.figures |= figures

    def all_zero(self, **figures: int | list[Any]) -> None:
        """These figures stand in the line, lists by their length, and every one of them is zero."""
        self.tell(**{name: len(value) if isinstance(value, list) else value for name, value in figures.items()})
        bad = {name: value for name, value in figures.items() if value}
        assert not bad, bad
