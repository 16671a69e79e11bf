"""Seconds in bins: counts add up, histograms are merged, and nothing is told that too few requests support."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadctl.analysis.judgement import RunFacts, judge
from loadctl.results.charts import BINS_MAX, HEAT_COLUMNS_MAX, Charting, Charts, Heat, charts
from loadctl.results.courses import courses
from loadctl.results.histogram import Histogram
from loadctl.results.interval import Second
from loadctl.results.moment import Moment
from loadctl.results.recording import Event, Reading, Recording
from loadctl.scenario.load import Load
from tests.results.recorded import interval, load, recording, scenario, second, steady

FACTS = RunFacts(engine="locust", engine_version=None, shards=1, started_at="2026-11-23T08:20:00Z")


def drawn(planned: Load, recorded: Recording) -> Charts:
    result = judge(scenario(planned), recorded, FACTS)
    return charts(planned, recorded, result.window, result.ended_s)


def test_a_short_run_has_a_bin_for_each_second() -> None:
    found = drawn(load("10 4 hold"), recording(steady(4, errors={"status_500": 5})))
    assert (found.bin_s, found.planned, found.users) == (1, [10] * 4, [10] * 4)
    assert (found.ok_per_s, found.failed_per_s) == ([20.0] * 4, [5.0] * 4)
    assert found.dropped_per_s == found.late_ms == [None] * 4  # only arrivals can be dropped or late


def test_a_long_run_has_no_more_bins_than_can_be_seen_and_its_rates_stay_rates() -> None:
    found = drawn(load("10 14400 hold"), recording(steady(14_400, (5.0,))))
    assert found.bin_s == 8
    assert len(found.ok_per_s) == 1800 <= BINS_MAX
    assert set(found.ok_per_s) == {1.0}
    assert max(column for column, _, _ in found.heat.cells) < HEAT_COLUMNS_MAX


def test_a_second_that_was_not_recorded_is_a_gap_and_no_zero() -> None:
    seconds = [*steady(2), *steady(2, start=5)]
    found = drawn(load("10 7 hold"), recording(seconds))
    assert found.ok_per_s == [20, 20, None, None, None, 20, 20]
    assert found.users[3] is None


def test_a_percentile_stands_over_as_many_bins_as_it_needs() -> None:
    """50 successes a second: p50 each second, p95 every four, p99 every twenty; the rest at the end is not told."""
    found = drawn(load("10 30 hold"), recording(steady(30, (10.0,) * 50)))
    assert [value is not None for value in found.latency_ms["p50"]] == [True] * 30
    assert [value is not None for value in found.latency_ms["p95"]] == [True] * 28 + [False] * 2
    assert [value is not None for value in found.latency_ms["p99"]] == [True] * 20 + [False] * 10
    assert found.latency_ms["p95"][0] == pytest.approx(10, rel=0.01)


def test_percentiles_are_taken_of_merged_histograms_and_never_averaged() -> None:
    """In one second all take 1 ms, in the next all 100 ms: the p95 of both is 100 ms, not 50."""
    seconds = [second(0, {"GET /": interval((1.0,) * 100)}), second(1, {"GET /": interval((100.0,) * 100)})]
    found = drawn(load("10 2 hold"), recording(seconds))
    assert found.latency_ms["p95"] == pytest.approx([100, 100], rel=0.01)


def test_a_percentile_does_not_reach_over_a_long_silence() -> None:
    seconds = [*steady(2, (1.0,) * 10), *steady(2, (9.0,) * 10, start=60)]
    found = drawn(load("10 62 hold"), recording(seconds))
    assert found.latency_ms["p50"][:2] == pytest.approx([1, 1], rel=0.01)
    assert found.latency_ms["p50"][30] is None
    waiting = [*steady(1, (1.0,) * 10), *steady(2, (9.0,) * 10, start=60)]
    found = drawn(load("10 62 hold"), recording(waiting))
    assert (
        found.latency_ms["p50"][0] is None
    )  # ten of them were too few, and those of a minute later are others
    assert found.latency_ms["p50"][60:] == pytest.approx([9, 9], rel=0.01)


@pytest.mark.parametrize(
    "planned",
    [
        load("10 20 hold"),
        load("10 5 warm warmup", "10 10 hold", "10..0 5 down"),
        load("5..10 7 ramp warmup", "10 13 hold"),
        load("10 60 hold"),  # stopped early
    ],
    ids=["all", "both ends left out", "warm-up", "stopped"],
)
def test_distributions_hold_exactly_what_is_scored(planned: Load) -> None:
    """As the table of endpoints says, with the drain and without what was profiled."""
    seconds = [
        second(t, {"GET /a": interval((5.0,) * (t + 1)), "GET /b": interval((7.0,), rate_limited=2)})
        for t in range(23)
    ]
    marked = Event(8.0, "profile_started", "", {"mode": "sample", "seconds": 2})
    for recorded in (recording(seconds), recording(seconds, events=[marked, Event(20.0, "stop", "")])):
        result = judge(scenario(planned), recorded, FACTS)
        found = charts(planned, recorded, result.window, result.ended_s)
        assert found.distributions
        assert {name: histogram.count for name, histogram in found.distributions.items()} == {
            row.endpoint: row.latency.n for row in result.summary.endpoints
        }


@given(st.integers(0, 1 << 40))
def test_a_latency_lies_within_its_row_of_the_heat_map(us: int) -> None:
    row = Heat.row_of(us)
    assert Heat.edge_us(row) <= us < Heat.edge_us(row + 1)


@given(st.lists(st.integers(1, 10_000_000), min_size=1, max_size=50))
def test_the_heat_map_holds_every_success(values_us: list[int]) -> None:
    charting = Charting(load("1 1 hold"), 1, (0.0, 1.0), 1.0)
    cell = replace(interval(), ok=Histogram.of(values_us))
    charting.add(Moment.of(Second(0, {"GET /": cell})))
    found = charting.charts(recording([]))
    assert sum(count for _, _, count in found.heat.cells) == len(values_us)
    assert {row for _, row, _ in found.heat.cells} == {Heat.row_of(us) for us in values_us}


def test_nothing_recorded_gives_nothing_to_draw() -> None:
    found = charts(load("10 60 hold"), recording([]), (0.0, 0.0), 0.0)
    assert (found.planned, found.heat.cells, found.courses) == ([], [], ())


def test_the_plan_is_drawn_where_what_it_asked_for_is_counted() -> None:
    """Users at the end of each second, arrivals within it; of a bin the most users, or the mean rate."""
    rise = load("0..10 5 up", "10 2 hold", "20 3 jump", "20..0 4 down")
    users = [2, 4, 6, 8, 10, 10, 10, 20, 20, 20, 15, 10, 5, 0]
    found = drawn(rise, recording([second(t, users=n) for t, n in enumerate(users)]))
    assert found.planned == pytest.approx(found.users, abs=0.01)
    arrivals = Load("open", rise.stages)
    begun = [1, 3, 5, 7, 9, 10, 10, 20, 20, 20, 17.5, 12.5, 7.5, 2.5]
    made = recording([second(t, begun=round(2 * n)) for t, n in enumerate(begun)])
    found = drawn(
        replace(arrivals, stages=[replace(s, start=2 * s.start, end=2 * s.end) for s in arrivals.stages]),
        made,
    )
    assert found.planned == pytest.approx(found.begun_per_s, abs=0.01)


def test_a_long_plan_is_binned_as_what_was_measured() -> None:
    fall = load("100..0 4000 down")
    found = drawn(fall, recording([second(t, users=round(100 - (t + 1) / 40)) for t in range(4000)]))
    assert found.bin_s == 2
    assert found.planned == pytest.approx(found.users, abs=0.51)
    assert found.planned[:2] == pytest.approx([99.975, 99.925], abs=0.001)


def test_a_script_with_a_load_of_its_own_has_no_plan() -> None:
    found = charts(Load("closed", []), recording(steady(2)), (0.0, 2.0), 2.0)
    assert found.planned == [None, None]


def readings(*points: tuple[float, float], name: str = "cpu_pct") -> list[Reading]:
    return [Reading(t, "system", "process", "uvicorn", {name: value}) for t, value in points]


def test_the_highest_reading_stands_for_a_bin_and_counts_are_added() -> None:
    (gauge,) = courses(readings((0.5, 10.0), (1.0, 90.0), (2.0, 20.0), (3.0, 5.0), (4.0, 1.0)), 2, 2)
    assert gauge.values == [90.0, 5.0]
    (counted,) = courses(readings((1.0, 3.0), (2.0, 4.0), name="log_errors"), 2, 1)
    assert counted.values == [7.0]


def test_a_hole_longer_than_readings_are_apart_is_a_gap() -> None:
    (found,) = courses(readings(*((float(t), 1.0) for t in range(5, 61, 5))), 1, 60)
    assert found.values[4] == 1.0
    assert found.values[5] is None
    assert found.bridge == 13
