"""Cpu, memory and the generator, from readings with gaps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadctl.results.histogram import nearest_rank
from loadctl.results.measures.usage import generator_use, highest_mean, lag_ms, system_use
from loadctl.results.readings import Readings
from loadctl.results.recording import Reading
from tests.results.recorded import moments, readings, steady

GAP = Reading(3.0, "system", "process", "docker-proxy pid 9", gap="docker-proxy only forwards: use --process")


def points(*values: float, period: float = 1.0) -> list[tuple[float, float]]:
    return [((i + 1) * period, value) for i, value in enumerate(values)]


@pytest.mark.parametrize(
    ("series", "mean"),
    [
        (points(10, 20, 30), 20),  # shorter than 30 s: everything
        (points(*[10] * 30, *[90] * 30, *[10] * 30), 90),  # the best 30 s
        (points(*[10] * 60, *[100] * 15), 55),  # a burst of half of that counts half
        (points(*[0] * 30, period=2.0), 0),  # zero is a value
        (points(10, 20), None),  # too few
        ([], None),
        ([(1.0, 5.0), (2.0, 5.0), (3.0, 5.0), (100.0, 99.0)], None),  # no 30 s are half covered
    ],
)
def test_highest_30_s_mean(series: list[tuple[float, float]], mean: float | None) -> None:
    assert highest_mean(series) == mean


def test_only_readings_of_the_window_count() -> None:
    made = [*readings(10, cpu_pct=90.0, memory_bytes=9e9)]
    later = [
        Reading(r.t + 10, r.subject, r.source, r.entity, {"cpu_pct": 10.0, "memory_bytes": 1e9}) for r in made
    ]
    use = system_use(Readings.of([*made, *later]), 10, 20)
    assert (use.cpu_pct, use.memory_bytes, use.memory_first_bytes, use.readings) == (10.0, 10**9, 10**9, 10)


def test_memory_is_the_highest_and_its_kind_is_named() -> None:
    made = [
        Reading(float(t), "system", "process", "uvicorn", {"memory_bytes": m}, {"memory_kind": "PSS"})
        for t, m in enumerate([5.0, 8.0, 6.0], 1)
    ]
    use = system_use(Readings.of(made), 0, 10)
    assert (use.memory_bytes, use.memory_first_bytes, use.memory_kind) == (8, 5, "PSS")


@pytest.mark.parametrize(
    ("made", "why"),
    [
        ([], "nothing watched it (--pid or --process watch a process of this machine)"),
        ([GAP], "docker-proxy only forwards: use --process"),
        (readings(10, cpu_cores=1.0), "how many cores it may use is not known"),
        (readings(2, cpu_pct=1.0), "readings are missing for 58 s of 1 min"),
        (readings(10, memory_bytes=1.0), "its monitor does not report cpu_pct"),
    ],
)
def test_absent_cpu_has_a_reason_and_is_never_zero(made: list[Reading], why: str) -> None:
    use = system_use(Readings.of(made), 0, 60)
    assert use.cpu_pct is None
    assert use.absent["cpu"] == why


def test_of_two_sources_the_one_with_numbers_speaks() -> None:
    metrics = [Reading(1.0, "system", "metrics", "/metrics", {"http_requests": 5.0})]
    assert system_use(Readings.of([*metrics, *readings(5, cpu_pct=7.0)]), 0, 60).watched == "uvicorn pid 7"


def test_the_generator_is_its_busiest_engine_process_and_not_loadctl_itself() -> None:
    made = [
        *readings(
            5, "generator", entity="shard 0 pid 1", cpu_pct_of_one_core=20.0, memory_bytes=5.0, open_fds=10
        ),
        *readings(5, "generator", entity="shard 1 pid 2", cpu_pct_of_one_core=60.0, memory_bytes=7.0),
        *readings(5, "generator", entity="loadctl pid 3", cpu_pct_of_one_core=99.0),
    ]
    use = generator_use(Readings.of(made), moments(steady(5)), 0, 5)
    assert use.extra["cpu_pct_of_one_core"] == 60
    assert use.cpu_cores == 0.8
    assert use.memory_bytes == 12
    assert use.extra["open_fds"] == 10
    assert (use.extra["lag_p95_ms"], use.extra["lag_p99_ms"]) == (0.1, 0.1)


def test_lag_is_over_all_timers_of_the_window() -> None:
    seconds = steady(10)
    seconds[8].lag_ms = [50.0] * 9 + [70.0]
    assert lag_ms(moments(seconds), 0, 10) == {"p95": 50.0, "p99": 50.0}  # 10 % of the timers
    assert lag_ms(moments(seconds), 0, 9) == {"p95": 50.0, "p99": 70.0}
    assert lag_ms(moments(seconds), 0, 8) == {"p95": 0.1, "p99": 0.1}
    assert lag_ms([], 0, 10) == {}


def test_a_run_that_ended_in_its_warm_up_was_watched_all_the_same() -> None:
    use = system_use(Readings.of(readings(5, cpu_pct=10.0, memory_bytes=1e8)), 10, 10)
    assert use.watched is not None
    assert use.reasons == dict.fromkeys(("cpu", "memory"), "the run ended before its scored part")


def test_where_nothing_was_watched_the_reason_is_the_one_that_was_found_then() -> None:
    use = system_use(Readings.of([]), 0, 10, unwatched="HOST is remote; watch it from there")
    assert use.reasons == {
        "cpu": "HOST is remote; watch it from there",
        "memory": "HOST is remote; watch it from there",
    }


@given(st.lists(st.lists(st.integers(0, 9).map(float), max_size=5), max_size=150))
def test_lag_is_the_nearest_rank_of_them_all(lags: list[list[float]]) -> None:
    seconds = steady(len(lags), [])
    for second, timers in zip(seconds, lags, strict=True):
        second.lag_ms = timers
    every = sorted(lag for timers in lags for lag in timers)
    ranks = {name: nearest_rank(q, len(every)) for name, q in (("p95", 0.95), ("p99", 0.99))}
    expected = {name: every[rank - 1] for name, rank in ranks.items()} if every else {}
    assert lag_ms(moments(seconds), 0, len(lags)) == expected
