"""The tree of errors is what its outline and the contract say it is."""

from __future__ import annotations

import re

import pytest

from assetctl import errors
from assetctl.errors import (
    AssetctlError,
    Interrupted,
    JobFailed,
    NotYours,
    ServiceFault,
)

# The contract's table of exit codes: what each number means for a script.
CONTRACT = {
    "InvalidRequest": 2,
    "ConfigError": 2,
    "ManifestError": 2,
    "GeneratorUnknown": 2,
    "NotAllowed": 3,
    "NotYours": 3,
    "JobPending": 4,
    "PrefetchIncomplete": 5,
    "SpendRefused": 6,
    "AssetUnavailable": 7,
    "IntegrityError": 8,
    "ServiceUnreachable": 9,
    "OutcomeUnknown": 10,
}
CODES = {
    "AssetctlError": "failed",
    "InvalidRequest": "invalid_request",
    "ConfigError": "config_invalid",
    "ManifestError": "manifest_invalid",
    "CacheError": "cache_failed",
    "StorageUnusable": "storage_unusable",
    "StorageFull": "storage_full",
    "IntegrityError": "integrity",
    "JournalError": "journal_failed",
    "LibraryError": "library_failed",
    "ServiceError": "service_failed",
    "ServiceFault": "service_failed",
    "ServiceUnreachable": "service_unreachable",
    "NotAllowed": "not_allowed",
    "NotYours": "not_allowed",
    "RateLimited": "rate_limited",
    "AddressRefused": "address_refused",
    "LinkExpired": "link_expired",
    "JobError": "job_failed",
    "GeneratorUnknown": "generator_unknown",
    "JobFailed": "job_failed",
    "AccountExhausted": "account_exhausted",
    "JobCancelled": "job_cancelled",
    "JobPending": "job_pending",
    "NeverOrdered": "never_ordered",
    "OutcomeUnknown": "outcome_unknown",
    "SpendRefused": "spend_refused",
    "AssetUnavailable": "not_available",
    "PrefetchIncomplete": "prefetch_incomplete",
    "Interrupted": "interrupted",
}


def every_error(root: type[AssetctlError] = AssetctlError) -> list[type[AssetctlError]]:
    found = [root]
    for child in root.__subclasses__():
        if child.__module__ == "assetctl.errors":
            found += every_error(child)
    return found


def outline() -> list[tuple[str, str | None, int]]:
    """Name, parent and exit code of every line of the docstring's tree."""
    lines: list[tuple[str, str | None, int]] = []
    way: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"^    ([│├└─ ]*)([A-Z]\w+)\s*(.*)$", line)
        if match is None:
            continue
        depth = len(match[1]) // 4
        codes = re.findall(r"\d+", match[3])
        del way[depth:]
        lines.append((match[2], way[-1] if way else None, int(codes[0]) if codes else 1))
        way.append(match[2])
    return lines


def test_outline_names_every_error_once():
    names = [name for name, _, _ in outline()]
    assert sorted(names) == sorted(error.__name__ for error in every_error())


@pytest.mark.parametrize(("name", "parent"), [(name, parent) for name, parent, _ in outline() if parent])
def test_outline_shows_each_parent(name: str, parent: str):
    assert getattr(errors, name).__bases__ == (getattr(errors, parent),)


@pytest.mark.parametrize(("name", "exit_code"), [(name, code) for name, _, code in outline() if name != "Interrupted"])
def test_outline_and_contract_show_each_exit_code(name: str, exit_code: int):
    assert getattr(errors, name)("it went wrong").exit_code == exit_code == CONTRACT.get(name, 1)


def test_code_words_stay_what_programs_know():
    assert {error.__name__: error.code for error in every_error()} == CODES


def test_code_words_are_unique_but_where_programs_need_not_tell_apart():
    alike = [error for error in every_error() if error is not AssetctlError and error.code == error.__bases__[0].code]
    assert alike == [ServiceFault, NotYours, JobFailed]
    words = [error.code for error in every_error() if error not in alike]
    assert len(set(words)) == len(words)


@pytest.mark.parametrize("word", sorted(CODES.values()))
def test_code_words_are_plain_words(word: str):
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", word)


def test_error_keeps_its_parts():
    error = AssetctlError("it broke", why="it fell", hint="pick it up", job_id="j1", request_id="r1")
    assert (error.what, error.why, error.hint, error.job_id, error.request_id) == (
        "it broke",
        "it fell",
        "pick it up",
        "j1",
        "r1",
    )
    assert (str(error), error.sentence) == ("it broke", "it broke: it fell")
    assert error.attempts == ()


def test_parts_that_are_not_known_are_none():
    error = AssetctlError("it broke")
    assert (error.why, error.hint, error.job_id, error.request_id) == (None, None, None, None)
    assert error.sentence == "it broke"


@pytest.mark.parametrize(("number", "exit_code"), [(2, 130), (15, 143), (1, 129)])
def test_interruption_exits_as_a_shell_expects(number: int, exit_code: int):
    error = Interrupted("ended", signal_number=number, hint="ask again", job_id="j1")
    assert (error.exit_code, error.hint, error.job_id) == (exit_code, "ask again", "j1")
    assert Interrupted.exit_code == 1
