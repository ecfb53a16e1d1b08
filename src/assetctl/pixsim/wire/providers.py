"""The providers behind the server and the knobs of their operations."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import BeforeValidator, TypeAdapter

from assetctl.pixsim.records import ProviderInfo, ProviderParameter
from assetctl.pixsim.wire.reading import MANY, Count, Number, Wire, validated, without_none


class _ParameterWire(Wire):
    name: str
    type: str = "string"
    required: bool | None = None
    default: Any = None
    enum: Annotated[tuple[Any, ...], *MANY, BeforeValidator(without_none)] = ()
    description: str | None = None
    min: Number = None
    max: Number = None
    max_length: Count = None

    def record(self) -> ProviderParameter:
        return ProviderParameter(
            self.name,
            self.type,
            is_required=bool(self.required),
            default=self.default,
            choices=tuple(str(choice) for choice in self.enum),
            description=self.description,
            minimum=self.min,
            maximum=self.max,
            max_length=self.max_length,
        )


class _OperationWire(Wire):
    parameters: Annotated[tuple[_ParameterWire, ...], *MANY, BeforeValidator(without_none)] = ()


class _CapabilitiesWire(Wire):
    operation_specs: dict[str, _OperationWire] | None = None


class _ProviderWire(Wire):
    provider_id: str
    name: str | None = None
    supported_operations: Annotated[tuple[str, ...], *MANY, BeforeValidator(without_none)] = ()
    capabilities: _CapabilitiesWire | None = None

    def record(self) -> ProviderInfo:
        specs = (self.capabilities and self.capabilities.operation_specs) or {}
        return ProviderInfo(
            self.provider_id,
            self.name or self.provider_id,
            frozenset(self.supported_operations),
            {operation: tuple(knob.record() for knob in spec.parameters) for operation, spec in specs.items()},
        )


_PROVIDERS: Final = TypeAdapter(Annotated[list[_ProviderWire], *MANY])


def providers(data: bytes) -> tuple[ProviderInfo, ...]:
    """The providers behind the server."""
    return tuple(each.record() for each in validated(_PROVIDERS.validate_json, data))
