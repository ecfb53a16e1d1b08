"""Options that several commands take, each group in one place.

A group is a function: its parameters are the options, what it returns is what the command gets (`state.takes`).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Final, TypeVar

import typer

from assetctl.errors import InvalidRequest
from assetctl.models import AssetInput, AssetRequest, AssetType, Reuse, Strategy, Style, Via
from assetctl.units import parse_duration_s
from assetctl.vocabulary import word

_E = TypeVar("_E", bound=StrEnum)

_CONTEXT: Final = "What it is for"
_LOOKS: Final = "What it must be"
_MAKER: Final = "Who makes it, and how"
_POLICY: Final = "How far to go"

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Refresh = Annotated[
    bool, typer.Option("--refresh", help="Ask a library on the network anew; believe no answer it gave before.")
]


def one_of(name: str, words: type[_E]) -> Callable[[str], _E]:
    """A parser for an option called `name` that takes one of `words`."""

    def parse(value: str) -> _E:
        return value if isinstance(value, words) else word(name, value, words)

    parse.__name__ = name
    return parse


def words_of(words: type[StrEnum]) -> Callable[[str], list[str]]:
    """A completer that offers `words`."""

    def complete(incomplete: str) -> list[str]:
        return [member.value for member in words if member.value.startswith(incomplete)]

    return complete


def _choices(words: type[StrEnum]) -> str:
    return ", ".join(member.value for member in words)


def _seconds(value: str | float) -> float:
    return parse_duration_s(value, name="max wait")


def request_options(
    scene: Annotated[
        str | None, typer.Option("--scene", metavar="ID", rich_help_panel=_CONTEXT, help="The scene.")
    ] = None,
    choice: Annotated[
        str | None, typer.Option("--choice", metavar="ID", rich_help_panel=_CONTEXT, help="The choice in the scene.")
    ] = None,
    character: Annotated[
        str | None, typer.Option("--character", metavar="ID", rich_help_panel=_CONTEXT, help="The character in it.")
    ] = None,
    location: Annotated[
        str | None, typer.Option("--location", metavar="ID", rich_help_panel=_CONTEXT, help="Where it happens.")
    ] = None,
    prompt: Annotated[
        str | None, typer.Option("--prompt", metavar="TEXT", rich_help_panel=_LOOKS, help="What it shows, in words.")
    ] = None,
    asset_type: Annotated[
        AssetType,
        typer.Option(
            "--type",
            parser=one_of("type", AssetType),
            autocompletion=words_of(AssetType),
            metavar="TYPE",
            rich_help_panel=_LOOKS,
            help=f"The kind of media: {_choices(AssetType)}.",
        ),
    ] = AssetType.VIDEO,
    style: Annotated[
        Style | None,
        typer.Option(
            "--style",
            parser=one_of("style", Style),
            autocompletion=words_of(Style),
            metavar="STYLE",
            rich_help_panel=_LOOKS,
            help=f"How it looks: {_choices(Style)}.",
        ),
    ] = None,
    duration: Annotated[
        float | None, typer.Option("--duration", metavar="SECONDS", rich_help_panel=_LOOKS, help="How long it is.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", metavar="N", rich_help_panel=_LOOKS, help="Start of the generator's chance.")
    ] = None,
    generator: Annotated[
        str | None,
        typer.Option(
            "--generator", metavar="NAME", rich_help_panel=_MAKER, help="Who makes it (assetctl generators ls)."
        ),
    ] = None,
    provider: Annotated[
        str | None,
        typer.Option("--provider", metavar="ID", rich_help_panel=_MAKER, help="The provider behind the generator."),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", metavar="NAME", rich_help_panel=_MAKER, help="The provider's model.")
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(
            "--param",
            metavar="K=V",
            rich_help_panel=_MAKER,
            help="A knob of the generator (assetctl generators show NAME).",
        ),
    ] = None,
    image: Annotated[
        list[str] | None,
        typer.Option(
            "--image", metavar="PATH|URL", rich_help_panel=_MAKER, help="An image it is made from; may be repeated."
        ),
    ] = None,
    video: Annotated[
        list[str] | None,
        typer.Option(
            "--video", metavar="PATH|URL", rich_help_panel=_MAKER, help="A video it is made from; may be repeated."
        ),
    ] = None,
    asset_ref: Annotated[
        list[str] | None,
        typer.Option(
            "--asset-ref",
            metavar="ROLE=ID",
            rich_help_panel=_MAKER,
            help="An asset of the backend it is made from, and what as; may be repeated.",
        ),
    ] = None,
    strategy: Annotated[
        Strategy,
        typer.Option(
            "--strategy",
            parser=one_of("strategy", Strategy),
            autocompletion=words_of(Strategy),
            metavar="NAME",
            rich_help_panel=_POLICY,
            help=f"Who may answer: {_choices(Strategy)}.",
        ),
    ] = Strategy.GENERATE_IF_NEEDED,
    reuse: Annotated[
        Reuse,
        typer.Option(
            "--reuse",
            parser=one_of("reuse", Reuse),
            autocompletion=words_of(Reuse),
            metavar="SCOPE",
            rich_help_panel=_POLICY,
            help="How far the result is shared: once (by all), per-player, per-playthrough, always (made anew).",
        ),
    ] = Reuse.ONCE,
    player: Annotated[
        str | None, typer.Option("--player", metavar="ID", rich_help_panel=_POLICY, help="The player, for per-player.")
    ] = None,
    playthrough: Annotated[
        str | None,
        typer.Option(
            "--playthrough", metavar="ID", rich_help_panel=_POLICY, help="The playthrough, for per-playthrough."
        ),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", "--no-prefer-cached", rich_help_panel=_POLICY, help="Pass over the cache.")
    ] = False,
    no_generate: Annotated[
        bool, typer.Option("--no-generate", rich_help_panel=_POLICY, help="Never order a generation.")
    ] = False,
    generate_on_trouble: Annotated[
        bool,
        typer.Option(
            "--generate-on-trouble", rich_help_panel=_POLICY, help="Generate even if the library is in trouble."
        ),
    ] = False,
    max_wait: Annotated[
        float | None,
        typer.Option(
            "--max-wait",
            parser=_seconds,
            metavar="30s",
            rich_help_panel=_POLICY,
            help="Longest wait, for a turn to order and for the job (ms, s, m, h); the job goes on.",
        ),
    ] = None,
    detach: Annotated[
        bool,
        typer.Option("--detach", rich_help_panel=_POLICY, help="Order and don't wait for the job: like --max-wait 0."),
    ] = False,
    tag: Annotated[
        bool | None,
        typer.Option(
            "--tag/--no-tag",
            show_default=False,
            rich_help_panel=_POLICY,
            help="Tag what is generated at the backend, so that others find it there.",
        ),
    ] = None,
    via: Annotated[
        Via,
        typer.Option(
            "--via",
            parser=one_of("via", Via),
            autocompletion=words_of(Via),
            metavar="WAY",
            rich_help_panel=_POLICY,
            help="How a backend is asked to generate: classic, or game (by scene and choice alone, where it can).",
        ),
    ] = Via.CLASSIC,
    placeholder: Annotated[
        bool,
        typer.Option(
            "--placeholder/--no-placeholder",
            rich_help_panel=_POLICY,
            help="Deliver a marked card when nobody has the asset.",
        ),
    ] = True,
) -> AssetRequest:
    """The request that these options describe; whether it makes sense is for the service to say."""
    return AssetRequest(
        scene_id=scene,
        choice_id=choice,
        character_id=character,
        location_id=location,
        prompt=prompt,
        asset_type=asset_type,
        style=style,
        duration_s=duration,
        seed=seed,
        generator=generator,
        provider=provider,
        model=model,
        parameters=MappingProxyType(dict(_pair(text) for text in param or [])),
        inputs=(
            *(_input(text, AssetType.IMAGE) for text in image or []),
            *(_input(text, AssetType.VIDEO) for text in video or []),
            *(_reference(text) for text in asset_ref or []),
        ),
        strategy=strategy,
        reuse=reuse,
        player_id=player,
        playthrough_id=playthrough,
        prefer_cached=not fresh,
        allow_generation=not no_generate,
        generate_on_trouble=generate_on_trouble,
        max_wait_s=0.0 if detach else max_wait,
        tag=tag,
        via=via,
        allow_placeholder=placeholder,
    )


def _input(text: str, asset_type: AssetType) -> AssetInput:
    if not text.strip():
        raise InvalidRequest(f"`--{asset_type}` is empty", hint="name a file or an address, or leave it out")
    if "://" in text:
        return AssetInput(asset_type, url=text)
    return AssetInput(asset_type, path=Path(text))


def _reference(text: str) -> AssetInput:
    role, equals, asset_id = text.partition("=")
    if not equals or not role.strip() or not asset_id.strip():
        raise InvalidRequest(
            f"`{text:.80}` is no reference to an asset",
            why="one is written ROLE=ID",
            hint="--asset-ref main_character=12",
        )
    return AssetInput(role=role.strip(), asset_id=asset_id.strip())


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise InvalidRequest(
            f"`{text:.80}` is no parameter", why="a parameter is written NAME=VALUE", hint="--param fps=24"
        )
    return name.strip(), value
