"""The process that draws one preview and then ends; started by `preview.py`, never imported by it."""

from __future__ import annotations

import sys
from pathlib import Path

from assetctl.errors import IntegrityError
from assetctl.media.bounding import bound_memory, bound_time
from assetctl.media.cells import bytes_of_cells
from assetctl.media.preview import REFUSED_EXIT_CODE
from assetctl.media.thumbnail import preview_lines
from assetctl.models import AssetType


def main(path: str, asset_type: str, columns: str, rows: str) -> None:
    """The cells stand on stdout; or the process ends with `REFUSED_EXIT_CODE` and stderr says why."""
    bound_memory()
    bound_time()
    try:
        cells = preview_lines(Path(path), AssetType(asset_type), int(columns), int(rows))
    except IntegrityError as error:
        sys.stderr.write(error.why or error.what)
        sys.exit(REFUSED_EXIT_CODE)
    sys.stdout.buffer.write(bytes_of_cells(cells))
