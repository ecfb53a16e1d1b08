"""The command tree, and the one place where an error becomes a message and an exit code.

Commands are found by name and loaded when they are called, so that one command doesn't pay for the others. The
boundary is the group's own `main`, inside the app: a test's runner and the real process take the same path.
"""

from __future__ import annotations

import importlib
import sys
import traceback
from typing import Any, Final, NoReturn

import typer
import typer.core
import typer.main

from assetctl.cli.output import BrokenOutput, Printer, leave_stderr_clean
from assetctl.cli.parsing import parse_when_given
from assetctl.cli.state import CliState, global_options
from assetctl.errors import AssetctlError, Interrupted, InvalidRequest, StorageFull

#: Every command, in the order of `--help`, with the one line that stands there.
COMMANDS: Final = {
    "request": "The asset for a scene: cached, pre-made, generated, or a marked placeholder.",
    "get": "An asset by its id, from the cache or the library.",
    "available": "Whether assets are there, without spending or downloading.",
    "prefetch": "A whole chapter: plan it, make what is missing, go on where it stopped.",
    "coverage": "How much of a chapter is there, scene by scene.",
    "manifest": "Chapter manifests: check one, write one to start from.",
    "explain": "The whole decision for a request: who would answer, who would not, and why.",
    "cache": "Look after the cache.",
    "jobs": "Look after generation jobs.",
    "auth": "Log in at the backend, and out.",
    "generators": "What can make assets, and with which parameters.",
    "config": "Settings: show, find, make, check, trust.",
    "doctor": "Check this installation and say what to mend.",
}
_TYPERS: Final = {"typer", "click", "rich", "colorama"}


class LazyGroup(typer.core.TyperGroup):
    """A group whose commands are modules of `assetctl.cli.commands`, loaded on demand."""

    def get_params(self, ctx: Any) -> list[Any]:
        """The group's own options."""
        parameters = super().get_params(ctx)
        parse_when_given(parameters)
        return parameters

    def list_commands(self, ctx: Any) -> list[str]:
        """The names of all commands."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name, None when there is none."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"assetctl.cli.commands.{cmd_name}")
        command = typer.main.get_command(module.app)
        command.name = cmd_name
        command.short_help = COMMANDS[cmd_name]
        parse_when_given(command.get_params(ctx))
        return command

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        """Run the command; standing alone, end the process with the contract's exit code."""
        if not standalone_mode:
            return super().main(*args, standalone_mode=False, **extra)
        given = args[0] if args else extra.pop("args", None)
        words = list(sys.argv[1:] if given is None else given)
        state = CliState()
        return self._end(self._exit_code(words, state, extra), words, state)

    def _exit_code(self, words: list[str], state: CliState, extra: dict[str, Any]) -> int:
        try:
            result = super().main(words, standalone_mode=False, obj=state, **extra)
        except BrokenOutput:
            return BrokenOutput.exit_code
        except AssetctlError as error:
            return _report(error, words, state)
        except typer.Abort:
            return _report(Interrupted("aborted at the question, nothing was done", signal_number=2), words, state)
        except typer.TyperException as error:
            return _report(_usage_error(error), words, state)
        except (OSError, SystemExit) as error:
            return _unprinted(_refused_print(error), words, state)
        return result if isinstance(result, int) else 0

    def _end(self, exit_code: int, words: list[str], state: CliState) -> NoReturn:
        try:
            Printer.for_process(words).finish()
        except BrokenOutput:
            exit_code = BrokenOutput.exit_code
        except StorageFull as error:
            exit_code = _report(error, words, state)
        leave_stderr_clean()
        sys.exit(exit_code)


def _refused_print(error: OSError | SystemExit) -> OSError:
    """What stdout said to Typer, which prints `--help` itself; anything else is raised again."""
    match error:
        case SystemExit(__context__=BrokenPipeError() as refused):
            # Where nobody reads its help, Typer ends the process itself, with a code of its own.
            return refused
        case OSError() if _came_from_typer(error):
            return error
        case _:
            # What any other file said is a mistake of ours, and should look like one.
            raise error


def _came_from_typer(error: OSError) -> bool:
    """Whether it was raised right where Typer, or what it prints with, writes: our own prints never let one out."""
    places = [frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(error.__traceback__)]
    return bool(places) and places[-1].partition(".")[0] in _TYPERS


def _unprinted(error: OSError, words: list[str], state: CliState) -> int:
    try:
        Printer.for_process(words).lost(error)
    except BrokenOutput:
        return BrokenOutput.exit_code
    except StorageFull as full:
        return _report(full, words, state)


def _usage_error(error: typer.TyperException) -> AssetctlError:
    message = getattr(error, "format_message", lambda: str(error))()
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "assetctl"
    return UsageError(message.rstrip(".") or "wrong usage", hint=f"{command} --help")


class UsageError(InvalidRequest):
    """The command line itself is wrong."""

    code = "usage"


def _report(error: AssetctlError, words: list[str], state: CliState) -> int:
    """Tell `error` once, on stderr, and return its exit code."""
    printer = Printer.for_process(words, verbose=state.verbose)
    if state.debug:
        printer.traceback(error)
    printer.error(error)
    return error.exit_code


app = typer.Typer(
    name="assetctl",
    cls=LazyGroup,
    help="Ask for the media asset of a scene, get a verified file; never wait or pay for the same thing twice.",
    epilog="Exit codes, settings and examples: the README. Try: assetctl request --scene romance_5 --choice confess",
    context_settings={"help_option_names": ["-h", "--help"]},
    invoke_without_command=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    pretty_exceptions_show_locals=False,
    rich_markup_mode="markdown",
)
app.callback()(global_options)
