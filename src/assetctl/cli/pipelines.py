"""The CI systems that assetctl knows to run in: how their logs are folded, and where a job's summary goes.

What they read in a log line they obey, so nothing foreign may look like a command there: what people are told is
disarmed, and between the two ends of a group GitHub is told to obey nothing.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from assetctl.text import safe

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

_LONGEST_TITLE: Final = 120
#: GitHub shows ten annotations of a kind for each step, and drops the others.
MOST_ANNOTATIONS: Final = 10
# What follows is a command: to GitHub after `::` at the start of a line or after `##[` anywhere in it (actions/runner,
# `ActionCommand.cs`), to Azure after `##vso[` or `##[` (learn.microsoft.com, "Logging commands").
_COMMAND: Final = re.compile(r"^\s*:(?=:)|#(?=#\w*\[)")


class System(Enum):
    """A CI system."""

    GITHUB = "GitHub Actions"
    GITLAB = "GitLab CI"
    AZURE = "Azure Pipelines"


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What is known of the CI job that assetctl runs in; `system` is None outside of one that it knows.

    `summary` is the file that a job's summary is added to. `token` is a word that nothing foreign can contain.
    """

    system: System | None = None
    summary: Path | None = None
    token: str = field(default_factory=lambda: os.urandom(16).hex())

    def opening(self, title: str, now: datetime) -> str:
        """What folds the lines that follow away, under `title`; "" where nothing does."""
        shown = safe(title, max_length=_LONGEST_TITLE)
        match self.system:
            case System.GITHUB:
                return f"::group::{_data(shown)}\n::stop-commands::{self.token}"
            case System.GITLAB:
                start = f"section_start:{int(now.timestamp())}:assetctl_{self.token}[collapsed=true]"
                return f"\x1b[0K{start}\r\x1b[0K{shown}"
            case System.AZURE | None:
                return ""

    def closing(self, now: datetime) -> str:
        """What ends what `opening` began."""
        match self.system:
            case System.GITHUB:
                return f"::{self.token}::\n::endgroup::"
            case System.GITLAB:
                return f"\x1b[0Ksection_end:{int(now.timestamp())}:assetctl_{self.token}\r\x1b[0K"
            case System.AZURE | None:
                return ""

    def disarmed(self, text: str) -> str:
        """`text`, a line or a part of one, with what the log would take for a command shown by its code instead."""
        if self.system not in (System.GITHUB, System.AZURE):
            return text
        return _COMMAND.sub(lambda found: f"{found[0][:-1]}\\x{ord(found[0][-1]):02x}", text)

    def annotation(self, title: str, words: str, *, is_error: bool) -> str:
        """What shows `words` beside the job, where that can be done; "" elsewhere."""
        if self.system is not System.GITHUB:
            return ""
        kind = "error" if is_error else "warning"
        return f"::{kind} title={_property(safe(title, max_length=_LONGEST_TITLE))}::{_data(safe(words))}"


def pipeline_of(environ: Mapping[str, str]) -> Pipeline:
    """What `environ` says of the CI job that this process belongs to.

    GitHub: docs.github.com, "Default environment variables"; GitLab: docs.gitlab.com, "Predefined CI/CD variables";
    Azure: learn.microsoft.com, "Use predefined variables".
    """
    system = None
    if environ.get("GITHUB_ACTIONS") == "true":
        system = System.GITHUB
    elif environ.get("GITLAB_CI") == "true":
        system = System.GITLAB
    elif environ.get("TF_BUILD") == "True":
        system = System.AZURE
    summary = environ.get("GITHUB_STEP_SUMMARY")
    return Pipeline(system, Path(summary) if summary else None)


def _data(text: str) -> str:
    # docs.github.com, "Workflow commands": what ends a command, and what begins an escape.
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
