"""`assetctl request`: the asset for a scene."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from assetctl.cli.delivery import DeliveryOptions, check_delivery, deliver, delivery_options
from assetctl.cli.explaining import plan_document, plan_sentence
from assetctl.cli.options import Json, Refresh, request_options
from assetctl.cli.session import printer_for, with_stack
from assetctl.cli.state import CliState, command_app, shared_options, takes
from assetctl.errors import AssetUnavailable, InvalidRequest
from assetctl.models import AssetRequest

if TYPE_CHECKING:
    from assetctl.cli.output import Printer
    from assetctl.wiring import Stack

app = command_app()


@app.command(epilog='Example: assetctl request --scene romance_5 --choice confess --prompt "She says it at last"')
@takes(request=request_options, delivery=delivery_options, state=shared_options)
def request(
    request: AssetRequest,
    delivery: DeliveryOptions,
    source: Annotated[
        str | None, typer.Argument(metavar="[-]", help="`-` reads requests from stdin as JSON Lines, one answer each.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would be done, and do nothing.")] = False,
    refresh: Refresh = False,
    as_json: Json = False,
    *,
    state: CliState,
) -> int:
    """The asset for a scene, as the path of a verified file.

    Asks the cache, the library and the generator in turn. Exit codes: 0 it is there, 4 a job goes on (ask again),
    5 a placeholder was delivered, 7 not available.
    """
    check_delivery(delivery, as_json=as_json)
    printer = printer_for(state, as_json=as_json)
    if source is not None:
        _check_source(source, delivery, dry_run=dry_run)
        from assetctl.cli.batch import answer_lines  # noqa: PLC0415 - brings task groups, which one answer doesn't need

        return with_stack(state, printer, lambda stack: answer_lines(stack, request, printer), refresh=refresh)
    if dry_run:
        return with_stack(state, printer, lambda stack: _tell_plan(stack, request, printer), refresh=refresh)

    async def work(stack: Stack) -> int:
        return await deliver(await stack.service.request_asset(request), delivery, printer, stack)

    return with_stack(state, printer, work, may_be_quick=True, refresh=refresh)


def _check_source(source: str, delivery: DeliveryOptions, *, dry_run: bool) -> None:
    if source != "-":
        raise InvalidRequest(
            f"`{source}` is no way to ask", why="the only argument is `-`", hint=f"assetctl request --scene {source}"
        )
    if dry_run:
        raise InvalidRequest("`request -` has no `--dry-run`", hint="assetctl explain tells of one request")
    if delivery.output or delivery.open_player or delivery.preview:
        raise InvalidRequest("`request -` prints documents only", hint="leave `--output`, `--open` and `--preview` out")


async def _tell_plan(stack: Stack, request: AssetRequest, printer: Printer) -> int:
    explanation = await stack.service.explain(request)
    if printer.as_json:
        printer.document(plan_document(explanation))
    else:
        printer.line(plan_sentence(explanation))
    decisive = explanation.decisive
    if decisive is None:
        return AssetUnavailable.exit_code
    return 0 if decisive.error is None else decisive.error.exit_code
