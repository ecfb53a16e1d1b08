"""What of a scene an asset is needed for, and how it is asked for: one moment for each choice, in words of its author.

As in a manifest, a scene with choices is an asset for each of them, and one without is a single asset. A choice's
asset is the clip of the node that it leads to. That node names an asset of the library, and while that is there nothing
needs to be made; where it has gone, it is asked for by a prompt of what is written there: scene, choice, node.

An author may say more in a node's `meta.assetctl`, but only what the asset shows. Who makes it, of what files and for
what money is the business of whoever runs the command, not of whoever may write into a scene.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from assetctl.errors import ManifestError
from assetctl.prefetch.manifest.fields import ASSET, SHORT_NAMES
from assetctl.prefetch.manifest.resolving import field_mistake
from assetctl.prefetch.scenes.choice_ids import choice_ids
from assetctl.prefetch.scenes.likelihood import BEGINNING
from assetctl.text import safe
from assetctl.vocabulary import nearest_hint

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from assetctl.errors import AssetctlError
    from assetctl.pixsim.records import GameScene, SceneEdge, SceneNode
    from assetctl.prefetch.scenes.likelihood import Spot
    from assetctl.prefetch.scenes.reaching import Reached

META: Final = "assetctl"
#: What an author may say of an asset; nothing here spends, reads a file, or chooses who is asked.
SAYABLE: Final = ("prompt", "character", "location", "type", "style", "duration_s", "seed")
_LONGEST_TEXT: Final = 1_000


class Moment(NamedTuple):
    """A row of a flat manifest, and where in the graph it stands."""

    spot: Spot
    row: Mapping[str, Any]


def moments(reached: Reached) -> Iterator[Moment]:
    """The moments of a scene without `mistakes`, in branch order; none of one whose start is not there."""
    scene, ids = reached.scene, choice_ids(reached.scene)
    choices = _choices(reached)
    for edge in choices:
        row = _row(scene, reached.nodes[edge.target], edge)
        yield Moment((scene.id, edge.id), {"scene": str(scene.id), "choice": ids[edge.id], **row, "id": edge.id})
    if not choices and reached.ways:
        yield Moment((scene.id, BEGINNING), {"scene": str(scene.id), **_row(scene, reached.nodes[scene.start], None)})


def mistakes(reached: Reached) -> Iterator[tuple[str, AssetctlError]]:
    """Whatever an author asks for that cannot be, with the id of the node that says so, in branch order."""
    choices = _choices(reached)
    shown = dict.fromkeys(edge.target for edge in choices)
    for node_id in shown or ([reached.scene.start] if reached.ways else []):
        yield from ((node_id, error) for error in _mistakes_in(reached.nodes[node_id].said))


def _choices(reached: Reached) -> list[SceneEdge]:
    return [edge for edge in reached.edges if edge.label is not None]


def _row(scene: GameScene, node: SceneNode, edge: SceneEdge | None) -> dict[str, Any]:
    said = _said(node)
    prompt = said.pop("prompt", None) or _prompt(scene.title, None if edge is None else edge.label, node.label)
    row: dict[str, Any] = {} if prompt is None else {"prompt": prompt}
    if node.asset_id is not None:
        row[ASSET] = str(node.asset_id)
    return row | said


def _prompt(*texts: str | None) -> str | None:
    parts = [safe(" ".join(text.split()), max_length=_LONGEST_TEXT) for text in texts if text is not None]
    # Authors call a node as the choice that leads to it: once is enough.
    told = {part.casefold(): part for part in parts if part}
    return ". ".join(told.values()) or None


def _said(node: SceneNode) -> dict[str, Any]:
    said = cast("dict[str, Any]", node.said or {})
    return {name: value for name, value in said.items() if value is not None}


def _mistakes_in(stored: object) -> Iterator[AssetctlError]:
    if stored is None:
        return
    if not isinstance(stored, dict):
        yield ManifestError(f"`meta.{META}` must be an object", why=f"it is `{stored!r:.80}`")
        return
    for name, value in cast("dict[str, Any]", stored).items():
        if name not in SAYABLE:
            why = "in a scene stands only what an asset shows"
            hint = nearest_hint(name, list(SAYABLE))
            yield ManifestError(f"`{name:.40}` can't be said there", why=why, hint=hint)
        elif (error := field_mistake(SHORT_NAMES.get(name, name), value)) is not None:
            yield error
