"""Scenes of the backend as a manifest for people: to keep under version control, and to say more in than a scene can.

TOML as `assetctl manifest init` writes it. The library's assets are named in it, so that the file takes what the scenes
would take; where the order is not the chapter's, a scene comes back as often as the order leads to it.
"""

from __future__ import annotations

import json
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from assetctl.text import safe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from assetctl.prefetch.scenes.chapter import GameChapter

_PLACES: Final = frozenset({"scene", "choice", "id"})


def manifest_document(chapter: GameChapter, title: str | None, rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The nested manifest of the flat `rows`, in their order."""
    named = {} if title is None else {"title": safe(title)}
    scenes = [_scene(scene, list(those)) for scene, those in groupby(rows, key=lambda row: str(row["scene"]))]
    return {"chapter": {"id": chapter.address, **named}, "scenes": scenes}


def toml_lines(document: Mapping[str, Any]) -> Iterator[str]:
    """The lines of `document`, which `manifest_document` made, in TOML."""
    yield "[chapter]"
    yield from _fields(document["chapter"])
    for scene in document["scenes"]:
        yield from ("", "[[scenes]]", *_fields(scene))
        for choice in scene.get("choices", ()):
            yield from ("", "[[scenes.choices]]", *_fields(choice))


def _scene(scene_id: str, rows: list[Mapping[str, Any]]) -> dict[str, Any]:
    choices = [{"id": row["choice"], **_said(row)} for row in rows if "choice" in row]
    return {"id": scene_id, "choices": choices} if choices else {"id": scene_id, **_said(rows[0])}


def _said(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in _PLACES}


def _fields(table: Mapping[str, Any]) -> list[str]:
    return [f"{name} = {_value(value)}" for name, value in table.items() if name != "choices"]


def _value(value: str | float) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isprintable() else "".join(map(_shown, text))


def _shown(character: str) -> str:
    """`character`, escaped where a terminal must not see it; not as JSON does it (TOML 1.0.0, "String")."""
    return character if safe(character) == character else f"\\U{ord(character):08x}"
