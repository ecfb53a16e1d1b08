"""What the commands of `assetctl cache` share: their options, and the one entry that a key prefix means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from assetctl.cache.index.filters import EntryFilter, State, parse_filter
from assetctl.cli.options import one_of, words_of
from assetctl.errors import AssetUnavailable, InvalidRequest
from assetctl.models import AssetType, Source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assetctl.cache.entries import CacheEntry

SHOWN_KEY: Final = 12
_LISTED: Final = 8


def filter_options(
    key_prefixes: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY-PREFIX]...", help="How the keys begin.", show_default=False)
    ] = None,
    scene: Annotated[str | None, typer.Option("--scene", metavar="ID", help="Of this scene.")] = None,
    choice: Annotated[str | None, typer.Option("--choice", metavar="ID", help="Of this choice.")] = None,
    character: Annotated[str | None, typer.Option("--character", metavar="ID", help="Of this character.")] = None,
    location: Annotated[str | None, typer.Option("--location", metavar="ID", help="Of this location.")] = None,
    asset_type: Annotated[
        AssetType | None,
        typer.Option(
            "--type", parser=one_of("type", AssetType), autocompletion=words_of(AssetType), help="Of this type."
        ),
    ] = None,
    source: Annotated[
        Source | None,
        typer.Option("--source", parser=one_of("source", Source), help="How they came first: pre_made or generated."),
    ] = None,
    generator: Annotated[
        str | None, typer.Option("--generator", metavar="NAME", help="Made by this generator.")
    ] = None,
    states: Annotated[
        list[State] | None,
        typer.Option(
            "--state",
            parser=one_of("state", State),
            autocompletion=words_of(State),
            metavar="STATE",
            help="Which are current, expired, pinned, paid or stand-in; all must hold.",
        ),
    ] = None,
    conditions: Annotated[
        list[str] | None,
        typer.Option(
            "--filter", metavar="COND", help="`size>100MB`, `unused>30d`, `age>90d`, `cost>1`; all must hold."
        ),
    ] = None,
) -> EntryFilter:
    """The entries that these options choose; all without any."""
    chosen = EntryFilter(
        key_prefixes=tuple(key_prefixes or ()),
        scene_id=scene,
        choice_id=choice,
        character_id=character,
        location_id=location,
        asset_type=asset_type,
        source=source,
        generator=generator,
        comparisons=tuple(parse_filter(text) for text in conditions or []),
    )
    for state in states or []:
        chosen = chosen.with_state(state)
    return chosen


def only_one(found: Sequence[CacheEntry], prefix: str) -> CacheEntry:
    """The one entry that was found for `prefix`.

    Raises:
        AssetUnavailable: none was.
        InvalidRequest: several were; says which.
    """
    if not found:
        raise AssetUnavailable(f"nothing cached has a key that begins with `{prefix}`", hint="assetctl cache ls")
    if len(found) > 1:
        raise InvalidRequest(
            f"`{prefix}` is the beginning of {len(found):,} keys or digests",
            why=", ".join(_named(entry) for entry in found[:_LISTED]) + (", …" if len(found) > _LISTED else ""),
            hint="give more digits of one of them",
        )
    return found[0]


def _named(entry: CacheEntry) -> str:
    names = " / ".join(name for name in (entry.request.scene_id, entry.request.choice_id) if name)
    return f"{entry.key[:SHOWN_KEY]} ({names or entry.asset_id})"
