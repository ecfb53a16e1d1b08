"""Which reports there are: the ending of the file says how it is written."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from assetctl.errors import InvalidRequest
from assetctl.vocabulary import nearest_hint

if TYPE_CHECKING:
    from pathlib import Path


class ReportKind(StrEnum):
    """How a report is written."""

    JSON = "json"
    MARKDOWN = "md"
    PAGE = "html"
    JUNIT = "xml"


_BY_SUFFIX: Final = {f".{kind.value}": kind for kind in ReportKind}


def kind_of(path: Path) -> ReportKind:
    """How the report at `path` is written.

    Raises:
        InvalidRequest: its ending says nothing.
    """
    suffix = path.suffix.lower()
    if suffix in _BY_SUFFIX:
        return _BY_SUFFIX[suffix]
    endings = ", ".join(_BY_SUFFIX)
    raise InvalidRequest(
        f"the report `{path}` doesn't say in which format it is",
        why=f"its name ends in none of {endings}",
        hint=nearest_hint(suffix, list(_BY_SUFFIX)) if suffix else f"--report {path or 'chapter'}.html",
    )
