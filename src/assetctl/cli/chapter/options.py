"""Which chapter a command is about: a manifest, or one that stands in the backend's game."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from assetctl.cli.options import one_of, words_of
from assetctl.errors import InvalidRequest
from assetctl.prefetch.manifest.source import STDIN, Format
from assetctl.prefetch.scenes.chapter import GameChapter, Kind, Order, chapter_at

_GAME: Final = "From the game's backend"
_LARGEST_ID: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Chapter:
    """A chapter as it was asked for; `game` is the one that is read from the backend, and then `manifest` its address.

    `format` is the one that was said, None where the manifest's name says it.
    """

    manifest: str
    format: Format | None = None
    game: GameChapter | None = None

    @property
    def address(self) -> str:
        """The same for the same chapter wherever a command is run: a manifest's absolute path."""
        return self.manifest if self.file is None else str(self.file.absolute())

    @property
    def file(self) -> Path | None:
        """The manifest's path, None where it isn't in a file."""
        return None if self.game is not None or self.manifest == STDIN else Path(self.manifest)

    @property
    def name(self) -> str:
        """How messages call it before it is read."""
        return self.manifest if self.game is None else self.game.name

    @property
    def words(self) -> str:
        """What to type to mean it."""
        return self.manifest if self.game is None else self.game.option


def game_options(
    from_scene: Annotated[
        int | None,
        typer.Option(
            "--from-scene",
            min=0,
            max=_LARGEST_ID,
            metavar="ID",
            rich_help_panel=_GAME,
            help="A scene of the backend, and those it leads to, in place of a manifest.",
        ),
    ] = None,
    from_world: Annotated[
        int | None,
        typer.Option(
            "--from-world",
            min=0,
            max=_LARGEST_ID,
            metavar="ID",
            rich_help_panel=_GAME,
            help="All scenes of a world of yours, whose export has at most 16 MB.",
        ),
    ] = None,
    order: Annotated[
        Order | None,
        typer.Option(
            "--order",
            parser=one_of("order", Order),
            autocompletion=words_of(Order),
            metavar="chapter|likely",
            rich_help_panel=_GAME,
            help="As the scenes branch (chapter, the default), or first what players most likely meet (likely).",
        ),
    ] = None,
) -> GameChapter | None:
    """The chapter of the backend that was asked for, None when none was."""
    asked = [(Kind.SCENE, from_scene), (Kind.WORLD, from_world)]
    chosen = [(kind, id_) for kind, id_ in asked if id_ is not None]
    if len(chosen) > 1:
        raise InvalidRequest("`--from-scene` and `--from-world` can't be mixed", hint="a world has all of its scenes")
    if chosen:
        return GameChapter(*chosen[0], order or Order.CHAPTER)
    if order is not None:
        raise InvalidRequest(
            "`--order` needs `--from-scene` or `--from-world`",
            why="a manifest has an order of its own, and says nothing of what players choose",
        )
    return None


def chapter_of(manifest: str | None, format_: Format | None, game: GameChapter | None, *, command: str) -> Chapter:
    """The one chapter that the `command` was given.

    Raises:
        InvalidRequest: it was given none, or more than one.
    """
    if game is None:
        if manifest is None:
            raise InvalidRequest("nothing says which chapter", hint=f"{command} chapter.toml, or: --from-scene ID")
        return Chapter(manifest, format_)
    if manifest is not None or format_ is not None:
        raise InvalidRequest(
            f"`{game.option}` takes the place of a manifest, and none can be read beside it",
            hint=f"assetctl manifest export {game.option} > chapter.toml, and say more in that file",
        )
    return Chapter(game.address, None, game)


def chapter_of_plan(address: str, format_: Format, order: Order) -> Chapter:
    """The chapter that a plan was made for."""
    game = chapter_at(address, order)
    return Chapter(address, None if game else format_, game)
