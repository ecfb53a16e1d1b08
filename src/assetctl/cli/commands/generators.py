"""`assetctl generators`: what can make assets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from assetctl.cli.options import Json
from assetctl.cli.session import printer_for, with_stack
from assetctl.cli.state import CliState, command_app, shared_options, takes
from assetctl.generation.parameters import range_text

if TYPE_CHECKING:
    from assetctl.generation.base import Generator, ParameterSpec
    from assetctl.generation.registry import GeneratorListing
    from assetctl.wiring import Stack

app = command_app("What can make assets, and with which parameters.")


@app.command("ls", epilog="Example: assetctl generators ls")
@takes(state=shared_options)
def list_generators(as_json: Json = False, *, state: CliState) -> int:
    """Every installed generator; one that doesn't load says why."""
    printer = printer_for(state, as_json=as_json)

    async def work(stack: Stack) -> list[GeneratorListing]:
        return stack.registry.list()

    listings = with_stack(state, printer, work)
    if as_json:
        printer.document([_listing_document(listing) for listing in listings])
    elif state.quiet:
        for listing in listings:
            printer.line(listing.name)
    else:
        printer.table(("name", "makes", "paid", "stands in", "state"), [_cells(listing) for listing in listings])
    return 0


@app.command("show", epilog="Example: assetctl generators show storyboard")
@takes(state=shared_options)
def show_generator(
    state: CliState, name: Annotated[str, typer.Argument(help="The generator's name.")], as_json: Json = False
) -> int:
    """The parameters of one generator: names, types, ranges, defaults."""
    printer = printer_for(state, as_json=as_json)

    async def work(stack: Stack) -> Generator:
        return stack.registry.get(name)

    generator = with_stack(state, printer, work)
    specs = list(generator.parameters())
    if as_json:
        printer.document({**_generator_document(generator), "parameters": [_spec_document(spec) for spec in specs]})
    elif state.quiet:
        for spec in specs:
            printer.line(spec.name)
    else:
        printer.table(("parameter", "for", "values", "default", "meaning"), [_spec_cells(spec) for spec in specs])
    return 0


def _generator_document(generator: Generator) -> dict[str, Any]:
    return {
        "name": generator.name,
        "asset_types": sorted(generator.asset_types),
        "is_paid": generator.is_paid,
        "is_stand_in": generator.is_stand_in,
        "needs_network": generator.needs_network,
    }


def _listing_document(listing: GeneratorListing) -> dict[str, Any]:
    if listing.generator is None:
        return {"name": listing.name, "problem": listing.problem}
    return {**_generator_document(listing.generator), "name": listing.name, "problem": None}


def _cells(listing: GeneratorListing) -> list[str]:
    generator = listing.generator
    if generator is None:
        return [listing.name, "-", "-", "-", f"doesn't load: {listing.problem}"]
    makes = ", ".join(sorted(generator.asset_types))
    return [listing.name, makes, _yes(generator.is_paid), _yes(generator.is_stand_in), "ready"]


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _spec_document(spec: ParameterSpec) -> dict[str, Any]:
    return {
        "name": spec.name,
        "kind": spec.kind.__name__,
        "default": spec.default,
        "minimum": spec.minimum,
        "maximum": spec.maximum,
        "choices": list(spec.choices),
        "help": spec.help,
        "asset_types": sorted(spec.asset_types),
    }


def _spec_cells(spec: ParameterSpec) -> list[str]:
    default = "-" if spec.default is None else str(spec.default)
    return [spec.name, ", ".join(sorted(spec.asset_types)), range_text(spec), default, spec.help]
