"""What a generator may be able to do besides what every one must (`base.py`); it is asked by `isinstance`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

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


@runtime_checkable
class TakesTurns(Protocol):
    """Stands before a service that takes only so many orders in a while."""

    @property
    def orders_per_minute(self) -> int | None:
        """How many orders leave in a minute at most; None is without a limit, or not known."""
        ...

    def turn(self, key: str, on_wait: Callable[[], None], max_wait_s: float) -> AbstractAsyncContextManager[None]:
        """Within the block an order for `key` may be sent; entering waits behind all who came before.

        `on_wait` is called when it turns out that there is no turn at this moment, or was none. From now on turns for
        this order are waited for `max_wait_s` at most, which may be without end.
        Nothing is written down and no lock held meanwhile, so that who waits occupies nothing. A turn that turns out
        not to be needed goes to the next one.

        Raises:
            ServiceError: the service takes no orders for longer than is waited, also as what `submit` raises then;
                nothing was sent.
        """
        ...
