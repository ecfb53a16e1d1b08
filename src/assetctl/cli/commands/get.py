"""`assetctl get`: assets by their ids."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from assetctl import export
from assetctl.cli.delivery import DeliveryOptions, check_delivery, deliver, delivery_options
from assetctl.cli.exit_codes import common_exit_code
from assetctl.cli.options import Json
from assetctl.cli.session import printer_for, with_stack
from assetctl.cli.state import CliState, command_app, shared_options, takes
from assetctl.errors import AssetctlError, InvalidRequest

if TYPE_CHECKING:
    from assetctl.cli.output import Printer
    from assetctl.wiring import Stack

app = command_app()


@app.command(epilog="Example: assetctl get romance_5/confess.mp4 --output build/")
@takes(delivery=delivery_options, state=shared_options)
def get(
    delivery: DeliveryOptions,
    asset_ids: Annotated[
        list[str],
        typer.Argument(metavar="ASSET_ID...", help="Ids of assets in their source (assetctl cache ls shows them)."),
    ],
    refresh: Annotated[bool, typer.Option("--refresh", help="Ask the library even if the cache has it.")] = False,
    as_json: Json = False,
    *,
    state: CliState,
) -> int:
    """Assets by their ids, from the cache or the library; never generates.

    Of several each is answered on a line of its own, and one that is not there costs only itself.
    """
    check_delivery(delivery, as_json=as_json)
    printer = printer_for(state, as_json=as_json)

    async def got(stack: Stack, asset_id: str, printer: Printer) -> int:
        asset = await stack.service.get_asset(asset_id, prefer_cached=not refresh)
        return await deliver(asset, delivery, printer, stack)

    async def got_each(stack: Stack) -> int:
        lines = replace(printer, indent=None)
        codes: set[int] = set()
        for asset_id in asset_ids:
            try:
                codes.add(await got(stack, asset_id, lines))
            except AssetctlError as error:
                printer.error(error)
                codes.add(error.exit_code)
        return common_exit_code(codes)

    if len(asset_ids) > 1:
        _check_several(delivery)
        return with_stack(state, printer, got_each, may_be_quick=True, refresh=refresh)
    return with_stack(
        state, printer, lambda stack: got(stack, asset_ids[0], printer), may_be_quick=True, refresh=refresh
    )


def _check_several(delivery: DeliveryOptions) -> None:
    if delivery.output == "-":
        raise InvalidRequest("`--output -` streams one asset", hint="ask for one, or name a folder")
    if delivery.output is not None and not export.is_folder(delivery.output):
        raise InvalidRequest(
            f"`{delivery.output}` is one file, and several assets were asked for", hint=f"--output {delivery.output}/"
        )
