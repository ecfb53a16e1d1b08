"""Whoever reads advice about a manifest finds its fields in it, and not options that it doesn't have."""

from __future__ import annotations

import pytest

from assetctl.errors import InvalidRequest, JobFailed
from assetctl.prefetch.manifest.findings import problem_of
from assetctl.prefetch.manifest.wording import fields_hint, in_fields


@pytest.mark.parametrize(
    ("hint", "told"),
    [
        (None, None),
        ("ask with `--duration 60`", "ask with `duration_s = 60`"),
        ("add `--type image`, or leave `--param operation=…` out", '`type = "image"`, or leave `parameters.operation`'),
        ("choose another with `--generator` (`assetctl generators ls`)", "with `generator` (`assetctl generators ls`)"),
        ("--provider ID, or set `generation.default_provider`", '`provider = "ID"`, or set'),
        ('say what is to be seen: --prompt "…"', 'seen: `prompt = "…"`'),
        ("or ask without generating: --no-generate", "generating: `allow_generation = false`"),
        ("or ask with `--generate-on-trouble` to generate", "with `generate_on_trouble = true` to generate"),
        ("ask with `--via classic`", 'ask with `via = "classic"`'),
        ("`--strategy generate-always` buys a new one", '`strategy = "generate-always"` buys'),
        ("look at it there, then: --asset-ref ROLE=17", 'then: `inputs = [{role = "ROLE", asset_id = "17"}]`'),
        ("--image PATH names an input", '`inputs = [{type = "image", path = "PATH"}]` names'),
        ("in 53s, or allow a longer wait with --max-wait", "wait with `max_wait_s`"),
    ],
)
def test_options_of_a_request_are_told_as_fields(hint: str | None, told: str | None) -> None:
    found = fields_hint(hint)
    assert found == told if hint is None else told is not None and told in (found or "")
    assert fields_hint(found) == found
    assert in_fields(JobFailed("no", hint=hint)).hint == found


@pytest.mark.parametrize(
    "hint",
    [
        "raise `--max-cost`",
        "limit their number instead: --max-generations N",
        "make room there, or name another place: --output FOLDER",
        "`assetctl jobs cancel ORDER --forget` gives it up",
        "choose another place with `--data-dir`",
    ],
)
def test_what_is_an_option_for_a_chapter_too_stays_one(hint: str) -> None:
    assert fields_hint(hint) == hint


def test_a_mistake_in_a_manifest_is_told_in_its_words() -> None:
    assert problem_of(InvalidRequest("no", hint="--provider ID"), 1).hint == '`provider = "ID"`'
