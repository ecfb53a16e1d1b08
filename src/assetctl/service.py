"""Answers a request by asking its providers in order.

`AssetService` knows which step comes after which and what trouble stops a request; what a provider does is its own
matter. Everything is handed in, nothing is global, and it has the face of a provider so that whoever holds it need not
know what is inside.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from assetctl.errors import (
    AssetctlError,
    AssetUnavailable,
    CacheError,
    IntegrityError,
)
from assetctl.eventloop import in_thread
from assetctl.events import (
    AssetFetched,
    AssetGenerated,
    AssetRequested,
    PlaceholderServed,
    ProviderFailed,
    ProviderMissed,
)
from assetctl.explanation import Decision, Explanation, Verdict
from assetctl.flights import Flights
from assetctl.keys import canonical_form, request_key
from assetctl.models import AssetRequest, Attempt, AttemptOutcome, Availability, Source, Strategy
from assetctl.providers.base import Step
from assetctl.providers.permitting import permits, permitted_steps, stops
from assetctl.validation import check_request

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from assetctl.clock import Clock
    from assetctl.events import AssetEventBus
    from assetctl.models import Asset
    from assetctl.providers.base import Asked, AssetProvider, Outlook


_NAMES: Final = tuple(field.name for field in fields(AssetRequest))
_values_of: Callable[[AssetRequest], tuple[Any, ...]] = attrgetter(*_NAMES)


@dataclass(frozen=True, slots=True)
class RequestDefaults:
    """What the settings fill in where a request demands nothing; part of the key like a demand."""

    generator: str | None = None
    provider: str | None = None
    max_wait_s: float = 120.0
    tag: bool = True


class AssetService:
    """Requests in, verified assets out; equal requests at the same time are answered once."""

    def __init__(
        self,
        providers: Sequence[AssetProvider],
        *,
        clock: Clock,
        events: AssetEventBus,
        defaults: RequestDefaults,
        complete: Callable[[AssetRequest], AssetRequest] | None = None,
        closed: Mapping[Step, str] | None = None,
    ) -> None:
        """Ask `providers` in the order given; `complete` reads a request's inputs and types and checks its knobs.

        `closed` maps each step that nobody may take now, whatever is asked for, to the reason.
        """
        self._providers = tuple(providers)
        self._clock = clock
        self._events = events
        self._defaults = defaults
        self._complete = complete
        self._closed = dict(closed or {})
        self._flights: Flights[Asset] = Flights()

    async def request_asset(self, request: AssetRequest) -> Asset:
        """The asset that answers `request`, verified on disk, with every attempt that led to it.

        Raises:
            InvalidRequest: the request makes no sense; nobody was asked.
            JobPending: a job makes it and goes on; an equal request adopts it.
            AssetUnavailable: nobody could or was allowed to deliver.
            AssetctlError: trouble that must not be passed over; its `attempts` say who was asked.
        """
        effective = await self._effective(request)
        key = request_key(effective)
        return await self._flights.join((key, _policy(effective)), lambda: self._answer(effective, key))

    async def get_asset(self, asset_id: str, *, prefer_cached: bool = True) -> Asset:
        """The asset with this id from the first provider that has it; without `prefer_cached` the cache is asked last.

        Raises:
            AssetUnavailable: no provider has it.
            AssetctlError: a provider that may have it is in trouble.
        """
        attempts: list[Attempt] = []
        troubles: list[AssetctlError] = []
        for provider in self._providers if prefer_cached else sorted(self._providers, key=_is_cache):
            if (reason := self._closed.get(provider.step)) is not None:
                attempts.append(Attempt(provider.name, AttemptOutcome.SKIPPED, 0.0, reason))
                continue
            try:
                asset = await self._ask(provider, attempts, key=None, call=lambda p=provider: p.get_asset(asset_id))
            except IntegrityError as error:
                # The copy is set aside; whoever it came from may still have the asset.
                troubles.append(error)
                continue
            if asset is not None:
                return self._delivered(asset, attempts, troubles)
        raise _with_attempts(troubles[-1] if troubles else self._nobody_has(asset_id), attempts)

    async def is_asset_available(self, request_or_id: AssetRequest | str) -> Availability:
        """The best answer of all providers that would be asked; nothing is spent or downloaded.

        Raises:
            InvalidRequest: the request makes no sense.
            AssetctlError: trouble that would stop the request.
        """
        if isinstance(request_or_id, str):
            return await self._availability_of(request_or_id)
        decisive = (await self.explain(request_or_id)).decisive
        if decisive is None:
            return Availability(None)
        if decisive.error is not None:
            raise decisive.error
        return decisive.availability or Availability(None)

    async def explain(self, request: AssetRequest) -> Explanation:
        """Every provider's verdict on `request`, without spending; trouble is told, not raised.

        Raises:
            InvalidRequest: the request makes no sense.
        """
        effective = await self._effective(request)
        key = request_key(effective)
        permitted = permitted_steps(effective) | self._closed
        verdicts = [await self._verdict(provider, effective, key, permitted) for provider in self._providers]
        return Explanation(effective, key, canonical_form(effective), tuple(verdicts))

    async def decisions(self, asked: Sequence[Asked]) -> list[Decision | None]:
        """What would become of each of the requests in effect; None when nobody would deliver. Nothing is spent.

        Every provider is asked once for all that come to it, so that a chapter takes no more steps than a request.

        Raises:
            CacheError: the cache cannot be used.
        """
        decisions: list[Decision | None] = [None] * len(asked)
        undecided = list(range(len(asked)))
        for provider in self._providers:
            step = provider.step
            if step in self._closed:
                continue
            admitted = [index for index in undecided if permits(asked[index].request, step)]
            if not admitted:
                continue
            outlooks = await _outlooks(provider, [asked[index] for index in admitted])
            for index, outlook in zip(admitted, outlooks, strict=True):
                decisions[index] = _decision(provider, outlook, asked[index].request)
            undecided = [index for index in undecided if decisions[index] is None]
        return decisions

    def effective(self, request: AssetRequest, *, max_wait_s: float | None = None) -> AssetRequest:
        """`request` checked, with the settings in force where it demands nothing. Blocks while its inputs are read.

        `max_wait_s` takes the place of the setting's.

        Raises:
            InvalidRequest: it makes no sense, an input can't be used, or a parameter isn't one of its generator's.
        """
        check_request(request)
        default_wait_s = self._defaults.max_wait_s if max_wait_s is None else max_wait_s
        # Not `replace`: a chapter has a hundred thousand requests, and it takes three times as long.
        known = dict(zip(_NAMES, _values_of(request), strict=True))
        known["generator"] = request.generator or self._defaults.generator
        known["provider"] = request.provider or self._defaults.provider
        known["max_wait_s"] = default_wait_s if request.max_wait_s is None else request.max_wait_s
        known["tag"] = self._defaults.tag if request.tag is None else request.tag
        filled = AssetRequest(**known)
        return filled if self._complete is None else self._complete(filled)

    async def _effective(self, request: AssetRequest) -> AssetRequest:
        # Reading and hashing what goes in takes a while; without inputs nothing here waits.
        return await in_thread(self.effective, request) if request.inputs else self.effective(request)

    async def _answer(self, request: AssetRequest, key: str) -> Asset:
        self._events.publish(AssetRequested(key, request))
        permitted = permitted_steps(request) | self._closed
        attempts: list[Attempt] = []
        troubles: list[AssetctlError] = []
        for provider in self._providers:
            if (reason := permitted[provider.step]) is not None:
                attempts.append(Attempt(provider.name, AttemptOutcome.SKIPPED, 0.0, reason))
                continue
            try:
                asset = await self._ask(provider, attempts, key, lambda p=provider: p.find_asset(request, key))
            except AssetctlError as error:
                if stops(provider.step, error, request):
                    raise
                troubles.append(error)
                continue
            if asset is not None:
                return self._delivered(asset, attempts, troubles)
        raise _with_attempts(_nobody(request, troubles), attempts)

    async def _ask(
        self,
        provider: AssetProvider,
        attempts: list[Attempt],
        key: str | None,
        call: Callable[[], Awaitable[Asset | None]],
    ) -> Asset | None:
        started_s = self._clock.elapsed_s()

        def attempt(outcome: AttemptOutcome, error: AssetctlError | None = None) -> None:
            detail, code = (None, None) if error is None else (error.sentence, error.code)
            attempts.append(Attempt(provider.name, outcome, (self._clock.elapsed_s() - started_s) * 1000, detail, code))

        try:
            asset = await call()
        except AssetctlError as error:
            attempt(AttemptOutcome.ERROR, error)
            self._events.publish(ProviderFailed(key, provider.name, error.what))
            raise _with_attempts(error, attempts) from error.__cause__
        attempt(AttemptOutcome.MISS if asset is None else AttemptOutcome.HIT)
        if asset is None:
            self._events.publish(ProviderMissed(key, provider.name, None))
        return asset

    def _nobody_has(self, asset_id: str) -> AssetUnavailable:
        reasons = "; ".join(self._closed.values())
        if reasons:
            return AssetUnavailable(
                f"there is no asset `{asset_id}` here", why=reasons, hint="assetctl cache ls shows what is cached"
            )
        return AssetUnavailable(f"there is no asset `{asset_id}`", hint="assetctl cache ls shows what is cached")

    def _delivered(self, asset: Asset, attempts: Sequence[Attempt], troubles: Sequence[AssetctlError] = ()) -> Asset:
        warnings = (*asset.warnings, *(trouble.sentence for trouble in troubles))
        told = replace(asset, attempts=tuple(attempts), warnings=warnings)
        match told.source:
            case Source.GENERATED:
                self._events.publish(AssetGenerated(told.key, told))
            case Source.PLACEHOLDER:
                self._events.publish(PlaceholderServed(told.key, told))
            case Source.CACHED | Source.PRE_MADE:
                self._events.publish(AssetFetched(told.key, told, told.source))
        return told

    async def _verdict(
        self, provider: AssetProvider, request: AssetRequest, key: str, permitted: dict[Step, str | None]
    ) -> Verdict:
        if (reason := permitted[provider.step]) is not None:
            return Verdict(provider.name, 0.0, skipped=reason)
        started_s = self._clock.elapsed_s()
        availability: Availability | None = None
        trouble: AssetctlError | None = None
        try:
            availability = await provider.availability(request, key)
        except AssetctlError as error:
            trouble = error
        elapsed_ms = (self._clock.elapsed_s() - started_s) * 1000
        ends = trouble is not None and stops(provider.step, trouble, request)
        return Verdict(provider.name, elapsed_ms, availability=availability, error=trouble, stops=ends)

    async def _availability_of(self, asset_id: str) -> Availability:
        for provider in self._providers:
            if provider.step in self._closed:
                continue
            availability = await provider.has_asset(asset_id)
            if availability.would is not None:
                return availability
        return Availability(None, reasons=tuple(self._closed.values()))


async def _outlooks(provider: AssetProvider, asked: Sequence[Asked]) -> Sequence[Outlook]:
    try:
        return await provider.outlooks(asked)
    except CacheError:
        raise
    except AssetctlError as error:
        return [error] * len(asked)


def _decision(provider: AssetProvider, outlook: Outlook, request: AssetRequest) -> Decision | None:
    if isinstance(outlook, AssetctlError):
        return Decision(provider.name, error=outlook) if stops(provider.step, outlook, request) else None
    return None if outlook.would is None else Decision(provider.name, outlook)


def _is_cache(provider: AssetProvider) -> bool:
    return provider.step in (Step.CACHE, Step.STAND_IN)


def _policy(request: AssetRequest) -> tuple[object, ...]:
    """What may lead equal keys to different answers."""
    return (
        request.strategy,
        request.prefer_cached,
        request.allow_generation,
        request.generate_on_trouble,
        request.allow_placeholder,
        request.max_wait_s,
        request.tag,
        request.via,
    )


def _nobody(request: AssetRequest, troubles: Sequence[AssetctlError]) -> AssetctlError:
    if troubles:
        return troubles[-1]
    if request.allow_generation and request.strategy is not Strategy.PRE_MADE_ONLY:
        return AssetUnavailable("nobody has this asset", hint="`assetctl explain` with the same options shows why")
    forbidding = "`--no-generate` or `allow_generation`" if not request.allow_generation else f"`{request.strategy}`"
    return AssetUnavailable(
        "nobody has this asset, and generating it is not allowed",
        why=f"{forbidding} says so",
        hint="allow it, or `assetctl explain` with the same options shows where it was looked for",
    )


def _with_attempts(error: AssetctlError, attempts: Sequence[Attempt]) -> AssetctlError:
    error.attempts = tuple(attempts)
    return error
