"""The assets of a library folder by id, put together from file names and sidecars.

A sidecar that states any of scene, choice, character and location replaces what the file's name says of them; one that
states none only adds. Two sidecars that give one id to two files spoil that id, not the files: those go by their paths.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from assetctl.errors import LibraryError
from assetctl.library.base import LibraryAsset
from assetctl.library.folder.naming import asset_type_by_name, context_by_name, described_by, sidecar_of
from assetctl.library.folder.sidecar import Sidecar
from assetctl.models import Origin

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from assetctl.library.folder.scan import Tree

ORIGIN: Final = Origin(provider="library:folder")
NOT_LOOKED_AT: Final = ""
"""The fingerprint of an asset that is known by name and sidecar only."""

_NOTHING_STATED: Final = Sidecar()


@dataclass(frozen=True, slots=True)
class Shelf:
    """Every asset of a folder, as yet without a look at its file.

    `paths` maps each asset's id to its path; `broken` maps a path to why its sidecar cannot be used; `ambiguous` maps
    an id that several sidecars give to the paths of their files.
    """

    assets: tuple[LibraryAsset, ...]
    paths: Mapping[str, str]
    broken: Mapping[str, LibraryError]
    ambiguous: Mapping[str, tuple[str, ...]]
    problems: tuple[str, ...]


def fill_shelf(tree: Tree, sidecars: Mapping[str, Sidecar | LibraryError]) -> Shelf:
    """The assets of `tree`; `sidecars` maps each sidecar's path to what it says or why it cannot be read."""
    assets: list[LibraryAsset] = []
    paths: dict[str, str] = {}
    broken: dict[str, LibraryError] = {}
    ambiguous = _ambiguous_ids(tree, sidecars)
    for relative in tree.files:
        sidecar = sidecars.get(sidecar_of(relative))
        if isinstance(sidecar, LibraryError):
            broken[relative] = sidecar
        asset = describe(relative, sidecar if isinstance(sidecar, Sidecar) else None, ambiguous)
        if asset is not None:
            assets.append(asset)
            paths[asset.asset_id] = relative
    problems = (*tree.problems, *_problems(tree, sidecars, ambiguous))
    return Shelf(tuple(assets), paths, broken, ambiguous, problems)


def describe(
    relative: str, sidecar: Sidecar | None, ambiguous: Mapping[str, tuple[str, ...]] | None = None
) -> LibraryAsset | None:
    """The asset at the path `relative`; None when neither its place nor a sidecar makes it one."""
    asset_type = asset_type_by_name(relative.rpartition("/")[2])
    named = context_by_name(relative)
    if asset_type is None or (named is None and sidecar is None):
        return None
    stated = sidecar or _NOTHING_STATED
    if stated.has_context or named is None:
        scene, choice = stated.scene, stated.choice
    else:
        scene, choice = named
    return LibraryAsset(
        asset_id=relative if stated.id is None or stated.id in (ambiguous or ()) else stated.id,
        asset_type=asset_type,
        fingerprint=NOT_LOOKED_AT,
        scene_id=scene,
        choice_id=choice,
        character_id=stated.character,
        location_id=stated.location,
        prompt=stated.prompt,
        description=stated.description,
        style=stated.style,
        duration_s=stated.duration_s,
        tags=stated.tags,
        origin=ORIGIN,
    )


def _ambiguous_ids(tree: Tree, sidecars: Mapping[str, Sidecar | LibraryError]) -> dict[str, tuple[str, ...]]:
    by_id: defaultdict[str, list[str]] = defaultdict(list)
    for path in sorted(tree.sidecars):
        sidecar = sidecars.get(path)
        if isinstance(sidecar, Sidecar) and sidecar.id is not None:
            by_id[sidecar.id].append(described_by(path))
    return {asset_id: tuple(paths) for asset_id, paths in by_id.items() if len(paths) > 1}


def _problems(
    tree: Tree, sidecars: Mapping[str, Sidecar | LibraryError], ambiguous: Mapping[str, tuple[str, ...]]
) -> Iterator[str]:
    for error in sidecars.values():
        if isinstance(error, LibraryError):
            yield error.sentence
    files = frozenset(tree.files)
    for path in sorted(tree.sidecars):
        if described_by(path) not in files:
            yield f"the sidecar `{path}` describes a file that is not there"
    for asset_id, paths in ambiguous.items():
        yield f"the id `{asset_id}` is given to {' and '.join(f'`{path}`' for path in paths)}"
