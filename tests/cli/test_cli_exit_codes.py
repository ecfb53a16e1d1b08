"""Every exit code of the contract that can occur now, each from a real process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cli_harness import INSTANT

if TYPE_CHECKING:
    from cli_harness import Tool

SOUND = INSTANT[:-1]


@pytest.mark.parametrize(
    ("words", "code", "word"),
    [
        ((*SOUND, "failing", "--no-placeholder"), 1, "job_failed"),
        (("request",), 2, "invalid_request"),
        (("--config", "missing.toml", "doctor", "--no-such"), 2, "usage"),
        (("--config", "missing.toml", "request", "--scene", "a"), 2, "config_invalid"),
        ((*SOUND, "nobody"), 2, "generator_unknown"),
        ((*SOUND, "forbidden"), 3, "not_allowed"),
        ((*SOUND, "slow", "--detach"), 4, "job_pending"),
        (("cache", "clear", "--all", "--no-input"), 6, "spend_refused"),
        ((*SOUND, "instant", "--no-generate", "--no-placeholder"), 7, "not_available"),
        (("get", "nothing.wav"), 7, "not_available"),
        ((*SOUND, "liar"), 8, "integrity"),
        ((*SOUND, "unreachable"), 9, "service_unreachable"),
        ((*SOUND, "silent"), 10, "outcome_unknown"),
    ],
)
def test_an_error_ends_with_its_code(tool: Tool, words: tuple[str, ...], code: int, word: str) -> None:
    if "clear" in words:
        tool(*INSTANT)
    ran = tool.process(*words, "--json")
    assert (ran.code, ran.out) == (code, "")
    assert (ran.error["code"], ran.error["exit_code"]) == (word, code)


def test_0_is_for_what_is_there(tool: Tool) -> None:
    assert tool.process(*INSTANT).code == 0


def test_5_is_for_a_placeholder(tool: Tool) -> None:
    ran = tool.process(*INSTANT, "--no-generate", "--json")
    assert (ran.code, ran.document["source"]) == (5, "placeholder")


def test_6_is_for_a_budget_that_is_reached(tool: Tool) -> None:
    tool.settings("[budget]\nmax_generations_per_run = 0\n")
    ran = tool.process(*INSTANT, "--json")
    assert (ran.code, ran.error["code"]) == (6, "spend_refused")
    assert tool.calls("submit") == []


def test_7_is_for_something_that_is_not_available(tool: Tool) -> None:
    assert tool.process("available", *INSTANT[1:]).code == 7


def test_1_is_for_a_doctor_who_finds_something_broken(tool: Tool) -> None:
    tool.settings("[library]\npath = 'nowhere'\n")
    assert tool.process("doctor").code == 1


def test_a_pending_job_is_named_in_the_document(tool: Tool) -> None:
    ran = tool.process(*SOUND, "slow", "--detach", "--json")
    assert ran.error["job_id"] == tool.orders()[0]["job_id"]


def test_trouble_that_must_not_be_passed_over_never_ends_in_a_placeholder(tool: Tool) -> None:
    for name, code in (("forbidden", 3), ("unreachable", 9), ("silent", 10), ("liar", 8)):
        assert tool(*SOUND, name).code == code
