"""The process that draws one preview and then ends; started by `preview.py`, never imported by it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from assetctl.errors import IntegrityError
from assetctl.media.cells import bytes_of_cells
from assetctl.media.limits import DEFAULT_LIMITS
from assetctl.media.preview import REFUSED_EXIT_CODE
from assetctl.media.thumbnail import preview_lines
from assetctl.models import AssetType

_MAX_MEMORY_BYTES: Final = 4 << 30


def main(path: str, asset_type: str, columns: str, rows: str) -> None:
    """The cells stand on stdout; or the process ends with `REFUSED_EXIT_CODE` and stderr says why."""
    _be_bounded()
    try:
        cells = preview_lines(Path(path), AssetType(asset_type), int(columns), int(rows))
    except IntegrityError as error:
        sys.stderr.write(error.why or error.what)
        sys.exit(REFUSED_EXIT_CODE)
    sys.stdout.buffer.write(bytes_of_cells(cells))


def _be_bounded() -> None:
    if sys.platform == "win32":  # pragma: no cover - Windows has no such limits; the asker's time limit holds there
        return
    import resource  # noqa: PLC0415 - there is none on Windows

    seconds = round(DEFAULT_LIMITS.seconds) + 1
    for kind, limit in ((resource.RLIMIT_AS, _MAX_MEMORY_BYTES), (resource.RLIMIT_CPU, seconds)):
        _, hard = resource.getrlimit(kind)
        most = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(kind, (most, hard))
