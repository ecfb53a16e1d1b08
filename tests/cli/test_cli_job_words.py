"""Orders in words: who looks after them, what they cost, what they are for, and ids no longer than it takes."""

from __future__ import annotations

import os
from dataclasses import replace
from decimal import Decimal

import pytest

from assetctl.cli.job_words import cost_words, owner_words, scene_words, short_names, state_meaning, state_word
from assetctl.filesystem import current_writer
from assetctl.generation.orders import Order, OrderState, Owner
from assetctl.models import AssetRequest, Cost
from fakes import NOW, REQUEST

ORDER = Order("o" * 32, "k" * 64, "shop", OrderState.ACCEPTED, REQUEST, NOW, NOW, job_id="j1")
HERE = current_writer()


@pytest.mark.parametrize(
    ("owner", "words"),
    [
        (None, "nobody"),
        (Owner(HERE, "here"), "this process"),
        (Owner(replace(HERE, pid=os.getppid(), started="0"), "here"), f"process {os.getppid()}"),
        (Owner(replace(HERE, started="1"), "here"), "nobody"),
        (Owner(replace(HERE, boot="0" * 8), "here"), "nobody"),
        (Owner(replace(HERE, host="0" * 8), "buildbox"), f"process {HERE.pid} on buildbox"),
    ],
    ids=["unknown", "we", "a live one", "a pid used again", "before a restart", "another machine"],
)
def test_owner_is_named_as_far_as_it_can_be_told(owner: Owner | None, words: str) -> None:
    assert owner_words(replace(ORDER, owner=owner)) == words


def test_what_is_done_has_no_owner() -> None:
    assert owner_words(replace(ORDER, owner=Owner(HERE, "here"), state=OrderState.CLOSED)) == "-"


@pytest.mark.parametrize(
    ("cost", "reserved", "words"),
    [
        (None, None, "-"),
        ("0.40", None, "0.40 USD"),
        (None, "0.50", "≤ 0.50 USD"),
        ("0.40", "0.50", "0.40 USD"),
        ("0", None, "free"),
        (None, "0", "free"),
    ],
)
def test_cost_is_never_a_false_zero(cost: str | None, reserved: str | None, words: str) -> None:
    made = [None if amount is None else Cost(Decimal(amount), "USD") for amount in (cost, reserved)]
    assert cost_words(replace(ORDER, cost=made[0], reserved=made[1])) == words


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (AssetRequest(scene_id="a", choice_id="b"), "a/b"),
        (AssetRequest(choice_id="b"), "b"),
        (AssetRequest(prompt="She says it"), "She says it"),
        (AssetRequest(location_id="park", prompt="x"), "park"),
        (AssetRequest(), "-"),
    ],
)
def test_moment_or_prompt_says_what_an_order_is_for(asked: AssetRequest, words: str) -> None:
    assert scene_words(replace(ORDER, request=asked)) == words


def test_ids_are_as_long_as_it_takes_to_tell_them_apart() -> None:
    ids = ["sb-0123456789abc", "sb-0123456789abd", "12", "sb-9"]
    orders = [replace(ORDER, job_id=one) for one in ids]
    assert short_names(orders) == ["sb-0123456789abc", "sb-0123456789abd", "12", "sb-9"]
    assert short_names([*orders[1:], replace(ORDER, job_id=None)]) == ["sb-01234567", "12", "sb-9", "o" * 11]


def test_every_state_has_its_word() -> None:
    words = {state: state_word(state) for state in OrderState}
    assert len(set(words.values())) == len(OrderState)
    assert all(state_meaning(state).startswith(word) for state, word in words.items())
