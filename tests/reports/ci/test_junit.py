"""JUnit XML, as a library that reads it for CI systems understands it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadctl.errors import ExitCode
from loadctl.reports.ci.junit import junit
from loadctl.results.result import Result
from loadctl.results.verdict import Finding, Score, Status, Verdict
from loadctl.scenario.target import Scope, Target
from tests.records import replace
from tests.reports.hostile import TEXTS, full_of
from tests.reports.sample import FAILED, INCONCLUSIVE

junitparser = pytest.importorskip("junitparser", reason="make dev installs it")
xmlschema = pytest.importorskip("xmlschema", reason="make dev installs it")
Error, Failure, Skipped = junitparser.Error, junitparser.Failure, junitparser.Skipped

FORM = xmlschema.XMLSchema(Path(__file__).parents[1].joinpath("junit.xsd"))
CODES = {
    Verdict.PASS: ExitCode.OK,
    Verdict.WARN: ExitCode.OK,
    Verdict.FAIL: ExitCode.FAIL,
    Verdict.INCONCLUSIVE: ExitCode.INCONCLUSIVE,
    Verdict.ERROR: ExitCode.ERROR,
    Verdict.INTERRUPTED: ExitCode.SIGINT,
}


def read(result: Result) -> Any:
    """The suite."""
    text = junit(result)
    FORM.validate(text.partition("\n")[2])
    (suite,) = junitparser.JUnitXml.fromstring(text.encode())
    return suite


def cases(result: Result) -> dict[str, Any]:
    """By name."""
    found = list(read(result))
    assert len({(case.classname, case.name) for case in found}) == len(found)
    return {str(case.name): case for case in found}


def outcome(case: Any) -> tuple[type, str]:
    """How it ended, and what is said."""
    (entry,) = case.result or [None]
    return (type(None), case.system_out) if entry is None else (type(entry), entry.message)


def test_every_target_is_a_case_with_value_and_limits() -> None:
    found = cases(FAILED)
    assert list(found) == [
        *(
            "verdict of baseline",
            "latency p50",
            "latency p95",
            "latency p99",
            "error rate",
            "cpu",
            "throughput",
        )
    ]
    assert outcome(found["latency p50"]) == (
        Failure,
        "measured 61.2 ms, wanted at most 10 ms, critical 50 ms (1.22 × the limit)",
    )
    warned = "WARN: measured 480 ms, wanted at most 100 ms, critical 500 ms (4 % below critical)"
    assert outcome(found["latency p99"]) == (type(None), warned)
    kind, why = outcome(found["throughput"])
    assert kind is Skipped
    assert why.startswith("not judged: not exercised: 50 users thinking 0.6 s offer 83/s; measured 71.9/s")
    kind, why = outcome(found["verdict of baseline"])
    assert (kind, why.startswith("2 of 6 targets")) == (Failure, True)


def test_a_single_limit_says_its_side() -> None:
    target = Target(metric="throughput", critical=500, unit="/s", higher_is_better=True)
    score = Score.of(target, Status.FAIL, 80.0, n=1, judged=True)
    assert outcome(cases(replace(FAILED, scores=[score]))["throughput"]) == (
        Failure,
        "measured 80.0/s, critical at least 500/s (84 % short)",
    )


def test_the_suite_counts_its_cases() -> None:
    suite = read(FAILED)
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (7, 3, 0, 1)
    assert suite.timestamp == "2026-11-23T08:20:00"
    assert suite.time == 600
    assert {p.name: p.value for p in suite.properties()} == {
        "verdict": "FAIL",
        "exit_code": "1",
        "engine": "locust 2.47.0",
        "run": "runs/20261123T082000Z-baseline-locust-91c0",
    }


def test_no_data_is_skipped_and_the_verdict_is_an_error() -> None:
    score = replace(FAILED.scores[0], status=Status.NO_DATA, value=None, reason="needs 20 successes, has 3")
    found = cases(replace(INCONCLUSIVE, scores=[score], findings=[]))
    kind, why = outcome(found["latency p50"])
    assert kind is Skipped
    assert why.startswith("not judged: needs 20 successes, has 3; measured nothing, wanted at most 10 ms")
    assert outcome(found["verdict of baseline"])[0] is Error


def test_grave_findings_are_cases_and_others_are_not() -> None:
    crash = Finding("service-crashed", "critical", "the system crashed at 0:10", {}, ("look at its log",))
    found = cases(replace(FAILED, findings=(crash, crash, Finding("cpu-high", "warning", "busy"))))
    assert outcome(found["service-crashed"]) == (Failure, "the system crashed at 0:10 look at its log")
    assert outcome(found["service-crashed (2)"])[0] is Failure
    assert "cpu-high" not in found


def test_a_series_named_like_a_metric_is_a_case_of_its_own() -> None:
    series = Target(metric="cpu", scope=Scope("series", "cpu"), critical=95, unit="")
    score = Score.of(series, Status.PASS, 3, n=9, judged=True)
    assert {"cpu", "cpu (2)"} <= set(cases(replace(FAILED, scores=[*FAILED.scores, score])))


@pytest.mark.parametrize(
    ("verdict", "fail_on_warn", "expected"),
    [
        (Verdict.PASS, False, type(None)),
        (Verdict.WARN, False, type(None)),
        (Verdict.WARN, True, Failure),
        (Verdict.FAIL, False, Failure),
        (Verdict.INCONCLUSIVE, False, Error),
        (Verdict.ERROR, False, Error),
        (Verdict.INTERRUPTED, False, Error),
    ],
)
def test_the_verdict_is_red_where_the_exit_code_is(
    verdict: Verdict, fail_on_warn: bool, expected: type
) -> None:
    code = ExitCode.FAIL if fail_on_warn else CODES[verdict]
    found = cases(replace(FAILED, verdict=verdict, exit_code=code))
    assert outcome(found["verdict of baseline"])[0] is expected


@given(st.sampled_from([Verdict.PASS, Verdict.WARN]), st.sampled_from(["invalid", "warning", "info", "good"]))
def test_nothing_is_red_in_a_run_that_exits_0(verdict: Verdict, severity: str) -> None:
    """A finding that only spoils what did not matter, a target that does not count."""
    scores = [replace(score, judged=False) for score in FAILED.scores]
    doubt = Finding("generator-saturated", severity, "late", voids="excess")  # type: ignore[arg-type]
    suite = read(replace(FAILED, verdict=verdict, exit_code=ExitCode.OK, scores=scores, findings=(doubt,)))
    assert (suite.failures, suite.errors) == (0, 0)


@given(TEXTS, st.booleans())
def test_hostile_text_breaks_nothing(text: str, failed: bool) -> None:
    result = full_of(text, FAILED if failed else INCONCLUSIVE)
    suite = read(result)
    assert suite.tests == len(list(suite)) == 1 + len(result.scores) + 1
