"""`assetctl generators`: what can make assets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from assetctl.cli.options import Json
from assetctl.cli.session import printer_for, with_stack
from assetctl.cli.state import CliState, command_app, shared_options, takes
from assetctl.errors import ServiceError
from assetctl.generation.abilities import HasProviders, NeedsSetup
from assetctl.generation.parameters import range_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from assetctl.cli.output import Printer
    from assetctl.generation.base import Generator, ParameterSpec
    from assetctl.generation.registry import GeneratorListing
    from assetctl.wiring import Stack

    _Table = Mapping[str, Mapping[str, Sequence[ParameterSpec]]]

app = command_app("What can make assets, and with which parameters.")


@app.command("ls", epilog="Example: assetctl generators ls")
@takes(state=shared_options)
def list_generators(as_json: Json = False, *, state: CliState) -> int:
    """Every installed generator; one that doesn't load says why."""
    printer = printer_for(state, as_json=as_json)

    async def work(stack: Stack) -> list[GeneratorListing]:
        return stack.jobs.registry.list()

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
    """The parameters of one generator: names, types, ranges, defaults; and what each provider behind it takes."""
    printer = printer_for(state, as_json=as_json)

    async def work(stack: Stack) -> tuple[Generator, _Table | None]:
        generator = stack.jobs.registry.get(name)
        return generator, await _provider_table(generator, printer, offline=state.offline)

    generator, table = with_stack(state, printer, work)
    specs = list(generator.parameters())
    if as_json:
        printer.document(_shown_document(generator, specs, table))
    elif state.quiet:
        for spec in specs:
            printer.line(spec.name)
    else:
        printer.table(("parameter", "for", "values", "default", "meaning"), [_spec_cells(spec) for spec in specs])
        if table:
            printer.line("")
            printer.table(("provider", "operation", "parameter", "values", "default"), _provider_rows(table))
    return 0


async def _provider_table(generator: Generator, printer: Printer, *, offline: bool) -> _Table | None:
    """What the providers behind `generator` take; None when it has none, or they can't be asked now."""
    if not isinstance(generator, HasProviders) or _missing(generator) or offline:
        return None
    try:
        return await generator.provider_parameters()
    except ServiceError as error:
        # What holds for all of them is known without asking.
        printer.warning(f"what its providers take is not known now: {error.what}")
        return None


def _shown_document(generator: Generator, specs: list[ParameterSpec], table: _Table | None) -> dict[str, Any]:
    document = {**_generator_document(generator), "parameters": [_spec_document(spec) for spec in specs]}
    if table is not None:
        document["providers"] = {
            provider: {operation: [_spec_document(spec) for spec in knobs] for operation, knobs in operations.items()}
            for provider, operations in table.items()
        }
    return document


def _provider_rows(table: _Table) -> list[list[str]]:
    rows: list[list[str]] = []
    for provider, operations in table.items():
        for operation, knobs in operations.items():
            rows += [
                [provider, operation, spec.name, range_text(spec), "-" if spec.default is None else str(spec.default)]
                for spec in knobs
            ] or [[provider, operation, "-", "-", "-"]]
    return rows


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
    problem = _missing(listing.generator)
    return {**_generator_document(listing.generator), "name": listing.name, "problem": problem}


def _cells(listing: GeneratorListing) -> list[str]:
    generator = listing.generator
    if generator is None:
        return [listing.name, "-", "-", "-", f"doesn't load: {listing.problem}"]
    makes = ", ".join(sorted(generator.asset_types))
    state = _missing(generator) or "ready"
    return [listing.name, makes, _yes(generator.is_paid), _yes(generator.is_stand_in), state]


def _missing(generator: Generator) -> str | None:
    return generator.missing if isinstance(generator, NeedsSetup) else None


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
