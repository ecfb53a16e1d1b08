"""A report for whoever shows test results: a suite for each scene, a case for each of its choices.

In the shape of the `junit-10.xsd` that Jenkins publishes, which the others read too. What failed or has a placeholder
is a failure; what another run would go on with is skipped, with the reason. What ended the run, or kept it from
beginning, is an error in a suite of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from assetctl.documents import timestamp
from assetctl.errors import ManifestError
from assetctl.prefetch.manifest.reading import placed
from assetctl.prefetch.report.escaping import xml_text
from assetctl.prefetch.report.states import DELIVERED, WORDS, State

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from assetctl.prefetch.report.entries import Entry
    from assetctl.prefetch.report.facts import Facts
    from assetctl.prefetch.report.gathering import Gathering, Scene

_FAILURES: Final = frozenset({State.FAILED, State.UNKNOWN, State.TROUBLE, State.MISSING, State.PLACEHOLDER})


def junit_report(facts: Facts, gathering: Gathering) -> Iterator[str]:
    """The report, piece by piece."""
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    # That schema lets a suite say how many were skipped, and not all of them together.
    errors = _errors(facts)
    sums = {name: value for name, value in _counts(facts.counts, len(errors)).items() if name != "skipped"}
    yield f"<testsuites{_attributes(name=facts.name, time=f'{facts.seconds:.3f}', **sums)}>\n"
    number = -1
    for number, scene in enumerate(gathering.scenes()):
        yield from _suite(scene, number, facts, gathering)
    if errors or number < 0:
        yield from _whole(number + 1, facts, errors)
    yield "</testsuites>\n"


def _errors(facts: Facts) -> list[tuple[str, str, str]]:
    """What ended the run or kept it from beginning: for each case its name, its message and its type."""
    if facts.problems:
        return [
            (placed(facts.manifest, one), _sentences(one.what, one.why, one.hint), ManifestError.code)
            for one in facts.problems
        ]
    error = facts.ended_by
    return [] if error is None else [("the whole run", _sentences(error.what, error.why, error.hint), error.code)]


def _sentences(*parts: str | None) -> str:
    return "\n".join(part for part in parts if part)


def _whole(number: int, facts: Facts, errors: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    name = "assetctl prefetch"
    yield f"  <testsuite{_attributes(name=name, **_counts({}, len(errors)), **_times(0.0, facts), id=str(number))}>\n"
    if number == 0:
        yield from _properties(facts)
    for case, message, kind in errors:
        attributes = _attributes(name=case, classname=f"{facts.chapter_id or facts.name}.{name}", time="0.000")
        told = _attributes(message=message.partition("\n")[0], type=kind)
        yield f"    <testcase{attributes}>\n      <error{told}>{xml_text(message)}</error>\n    </testcase>\n"
    yield "  </testsuite>\n"


def _suite(scene: Scene, number: int, facts: Facts, gathering: Gathering) -> Iterator[str]:
    name = scene.scene_id or facts.name
    seconds = gathering.seconds(scene.start, scene.end)
    attributes = _attributes(
        name=name,
        **_counts(scene.counts),
        **_times(seconds, facts),
        id=str(number),
    )
    yield f"  <testsuite{attributes}>\n"
    if number == 0:
        yield from _properties(facts)
    for entry in gathering.entries(scene.start, scene.end):
        yield from _case(entry, f"{facts.chapter_id or facts.name}.{name}")
    yield "  </testsuite>\n"


def _times(seconds: float, facts: Facts) -> dict[str, str]:
    return {"time": f"{seconds:.3f}", "timestamp": (timestamp(facts.started_at) or "").partition(".")[0]}


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
    return _sentences(message, placeholder, entry.hint, f"key {entry.asked['key']}")


def _counts(counts: Mapping[State, int], errors: int = 0) -> dict[str, str]:
    failures = sum(counts.get(state, 0) for state in _FAILURES)
    total = sum(counts.values())
    skipped = total - failures - sum(counts.get(state, 0) for state in DELIVERED)
    return {
        "tests": str(total + errors),
        "failures": str(failures),
        "errors": str(errors),
        "skipped": str(skipped),
    }


def _attributes(**values: str) -> str:
    return "".join(f' {name}="{xml_text(value)}"' for name, value in values.items())
