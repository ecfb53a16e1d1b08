"""What a generator may be able to do besides what every one must (`base.py`); it is asked by `isinstance`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from assetctl.generation.base import ParameterSpec


@runtime_checkable
class NeedsSetup(Protocol):
    """Can be used only once something is set."""

    @property
    def missing(self) -> str | None:
        """What has to be set before it can be used, as a clause; None when it is ready."""
        ...


@runtime_checkable
class HasProviders(Protocol):
    """Stands before several providers, whose knobs its service knows."""

    async def provider_parameters(self) -> Mapping[str, Mapping[str, Sequence[ParameterSpec]]]:
        """Provider -> operation -> its knobs, as the service states them now.

        Raises:
            ConfigError: it is not set up.
            ServiceError: the service could not be asked.
        """
        ...
