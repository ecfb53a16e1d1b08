"""The JUnit report is XML that those who read such reports take, whatever stands in it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from assetctl.errors import ManifestError
from assetctl.prefetch.deeds import Deed
from assetctl.prefetch.manifest.findings import Problem
from assetctl.prefetch.report.as_junit import junit_report
from report_samples import HOSTILE, an_evening, facts_of, item, planned

if TYPE_CHECKING:
    from assetctl.prefetch.report.facts import Facts
    from assetctl.prefetch.report.gathering import Gathering

#: What `junit-10.xsd` lets each element have: children, attributes it must have, attributes it may have.
SHAPE = {
    "testsuites": ({"testsuite"}, set(), {"name", "time", "tests", "failures", "errors"}),
    "testsuite": (
        {"properties", "testcase"},
        {"name", "tests", "failures", "errors"},
        {"time", "skipped", "timestamp", "id", "hostname", "package", "file"},
    ),
    "properties": ({"property"}, set(), set()),
    "property": (set(), {"name", "value"}, set()),
    "testcase": ({"skipped", "failure", "error"}, {"name"}, {"classname", "time", "file", "line", "status"}),
    "skipped": (set(), set(), {"message", "type"}),
    "failure": (set(), set(), {"message", "type"}),
    "error": (set(), set(), {"message", "type"}),
}
TIME = re.compile(r"\d+\.\d{3}")


def parsed(facts: Facts, gathering: Gathering) -> ET.Element:
    text = "".join(junit_report(facts, gathering))
    root = ET.fromstring(text.encode())
    for element in root.iter():
        children, needed, allowed = SHAPE[element.tag]
        assert {child.tag for child in element} <= children
        assert needed <= set(element.attrib) <= needed | allowed
        assert TIME.fullmatch(element.get("time", "0.000"))
    return root


def test_scenes_are_suites_and_choices_cases(gathering: Gathering) -> None:
    root = parsed(an_evening(gathering), gathering)
    assert [(suite.get("name"), [case.get("name") for case in suite.iter("testcase")]) for suite in root] == [
        ("opening", ["opening"]),
        ("romance_5", ["confess", "wait", "leave", "stay"]),
        ("ending", ["ending"]),
        ("assetctl prefetch", ["the whole run"]),
    ]
    assert {case.get("classname") for case in root[1].iter("testcase")} == {"chapter-1.romance_5"}


def test_outcomes_are_failures_or_skipped_with_the_reason(gathering: Gathering) -> None:
    root = parsed(an_evening(gathering), gathering)
    cases = {case.get("name"): [(child.tag, child.get("type")) for child in case] for case in root.iter("testcase")}
    assert cases == {
        "opening": [],
        "confess": [],
        "wait": [("failure", "failed")],
        "leave": [("failure", "placeholder")],
        "stay": [],
        "ending": [("skipped", None)],
        "the whole run": [("error", "failed")],
    }
    failure = next(case for case in root.iter("testcase") if case.get("name") == "wait")[0]
    assert "write another one" in (failure.text or "")
    assert root[2][0][0].get("message") == "not begun"


def test_every_suite_and_the_whole_say_how_many(gathering: Gathering) -> None:
    root = parsed(an_evening(gathering), gathering)
    assert [root.get(name) for name in ("tests", "failures", "errors")] == ["7", "2", "1"]
    for suite in root:
        cases = list(suite.iter("testcase"))
        assert suite.get("tests") == str(len(cases))
        assert suite.get("errors") == str(sum(case.find("error") is not None for case in cases))
        assert suite.get("failures") == str(sum(case.find("failure") is not None for case in cases))
        assert suite.get("skipped") == str(sum(case.find("skipped") is not None for case in cases))
    assert root[1].get("time") == "17.850"


def test_a_run_that_came_to_its_end_has_no_error(gathering: Gathering) -> None:
    root = parsed(replace(an_evening(gathering), ended_by=None), gathering)
    assert [suite.get("name") for suite in root] == ["opening", "romance_5", "ending"]
    assert root.get("errors") == "0"


def test_every_mistake_of_the_manifest_is_a_case_of_its_own(gathering: Gathering) -> None:
    mistakes = [
        Problem(3, "type", f"no such type {HOSTILE}", "it is new", "write another"),
        Problem(None, None, "it is empty"),
    ]
    ended_by = ManifestError("chapter.toml:3: `type`: no such type")
    root = parsed(facts_of(gathering, ended_by=ended_by, problems=mistakes, plan=None), gathering)
    assert [root.get(name) for name in ("tests", "failures", "errors")] == ["2", "0", "2"]
    (suite,) = root
    assert [case.get("name") for case in suite.iter("testcase")] == ["chapter.toml:3: `type`", "chapter.toml"]
    first = suite[1][0]
    assert first.get("type") == "manifest_invalid"
    assert (first.text or "").endswith("it is new\nwrite another")
    assert suite[0].tag == "properties"


def test_what_xml_has_no_room_for_is_left_out_and_the_rest_is_whole(gathering: Gathering) -> None:
    one = item(1, "a", prompt="x")
    gathering.plan(planned(one, Deed.HERE))
    facts = facts_of(gathering, title=f"{HOSTILE}\ufffe\U0001f3ee")
    name = parsed(facts, gathering).get("name") or ""
    assert name == "</script><b onclick=x>`|[31m\u202eevil\n::error::]]> &  \U0001f3ee"


def test_a_plan_skips_what_is_to_be_done(gathering: Gathering) -> None:
    for number, deed in enumerate((Deed.HERE, Deed.MAKE, Deed.NOBODY)):
        gathering.plan(planned(item(number, "a", str(number)), deed))
    cases = parsed(facts_of(gathering), gathering)[0].findall("testcase")
    assert [[child.tag for child in case] for case in cases] == [[], ["skipped"], ["failure"]]
    properties = {one.get("name"): one.get("value") for one in parsed(facts_of(gathering), gathering).iter("property")}
    assert properties["kind"] == "plan"
