"""What the options that every command shares come to, the settings they lead to, and how a command takes options."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from assetctl.cli.output import Printer
from assetctl.errors import InvalidRequest

if TYPE_CHECKING:
    from assetctl.settings import Settings


class ProgressMode(StrEnum):
    """How progress is told on stderr."""

    AUTO = "auto"
    BAR = "bar"
    LINES = "lines"
    JSON = "json"
    NONE = "none"


@dataclass(slots=True)
class CliState:
    """The shared options of this run; those that may stand before or after the command count at either place."""

    config: Path | None = None
    profile: str | None = None
    data_dir: Path | None = None
    debug: bool = False
    run_id: str | None = None
    offline: bool = False
    no_input: bool = False
    quiet: bool = False
    verbose: bool = False
    progress: ProgressMode = ProgressMode.AUTO

    def load_settings(self) -> Settings:
        """The settings in force for this run.

        Raises:
            ConfigError: they cannot be read or used.
        """
        from assetctl import settings  # noqa: PLC0415 - `--help` and completion need none

        overrides = {"data_dir": self.data_dir} if self.data_dir is not None else {}
        return settings.load(
            environ=os.environ, cwd=Path.cwd(), config=self.config, profile=self.profile, overrides=overrides
        )


_LONGEST_RUN_ID: Final = 100
_EVERYWHERE: Final = "In every command"

_Offline = Annotated[
    bool, typer.Option("--offline", rich_help_panel=_EVERYWHERE, help="Touch no network; answer from what is here.")
]
_NoInput = Annotated[
    bool,
    typer.Option("--no-input", rich_help_panel=_EVERYWHERE, help="Never ask; refuse where an answer would be needed."),
]
_Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet", "-q", rich_help_panel=_EVERYWHERE, help="Only data: paths, ids or keys; no notes, no bars."
    ),
]
_Verbose = Annotated[
    bool,
    typer.Option("--verbose", "-v", rich_help_panel=_EVERYWHERE, help="Also tell who was asked and how long it took."),
]
_Progress = Annotated[
    ProgressMode, typer.Option("--progress", rich_help_panel=_EVERYWHERE, help="How to show progress on stderr.")
]


def _print_version(value: bool) -> None:
    if value:
        from importlib.metadata import version  # noqa: PLC0415 - only `--version` needs it

        Printer.for_process().line(f"assetctl {version('assetctl')}")
        raise typer.Exit


def global_options(
    ctx: typer.Context,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="PATH", help="Use this settings file (or ASSETCTL_CONFIG).")
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(
            "--profile", metavar="NAME", help="Overlay `[profiles.NAME]` of the settings (or ASSETCTL_PROFILE)."
        ),
    ] = None,
    data_dir: Annotated[
        str | None,
        typer.Option("--data-dir", metavar="DIR", help="Keep cache, jobs and journal here (or ASSETCTL_DATA_DIR)."),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", envvar="ASSETCTL_DEBUG", help="Add tracebacks to errors.")] = False,
    run_id: Annotated[
        str | None,
        typer.Option(
            "--run-id",
            metavar="ID",
            envvar="ASSETCTL_RUN_ID",
            help="Share the limit of new generations with whoever gives this id (or ASSETCTL_RUN_ID).",
        ),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
    ] = False,
    offline: _Offline = False,
    no_input: _NoInput = False,
    quiet: _Quiet = False,
    verbose: _Verbose = False,
    progress: _Progress = ProgressMode.AUTO,
) -> None:
    """Ask for the media asset of a scene, get a verified file; never wait or pay for the same thing twice."""
    del version
    if data_dir is not None and not data_dir.strip():
        raise InvalidRequest("`--data-dir` is empty", hint="name a folder, or leave it out")
    state = ctx.ensure_object(CliState)
    state.config, state.profile, state.debug = config, profile, debug
    state.run_id = _checked_run_id(run_id)
    state.data_dir = None if data_dir is None else Path(data_dir)
    _merge(state, offline=offline, no_input=no_input, quiet=quiet, verbose=verbose, progress=progress)
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


def _checked_run_id(run_id: str | None) -> str | None:
    if run_id is not None and not 0 < len(run_id.strip()) <= _LONGEST_RUN_ID:
        raise InvalidRequest(
            "`--run-id` is empty or too long", hint=f"any text of 1 to {_LONGEST_RUN_ID} characters, or leave it out"
        )
    return run_id


def shared_options(
    ctx: typer.Context,
    offline: _Offline = False,
    no_input: _NoInput = False,
    quiet: _Quiet = False,
    verbose: _Verbose = False,
    progress: _Progress = ProgressMode.AUTO,
) -> CliState:
    """The state of this run, with the options given after the command merged in."""
    state = ctx.ensure_object(CliState)
    _merge(state, offline=offline, no_input=no_input, quiet=quiet, verbose=verbose, progress=progress)
    return state


def _merge(
    state: CliState, *, offline: bool, no_input: bool, quiet: bool, verbose: bool, progress: ProgressMode
) -> None:
    state.offline |= offline
    state.no_input |= no_input
    state.quiet |= quiet
    state.verbose |= verbose
    if progress is not ProgressMode.AUTO:
        state.progress = progress


def takes(**builders: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator: each named parameter of the command is given what its builder returns, and the builder's options.

    One group of options thus stands in one place however many commands take it. `--help` shows the options in the
    order of the command's signature, a group where its parameter stands.
    """

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        own = _parameters(command)
        groups = {name: _parameters(builder) for name, builder in builders.items()}
        merged: dict[str, inspect.Parameter] = {}
        for name, parameter in own.items():
            merged |= groups.get(name, {name: parameter})

        @functools.wraps(command)
        def run(**given: Any) -> Any:
            built = {
                name: builders[name](**{option: given[option] for option in group}) for name, group in groups.items()
            }
            plain = {name: given[name] for name in own if name not in builders}
            return command(**plain, **built)

        keyword_only = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in merged.values()]
        run.__signature__ = inspect.Signature(keyword_only)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in keyword_only}
        return run

    return decorate


def _parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(function, eval_str=True).parameters)


def command_app(help_text: str | None = None) -> typer.Typer:
    """An app for one command, or for a group of them that `help_text` describes."""
    return typer.Typer(
        help=help_text,
        no_args_is_help=help_text is not None,
        add_completion=False,
        rich_markup_mode="markdown",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
