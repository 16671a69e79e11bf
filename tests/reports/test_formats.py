"""A result as Markdown, JUnit XML and CSV, whatever the names in it hold."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from loadctl.reports.junit import junit
from loadctl.reports.markdown import markdown
from loadctl.reports.table import COLUMNS, table
from loadctl.results.finding import Finding
from loadctl.results.result import Point
from loadctl.results.verdict import Verdict
from tests.reports.sample import FAILED, INCONCLUSIVE

HOSTILE = (
    "</td>|`x`|<script>alert(1)</script> @everyone #1 [a](http://x) **b** \x1b[31m\u202e\x00\ufffe\n# head"
)


def cases(xml: str) -> dict[str, ET.Element]:
    """By name."""
    return {case.attrib["name"]: case for case in ET.fromstring(xml).iter("testcase")}  # noqa: S314


def test_every_target_is_a_case_and_so_is_the_verdict() -> None:
    found = cases(junit(FAILED))
    assert set(found) >= {"verdict of baseline", "latency p50", "latency p99", "error rate", "throughput"}
    failure = found["latency p50"].find("failure")
    assert failure is not None
    assert failure.attrib["message"] == "measured 61.2 ms, wanted at most 10 ms, critical 50 ms"
    assert found["latency p99"].find("failure") is None  # a WARN fails nothing
    assert found["throughput"].find("skipped") is not None
    assert found["verdict of baseline"].find("failure") is not None


def test_counts_are_those_of_the_cases() -> None:
    suite = ET.fromstring(junit(FAILED)).find("testsuite")  # noqa: S314
    assert suite is not None
    for kind, plural in {"failure": "failures", "error": "errors", "skipped": "skipped"}.items():
        assert int(suite.attrib[plural]) == sum(case.find(kind) is not None for case in suite)
    assert int(suite.attrib["tests"]) == len(list(suite))


def test_a_verdict_that_proves_nothing_is_never_green() -> None:
    for verdict in (Verdict.INCONCLUSIVE, Verdict.ERROR, Verdict.INTERRUPTED):
        found = cases(junit(replace(INCONCLUSIVE, verdict=verdict)))
        assert found[f"verdict of {INCONCLUSIVE.scenario}"].find("error") is not None


def test_a_critical_finding_is_a_failure() -> None:
    crash = Finding("service-crashed", "critical", "the system crashed at 0:10", {})
    assert cases(junit(replace(FAILED, findings=(crash,))))["service-crashed"].find("failure") is not None


def test_markdown_has_the_verdict_first_and_a_row_for_each_target() -> None:
    lines = markdown(FAILED).splitlines()
    assert lines[0] == "### ❌ FAIL: `baseline`"
    assert "| `latency p50` | 61.2 ms | 10 ms | 50 ms | ❌ FAIL |" in lines
    assert "| `POST /predict` | 26,547 | 55.3 | 78.4 ms | 331 ms | 497 ms | 11 |" in lines


@given(st.text(max_size=300) | st.just(HOSTILE))
def test_hostile_text_stays_text(text: str) -> None:
    bad = replace(
        FAILED,
        scenario=text,
        reasons=(text,),
        why=text,
        findings=(Finding("x", "critical", text, {}, (text,)),),
        summary=replace(FAILED.summary, endpoints=(replace(FAILED.summary.endpoints[0], endpoint=text),)),
    )
    ET.fromstring(junit(bad))  # noqa: S314
    shown = markdown(bad)
    outside = re.sub(r"`[^`]*`", "", shown)
    assert "<script" not in outside.replace("\\<", "")
    assert not re.search(r"@\w", outside)
    assert "\x1b" not in shown
    rows = [line for line in shown.splitlines() if line.startswith("| `")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} <= {6, 8}


def test_a_row_for_each_second() -> None:
    points = (Point(t=0, planned=5, users=5, completed=10, failed=1, p50_ms=1.5, p95_ms=None),)
    rows = list(csv.reader(io.StringIO(table(replace(FAILED, timeline=points)))))
    assert rows == [list(COLUMNS), ["0", "5", "5", "10", "1", "1.500", ""]]
