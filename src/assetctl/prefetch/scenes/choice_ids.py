"""Ids for the choices of a scene, made of what authors wrote: `bench.confess`, the node and the choice.

The server has an id for each edge, and gives all of them anew whenever a scene is saved: keyed by those, one corrected
word anywhere in a scene would have its whole chapter ordered again. The words stay. The node's stand in front because
`leave` and `go on` are said at many places of one scene, and a second one must not rename the first. Where both repeat,
or an author wrote no words, they are numbered as the server keeps them.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from assetctl.pixsim.records import GameScene

_LONGEST_PART: Final = 60
#: Longer words are not looked at: an author's text may have any length.
_LOOKED_AT: Final = 500
_WORDLESS: Final = "choice"


def choice_ids(scene: GameScene) -> dict[str, str]:
    """The id of each choice by that of its edge: of all edges that say something, also where nobody can come."""
    labels = {node.id: slug(node.label or "") for node in scene.nodes}
    found: dict[str, str] = {}
    taken: set[str] = set()
    numbers: dict[str, int] = {}
    for edge in scene.edges:
        if edge.label is None or edge.id in found:
            continue
        place, said = labels.get(edge.source, ""), slug(edge.label) or _WORDLESS
        plain = name = f"{place}.{said}" if place else said
        while name in taken:
            # Counted on from the last: ten thousand choices may be called the same.
            numbers[plain] = numbers.get(plain, 1) + 1
            name = f"{plain}.{numbers[plain]}"
        taken.add(name)
        found[edge.id] = name
    return found


def slug(text: str) -> str:
    """The letters and digits of `text`, of any script, in lower case and joined with `_`; empty when it has none."""
    lowered = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text[:_LOOKED_AT]).lower())
    words = "".join(c if unicodedata.category(c)[0] in "LMN" else " " for c in lowered).split()
    # A mark without a letter, as emoji have them, would be an id that nobody can see.
    seen = [word for word in words if any(unicodedata.category(c)[0] in "LN" for c in word)]
    return "_".join(seen)[:_LONGEST_PART].rstrip("_")
