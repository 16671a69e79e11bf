"""Every monitored series over the window."""

from __future__ import annotations

from loadctl.results.readings import Readings
from loadctl.results.recording import Reading
from loadctl.results.series import monitored
from tests.results.recorded import readings


def test_a_series_is_reduced_over_the_window_alone() -> None:
    (only,) = monitored(
        Readings.of([*readings(3, queue=4.0), Reading(9.0, "system", "process", "x", {"queue": 99.0})]),
        1.0,
        3.0,
    )
    assert (only.n, only.lowest, only.highest, only.mean, only.last) == (2, 4.0, 4.0, 4.0, 4.0)


def test_of_two_sources_the_one_that_sees_from_outside_speaks() -> None:
    page = [
        Reading(float(t), "system", "metrics", "/metrics", {"memory_bytes": 9.0, "queue": 1.0})
        for t in (1, 2)
    ]
    found = {one.name: one for one in monitored(Readings.of([*page, *readings(2, memory_bytes=5.0)]), 0, 10)}
    assert (found["memory_bytes"].source, found["memory_bytes"].highest) == ("process", 5.0)
    assert found["queue"].source == "metrics"


def test_the_machine_is_told_apart_from_the_system_and_companions_are_left_out() -> None:
    seen = [
        *readings(1, "host", cpu_pct=1.0),
        *readings(1, cpu_pct=2.0),
        *readings(1, "companion", cpu_pct=3.0),
    ]
    assert [(one.subject, one.highest) for one in monitored(Readings.of(seen), 0, 10)] == [
        ("system", 2.0),
        ("host", 1.0),
    ]
