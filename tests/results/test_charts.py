"""Seconds in bins: counts add up, histograms are merged, and nothing is told that too few requests support."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadctl.analysis.judgement import RunFacts, judge
from loadctl.results.charts import BINS_MAX, HEAT_COLUMNS_MAX, Charting, Charts, Heat, charts
from loadctl.results.histogram import Histogram
from loadctl.results.interval import Second
from loadctl.results.reading_series import reading_series
from loadctl.results.recording import Event, Reading, Recording
from loadctl.results.second import Moment
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


@given(st.lists(st.lists(st.floats(0.1, 1000), min_size=100, max_size=150), min_size=1, max_size=4))
def test_percentiles_of_the_same_requests_are_in_order(latencies: list[list[float]]) -> None:
    made = [second(t, {"GET /": interval(ok)}) for t, ok in enumerate([[*some, *some] for some in latencies])]
    found = drawn(load("10 9 hold"), recording(made)).latency_ms
    for p50, p90, p95 in zip(found["p50"], found["p90"], found["p95"], strict=True):
        assert p50 is not None
        assert p90 is not None
        assert p95 is not None
        assert p50 <= p90 <= p95


def test_classes_over_time_add_up_to_the_failures() -> None:
    """But for the generator's own faults, which are no failures of the system."""
    errors = [{"timeout": 2, "reset": 1}, {}, {"reset": 4, "generator": 3}, {"status_500": 1}]
    made = [second(t, {"GET /": interval((5.0,), errors=some)}) for t, some in enumerate(errors)]
    for seconds, length in ((made, 4), ([*made, *steady(3996, start=4)], 2000)):
        found = drawn(load("10 4000 hold"), recording(seconds))
        assert list(found.errors_per_s) == ["reset", "timeout", "status_500"]
        assert len(found.failed_per_s) == length
        for values, failed in zip(
            zip(*found.errors_per_s.values(), strict=True), found.failed_per_s, strict=True
        ):
            assert sum(value for value in values if value is not None) == failed


def test_an_endpoint_has_percentiles_of_its_own_requests() -> None:
    """The most frequent endpoint first."""
    seconds = [second(t, {"GET /a": interval([5.0 if t < 15 else 50.0] * 40)}) for t in range(30)]
    for one in seconds[20:]:
        one.cells["GET /b"] = interval([500.0] * 90)
    found = drawn(load("10 20 hold", "10 10 hold"), recording(seconds)).endpoint_latency_ms
    assert [(name, set(courses)) for name, courses in found.items()] == [
        ("GET /a", {"p50", "p95"}),
        ("GET /b", {"p50", "p95"}),
    ]
    assert found["GET /a"]["p50"][:14] == [5.0] * 14
    assert found["GET /a"]["p50"][16:] == [50.0] * 14
    assert found["GET /b"]["p50"][:18] == [None] * 18
    assert found["GET /b"]["p95"][20:28] == [500.0] * 8


def test_seconds_of_about_one_level_are_taken_together() -> None:
    """Of the scored part: 10 and 40 users were held, the ramp between passed too quickly to say anything."""
    users = [10] * 5 + [10] * 8 + [20, 30] + [40] * 6 + [0] * 2
    ms = [900.0] * 5 + [5.0] * 8 + [70.0] * 2 + [50.0] * 6 + [900.0] * 2
    made = [
        second(t, {"GET /": interval([took] * n, errors={"reset": n // 10})}, users=n)
        for t, (n, took) in enumerate(zip(users, ms, strict=True))
    ]
    planned = load("10 5 warm warmup", "10 8 low", "10..40 2 up", "40 6 high", "40..0 2 down")
    low, high = drawn(planned, recording(made)).levels
    assert (low.level, low.seconds, low.ok_per_s, low.failed_per_s) == (10, 8, 10, 1)
    assert (high.level, high.seconds, high.ok_per_s, high.failed_per_s) == (40, 6, 40, 4)
    assert (low.latency_ms["p50"], high.latency_ms["p95"]) == pytest.approx((5, 50), rel=0.01)
    assert low.latency_ms["p95"] is None  # 80 requests are too few


def test_arrivals_that_began_are_the_level_of_an_open_load() -> None:
    made = [
        second(t, {"GET /": interval([5.0] * 30)}, users=3, begun=20 + 60 * (t >= 10) + t % 2)
        for t in range(20)
    ]
    planned = replace(load("20 10 low", "80 10 high"), model="open")
    assert [level.level for level in drawn(planned, recording(made)).levels] == [20.5, 80.5]
    assert drawn(load("3 20 hold"), recording(made)).levels == []  # three users all along


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
    assert (found.planned, found.heat.cells, found.reading_series) == ([], [], ())


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
    (gauge,) = reading_series(readings((0.5, 10.0), (1.0, 90.0), (2.0, 20.0), (3.0, 5.0), (4.0, 1.0)), 2, 2)
    assert gauge.values == [90.0, 5.0]
    (counted,) = reading_series(readings((1.0, 3.0), (2.0, 4.0), name="log_errors"), 2, 1)
    assert counted.values == [7.0]


def test_a_hole_longer_than_readings_are_apart_is_a_gap() -> None:
    (found,) = reading_series(readings(*((float(t), 1.0) for t in range(5, 61, 5))), 1, 60)
    assert found.values[4] == 1.0
    assert found.values[5] is None
    assert found.bridge == 13
