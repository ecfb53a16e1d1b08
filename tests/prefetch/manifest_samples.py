"""Manifests in memory and on disk, read as the commands do, with no settings behind them."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from assetctl.prefetch.manifest.findings import Duplicate, Item, Problem
from assetctl.prefetch.manifest.reading import Finding, ManifestReader, check_manifest
from assetctl.prefetch.manifest.source import Format, ManifestSource, open_source
from assetctl.validation import check_request

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from assetctl.models import AssetRequest
    from assetctl.prefetch.manifest.reading import ManifestCheck


@contextmanager
def opened_source(name: str, scratch: Path, format_: Format | None = None) -> Iterator[ManifestSource]:
    """Within the block, what `open_source` gives."""
    with closing(open_source(name, scratch, format_)) as source:
        yield source


def effective(request: AssetRequest) -> AssetRequest:
    check_request(request)
    return request


class Read:
    """What a walk through a manifest with this `text` gave."""

    def __init__(self, folder: Path, text: str | bytes, format_: Format) -> None:
        path = folder / f"chapter.{format_}"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        with opened_source(str(path), folder) as source:
            self.findings: list[Finding] = list(ManifestReader(source, effective).findings())
            self.check: ManifestCheck = check_manifest(ManifestReader(source, effective))

    @property
    def requests(self) -> list[AssetRequest]:
        return [one.request for one in self.findings if isinstance(one, Item)]

    @property
    def moments(self) -> list[tuple[str | None, str | None]]:
        return [(request.scene_id, request.choice_id) for request in self.requests]

    @property
    def duplicates(self) -> list[Duplicate]:
        return [one for one in self.findings if isinstance(one, Duplicate)]

    @property
    def problems(self) -> list[tuple[object, str | None, str]]:
        """Line, field and sentence of each."""
        return [(problem.place, problem.field, problem.what) for problem in self.check.problems]

    @property
    def problem(self) -> Problem:
        (problem,) = self.check.problems
        return problem
