"""Scenes read from a backend: a scene with all that it leads to, or a world's, and what was odd about them.

Reading alone: nothing is ordered and nothing written there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from assetctl.errors import (
    AssetctlError,
    InvalidRequest,
    ManifestError,
    NotAllowed,
    RateLimited,
    ServiceError,
    ServiceUnreachable,
)
from assetctl.events import ScenesRead
from assetctl.library.together import few_at_a_time
from assetctl.prefetch.scenes.chapter import Kind, Order
from assetctl.prefetch.scenes.reaching import Reached, reach
from assetctl.units import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping

    from assetctl.pixsim.records import GameScene, GameWorld, SceneEntry
    from assetctl.prefetch.scenes.chapter import GameChapter

#: A chapter has so many scenes at most; each is a request, and kept in memory.
MAX_SCENES: Final = 10_000
_NAMED: Final = 5
#: Of fewer nothing is told while they are read: they are here before anybody could read it.
MANY_SCENES: Final = 20
_ONE_BY_ONE: Final = "its scenes can be read one by one: --from-scene ID"
_ALIKE: Final = "choices count alike"
_OF_ALL: Final = (ServiceUnreachable, NotAllowed, RateLimited)


class GameServer(Protocol):
    """Where scenes are read; raises `ServiceError` when it cannot be asked."""

    async def game_scenes(self, world_id: int | None = None) -> tuple[SceneEntry, ...]:
        """The scenes of a world, or all."""
        ...

    async def game_scene(self, scene_id: int) -> GameScene | None:
        """A scene; None when there is none of that id.

        Raises:
            InvalidRequest: it has no start.
        """
        ...

    async def game_world(self, world_id: int) -> GameWorld | None:
        """What is told of a world; None when it is not there, or another's."""
        ...


@dataclass(frozen=True, slots=True)
class Gathered:
    """The scenes of a chapter, those first that players meet first; they begin in `starts`. `notes` are sentences."""

    title: str | None
    scenes: tuple[Reached, ...]
    starts: tuple[int, ...]
    weights: Mapping[str, float]
    notes: tuple[str, ...] = ()


async def gather(
    server: GameServer,
    chapter: GameChapter,
    *,
    max_scenes: int = MAX_SCENES,
    tell: Callable[[ScenesRead], None] | None = None,
) -> Gathered:
    """All of `chapter`, which has `max_scenes` scenes at most; how far the reading of `MANY_SCENES` is, `tell` is told.

    Raises:
        ManifestError: there is no such scene or world, or it has too many scenes.
        ServiceError: the server cannot be asked, or does not let us.
    """
    reading = _Reading(server, max_scenes, tell)
    return await (_of_scene if chapter.kind is Kind.SCENE else _of_world)(server, chapter, reading)


async def _of_scene(server: GameServer, chapter: GameChapter, reading: _Reading) -> Gathered:
    await reading.read_all([chapter.id], follow=True)
    first = reading.scenes.get(chapter.id)
    if first is None:
        why = "it has no start" if chapter.id in reading.startless else None
        hint = "assetctl doctor shows which backend is asked, and who you are there"
        raise ManifestError(f"there is no scene {chapter.id} to read at the backend", why=why, hint=hint)
    weights, notes = await _weights(server, reading.scenes, is_needed=chapter.order is Order.LIKELY)
    return reading.gathered(first.title, [chapter.id], weights, notes)


async def _weights(
    server: GameServer, scene_ids: Container[int], *, is_needed: bool
) -> tuple[dict[str, float], list[str]]:
    """The weights in the worlds of some scenes, and why some are missing; unless they are needed it goes without."""
    weights: dict[str, float] = {}
    notes: list[str] = []
    try:
        entries = await server.game_scenes()
        worlds = {entry.world_id for entry in entries if entry.id in scene_ids and entry.world_id is not None}
        for world_id in sorted(worlds):
            world = await server.game_world(world_id)
            if world is None:
                notes.append(f"world {world_id} is another's, and its weights can't be read: {_ALIKE}")
            else:
                weights |= world.weights
    except _OF_ALL:
        raise
    except ServiceError as error:
        if is_needed:
            raise
        notes.append(f"weights can't be read ({error.why or error.what}): {_ALIKE}")
    return weights, notes


async def _of_world(server: GameServer, chapter: GameChapter, reading: _Reading) -> Gathered:
    try:
        world = await server.game_world(chapter.id)
    except _OF_ALL:
        raise
    except ServiceError as error:
        raise ServiceError(
            f"{chapter.name} can't be read", why=error.sentence, hint=_ONE_BY_ONE, request_id=error.request_id
        ) from error
    if world is None:
        what = f"you have no {chapter.name} at the backend"
        raise ManifestError(what, why="only own ones can be read", hint=_ONE_BY_ONE)
    own = sorted(entry.id for entry in await server.game_scenes(chapter.id))
    await reading.read_all(own, follow=False)
    entries = [scene_id for scene_id in dict.fromkeys(world.entries) if scene_id in reading.scenes]
    return reading.gathered(world.name, entries, world.weights, [])


class _Reading:
    """Scenes as they come; what cannot be had of them is counted."""

    def __init__(self, server: GameServer, max_scenes: int, tell: Callable[[ScenesRead], None] | None) -> None:
        self._server = server
        self._max_scenes = max_scenes
        self._tell = tell
        self._read_count = 0
        self._known_count = 0
        self.scenes: dict[int, GameScene] = {}
        self.startless: list[int] = []
        self._missing: list[int] = []
        self._trouble: AssetctlError | None = None

    async def read_all(self, scene_ids: Iterable[int], *, follow: bool) -> None:
        """The scenes are read; with `follow` those that they lead to as well.

        Raises:
            ManifestError: there are too many.
            ServiceError: the server cannot be asked, or does not let us.
        """
        asked: set[int] = set()
        wanted = list(scene_ids)
        while wanted:
            asked.update(wanted)
            if len(asked) > self._max_scenes:
                why = f"at most {self._max_scenes:,} scenes are read at once"
                raise ManifestError("the chapter is too large", why=why)
            self._known_count = len(asked)
            await few_at_a_time(self._read, wanted)
            if self._trouble is not None:
                raise self._trouble
            led_to = (
                play for id_ in wanted if id_ in self.scenes for node in self.scenes[id_].nodes for play in node.plays
            )
            wanted = [scene_id for scene_id in dict.fromkeys(led_to) if scene_id not in asked] if follow else []
        self._told(is_all=True)

    def _told(self, *, is_all: bool) -> None:
        if self._tell is not None and self._known_count >= MANY_SCENES:
            self._tell(ScenesRead(None, self._read_count, self._known_count, is_all))

    async def _read(self, scene_id: int) -> None:
        """The scene is read, or it is known why not; nothing more is read once the server could not be asked."""
        if self._trouble is not None:
            return
        try:
            scene = await self._server.game_scene(scene_id)
        except InvalidRequest:
            # The one thing that the server refuses of a scene that is there.
            self.startless.append(scene_id)
        except AssetctlError as error:
            self._trouble = error
        else:
            if scene is None:
                self._missing.append(scene_id)
            else:
                self.scenes[scene_id] = scene
        self._read_count += 1
        self._told(is_all=False)

    def gathered(
        self, title: str | None, starts: list[int], weights: Mapping[str, float], notes: list[str]
    ) -> Gathered:
        """All that was read, walked and put in order."""
        reached = {scene_id: reach(self.scenes[scene_id], weights) for scene_id in sorted(self.scenes)}
        ordered = tuple(reached[scene_id] for scene_id in _in_order(reached, starts))
        begun = starts or _led_to_by_none(reached)
        return Gathered(title, ordered, tuple(begun), weights, (*notes, *self._notes(ordered)))

    def _notes(self, reached: Iterable[Reached]) -> list[str]:
        begun = [one for one in reached if one.ways]
        broken, lost = sum(one.broken for one in begun), sum(one.unreached for one in begun)
        startless = [*self.startless, *(one.scene.id for one in reached if not one.ways)]
        ways = counted(broken, "way that leads to no node", "ways that lead to no node")
        nodes = counted(lost, "node that no way leads to", "nodes that no way leads to")
        found = [
            (f"left out, {ways}", [one.scene.id for one in begun if one.broken]),
            (f"left out, {nodes}", [one.scene.id for one in begun if one.unreached]),
            ("passed over, without a start", sorted(startless)),
            ("led to, and not there", sorted(self._missing)),
        ]
        return [f"{what}: scene {_named(scene_ids)}" for what, scene_ids in found if scene_ids]


def _named(scene_ids: list[int]) -> str:
    named = ", ".join(str(scene_id) for scene_id in scene_ids[:_NAMED])
    return named if len(scene_ids) <= _NAMED else f"{named} and {len(scene_ids) - _NAMED:,} more"


def _in_order(reached: Mapping[int, Reached], starts: Iterable[int]) -> list[int]:
    """Every scene once: breadth first from `starts`, then from each that nothing has led to yet, by their ids."""
    ordered: dict[int, None] = {}
    for roots in (list(starts), *([scene_id] for scene_id in reached)):
        waiting = dict.fromkeys(scene_id for scene_id in roots if scene_id in reached and scene_id not in ordered)
        while waiting:
            ordered |= waiting
            led_to = (play for scene_id in waiting for play in reached[scene_id].plays)
            waiting = dict.fromkeys(play for play in led_to if play in reached and play not in ordered)
    return list(ordered)


def _led_to_by_none(reached: Mapping[int, Reached]) -> list[int]:
    led_to = {play for one in reached.values() for play in one.plays if play != one.scene.id}
    return [scene_id for scene_id in reached if scene_id not in led_to] or list(reached)
