"""A report for whoever shows test results: a suite for each scene, a case for each of its choices.

In the shape of the `junit-10.xsd` that Jenkins publishes, which the others read too. What failed or has a placeholder
is a failure; what another run would go on with is skipped, with the reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from assetctl.documents import timestamp
from assetctl.prefetch.report.escaping import xml_text
from assetctl.prefetch.report.states import DELIVERED, WORDS, State

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from assetctl.prefetch.report.entries import Entry
    from assetctl.prefetch.report.facts import Facts
    from assetctl.prefetch.report.gathering import Gathering, Scene

_FAILURES: Final = frozenset({State.FAILED, State.UNKNOWN, State.TROUBLE, State.MISSING, State.PLACEHOLDER})


def junit_report(facts: Facts, gathering: Gathering) -> Iterator[str]:
    """The report, piece by piece."""
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    # That schema lets a suite say how many were skipped, and not all of them together.
    sums = {name: value for name, value in _counts(facts.counts).items() if name != "skipped"}
    yield f"<testsuites{_attributes(name=facts.name, time=f'{facts.seconds:.3f}', **sums)}>\n"
    for number, scene in enumerate(gathering.scenes()):
        yield from _suite(scene, number, facts, gathering)
    yield "</testsuites>\n"


def _suite(scene: Scene, number: int, facts: Facts, gathering: Gathering) -> Iterator[str]:
    name = scene.scene_id or facts.name
    seconds = gathering.seconds(scene.start, scene.end)
    attributes = _attributes(
        name=name,
        **_counts(scene.counts),
        time=f"{seconds:.3f}",
        timestamp=(timestamp(facts.started_at) or "").partition(".")[0],
        id=str(number),
    )
    yield f"  <testsuite{attributes}>\n"
    if number == 0:
        yield from _properties(facts)
    for entry in gathering.entries(scene.start, scene.end):
        yield from _case(entry, f"{facts.chapter_id or facts.name}.{name}")
    yield "  </testsuite>\n"


def _properties(facts: Facts) -> Iterator[str]:
    told = {
        "tool": facts.tool,
        "run_id": facts.run_id,
        "manifest": facts.manifest,
        "kind": "plan" if facts.is_plan else "run",
        "exit_code": str(facts.exit_code),
        "spent": facts.spent_text(),
        "partial": facts.partial_sentence() or "no",
    }
    yield "    <properties>\n"
    for name, value in told.items():
        yield f"      <property{_attributes(name=name, value=value)}/>\n"
    yield "    </properties>\n"


def _case(entry: Entry, class_name: str) -> Iterator[str]:
    seconds = entry.found.get("seconds") or 0.0
    start = f"    <testcase{_attributes(name=entry.name, classname=class_name, time=f'{seconds:.3f}')}"
    if entry.state in DELIVERED:
        yield f"{start}/>\n"
        return
    message = entry.trouble or WORDS[entry.state]
    yield f"{start}>\n"
    if entry.state in _FAILURES:
        attributes = _attributes(message=message, type=entry.state.value)
        yield f"      <failure{attributes}>{xml_text(_details(entry, message))}</failure>\n"
    else:
        yield f"      <skipped{_attributes(message=message)}/>\n"
    yield "    </testcase>\n"


def _details(entry: Entry, message: str) -> str:
    placeholder = "a placeholder stands in its place" if entry.state is State.PLACEHOLDER else None
    lines = (message, placeholder, entry.hint, f"key {entry.asked['key']}")
    return "\n".join(line for line in lines if line)


def _counts(counts: Mapping[State, int]) -> dict[str, str]:
    failures = sum(counts.get(state, 0) for state in _FAILURES)
    total = sum(counts.values())
    skipped = total - failures - sum(counts.get(state, 0) for state in DELIVERED)
    return {"tests": str(total), "failures": str(failures), "errors": "0", "skipped": str(skipped)}


def _attributes(**values: str) -> str:
    return "".join(f' {name}="{xml_text(value)}"' for name, value in values.items())
