"""Did the system die, restart, or stop answering?"""

from __future__ import annotations

import pytest

from loadctl.analysis.run_context import RunContext
from loadctl.analysis.service import service_findings
from loadctl.results.interval import Second
from loadctl.results.measures.measured import measure
from loadctl.results.recording import Event, Recording
from loadctl.results.verdict import Finding
from tests.results.recorded import load, recording, scenario, shard, steady


def found(made: Recording) -> list[Finding]:
    asked = scenario(load("10 60 hold"))
    return service_findings(RunContext(asked, made, measure(asked, made)))


def event(kind: str, t: float = 9.0) -> Event:
    return Event(t, kind, "uvicorn pid 812 → 1440", {"pid": 812})


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], []),
        ([event("service_restarted")], [("service-restarted", "critical")]),
        ([event("service_crashed")], [("service-crashed", "critical")]),
        ([event("service_down"), event("service_crashed")], [("service-crashed", "critical")]),
        ([event("service_down")], [("service-crashed", "critical")]),  # the run ended before patience did
        (
            [event("service_down"), event("service_up"), event("service_restarted")],
            [("service-restarted", "critical")],
        ),
        (
            [event("worker_restarted")],
            [("worker-restarted", "warning")],
        ),  # workers are recycled on purpose too
        ([event("worker_ended")], [("worker-lost", "info")]),  # pools shrink
        ([event("worker_ended"), event("worker_restarted", 12.0)], [("worker-restarted", "warning")]),
        ([event("monitor_lost")], []),
    ],
)
def test_what_the_monitors_saw(events: list[Event], expected: list[tuple[str, str]]) -> None:
    findings = found(recording(steady(60), events=events))
    assert [(finding.id, finding.severity) for finding in findings] == expected


def test_times_are_counted_and_the_first_is_told() -> None:
    [finding] = found(recording(steady(60), events=[event("service_restarted", t) for t in (22.0, 40.0)]))
    assert finding.message == "the system restarted 2 times, first at 0:22: uvicorn pid 812 → 1440"


@pytest.mark.parametrize(
    ("seconds", "severity"),
    [
        (steady(60), "info"),
        ([*steady(8), *steady(2, start=8, errors={"reset": 4}), *steady(50, start=10)], "critical"),
        ([*steady(40), *steady(2, start=40, errors={"reset": 4}), *steady(18, start=42)], "info"),  # not then
        (steady(60, errors={"reset": 1}), "info"),  # all along
        ([*steady(8), *steady(2, start=8, errors={"status_500": 4}), *steady(50, start=10)], "info"),
    ],
)
def test_the_end_of_a_worker_is_critical_where_connections_failed_with_it(
    seconds: list[Second], severity: str
) -> None:
    [finding] = found(recording(seconds, events=[event("worker_ended")]))
    assert (finding.id, finding.severity) == ("worker-lost", severity)
    assert finding.evidence.get("failed") == (8 if severity == "critical" else None)


def seen_by(source: str, t: float) -> Event:
    return Event(t, "service_restarted", f"{source} says so", {"source": source})


@pytest.mark.parametrize(
    ("events", "times"),
    [
        ([seen_by("process", 9.0), seen_by("metrics", 12.0)], 1),
        ([seen_by("process", 9.0), seen_by("metrics", 10.0), seen_by("prometheus", 18.0)], 1),
        ([seen_by("metrics", 12.0), seen_by("process", 9.0)], 1),
        ([seen_by("process", 9.0), seen_by("process", 12.0)], 2),  # it falls again and again
        ([seen_by(kind, t) for t in (9.0, 14.0) for kind in ("process", "metrics")], 2),
        ([seen_by("process", 9.0), seen_by("metrics", 30.0)], 2),
        ([event("service_restarted", t) for t in (9.0, 9.5)], 2),  # of a recording that does not say who
    ],
)
def test_what_two_sources_see_is_one_incident(events: list[Event], times: int) -> None:
    [finding] = found(recording(steady(60), events=events))
    assert (finding.evidence["times"], finding.evidence["first_at_s"]) == (times, 9.0)


def broken(length: int, errors: dict[str, int], ok: int = 0) -> list[Second]:
    return [
        *steady(20),
        *steady(length, [1.0] * ok, start=20, errors=errors),
        *steady(40 - length, start=20 + length),
    ]


@pytest.mark.parametrize(
    ("seconds", "unreachable"),
    [
        (broken(2, {"connect_refused": 5}), True),
        (broken(1, {"connect_refused": 5}), False),  # a restart in under a second is not seen
        (broken(5, {"connect_refused": 5}, ok=1), False),  # something still works
        (broken(5, {"status_503": 5}), False),  # a burst of 5xx is an answer
        (broken(5, {"connect_refused": 2, "status_503": 3}), False),
        (broken(5, {"reset": 3, "timeout": 3}), True),
        (broken(5, {"timeout": 5}), False),  # a pause
        (broken(5, {"generator": 5}), False),
    ],
)
def test_unreachable_is_two_seconds_without_success_and_mostly_connection_errors(
    seconds: list[Second], unreachable: bool
) -> None:
    assert [f.id for f in found(recording(seconds))] == (["service-unreachable"] if unreachable else [])


def test_every_request_hanging_is_unreachable() -> None:
    made = recording(steady(60, []), shards=[shard(hangs=[30_000.0] * 10)])
    assert [(f.id, f.severity) for f in found(made)] == [("service-unreachable", "critical")]
    assert found(made)[0].message == "the system answered none of 10 requests"
