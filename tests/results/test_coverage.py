"""A judged figure has readings over its window, or it is no data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pytest

from loadctl.results.measures.measured import measure
from loadctl.results.readings import Readings
from loadctl.results.recording import Reading
from loadctl.results.scoring import score
from loadctl.results.series import why_uncovered
from loadctl.results.verdict import Score, Status
from loadctl.scenario.target import Scope, Target
from loadctl.scenario.watch import Watch
from tests.records import replace
from tests.results.recorded import load, recording, scenario, steady, target

REFUSED = "connection refused"


def read(
    times: Iterable[float], source: str = "metrics", values: Mapping[str, float] | None = None
) -> list[Reading]:
    return [Reading(float(t), "system", source, "x", values or {"queue": 1.0}) for t in times]


def lost(times: Iterable[float], source: str = "metrics") -> list[Reading]:
    return [Reading(float(t), "system", source, "x", gap=REFUSED) for t in times]


def why(seen: Sequence[Reading], end: float, start: float = 0.0) -> str | None:
    return why_uncovered(Readings.of(seen), "queue", start, end)


@pytest.mark.parametrize(
    ("times", "end"),
    [
        (range(1, 21), 20),
        (range(2, 21), 20),  # a rate needs two looks
        ([t + 0.7 for t in range(20)], 20),  # the phase is the monitor's own
        ([t for t in range(1, 21) if t != 9], 20),  # one of 20 missed
        ([t for t in range(1, 21) if t not in {9, 15}], 20),  # two of 20 are 10 %
        ([1, 2, 3, 5], 5),  # one that is late, of a short run
        (range(5, 61, 5), 60),  # asked every five seconds
        ([t for t in range(1, 3601) if not 1000 < t <= 1030], 3600),  # 30 s: not 1 % of an hour
    ],
)
def test_covered(times: Iterable[float], end: float) -> None:
    assert why(read(times), end) is None


@pytest.mark.parametrize(
    ("times", "end", "missing"),
    [
        (range(1, 3), 20, "18 s of 20 s"),
        (range(1, 18), 20, "3 s of 20 s"),
        (range(4, 21), 20, "3 s of 20 s"),
        ([t for t in range(1, 21) if t not in {9, 10, 11}], 20, "3 s of 20 s"),
        ([t for t in range(1, 121) if not 50 < t <= 61], 120, "11 s of 2 min"),  # 9 %, but a hole of 12 s
        ([t for t in range(1, 3601) if not 1000 < t <= 1036], 3600, "36 s of 1 h"),  # over 1 % of an hour
        (range(5, 31, 5), 60, "30 s of 1 min"),
    ],
)
def test_not_covered(times: Iterable[float], end: float, missing: str) -> None:
    assert why(read(times), end) == f"readings are missing for {missing}"


def test_what_the_monitor_said_meanwhile_is_the_reason_and_is_not_forgiven() -> None:
    seen = [*read(range(1, 5)), *lost(range(5, 21))]
    assert why(seen, 20) == f"readings are missing for 16 s of 20 s: {REFUSED}"
    assert why([*read([1, 2, 3, 5]), *lost([4])], 5) == f"readings are missing for 1 s of 5 s: {REFUSED}"
    assert why([*read([t for t in range(1, 21) if t != 9]), *lost([9])], 20) is None


def test_a_window_in_which_all_is_there_is_covered_whatever_came_before_and_after() -> None:
    seen = [*lost(range(1, 10)), *read(range(10, 31)), *lost(range(31, 60))]
    assert why(seen, 30, start=10) is None


def test_pods_are_told_late() -> None:
    assert why(read(range(15, 46, 15), "pods"), 60) is None
    assert why(read(range(15, 61, 15), "pods"), 120) is not None


def test_one_reading_alone_covers_what_its_monitor_covers_with_one() -> None:
    assert why(read([5.0], "prometheus"), 5) is None
    assert why(read([5.0], "metrics"), 5) == "readings are missing for 4 s of 5 s"


def judged(seen: Sequence[Reading], limit: Target) -> Score:
    asked = scenario(load("5 20 hold"), watch=Watch(pid=1))
    return score(limit, measure(asked, recording(steady(20, [10.0]), readings=seen)))


SERIES = replace(target("metrics", 50, unit=""), scope=Scope("series", "queue"))
CASES = [
    (SERIES, {"queue": 7.0}, {"queue": 70.0}),
    (target("cpu", 90), {"cpu_pct": 20.0}, {"cpu_pct": 95.0}),
    (target("memory", 1e9), {"memory_bytes": 5e8}, {"memory_bytes": 2e9}),
]


@pytest.mark.parametrize(("limit", "low", "high"), CASES, ids=["series", "cpu", "memory"])
def test_a_lost_monitor_is_no_pass_and_what_it_saw_of_a_fail_stays(
    limit: Target, low: dict[str, float], high: dict[str, float]
) -> None:
    assert judged(read(range(1, 21), values=low), limit).status is Status.PASS
    gone = lost(range(5, 21))
    halved = judged([*read(range(1, 5), values=low), *gone], limit)
    assert (halved.status, halved.judged, halved.value) == (Status.NO_DATA, True, None)
    assert halved.reason == f"readings are missing for 16 s of 20 s: {REFUSED}"
    assert judged([*read(range(1, 5), values=high), *gone], limit).status is Status.FAIL


def test_a_monitor_that_hangs_says_nothing_and_is_no_pass() -> None:
    assert judged(read(range(1, 5), values=CASES[1][1]), CASES[1][0]).status is Status.NO_DATA


def test_a_monitor_lost_before_the_window_is_the_reason_why_there_is_nothing() -> None:
    assert judged(lost(range(1, 21)), SERIES).reason == f"no monitor reports queue: {REFUSED}"
