"""`assetctl get`: an asset by its id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from assetctl.cli.delivery import DeliveryOptions, check_delivery, deliver, delivery_options
from assetctl.cli.options import Json
from assetctl.cli.session import printer_for, with_stack
from assetctl.cli.state import CliState, command_app, shared_options, takes

if TYPE_CHECKING:
    from assetctl.wiring import Stack

app = command_app()


@app.command(epilog="Example: assetctl get romance_5/confess.mp4 --output build/")
@takes(delivery=delivery_options, state=shared_options)
def get(
    delivery: DeliveryOptions,
    asset_id: Annotated[str, typer.Argument(help="The asset's id in its source (assetctl cache ls shows them).")],
    refresh: Annotated[bool, typer.Option("--refresh", help="Ask the library even if the cache has it.")] = False,
    as_json: Json = False,
    *,
    state: CliState,
) -> int:
    """An asset by its id, from the cache or the library; never generates."""
    check_delivery(delivery, as_json=as_json)
    printer = printer_for(state, as_json=as_json)

    async def work(stack: Stack) -> int:
        asset = await stack.service.get_asset(asset_id, prefer_cached=not refresh)
        return await deliver(asset, delivery, printer, stack)

    return with_stack(state, printer, work, may_be_quick=True, refresh=refresh)
