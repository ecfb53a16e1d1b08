"""`assetctl prefetch`: a whole chapter with one command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assetctl.cli.chapter.manifests import FormatOption, ManifestArgument
from assetctl.cli.chapter.options import chapter_of, game_options
from assetctl.cli.options import Json, Refresh, one_of, words_of
from assetctl.cli.session import printer_for, with_stack
from assetctl.cli.state import CliState, ProgressMode, command_app, shared_options, takes
from assetctl.clock import SystemClock
from assetctl.errors import Interrupted, InvalidRequest
from assetctl.prefetch.consent import Budget, parse_amount
from assetctl.prefetch.deeds import Only, Selection
from assetctl.prefetch.report.kinds import kind_of
from assetctl.prefetch.scenes.chapter import GameChapter

app = command_app()

_WHAT = "What of it"
_PLAN = "The plan"
_BUDGET = "Budget and consent"


@app.command(epilog="Example: assetctl prefetch chapter.toml --plan")
@takes(game=game_options, state=shared_options)
def prefetch(
    manifest: ManifestArgument = None,
    format_: FormatOption = None,
    *,
    game: GameChapter | None,
    only: Annotated[
        Only | None,
        typer.Option(
            "--only",
            parser=one_of("choice of --only", Only),
            autocompletion=words_of(Only),
            metavar="missing|placeholder|failed|all",
            rich_help_panel=_WHAT,
            help="What isn't here (the default), what has a placeholder, what failed last time, or all, hashed anew.",
        ),
    ] = None,
    scene: Annotated[
        str | None,
        typer.Option(
            "--scene", metavar="GLOB", rich_help_panel=_WHAT, help="Only scenes with such an id: 'romance_*'."
        ),
    ] = None,
    concurrency: Annotated[
        int | None,
        typer.Option(
            "--concurrency", min=1, max=1000, metavar="N", help="How many jobs at a time (prefetch.concurrency)."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="Also put every asset there, as SCENE--CHOICE.EXT."),
    ] = None,
    plan: Annotated[bool, typer.Option("--plan", rich_help_panel=_PLAN, help="Print the plan and stop.")] = False,
    plan_out: Annotated[
        Path | None,
        typer.Option("--plan-out", metavar="FILE", rich_help_panel=_PLAN, help="Write the plan to a file and stop."),
    ] = None,
    apply: Annotated[
        Path | None,
        typer.Option(
            "--apply",
            metavar="FILE",
            rich_help_panel=_PLAN,
            help="Do exactly what that plan says, or stop and say what has changed.",
        ),
    ] = None,
    max_generations: Annotated[
        int | None,
        typer.Option(
            "--max-generations", min=0, metavar="N", rich_help_panel=_BUDGET, help="Order at most so many new jobs."
        ),
    ] = None,
    max_cost: Annotated[
        str | None,
        typer.Option(
            "--max-cost", metavar="AMOUNT", rich_help_panel=_BUDGET, help="Spend at most so much: 20, '20 USD'."
        ),
    ] = None,
    deadline: Annotated[
        str | None,
        typer.Option(
            "--deadline",
            metavar="2h",
            rich_help_panel=_BUDGET,
            help="Begin nothing after it, or after a moment such as 2030-01-31T18:00:00Z; jobs go on.",
        ),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", rich_help_panel=_BUDGET, help="Agree to what the plan takes; don't ask.")
    ] = False,
    report: Annotated[
        list[Path] | None,
        typer.Option(
            "--report",
            metavar="FILE",
            help="Also write what became of each asset, however the run ends: .json, .md, .html (a storyboard) or .xml"
            " (JUnit). May be given several times.",
        ),
    ] = None,
    refresh: Refresh = False,
    as_json: Json = False,
    state: CliState,
) -> int:
    """A whole chapter: what is not here is fetched or generated; running it again does only what is left.

    Exit codes: 0 everything is here, 3 not logged in, 4 jobs go on, 5 only a part of it is here, 6 refused before
    spending or the budget is used up, 9 the backend stays away, 10 nobody knows what became of an order. With `--json`
    a line for each asset that something is done for, with `--only all` also for those that are here, and a last one
    with the sums; with `-q` the ids of what came of it.
    """
    from assetctl.cli.chapter.prefetching import Prefetch  # noqa: PLC0415 - brings task groups, which `--help` doesn't need
    from assetctl.cli.chapter.wishes import Wishes, of_plan, parse_deadline, planned_chapter  # noqa: PLC0415 - as above

    if apply is not None and (only is not None or scene is not None):
        raise InvalidRequest(
            "`--only` and `--scene` cannot be said with `--apply`",
            why="the plan says which assets it takes, and all of them are made",
            hint="leave them out, or plan that part: assetctl prefetch MANIFEST --scene GLOB --plan-out FILE",
        )
    if apply is not None and manifest is None and game is None:
        chapter = planned_chapter(apply)
    else:
        chapter = chapter_of(manifest, format_, game, command="assetctl prefetch")
    for path in report or ():
        kind_of(path)
    amount, currency = (None, None) if max_cost is None else parse_amount(max_cost)
    wishes = of_plan(
        Wishes(
            chapter=chapter,
            selection=Selection(only or Only.MISSING, scene),
            budget=Budget(max_generations, amount, currency, is_agreed=yes),
            concurrency=concurrency,
            deadline=None if deadline is None else parse_deadline(deadline, SystemClock().now()),
            output=output,
            plan_only=plan or plan_out is not None,
            plan_out=plan_out,
            apply=apply,
            reports=tuple(report or ()),
        )
    )
    printer = printer_for(state, as_json=as_json)
    command = Prefetch(wishes, state, printer)
    mode = ProgressMode.JSON if state.progress is ProgressMode.JSON else ProgressMode.NONE
    try:
        return with_stack(state, printer, command.work, refresh=refresh, progress=mode)
    except Interrupted as error:
        raise command.interrupted(error) from None
