"""A preview of a file as coloured cells, drawn by a decoder of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from assetctl.media.cells import MAX_CELLS, cells_of
from assetctl.media.decoder import LIMIT_S, NO_ANSWER, WORKER, Decoder
from assetctl.media.limits import refusal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from assetctl.media.cells import Cell
    from assetctl.models import AssetType

_MAX_BYTES: Final = MAX_CELLS * MAX_CELLS * 6


def preview(
    path: Path, asset_type: AssetType, columns: int, rows: int, *, limit_s: float = LIMIT_S, worker: str = WORKER
) -> list[list[Cell]]:
    """Rows of cells that show `path` as `thumbnail.preview_picture` does; none for a 3d model.

    Blocking: run it in a thread.

    Raises:
        IntegrityError: the file is not of that type, doesn't decode within the limits, or took its decoder down.
        AssetctlError: the system starts no process.
    """
    asked = {"draw": "preview", "path": str(path), "type": asset_type.value, "columns": columns, "rows": rows}
    decoder = Decoder(worker)
    try:
        cells = decoder.answer(asked, _cells, limit_s=limit_s, max_bytes=_MAX_BYTES)
    finally:
        decoder.end()
    if isinstance(cells, list):
        return cells
    raise refusal(path, cells or NO_ANSWER)


def _cells(facts: Mapping[str, Any], pixels: bytes) -> list[list[Cell]]:
    return cells_of(int(facts["columns"]), pixels) if pixels else []
