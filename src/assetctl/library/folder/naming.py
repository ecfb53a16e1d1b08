"""What the name of a file in a library folder says: its type, its scene and choice, or that it is no asset at all.

`<scene>.<ext>` and `<scene>/<choice>.<ext>` have a context; deeper files get theirs from a sidecar. Paths here are text
relative to the library with `/` between the parts, on every system. No file is touched.
"""

from __future__ import annotations

from typing import Final

from assetctl.media.kinds import suffixes_of
from assetctl.models import AssetType

SIDECAR_SUFFIX: Final = ".toml"

# A table of our own because ten thousand `PurePath` objects take longer than reading the folder does.
_TYPES: Final = {suffix: asset_type for asset_type in AssetType for suffix in suffixes_of(asset_type)}
_LEFTOVER_STARTS: Final = (".", "~", "#")
_LEFTOVER_ENDS: Final = (".partial", ".part", ".tmp", ".temp", ".crdownload", ".download", "~")


def asset_type_by_name(name: str) -> AssetType | None:
    """The asset type that the suffix of the file `name` promises; None for other files, hidden and unfinished ones."""
    stem, dot, suffix = name.rpartition(".")
    if not stem or name.startswith(_LEFTOVER_STARTS) or stem.lower().endswith(_LEFTOVER_ENDS):
        return None
    return _TYPES.get(dot + suffix.lower())


def described_by(sidecar: str) -> str:
    """The path of the file that the sidecar at `sidecar` describes, whether or not there is one."""
    return sidecar.removesuffix(SIDECAR_SUFFIX)


def sidecar_of(relative: str) -> str:
    """Where the sidecar of the file at `relative` would be."""
    return relative + SIDECAR_SUFFIX


def context_by_name(relative: str) -> tuple[str, str | None] | None:
    """The scene, and the choice if any, that the path `relative` names; None when it lies too deep to name one."""
    folder, _, name = relative.rpartition("/")
    stem = name.rpartition(".")[0]
    if not folder:
        return stem, None
    return None if "/" in folder else (folder, stem)


def parts_of(asset_id: str) -> tuple[str, ...] | None:
    """The parts of an id that is the path of an asset file; None when it cannot be one.

    Such a path is relative, stays below the library, and its last part has the suffix of a media file. Ids that a
    sidecar gives never look like this (`sidecar.py`), so that one id cannot mean two things.
    """
    parts = tuple(asset_id.split("/"))
    if asset_type_by_name(parts[-1]) is None or "\0" in asset_id:
        return None
    return None if any(part.startswith(".") or not part for part in parts) else parts
