"""`assetctl explain`: the whole decision for a request."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from assetctl.cli.explaining import plan_document, plan_sentence, verdict_sentence
from assetctl.cli.options import Json, Refresh, request_options
from assetctl.cli.session import printer_for, with_stack
from assetctl.cli.state import CliState, command_app, shared_options, takes
from assetctl.keys import canonical_form
from assetctl.models import AssetRequest

if TYPE_CHECKING:
    from assetctl.cache.entries import CacheEntry
    from assetctl.cli.output import Printer
    from assetctl.explanation import Explanation
    from assetctl.wiring import Stack

app = command_app()


@app.command(epilog="Example: assetctl explain --scene romance_5 --choice confess")
@takes(request=request_options, state=shared_options)
def explain(request: AssetRequest, refresh: Refresh = False, as_json: Json = False, *, state: CliState) -> int:
    """The whole decision for a request: its key, who was asked, every candidate and why it lost. Spends nothing."""
    printer = printer_for(state, as_json=as_json)

    async def work(stack: Stack) -> tuple[Explanation, CacheEntry | None]:
        explanation = await stack.service.explain(request)
        return explanation, await stack.cache.nearest(explanation.request)

    explanation, nearest = with_stack(state, printer, work, refresh=refresh)
    differences = _differences(explanation, nearest)
    if printer.as_json:
        document = plan_document(explanation)
        document["nearest"] = None if nearest is None else {"key": nearest.key, "differs": differences}
        printer.document(document)
    else:
        _print(explanation, nearest, differences, printer)
    return 0


def _differences(explanation: Explanation, nearest: CacheEntry | None) -> dict[str, list[Any]]:
    """Key part -> [asked for, cached]; empty when there is nothing to compare or nothing differs."""
    if nearest is None:
        return {}
    cached = canonical_form(nearest.request)
    names = sorted({*explanation.parts, *cached})
    return {
        name: [explanation.parts.get(name), cached.get(name)]
        for name in names
        if explanation.parts.get(name) != cached.get(name)
    }


def _print(
    explanation: Explanation, nearest: CacheEntry | None, differences: dict[str, list[Any]], printer: Printer
) -> None:
    printer.line(f"key  {explanation.key}")
    for name, part in explanation.parts.items():
        printer.line(f"  {name}: {_value(part)}")
    for verdict in explanation.verdicts:
        printer.line(f"{verdict.provider}  ({verdict.elapsed_ms:.1f} ms)  {verdict_sentence(verdict)}")
        for reason in verdict.availability.reasons if verdict.availability else ():
            printer.line(f"  {reason}")
    if nearest is not None and differences:
        printer.line(f"nearest cached  {nearest.key[:12]}")
        for name, (asked, cached) in differences.items():
            printer.line(f"  {name}: asked {_value(asked)}, cached {_value(cached)}")
    printer.line(f"decision  {plan_sentence(explanation)}")


def _value(part: Any) -> str:
    return "nothing" if part is None else part if isinstance(part, str) else json.dumps(part)
