"""A modest look at 3d models: signature, stated length, and the shape of the text formats.

No mesh is loaded: what a model looks like is the game engine's business.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, cast

from assetctl.media.limits import refusal

if TYPE_CHECKING:
    from pathlib import Path

_MAX_JSON_BYTES: Final = 64 << 20
_GLB_HEADER_BYTES: Final = 12


def check_model(path: Path, format_name: str) -> None:
    """Return when nothing that can be seen without loading the mesh speaks against the model.

    Raises:
        IntegrityError: its header, length or JSON is not what its format demands.
    """
    if format_name == "GLB":
        _check_glb(path)
    elif format_name == "glTF":
        _check_gltf(path)


def _check_glb(path: Path) -> None:
    with path.open("rb") as file:
        header = file.read(_GLB_HEADER_BYTES)
    # glTF 2.0 specification, section 4.4.2: magic, version, length of the whole file.
    stated = int.from_bytes(header[8:12], "little")
    size = path.stat().st_size
    if stated != size or size <= _GLB_HEADER_BYTES:
        raise refusal(path, f"its header promises {stated:,} bytes, it has {size:,}")


def _check_gltf(path: Path) -> None:
    if path.stat().st_size > _MAX_JSON_BYTES:
        raise refusal(path, f"its JSON is larger than {_MAX_JSON_BYTES >> 20} MB")
    try:
        document: Any = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise refusal(path, "it is no readable JSON") from error
    # glTF 2.0 specification, section 5.9: the one property that every glTF has.
    asset: Any = cast("dict[str, Any]", document).get("asset") if isinstance(document, dict) else None
    if not isinstance(asset, dict) or "version" not in asset:
        raise refusal(path, "its JSON has no `asset.version`, so it is no glTF")
