"""NOTICED: the findings, the gravest first; what the screen has said already is only named. Record → str."""

from __future__ import annotations

from collections.abc import Iterator

from loadctl.reports.printable import hanging, printable
from loadctl.results.decision import RESTATES, sentence
from loadctl.results.finding import Finding
from loadctl.results.result import Result
from loadctl.results.score import Status

_HEAD = f"{'NOTICED':<11}"


def noticed_lines(result: Result, width: int) -> Iterator[str]:
    """Wrapped under the names of the findings."""
    head = _HEAD
    for severity in ("invalid", "critical", "warning", "info", "good"):
        findings = [finding for finding in result.findings if finding.severity == severity]
        for text in _texts(findings, result):
            yield from hanging(f"{head}{severity:<9}", text, width)
            head = " " * len(_HEAD)


def _texts(findings: list[Finding], result: Result) -> Iterator[str]:
    named = [finding for finding in findings if finding.severity == "good" or _is_said(finding, result)]
    if named:
        yield ", ".join(dict.fromkeys(finding.id for finding in named))
    yield from (f"{f.id}: {printable(f.message)}" for f in findings if f not in named)


def _is_said(finding: Finding, result: Result) -> bool:
    """By the reasons, by the story, or by the table of the targets."""
    if finding.id in RESTATES and any(score.status is Status.FAIL for score in result.scores):
        return True
    told = " ".join([*result.reasons, result.why or ""]).lower()
    return sentence(finding.message).lower().rstrip(".") in told
