"""Which of several findings is told as the cause, and which never is."""

from __future__ import annotations

from random import Random

import pytest

from loadctl.analysis.cause import by_gravity, causes
from loadctl.analysis.run_context import RunContext
from loadctl.results.measures.measured import measure
from loadctl.results.scoring import score
from loadctl.results.verdict import Finding, Score, Verdict
from tests.results.measures.test_outage import Answered, answered, run
from tests.results.recorded import P95, load, recording, scenario, steady, target

SATURATED = Finding("throughput-saturated", "warning", "saturated")
CPU = Finding("cpu-high", "warning", "cpu")
STALLS = Finding("system-stalls", "warning", "stalls")
CRASHED = Finding("service-crashed", "critical", "crashed")
STOPPED = Finding("stopped-early", "critical", "stopped")
ERRORS = Finding("errors-over-critical", "critical", "errors")
LATE = Finding("generator-saturated", "warning", "late", voids="near")
DRIFT = Finding("latency-drift", "warning", "drift")


def judged_run(error: str | None = None, *, slow: bool = False) -> RunContext:
    """30 % failed so, or p95 is beyond its limit, or both."""
    errors = {error: 9} if error else None
    made = recording(steady(60, [300.0 if slow else 10.0] * 21, errors=errors))
    asked = scenario(load("10 60 hold"), [target(P95, 200), target("error_rate", 1.0)])
    measured = measure(asked, made)
    scores: list[Score] = [score(one, measured) for one in asked.targets]
    return RunContext(asked, made, measured, scores)


@pytest.mark.parametrize(
    ("error", "slow", "noticed", "first"),
    [
        ("status_401", True, [SATURATED, CPU, ERRORS], ERRORS),
        ("status_500", True, [SATURATED, ERRORS], ERRORS),
        ("check_failed", False, [SATURATED, ERRORS], ERRORS),
        ("timeout", True, [ERRORS, SATURATED, CPU], CPU),
        ("timeout", False, [ERRORS, STALLS], STALLS),
        ("status_503", True, [ERRORS, SATURATED], SATURATED),
        ("status_500", False, [STALLS, SATURATED, ERRORS], ERRORS),
        (None, True, [SATURATED, STALLS], SATURATED),
        (None, True, [LATE, SATURATED], SATURATED),
        (None, True, [DRIFT, LATE], None),
        ("reset", True, [ERRORS, SATURATED, STOPPED, CRASHED], CRASHED),
    ],
)
def test_the_gravest_that_explains_what_failed(
    error: str | None, slow: bool, noticed: list[Finding], first: Finding | None
) -> None:
    found = judged_run(error, slow=slow)
    told = causes(found, by_gravity(found, noticed), Verdict.FAIL)
    assert (told[0] if told else None) is first


def test_a_stall_is_no_cause_of_wrong_requests() -> None:
    assert causes(judged_run("status_404"), [STALLS], Verdict.FAIL) == []


def test_a_stall_explains_what_waited_in_it() -> None:
    """Half of the slow requests or more: not a p95 that was slow all along, nor one for a stall of a second."""

    def told(at: Answered) -> list[Finding]:
        asked = scenario(load("20 60 hold"), [target("latency_p99", 500)])
        made = recording(run(at))
        measured = measure(asked, made)
        found = RunContext(asked, made, measured, [score(one, measured) for one in asked.targets])
        assert found.measured.stalls
        return causes(found, [STALLS, SATURATED], Verdict.FAIL)

    assert told(answered(2, 8)) == [STALLS, SATURATED]
    chance = Random(1)
    slow_too = answered(2, 40)
    assert told(lambda sent: slow_too(sent) + (0.6 if sent > 30 and chance.random() < 0.3 else 0)) == [
        SATURATED
    ]


def test_what_is_wrong_with_the_measurement_explains_only_that_there_is_no_verdict() -> None:
    invalid = Finding("load-not-reached", "invalid", "missing", voids="pass")
    assert causes(judged_run(slow=True), [invalid, LATE], Verdict.FAIL) == []
    assert causes(judged_run(), [invalid, ERRORS], Verdict.INCONCLUSIVE) == [invalid]


def test_reasons_begin_with_what_explains_most() -> None:
    found = judged_run("reset")
    assert by_gravity(found, [STOPPED, ERRORS, CRASHED, CPU]) == (CRASHED, ERRORS, STOPPED, CPU)
