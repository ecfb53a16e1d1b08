"""Options are parsed when there is something to parse.

Typer (0.29) makes a pydantic validator for every option of a command, given or not, and loads pydantic for it: half of
the time that an answer from the cache takes. What was not given, and text where text is wanted, needs none.
"""

from __future__ import annotations

from typing import Any


def parse_when_given(command: Any) -> None:
    """The parameters of `command` make their validators when they first have something to check.

    Leaves them as they are where this Typer keeps its validators elsewhere.
    """
    for parameter in command.params:
        if getattr(parameter, "_runtime_param", parameter) is None and hasattr(parameter, "type_descriptor"):
            parameter._runtime_param = _WhenGiven(parameter)  # noqa: SLF001 - Typer has no public seam for this


class _WhenGiven:
    """Stands where Typer keeps a parameter's validator, and gets the real one when a value needs it."""

    def __init__(self, parameter: Any) -> None:
        self._parameter = parameter

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """`value` as the command takes it."""
        if value is None:
            return () if param.multiple or param.nargs == -1 else None
        if value is param.default or (isinstance(value, str) and _takes_text(param)):
            return value
        param._runtime_param = None  # noqa: SLF001 - from now on as Typer does it
        return param.get_runtime_param().coerce(value, param=param, ctx=ctx)


def _takes_text(parameter: Any) -> bool:
    descriptor = parameter.type_descriptor
    return descriptor.annotation is str and descriptor.parameter_info.parser is None
