"""`assetctl cache verify`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from assetctl.cache.index.filters import EntryFilter
from assetctl.cli.cache_options import filter_options
from assetctl.cli.options import Json
from assetctl.cli.session import printer_for, with_stack
from assetctl.cli.state import CliState, shared_options, takes
from assetctl.errors import AssetctlError, IntegrityError
from assetctl.units import counted, human_size, parse_duration_s

if TYPE_CHECKING:
    from assetctl.cache.verification.findings import Finding, VerifyReport
    from assetctl.cache.verification.verifying import Verification
    from assetctl.cli.output import Printer
    from assetctl.wiring import Stack

_SHOWN_KEY = 12


def _budget(value: str | float) -> float:
    return parse_duration_s(value, name="budget")


@takes(chosen=filter_options, state=shared_options)
def verify(
    chosen: EntryFilter,
    budget: Annotated[
        float | None,
        typer.Option(
            "--budget", parser=_budget, metavar="60s", help="Stop after this time; the next run goes on from there."
        ),
    ] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Mend what can be mended for nothing; put damaged bytes aside.")
    ] = False,
    as_json: Json = False,
    *,
    state: CliState,
) -> int:
    """Read and hash what is cached, the longest unverified first. Exit code 8 when something stays wrong."""
    printer = printer_for(state, as_json=as_json)
    begun: list[Verification] = []

    async def work(stack: Stack) -> VerifyReport:
        begun.append(stack.verification(chosen, budget_s=budget, repair=repair))
        return await begun[0].run()

    try:
        report = with_stack(state, printer, work)
    except AssetctlError:
        if begun:
            printer.note(f"stopped early: {_summary(begun[0].report)}")
        raise
    _print(report, printer, repair=repair)
    if report.unresolved:
        raise _unresolved(report, repair=repair)
    return 0


def _print(report: VerifyReport, printer: Printer, *, repair: bool) -> None:
    if printer.as_json:
        printer.document(_document(report, repair=repair))
    elif printer.quiet:
        for key in dict.fromkeys(found.key for found in report.findings if found.key and found.is_unresolved):
            printer.line(key)
    elif report.findings:
        columns = ("problem", "key", "asset", "size", "what")
        printer.table(columns, [_cells(finding) for finding in report.findings], right=("size",))
    printer.note(_summary(report))
    if report.left_out:
        printer.note(f"{counted(report.left_out, 'finding', 'findings')} more, counted above and not listed")
    if not report.complete:
        left = counted(max(0, report.total_entries - report.entries), "entry", "entries")
        goes_on = "the next run goes on there" if report.noted else "the next run begins anew"
        printer.note(f"the time was up with {left} of {report.total_entries:,} left; {goes_on}")
    if not report.noted:
        printer.warning("the cache cannot be written to: what was verified is not remembered")


def _cells(finding: Finding) -> list[str]:
    names = " / ".join(name for name in (finding.scene_id, finding.choice_id) if name)
    return [
        f"{finding.problem.value}{', repaired' if finding.repaired else ''}",
        finding.key[:_SHOWN_KEY] if finding.key else "-",
        names or finding.asset_id or finding.name,
        "-" if finding.size_bytes is None else human_size(finding.size_bytes),
        finding.detail or "",
    ]


def _summary(report: VerifyReport) -> str:
    rate = "" if report.bytes_per_s is None else f" at {human_size(round(report.bytes_per_s))}/s"
    said = f"verified {counted(report.entries, 'entry', 'entries')}, {human_size(report.read_bytes)}{rate}"
    problems = [
        f"{count:,} {problem.value}{_mended(count, report.repaired[problem])}"
        for problem, count in report.found.items()
    ]
    return f"{said}; {', '.join(problems) if problems else 'all sound'}"


def _mended(found: int, repaired: int) -> str:
    if not repaired:
        return ""
    return " (repaired)" if repaired == found else f" ({repaired:,} repaired)"


def _unresolved(report: VerifyReport, *, repair: bool) -> IntegrityError:
    wrong = [
        f"{count - report.repaired[problem]:,} {problem.value}"
        for problem, count in report.found.items()
        if problem.is_fault and count > report.repaired[problem]
    ]
    return IntegrityError(
        f"{counted(report.unresolved, 'problem is', 'problems are')} left in the cache",
        why=", ".join(wrong),
        hint="ask for these assets again; what was paid for is never bought again by itself"
        if repair
        else "assetctl cache verify --repair",
    )


def _document(report: VerifyReport, *, repair: bool) -> dict[str, Any]:
    return {
        "schema": "assetctl.verify/1",
        "complete": report.complete,
        "repair": repair,
        "entries": report.entries,
        "total_entries": report.total_entries,
        "read_bytes": report.read_bytes,
        "total_bytes": report.total_bytes,
        "elapsed_s": round(report.elapsed_s, 3),
        "bytes_per_s": None if report.bytes_per_s is None else round(report.bytes_per_s),
        "noted": report.noted,
        "unresolved": report.unresolved,
        "problems": {
            problem.value: {"found": count, "repaired": report.repaired[problem]}
            for problem, count in report.found.items()
        },
        "findings": [_finding_document(finding) for finding in report.findings],
        "findings_left_out": report.left_out,
    }


def _finding_document(finding: Finding) -> dict[str, Any]:
    return {
        "problem": finding.problem.value,
        "resolved": not finding.is_unresolved,
        "repaired": finding.repaired,
        "detail": finding.detail,
        "name": finding.name,
        "key": finding.key,
        "scene_id": finding.scene_id,
        "choice_id": finding.choice_id,
        "asset_id": finding.asset_id,
        "paid": finding.paid,
        "size_bytes": finding.size_bytes,
    }
