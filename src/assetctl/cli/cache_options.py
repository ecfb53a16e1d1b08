"""Options that the commands of `assetctl cache` share."""

from __future__ import annotations

from typing import Annotated

import typer

from assetctl.cache.filters import EntryFilter, parse_filter
from assetctl.cli.options import one_of, words_of
from assetctl.models import AssetType, Source


def filter_options(
    key_prefix: Annotated[str | None, typer.Argument(metavar="[KEY-PREFIX]", help="How the keys begin.")] = None,
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
    conditions: Annotated[
        list[str] | None,
        typer.Option(
            "--filter", metavar="COND", help="`size>100MB`, `unused>30d`, `age>90d`, `cost>1`; all must hold."
        ),
    ] = None,
) -> EntryFilter:
    """The entries that these options choose; all without any."""
    return EntryFilter(
        key_prefix=key_prefix,
        scene_id=scene,
        choice_id=choice,
        character_id=character,
        location_id=location,
        asset_type=asset_type,
        source=source,
        generator=generator,
        comparisons=tuple(parse_filter(text) for text in conditions or []),
    )
