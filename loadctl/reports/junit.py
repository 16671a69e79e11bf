"""A result as JUnit XML: a case for each target and each critical finding, and one for the verdict. Record → str.

Source of the form: the schema of the Jenkins xUnit plugin (junit-10.xsd), which GitLab and most others read too.
What was not judged is skipped with its reason; a verdict that proves nothing is an error, so that it is never green.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree as ET

from loadctl.reports.printable import printable
from loadctl.results.decision import label
from loadctl.results.result import Result
from loadctl.results.score import Score, Status
from loadctl.results.verdict import Verdict
from loadctl.scenario.units import format_limit, format_value

_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_GOOD = (Verdict.PASS, Verdict.WARN)


def junit(result: Result) -> str:
    """The text of an XML file."""
    cases = [_verdict(result), *map(_target, result.scores), *_findings(result)]
    suite = ET.Element("testsuite", {"name": _text(f"loadctl {result.scenario}"), "tests": str(len(cases))})
    for kind in ("failure", "error", "skipped"):
        plural = {"failure": "failures", "error": "errors"}.get(kind, kind)
        suite.set(plural, str(sum(case.find(kind) is not None for case in cases)))
    suite.set("time", f"{result.planned_s:.3f}")
    suite.set("timestamp", _text(result.started_at.removesuffix("Z").partition(".")[0]))
    suite.set("hostname", _text(result.host))
    suite.extend(cases)
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _text(text: str, limit: int = 1000) -> str:
    return _ILLEGAL.sub("", printable(text, limit))


def _case(result_class: str, name: str) -> ET.Element:
    return ET.Element("testcase", {"classname": _text(result_class), "name": _text(name), "time": "0"})


def _say(case: ET.Element, kind: str, message: str, type_: str = "") -> ET.Element:
    said = ET.SubElement(case, kind, {"message": _text(message)})
    if type_:
        said.set("type", type_)
    said.text = _text(message)
    return case


def _verdict(result: Result) -> ET.Element:
    case = _case("loadctl.verdict", f"verdict of {result.scenario}")
    why = " ".join([*result.reasons, *([result.why] if result.why else [])])
    if result.verdict in _GOOD:
        ET.SubElement(case, "system-out").text = _text(f"{result.verdict}: {why}")
        return case
    return _say(case, "failure" if result.verdict is Verdict.FAIL else "error", why, str(result.verdict))


def _target(score: Score) -> ET.Element:
    target = score.target
    case = _case("loadctl.targets", label(target))
    value = "nothing" if score.value is None else format_value(score.value, target.unit)
    side = "at least" if target.higher_is_better else "at most"
    wanted = "" if target.target is None else f", wanted {side} {format_limit(target.target, target.unit)}"
    said = f"measured {value}{wanted}, critical {format_limit(target.critical, target.unit)}"
    if score.void or not score.judged or score.status in {Status.NO_DATA, Status.NOT_EXERCISED}:
        why = score.void or score.reason or target.why_not_judged or "not judged"
        skipped = ET.SubElement(case, "skipped", {"message": _text(f"not judged: {why}; {said}")})
        skipped.text = skipped.get("message")
        return case
    if score.status is Status.FAIL:
        return _say(case, "failure", said, "FAIL")
    ET.SubElement(case, "system-out").text = _text(f"{score.status.value}: {said}")
    return case


def _findings(result: Result) -> Iterator[ET.Element]:
    for finding in result.findings:
        if finding.severity in {"critical", "invalid"}:
            kind = "failure" if finding.severity == "critical" else "error"
            yield _say(_case("loadctl.findings", finding.id), kind, finding.message, finding.severity)
