"""`assetctl config`: the settings, where they come from, and whether they can be used."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assetctl import settings
from assetctl.cli.examples import write_example
from assetctl.cli.options import Json
from assetctl.cli.session import printer_for
from assetctl.cli.state import CliState, command_app, shared_options, takes
from assetctl.errors import ConfigError
from assetctl.text import safe

if TYPE_CHECKING:
    from assetctl.cli.output import Printer
    from assetctl.settings.files import ConfigProblem

app = command_app("Settings: show, find, make, check, trust.")


@app.command(epilog="Example: assetctl config show --origin")
@takes(state=shared_options)
def show(
    origin: Annotated[bool, typer.Option("--origin", help="Also tell where each value comes from.")] = False,
    as_json: Json = False,
    *,
    state: CliState,
) -> None:
    """Every setting in effect."""
    printer = printer_for(state, as_json=as_json)
    loaded = state.load_settings()
    names = [known.name for known in settings.known_settings()]
    if as_json:
        printer.document(
            {name: {"value": settings.shown_value(loaded, name), "origin": loaded.origins[name]} for name in names}
        )
        return
    rows = [[name, _text(settings.shown_value(loaded, name)), loaded.origins[name]] for name in names]
    if origin:
        printer.table(("setting", "value", "from"), rows)
    else:
        printer.table(("setting", "value"), [row[:2] for row in rows])


@app.command(epilog="Example: assetctl config path")
@takes(state=shared_options)
def path(as_json: Json = False, *, state: CliState) -> None:
    """The settings files, strongest first: which are read, and where one could be made."""
    printer = printer_for(state, as_json=as_json)
    locations = settings.file_locations(environ=os.environ, cwd=Path.cwd(), config=state.config)
    if as_json:
        printer.document(
            [
                {"kind": one.kind, "path": str(one.path), "exists": one.exists, "is_read": one.is_read}
                for one in locations
            ]
        )
    elif state.quiet:
        for one in locations:
            if one.is_read:
                printer.path(one.path)
    else:
        states = {True: "read", False: "passed over"}
        rows = [[one.kind, states[one.is_read] if one.exists else "not there", str(one.path)] for one in locations]
        printer.table(("kind", "state", "path"), rows)


@app.command(epilog="Example: assetctl config init")
@takes(state=shared_options)
def init(
    file: Annotated[Path | None, typer.Argument(help="Where to; `assetctl.toml` in this folder by default.")] = None,
    user: Annotated[bool, typer.Option("--user", help="The file in the user config folder instead.")] = False,
    *,
    state: CliState,
) -> None:
    """A commented settings file with every setting at its default; an existing file is never replaced."""
    printer = printer_for(state)
    target = file or (_user_file(state) if user else Path.cwd() / "assetctl.toml")
    example = settings.example_toml()
    write_example(example, target, printer, refusal=ConfigError, checked_by="assetctl config validate")


@app.command(epilog="Example: assetctl config validate")
@takes(state=shared_options)
def validate(
    file: Annotated[Path | None, typer.Argument(help="The file; by default every one that would be read.")] = None,
    as_json: Json = False,
    *,
    state: CliState,
) -> int:
    """Every problem of the settings files, with file, line and what to write instead. Exit code 2 when there is one."""
    printer = printer_for(state, as_json=as_json)
    files = [file.absolute()] if file else _files_read(state)
    problems = [problem for one in files for problem in settings.check(one)]
    if as_json:
        printer.document([_problem_document(problem) for problem in problems])
    else:
        _print_problems(problems, files, printer)
    if not problems and file is None:
        state.load_settings()
    return ConfigError.exit_code if problems else 0


@app.command(epilog="Example: assetctl config trust assetctl.toml")
@takes(state=shared_options)
def trust(
    file: Annotated[Path | None, typer.Argument(help="The project file; the one in effect by default.")] = None,
    *,
    state: CliState,
) -> None:
    """Let a project file set the backend's address, credentials and the data folder, with its content as it is now."""
    printer = printer_for(state)
    target = file.absolute() if file else _project_file(state)
    names = settings.trust(target)
    printer.note(f"trusted: {target}")
    for name in names:
        printer.note(f"  it may set {name}")


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "not set" if value is None else str(value)


def _user_file(state: CliState) -> Path:
    locations = settings.file_locations(environ=os.environ, cwd=Path.cwd(), config=state.config)
    return next(one.path for one in locations if one.kind == "user")


def _files_read(state: CliState) -> list[Path]:
    locations = settings.file_locations(environ=os.environ, cwd=Path.cwd(), config=state.config)
    return [one.path for one in locations if one.is_read]


def _project_file(state: CliState) -> Path:
    locations = settings.file_locations(environ=os.environ, cwd=Path.cwd(), config=state.config)
    for one in locations:
        if one.kind == "project" and one.exists:
            return one.path
    raise ConfigError("there is no project file to trust", hint="assetctl config trust FILE")


def _print_problems(problems: list[ConfigProblem], files: list[Path], printer: Printer) -> None:
    for problem in problems:
        printer.line(f"{problem.place}: {problem.what}")
        for part in (problem.why, problem.hint):
            if part:
                printer.line(f"  {part}")
    if not problems:
        printer.note("nothing to check: no settings file is read" if not files else f"no problem: {_named(files)}")


def _named(files: list[Path]) -> str:
    return ", ".join(safe(str(one)) for one in files)


def _problem_document(problem: ConfigProblem) -> dict[str, object]:
    return {
        "file": None if problem.file is None else str(problem.file),
        "line": problem.line,
        "column": problem.column,
        "name": problem.name,
        "what": problem.what,
        "why": problem.why,
        "hint": problem.hint,
    }
