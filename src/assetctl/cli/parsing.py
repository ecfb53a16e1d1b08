"""Options are parsed when there is something to parse.

Typer (0.29) makes a pydantic validator for every option of a command, given or not, and loads pydantic for it: half of
the time that an answer from the cache takes. What was not given needs none, nor does text, nor what a parser of ours
reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


def parse_when_given(parameters: Iterable[Any]) -> None:
    """The `parameters` of a command make their validators when they first have something to check.

    Leaves them as they are where this Typer keeps its validators elsewhere.
    """
    for parameter in parameters:
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
        if value is param.default:
            return value
        descriptor = param.type_descriptor
        if isinstance(value, str) and descriptor.parameter_info.parser is not None:
            return descriptor.parameter_info.parser(value)
        if isinstance(value, str) and descriptor.annotation is str:
            return value
        param._runtime_param = None  # noqa: SLF001 - from now on as Typer does it
        return param.get_runtime_param().coerce(value, param=param, ctx=ctx)
