"""What happens while a request is answered, as typed events, and the bus that tells them.

Progress bars, JSON lines and analytics listen here; the core never prints. Events carry facts in plain values; a
listener that fails is reported once and never breaks the request it listens to.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from assetctl.models import Asset, AssetRequest, Estimate, Source

_log = logging.getLogger(__name__)
# A host program that has set up no logging gets no talk of ours on its stderr; what it sets up gets all of it.
logging.getLogger("assetctl").addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events. `key` is the request key the event belongs to, None when it belongs to none."""

    key: str | None


@dataclass(frozen=True, slots=True)
class AssetRequested(Event):
    """A request was accepted as sensible; its providers are asked next."""

    request: AssetRequest


@dataclass(frozen=True, slots=True)
class ProviderMissed(Event):
    """A provider has nothing for this request."""

    provider: str
    detail: str | None


@dataclass(frozen=True, slots=True)
class ProviderFailed(Event):
    """A provider is in trouble."""

    provider: str
    detail: str


@dataclass(frozen=True, slots=True)
class AssetFetched(Event):
    """An existing asset was delivered, from the cache or a library."""

    asset: Asset
    source: Source


@dataclass(frozen=True, slots=True)
class AssetGenerated(Event):
    """A job's result was verified and stored."""

    asset: Asset


@dataclass(frozen=True, slots=True)
class PlaceholderServed(Event):
    """Nobody had the asset; a marked card was delivered in its place."""

    asset: Asset


@dataclass(frozen=True, slots=True)
class AssetPlayed(Event):
    """An asset was opened in a player or preview."""

    asset: Asset


@dataclass(frozen=True, slots=True)
class JobSubmitted(Event):
    """A generator accepted an order; the job id is durable."""

    generator: str
    job_id: str
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class JobAdopted(Event):
    """A job that an earlier or another asker submitted is waited for; nothing new was ordered."""

    generator: str
    job_id: str


@dataclass(frozen=True, slots=True)
class JobProgressed(Event):
    """A job was looked at.

    `state` is queued, running or paused; `fraction` is 0 to 1, None when the generator does not say. `elapsed_s` is how
    long ago it was ordered. `typical_s` is what such jobs of this generator took before, None when nobody knows.
    """

    generator: str
    job_id: str
    state: str
    fraction: float | None
    message: str | None
    elapsed_s: float | None = None
    typical_s: float | None = None


@dataclass(frozen=True, slots=True)
class JobEnded(Event):
    """A job will not change any more. `state` is succeeded, failed or cancelled."""

    generator: str
    job_id: str
    state: str


@dataclass(frozen=True, slots=True)
class JobFileArrived(Event):
    """All bytes of a job's file are on this machine; it is looked into and stored next."""

    generator: str
    job_id: str


@dataclass(frozen=True, slots=True)
class JobCollected(Event):
    """A job's file is verified and stored, and its order closed; there is nothing left to do for it."""

    generator: str
    job_id: str


@dataclass(frozen=True, slots=True)
class CancelAsked(Event):
    """A generator was asked to stop a job that is still `state`; it is looked at until it ends."""

    generator: str
    job_id: str
    state: str


@dataclass(frozen=True, slots=True)
class OutcomeAwaited(Event):
    """Nobody knows yet whether an order was accepted; its generator is asked again in `ask_again_in_s`."""

    generator: str
    ask_again_in_s: float


@dataclass(frozen=True, slots=True)
class TurnAwaited(Event):
    """An order is not sent yet: its generator's service takes only `orders_per_minute`; None is not known."""

    generator: str
    orders_per_minute: int | None


@dataclass(frozen=True, slots=True)
class ServiceAway(Event):
    """A service gives no answer, and is asked again for `limit_s` more at most; told once until it is back."""

    what: str
    why: str | None
    limit_s: float


@dataclass(frozen=True, slots=True)
class ServiceBack(Event):
    """The service that was away answers again."""


@dataclass(frozen=True, slots=True)
class TransferProgressed(Event):
    """Bytes arrived. `total_bytes` is None when the sender does not say."""

    received_bytes: int
    total_bytes: int | None


@dataclass(frozen=True, slots=True)
class VerifyProgressed(Event):
    """Cached bytes were read and hashed. `total_bytes` is what all the chosen entries take, read or not yet."""

    entries: int
    total_entries: int
    read_bytes: int
    total_bytes: int
    elapsed_s: float


@dataclass(frozen=True, slots=True)
class ScenesRead(Event):
    """Scenes of a game were read, of `known_scenes` that are to be read as far as is known; `is_all` with the last."""

    scenes: int
    known_scenes: int
    is_all: bool


@dataclass(frozen=True, slots=True)
class ItemsPlanned(Event):
    """So many items of a chapter were looked at to plan it; `is_all` with the last."""

    items: int
    is_all: bool


@dataclass(frozen=True, slots=True)
class WaitingForLock(Event):
    """Another process works on the same thing; `owner` describes it for a person."""

    owner: str
    waited_s: float


@dataclass(frozen=True, slots=True)
class CacheTroubled(Event):
    """The cache could not do what it does by itself, such as staying within its limits; the request goes on."""

    detail: str


class AssetEventBus:
    """Tells each event to every listener, in the order in which they subscribed, in the publishing thread."""

    def __init__(self) -> None:
        """Start with nobody listening."""
        self._subscriptions: list[_Subscription] = []

    def subscribe(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        """Add `listener` and return the function that takes it off again (harmless when called twice)."""
        subscription = _Subscription(listener)
        self._subscriptions.append(subscription)

        def unsubscribe() -> None:
            if subscription in self._subscriptions:
                self._subscriptions.remove(subscription)

        return unsubscribe

    def publish(self, event: Event) -> None:
        """Every listener was called once with `event`; one that raised is logged the first time, then ignored."""
        for subscription in tuple(self._subscriptions):
            try:
                subscription.listener(event)
            except Exception:  # noqa: BLE001 - a listener is foreign code; its failure must not cost a paid asset
                subscription.report()


class _Subscription:
    """One listener as it was added: the same function added twice is two of them."""

    def __init__(self, listener: Callable[[Event], None]) -> None:
        self.listener = listener
        self._is_reported = False

    def report(self) -> None:
        if not self._is_reported:
            self._is_reported = True
            _log.warning("an event listener failed and is ignored: %r", self.listener, exc_info=True)
