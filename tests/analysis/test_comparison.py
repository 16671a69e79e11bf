"""Is it slower than before: intervals against published ones, decisions, and how often they are wrong."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadctl.analysis.comparison import (
    MOST_BURST,
    Change,
    Difference,
    Estimate,
    Proportion,
    beyond_t,
    changes,
    dispersion,
    outcome,
    quantile_t,
    ratio,
    without_each,
)
from loadctl.results.blocks import BLOCKS, RunBlocks
from loadctl.results.histogram import Histogram
from loadctl.scenario.target import Scope
from tests.analysis.simulated_runs import Service, blocks_of, endpoint_of, staircase
from tests.records import replace

QUIET = Service(seconds=120, run_sd=0.0, wander=0.0, error_rate=0.0)


def row(rows: Sequence[Change], metric: str, endpoint: str = "") -> Change:
    return next(one for one in rows if (one.metric, one.scope.name) == (metric, endpoint))


def pair(
    service: Service, change: float = 0.0, *, runs: int = 1, seed: int = 1, more_errors: float = 0.0
) -> tuple[Change, ...]:
    chance = Random(seed)
    before = [service.run(chance) for _ in range(runs)]
    return changes(before, [service.run(chance, change, more_errors) for _ in range(runs)])


# -- the mathematics, as published ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("alpha", "df", "t"),
    [
        (0.5, 1, 1.0),
        (0.05, 1, 12.706),
        (0.05, 4, 2.776),
        (0.10, 4, 2.132),
        (0.05, 5, 2.571),
        (0.01, 9, 3.250),
        (0.05, 30, 2.042),
    ],
)
def test_student_s_distribution_is_that_of_the_tables(alpha: float, df: int, t: float) -> None:
    assert quantile_t(alpha, df) == pytest.approx(t, abs=5e-4)
    assert beyond_t(quantile_t(alpha, df), df) == pytest.approx(alpha)


@pytest.mark.parametrize(
    ("after", "before", "low", "high"),
    [
        ((56, 70), (48, 80), 5.24, 33.39),
        ((9, 10), (3, 10), 17.05, 80.90),
        ((6, 7), (2, 7), 5.82, 80.62),
        ((5, 56), (0, 29), -3.81, 19.26),
        ((0, 10), (0, 20), -16.11, 27.75),
        ((10, 10), (0, 10), 60.75, 100.0),
    ],
)
def test_differences_of_proportions_are_newcombe_s(
    after: tuple[int, int], before: tuple[int, int], low: float, high: float
) -> None:
    """Statistics in Medicine 17 (1998), table II, method 10."""
    sides = [Proportion(count / n, n) for count, n in (before, after)]
    assert Difference(sides[0], sides[1], 20_000).interval(0.05) == pytest.approx((low, high), abs=0.02)


def test_the_p_of_a_difference_is_where_its_interval_ends_at_none() -> None:
    found = Difference(Proportion(0.02, 1000), Proportion(0.04, 1000), 18)
    assert found.interval(found.p)[0] == pytest.approx(0, abs=1e-9)
    assert 0 < found.p < 0.05


def test_one_run_a_side_sees_no_less_than_17_percent() -> None:
    """However still both are: by that much identical runs may differ."""
    still = [Estimate(0.0, [0.0] * BLOCKS)]
    assert ratio(still, still).visible(0.05) == pytest.approx(17.0, abs=0.05)
    assert ratio(still * 3, still * 3).visible(0.05) == pytest.approx(5.4, abs=0.1)


def test_what_both_sides_share_is_no_uncertainty() -> None:
    """Levels of one staircase: each block differs from its neighbours, and not from the other run's."""
    steps = [Estimate(0.0, [0.01 * block for block in range(BLOCKS)])]
    flat = [Estimate(0.0, [0.0] * BLOCKS)]
    assert ratio(steps, steps).standard_error == ratio(flat, flat).standard_error
    assert ratio(flat, steps).standard_error > ratio(flat, flat).standard_error


def test_runs_that_differ_widen_the_interval_and_runs_that_agree_narrow_it() -> None:
    def side(*logs: float) -> list[Estimate]:
        return [Estimate(log, [log] * BLOCKS) for log in logs]

    agree, differ = ratio(side(0, 0, 0), side(0, 0, 0)), ratio(side(-0.2, 0, 0.2), side(-0.2, 0, 0.2))
    assert agree.standard_error < 0.04 * (2 / 3) ** 0.5 < differ.standard_error
    assert agree.df == differ.df == 8


@settings(max_examples=60)
@given(
    st.lists(st.lists(st.integers(1, 2_000_000), max_size=30), min_size=2, max_size=BLOCKS),
    st.sampled_from([0.5, 0.95, 0.99]),
)
def test_a_quantile_without_a_block_is_that_of_the_others(values: list[list[int]], q: float) -> None:
    blocks = [Histogram.of(block) for block in values]
    for i, found in enumerate(without_each(blocks, q)):
        others = Histogram.of(us for k, block in enumerate(values) if k != i for us in block)
        exact = others.nearest_rank_us(q)
        assert found == 0 if exact is None else exact <= found <= exact * 1.01


# -- errors in bursts ----------------------------------------------------------------------------------------------


def with_failures(*failed: int, requests: int = 600) -> RunBlocks:
    histograms = [Histogram.of([20_000] * (requests - bad)) for bad in failed]
    return blocks_of(histograms, failed)


NONE_FAILED = with_failures(*[0] * BLOCKS)


def test_failures_that_come_together_count_less() -> None:
    even, burst = with_failures(*[5] * BLOCKS), with_failures(50, *[0] * 9)
    assert dispersion([even], [even]) == 1.0
    assert dispersion([NONE_FAILED], [NONE_FAILED]) == 1.0
    assert dispersion([NONE_FAILED], [burst]) == MOST_BURST
    assert row(changes([NONE_FAILED], [even]), "error_rate").decision == "worse"
    assert row(changes([NONE_FAILED], [burst]), "error_rate").decision == "cannot tell"


def test_an_outage_is_no_burst() -> None:
    down = with_failures(*[0] * 7, *[600] * 3)
    found = row(changes([NONE_FAILED], [down]), "error_rate")
    assert (found.decision, found.before, found.change_unit) == ("worse", 0.0, "points")
    assert found.after == found.change == pytest.approx(30.0)


def test_no_errors_on_either_side_are_the_same() -> None:
    found = row(changes([NONE_FAILED], [NONE_FAILED]), "error_rate")
    assert (found.decision, found.change) == ("same", 0.0)
    assert found.high is not None
    assert 0 < found.high < 0.2


def test_a_few_more_errors_count_for_nothing_however_sure() -> None:
    few, more = (with_failures(*[bad] * BLOCKS, requests=20_000) for bad in (4, 12))
    found = row(changes([few], [more]), "error_rate")
    assert found.low is not None
    assert found.low > 0
    assert found.decision == "same"
    assert found.change == pytest.approx(0.04)


# -- decisions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "runs", "decision"),
    [
        (0.0, 1, "cannot tell"),
        (0.5, 1, "worse"),
        (-0.4, 1, "better"),
        (0.0, 3, "same"),
        (0.25, 3, "worse"),
        (-0.25, 3, "better"),
    ],
)
def test_a_change_of_latency_is_decided(change: float, runs: int, decision: str) -> None:
    rows = pair(QUIET, change, runs=runs)
    for metric in ("latency_p50", "latency_p95"):
        assert row(rows, metric).decision == decision
    found = row(rows, "latency_p95")
    assert found.gated
    assert found.change == pytest.approx(100 * change, abs=6)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 100 * change < found.high


def test_a_change_within_the_generator_s_own_delay_is_not_told() -> None:
    chance = Random(2)
    before, after = QUIET.run(chance), QUIET.run(chance, 0.5)
    assert row(changes([before], [after]), "latency_p50").decision == "worse"
    late = replace(after, lag_ms={"p95": 12.0, "p99": 12.0})
    for sides in ([before], [late]), ([late], [before]):
        rows = changes(*sides)
        found = row(rows, "latency_p50")  # 20 and 30 ms
        assert found.decision == "cannot tell"
        assert found.reason == "the load generator itself was up to 12.0 ms late"
        assert row(rows, "latency_p95").decision in {"worse", "better"}  # 54 and 80 ms


def test_less_throughput_is_worse() -> None:
    less = replace(NONE_FAILED, successes=tuple(count // 2 for count in NONE_FAILED.successes))
    down, up = (
        row(changes(*sides), "throughput") for sides in (([NONE_FAILED], [less]), ([less], [NONE_FAILED]))
    )
    assert (down.decision, up.decision) == ("worse", "better")
    assert [down.before, down.after] == pytest.approx([20, 10])
    assert down.unit == "/s"


def test_cpu_of_a_request_is_told_apart_from_cpu() -> None:
    idle, busy = (replace(NONE_FAILED, cpu_cores=(cores,) * BLOCKS) for cores in (0.2, 0.8))
    rows = changes([idle], [busy])
    assert row(rows, "cpu").decision == "worse"
    found = row(rows, "cpu_per_request")
    assert [found.before, found.after] == pytest.approx([10, 40])
    assert found.unit == "ms"
    assert row(rows, "memory").reason == "before: nothing watched it"


def test_a_metric_without_data_cannot_be_told() -> None:
    few = blocks_of([Histogram.of([20_000] * 3)] * BLOCKS)
    found = row(changes([few], [NONE_FAILED]), "latency_p95")
    assert (found.decision, found.change, found.reason) == ("cannot tell", None, "before: too few successes")
    assert row(changes([NONE_FAILED], [few]), "latency_p95").reason == "after: too few successes"


def test_endpoints_are_compared_one_by_one() -> None:
    chance = Random(3)
    whole = QUIET.run(chance)
    slow = QUIET.run(chance, 0.5)
    sides = [[replace(whole, endpoints=(replace(one.total, endpoint="GET /a"),))] for one in (whole, slow)]
    rows = changes(*sides, gates=[("latency_p95", Scope("endpoint", "GET /a"))])
    assert row(rows, "latency_p95", "GET /a").decision == "worse"
    assert outcome(rows) == "worse"
    new = [replace(whole, endpoints=(endpoint_of("GET /new", whole.total.blocks),))]
    assert row(changes(sides[0], new), "latency_p95", "GET /new").reason == "before: no requests"


def test_gated_rows_share_one_bound() -> None:
    """A change that one gate alone would call worse is not told of the best of many."""
    scopes = [Scope("endpoint", f"GET /{n}") for n in range(8)]
    chance = Random(5)
    before, after = QUIET.run(chance), QUIET.run(chance, 0.2)
    sides = [
        [replace(one, endpoints=tuple(replace(one.total, endpoint=scope.name) for scope in scopes))]
        for one in (before, after)
    ]
    gates = [("latency_p95", scope) for scope in scopes]
    alone, among = changes(*sides, gates=gates[:1]), changes(*sides, gates=gates)
    assert (outcome(alone), outcome(among)) == ("worse", "cannot tell")
    visible = [row(rows, "latency_p95", "GET /0").visible for rows in (alone, among)]
    assert visible[0] is not None
    assert visible[1] is not None
    assert visible[0] < visible[1]


def test_a_tolerance_says_what_the_same_is() -> None:
    chance = Random(8)
    before, after = ([QUIET.run(chance) for _ in range(5)] for _ in range(2))
    assert row(changes(before, after), "latency_p95").decision == "same"
    assert row(changes(before, after, tolerance_pct=2), "latency_p95").decision == "cannot tell"


# -- how often it is wrong: tests/bench/test_comparison.py has the whole of it -------------------------------------


@pytest.mark.parametrize("shape", [None, staircase])
def test_identical_systems_are_seldom_called_different(shape: object) -> None:
    service = Service(seconds=120) if shape is None else Service(seconds=120, shape=staircase)
    found = [outcome(pair(service, seed=seed)) for seed in range(50)]
    assert found.count("worse") <= 4
    assert found.count("better") <= 4


def test_what_became_much_slower_is_found() -> None:
    found = [outcome(pair(Service(seconds=120), 0.5, seed=seed)) for seed in range(20)]
    assert found.count("worse") >= 19
