"""What the logs complained about, and what could not be watched."""

from __future__ import annotations

from collections.abc import Sequence

from loadctl.analysis.completeness import monitor_findings
from loadctl.analysis.errors import log_findings
from loadctl.analysis.resources import cpu_findings
from loadctl.analysis.run_context import RunContext
from loadctl.results.measures.measured import measure
from loadctl.results.recording import Event, Reading
from loadctl.results.scoring import score
from loadctl.results.verdict import Score, Status
from tests.results.recorded import load, readings, recording, scenario, steady, target

FREQUENT = Event(
    20, "log_messages", "pool # is empty", {"count": 4, "first_s": 2, "last_s": 9, "level": "ERROR"}
)


def run(seen: Sequence[Reading], events: Sequence[Event] = ()) -> RunContext:
    asked = scenario(load("5 20 hold"))
    made = recording(steady(20, [10.0]), readings=seen, events=events)
    return RunContext(asked, made, measure(asked, made))


def logged(errors: int) -> list[Reading]:
    return [
        Reading(t, "system", "logs", "api.log", {"log_lines": 10, "log_errors": errors * (t == 5)})
        for t in range(1, 21)
    ]


def test_errors_in_the_log_are_a_warning_with_the_first_and_the_most_frequent() -> None:
    first = Event(4.5, "log_error", "cannot reach db 7", {"log": "api.log"})
    (finding,) = log_findings(run(logged(5), [first, FREQUENT]))
    assert (finding.id, finding.severity) == ("log-errors", "warning")
    assert finding.message == (
        'the system logged 5 errors in 200 lines, first at 0:04: "cannot reach db 7"; '
        'the most frequent (4 times): "pool # is empty"'
    )
    assert log_findings(run(logged(0))) == []


def judged(seen: Sequence[Reading], limit: float) -> Score:
    return score(target("log_errors", limit, unit=""), run(seen).measured)


def test_log_errors_can_be_a_target_and_pass_only_when_all_was_read() -> None:
    lost = [*logged(3)[:10], Reading(11, "system", "logs", "api.log", gap="deleted")]
    assert (judged(logged(3), 3).status, judged(logged(3), 3).value) == (Status.PASS, 3)
    assert judged(logged(3), 2).status is Status.FAIL
    assert (judged(lost, 3).status, judged(lost, 3).reason) == (
        Status.NO_DATA,
        "api.log could not be read: deleted",
    )
    assert judged(lost, 2).status is Status.FAIL


def test_a_lost_monitor_is_told_with_its_reason() -> None:
    detail = {"source": "container api"}
    lost = Event(5, "monitor_lost", "container api: the socket was closed", detail)
    (once,) = monitor_findings(run([], [lost, Event(8, "monitor_back", "container api", detail)]))
    assert once.message == "container api could not be read for 3 s from 0:05 on: the socket was closed"
    (for_ever,) = monitor_findings(run([], [lost]))
    assert for_ever.message == "container api could not be read from 0:05 to the end: the socket was closed"
    assert for_ever.evidence["lost_s"] == 15.0
    assert monitor_findings(run([])) == []


def test_a_container_at_its_quota_is_told() -> None:
    seen = readings(20, cpu_pct=60.0, cpu_cores=0.3, cores_available=0.5, throttled_pct=40.0)
    (finding,) = cpu_findings(run(seen))
    assert finding.id == "cpu-throttled"
    assert "in 40 % of its CPU periods" in finding.message
    assert "quota of 0.5 cores" in finding.message
    assert cpu_findings(run(readings(20, cpu_pct=60.0, throttled_pct=1.0))) == []
