"""A result as JUnit XML: a case for the verdict, each target and each grave finding. Record → str.

A case is red only where the exit code is: what was not judged is skipped with its reason, and a verdict that proves
nothing is an error, so that it is never green. Source of the form: the schema of the Jenkins xUnit plugin
(junit-10.xsd), which GitLab and most others read too; tests/reports/junit.xsd is what we keep to, and narrower.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from xml.etree import ElementTree as ET

from loadctl.analysis.comparison import Change, Comparison
from loadctl.errors import ExitCode
from loadctl.reports.changes import label as label_of_change
from loadctl.reports.changes import sentences, side
from loadctl.reports.printable import printable
from loadctl.reports.scores import described, figures, remark, verdict_words
from loadctl.results.decision import label
from loadctl.results.result import Result
from loadctl.results.verdict import Finding, Score, Status

_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_COUNTED = {"failures": "failure", "errors": "error", "skipped": "skipped"}


def junit(result: Result) -> str:
    """The text of an XML file, UTF-8."""
    cases = [_verdict(result), *(_target(score, result) for score in result.scores), *_findings(result)]
    about = {"hostname": _text(result.host)}
    if result.planned_s is not None:
        about["time"] = f"{result.planned_s:.3f}"
    if result.started_at is not None:
        about["timestamp"] = _text(result.started_at.removesuffix("Z").partition(".")[0])
    facts = {
        "verdict": verdict_words(result),
        "exit_code": str(int(result.exit_code)),
        "engine": result.engine.label,
        "run": result.run_dir or ", ".join(result.files),
    }
    return _document(f"loadctl {result.scenario}", cases, facts, about)


def comparison_junit(comparison: Comparison) -> str:
    """A case for each gated row; the others are no cases."""
    gated = [change for change in comparison.changes if change.gated]
    cases = [
        _change(change, said, comparison) for change, said in zip(gated, sentences(comparison), strict=False)
    ]
    facts = {
        "outcome": comparison.outcome,
        "exit_code": str(int(comparison.exit_code)),
        "before": side(comparison.before),
        "after": side(comparison.after),
    }
    return _document(f"loadctl compare {comparison.after.scenario}", cases, facts, {})


def _change(change: Change, said: str, comparison: Comparison) -> ET.Element:
    kind = {"worse": "failure", "cannot tell": "skipped"}.get(change.decision, "system-out")
    if change.decision == "cannot tell" and comparison.exit_code is ExitCode.INCONCLUSIVE:
        kind = "error"
    return _case("comparison", label_of_change(change), kind, said, change.decision)


def _document(
    name: str, cases: Sequence[ET.Element], facts: Mapping[str, str], about: Mapping[str, str]
) -> str:
    _tell_apart(cases)
    suite = ET.Element("testsuite", {"name": _text(name), "tests": str(len(cases)), **about})
    for plural, kind in _COUNTED.items():
        suite.set(plural, str(sum(case.find(kind) is not None for case in cases)))
    suite.append(_properties(facts))
    suite.extend(cases)
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _text(text: str, limit: int = 1000) -> str:
    return _ILLEGAL.sub("", printable(text, limit))


def _properties(facts: Mapping[str, str]) -> ET.Element:
    """Facts that are no cases."""
    found = ET.Element("properties")
    for name, value in facts.items():
        ET.SubElement(found, "property", {"name": name, "value": _text(value)})
    return found


def _case(part: str, name: str, kind: str, message: str, type_: str) -> ET.Element:
    """`kind`: failure, error, skipped, or system-out where all is well."""
    case = ET.Element("testcase", {"classname": f"loadctl.{part}", "name": _text(name) or "–", "time": "0"})
    outcome = ET.SubElement(case, kind)
    if kind == "system-out":
        outcome.text = _text(f"{type_}: {message}")
        return case
    outcome.set("type", type_)
    outcome.set("message", _text(message))
    outcome.text = outcome.get("message")
    return case


def _tell_apart(cases: Sequence[ET.Element]) -> None:
    """Readers take cases of one name for one case, and would show one of them only."""
    seen: set[tuple[str, str]] = set()
    for case in cases:
        part, name, n = case.attrib["classname"], case.attrib["name"], 1
        while (part, case.attrib["name"]) in seen:
            n += 1
            case.set("name", f"{name} ({n})")
        seen.add((part, case.attrib["name"]))


def _verdict(result: Result) -> ET.Element:
    kind = {ExitCode.OK: "system-out", ExitCode.FAIL: "failure"}.get(result.exit_code, "error")
    why = " ".join([*result.reasons, *([result.why] if result.why else [])])
    return _case("verdict", f"verdict of {result.scenario}", kind, why, verdict_words(result))


def _target(score: Score, result: Result) -> ET.Element:
    as_written = bool(result.files)
    if not score.decides:
        why = remark(score) or score.target.why_not_judged or "it does not count for the verdict"
        message = f"not judged: {why}; {figures(score, as_written=as_written)}"
        return _case("targets", label(score.target), "skipped", message, "not judged")
    kind = "failure" if score.status is Status.FAIL else "system-out"
    return _case(
        "targets", label(score.target), kind, described(score, as_written=as_written), score.status.value
    )


def _findings(result: Result) -> Iterator[ET.Element]:
    for finding in result.findings:
        if finding.severity == "critical":
            yield _finding(finding, "failure")
        elif finding.severity == "invalid":
            yield _finding(finding, "error" if result.exit_code else "skipped")


def _finding(finding: Finding, kind: str) -> ET.Element:
    message = " ".join([finding.message, *finding.advice])
    return _case("findings", finding.id, kind, message, finding.severity)
