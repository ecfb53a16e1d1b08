"""Listeners are told in order, and none of them can cost anybody an asset."""

from __future__ import annotations

import dataclasses
import logging

import pytest

from assetctl import events
from assetctl.events import AssetEventBus, Event, ProviderMissed

EVENT = ProviderMissed("k", "cache", None)


class Failing:
    """Counts its calls and fails at each."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, _event: Event) -> None:
        self.calls += 1
        raise ValueError("planted")


@pytest.fixture
def bus() -> AssetEventBus:
    return AssetEventBus()


def test_listeners_are_told_in_the_order_they_came(bus: AssetEventBus):
    heard: list[str] = []
    for name in "abc":
        bus.subscribe(lambda _event, name=name: heard.append(name))
    bus.publish(EVENT)
    assert heard == ["a", "b", "c"]


def test_listener_gets_the_event_itself(bus: AssetEventBus):
    heard: list[Event] = []
    bus.subscribe(heard.append)
    bus.publish(EVENT)
    assert heard == [EVENT]
    assert heard[0] is EVENT


def test_nobody_listening_is_fine(bus: AssetEventBus):
    bus.publish(EVENT)


def test_failing_listener_keeps_nobody_from_hearing(bus: AssetEventBus, caplog: pytest.LogCaptureFixture):
    heard: list[Event] = []
    failing = Failing()
    bus.subscribe(failing)
    bus.subscribe(heard.append)
    bus.publish(EVENT)
    bus.publish(EVENT)
    assert len(heard) == 2
    assert failing.calls == 2
    assert len(caplog.records) == 1


def test_failing_listener_is_reported_once_with_its_cause(bus: AssetEventBus, caplog: pytest.LogCaptureFixture):
    bus.subscribe(Failing())
    for _ in range(3):
        bus.publish(EVENT)
    (record,) = caplog.records
    assert (record.levelno, record.name) == (logging.WARNING, "assetctl.events")
    assert "planted" in caplog.text


def test_each_failing_listener_is_reported(bus: AssetEventBus, caplog: pytest.LogCaptureFixture):
    bus.subscribe(Failing())
    bus.subscribe(Failing())
    bus.publish(EVENT)
    assert len(caplog.records) == 2


def test_later_listener_is_reported_although_an_earlier_one_was(bus: AssetEventBus, caplog: pytest.LogCaptureFixture):
    reports = 0
    for _ in range(20):
        unsubscribe = bus.subscribe(Failing())  # each is freed before the next, which then gets its place in memory
        bus.publish(EVENT)
        unsubscribe()
        del unsubscribe
        reports += len(caplog.records)
        caplog.clear()
    assert reports == 20


def test_interrupt_in_a_listener_is_no_failure_of_it(bus: AssetEventBus):
    def interrupted(_event: Event) -> None:
        raise KeyboardInterrupt

    bus.subscribe(interrupted)
    with pytest.raises(KeyboardInterrupt):
        bus.publish(EVENT)


def test_unsubscribed_listener_hears_no_more(bus: AssetEventBus):
    heard: list[Event] = []
    unsubscribe = bus.subscribe(heard.append)
    bus.publish(EVENT)
    unsubscribe()
    unsubscribe()
    bus.publish(EVENT)
    assert len(heard) == 1


def test_listener_that_came_twice_and_leaves_once_still_hears(bus: AssetEventBus):
    heard: list[Event] = []
    listener = heard.append
    first = bus.subscribe(listener)
    bus.subscribe(listener)
    first()
    first()
    bus.publish(EVENT)
    assert len(heard) == 1


def test_listener_may_leave_while_it_is_told(bus: AssetEventBus):
    heard: list[str] = []

    def once(_event: Event) -> None:
        heard.append("once")
        leave()

    leave = bus.subscribe(once)
    bus.subscribe(lambda _event: heard.append("always"))
    bus.publish(EVENT)
    bus.publish(EVENT)
    assert heard == ["once", "always", "always"]


def test_every_event_is_frozen_and_has_a_key():
    kinds = [kind for kind in vars(events).values() if isinstance(kind, type) and issubclass(kind, Event)]
    assert len(kinds) > 10
    for kind in kinds:
        assert dataclasses.fields(kind)[0].name == "key"
        assert kind.__dataclass_params__.frozen
