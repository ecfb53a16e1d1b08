"""Whether an order fits its generator's knobs, settled before anything is sent.

Values arrive as text from options or typed from JSON; they leave typed as the generator's specs say.
"""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import TYPE_CHECKING

from assetctl.errors import InvalidRequest
from assetctl.vocabulary import nearest_hint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assetctl.generation.base import Generator, ParameterSpec
    from assetctl.models import AssetType, ParameterValue

_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})
_KIND_NAMES = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


def checked_parameters(
    given: Mapping[str, ParameterValue], generator: Generator, asset_type: AssetType
) -> Mapping[str, ParameterValue]:
    """`given` with every value of the type, in the range and of the choices that `generator` states; nothing added.

    Raises:
        InvalidRequest: an unknown name (the nearest is suggested), a wrong type, or a value out of range.
    """
    if asset_type not in generator.asset_types:
        makes = ", ".join(sorted(generator.asset_types))
        raise InvalidRequest(
            f"the generator `{generator.name}` makes no {asset_type.value}",
            why=f"it makes {makes}",
            hint="put one into the library, or choose another with `--generator` (`assetctl generators ls`)",
        )
    specs = {spec.name: spec for spec in generator.parameters() if asset_type in spec.asset_types}
    return MappingProxyType({name: _checked(name, value, specs, generator.name) for name, value in given.items()})


def _checked(
    name: str, value: ParameterValue, specs: Mapping[str, ParameterSpec], generator_name: str
) -> ParameterValue:
    if name not in specs:
        hint = nearest_hint(name, list(specs)) if specs else "it has none for this type"
        raise InvalidRequest(f"the generator `{generator_name}` has no parameter `{name}`", hint=hint)
    return checked_value(value, specs[name])


def checked_value(value: ParameterValue, spec: ParameterSpec) -> ParameterValue:
    """`value` as `spec` wants it.

    Raises:
        InvalidRequest: a wrong type, or a value out of range.
    """
    typed = _typed(value, spec)
    _check_range(typed, spec)
    return typed


def _typed(value: ParameterValue, spec: ParameterSpec) -> ParameterValue:
    text = str(value).strip()
    if spec.kind is bool:
        if text.lower() in _TRUE | _FALSE:
            return text.lower() in _TRUE
    elif spec.kind is str:
        if isinstance(value, str):
            return value
    elif not isinstance(value, bool):
        number = _number(text, spec.kind)
        if number is not None:
            return number
    raise InvalidRequest(f"the parameter `{spec.name}` must be {_KIND_NAMES[spec.kind]}", why=f"it is `{text:.80}`")


def _number(text: str, kind: type) -> float | int | None:
    try:
        number = float(text)
        whole = int(text) if kind is int else None
    except ValueError:
        return None
    return whole if whole is not None else (number if math.isfinite(number) else None)


def _check_range(value: ParameterValue, spec: ParameterSpec) -> None:
    if spec.choices and value not in spec.choices:
        raise InvalidRequest(
            f"`{value}` is no value for the parameter `{spec.name}`", hint=nearest_hint(str(value), list(spec.choices))
        )
    if isinstance(value, str | bool):
        return
    below = spec.minimum is not None and value < spec.minimum
    if below or (spec.maximum is not None and value > spec.maximum):
        raise InvalidRequest(f"the parameter `{spec.name}` is out of range", why=f"`{value}` is not {range_text(spec)}")


def range_text(spec: ParameterSpec) -> str:
    """The values `spec` accepts, for a person: `1 to 60`, `anime, realistic`, `any text`."""
    if spec.choices:
        return ", ".join(spec.choices)
    if spec.minimum is not None and spec.maximum is not None:
        return f"{spec.minimum:g} to {spec.maximum:g}"
    if spec.minimum is not None:
        return f"{spec.minimum:g} or more"
    return f"up to {spec.maximum:g}" if spec.maximum is not None else f"any {_KIND_NAMES[spec.kind].removeprefix('a ')}"
