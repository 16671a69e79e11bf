"""Figures of foreign files: what they may stand for always holds what really happened."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadctl.analysis.imported import judge_imported
from loadctl.reports.ci.junit import junit
from loadctl.reports.ci.markdown import markdown
from loadctl.reports.terminal.screen import render
from loadctl.results.imported import (
    Figure,
    Imported,
    ImportedEndpoint,
    Percentiles,
    Population,
    score_imported,
)
from loadctl.results.verdict import Status, Verdict
from loadctl.scenario.target import PERCENTILES, Scope, Target
from tests.results.recorded import target

TIMES = st.lists(st.integers(1, 2000), min_size=1, max_size=300)
TABULATED = (0.5, 0.66, 0.75, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999, 1.0)


def nearest_rank(values: list[int], q: float) -> int:
    return sorted(values)[max(1, math.ceil(round(q * len(values), 6))) - 1]


@given(TIMES, TIMES, st.booleans())
def test_percentiles_of_successes_lie_within_their_bounds_wherever_the_failures_are(
    good: list[int], bad: list[int], complete: bool
) -> None:
    everything = sorted(good + bad)
    if complete:
        table = Percentiles.of_counts(
            (Figure.exact(ms), everything.count(ms)) for ms in sorted(set(everything))
        )
    else:
        shares = [(share, Figure.exact(nearest_rank(everything, share))) for share in TABULATED]
        table = Percentiles(len(everything), shares)
    assert table.n == len(everything)
    for q in PERCENTILES.values():
        figure = table.of_successes(q, len(bad))
        assert figure is not None
        few = len(bad) <= math.sqrt(table.n * q * (1 - q))
        if few:
            assert figure == Figure.exact(nearest_rank(everything, q))
        else:
            assert figure.low <= nearest_rank(good, q) <= figure.high


@given(TIMES, TIMES)
def test_means_and_extremes_of_successes_lie_within_their_bounds(good: list[int], bad: list[int]) -> None:
    everything = good + bad
    found = Population(
        percentiles=Percentiles(len(everything), ()),
        failed=len(bad),
        mean=Figure.exact(sum(everything) / len(everything)),
        least=Figure.exact(min(everything)),
        most=Figure.exact(max(everything)),
    ).of_successes()
    for name, value in {"mean": sum(good) / len(good), "min": min(good), "max": max(good)}.items():
        assert found[name].low - 1e-6 <= value <= found[name].high + 1e-6


def endpoint(figure: Figure, *, requests: int = 1000, failed: Figure | None = None) -> ImportedEndpoint:
    return ImportedEndpoint(
        endpoint="total",
        requests=requests,
        failed=failed or Figure.exact(0),
        successes=requests,
        latency={"p95": figure},
        part="time to first byte",
    )


def told(row: ImportedEndpoint) -> Imported:
    return Imported(
        engine="some",
        files=["report.some"],
        kind="Some report",
        total=row,
        endpoints=[],
        model="closed",
        duration_s=10,
    )


@pytest.mark.parametrize(
    ("low", "high", "status"),
    [
        (30, 50, Status.PASS),
        (49.5, 50.5, Status.NO_DATA),
        (51, 200, Status.WARN),
        (195, 205, Status.NO_DATA),
        (40, 300, Status.NO_DATA),
        (201, 205, Status.FAIL),
        (60, math.inf, Status.NO_DATA),
        (201, math.inf, Status.FAIL),
    ],
)
def test_a_status_is_given_where_both_ends_agree(low: float, high: float, status: Status) -> None:
    score = score_imported(target("latency_p95", 200, 50), told(endpoint(Figure(low, low, high))))
    assert score.status is status
    assert (score.value is None) == (status is Status.NO_DATA)
    assert score.judged


def test_few_requests_prove_nothing_here_either() -> None:
    fast = endpoint(Figure.exact(1), requests=99)
    assert score_imported(target("latency_p95", 200), told(fast)).reason == "needs 200 successes, has 99"
    assert (
        score_imported(target("error_rate", 1), told(fast)).reason
        == "a limit of 1 % needs 100 requests, there were 99"
    )
    broken = endpoint(Figure.exact(1), requests=9, failed=Figure.exact(3))
    assert score_imported(target("error_rate", 1), told(broken)).status is Status.FAIL


def test_a_file_is_not_compared_with_a_baseline() -> None:
    score = score_imported(target("latency_p95 vs main", 10, unit="%"), told(endpoint(Figure.exact(20.0))))
    assert (score.status, score.judged) == (Status.NO_DATA, True)
    assert "is not compared with a baseline" in (score.reason or "")


def test_shared_limits_on_cpu_bind_only_where_something_was_watched() -> None:
    row = told(endpoint(Figure.exact(1)))
    limit = Target(metric="cpu", critical=90, unit="%")
    assert not score_imported(limit, row).judged
    assert score_imported(Target(metric="cpu", critical=90, unit="%", own=True), row).judged
    named = Target(metric="latency_p95", critical=90, unit="ms", scope=Scope("endpoint", "GET /"))
    assert score_imported(named, row).reason == "no request of the file is named 'GET /'"


def test_every_form_of_report_can_tell_it() -> None:
    """With nothing known of load, host or time."""
    result = judge_imported(
        told(endpoint(Figure.exact(40))), [target("latency_p95", 200, 50), target("error_rate", 1)]
    )
    assert result.verdict is Verdict.PASS
    screen = render(result)
    assert screen.startswith("PASS  report.some  10 s, some\n")
    assert not {"LOAD", "GENERATOR", "SYSTEM"} & set(screen.split())
    assert "Some report (report.some): 1,000 requests, measured by the engine itself" in " ".join(
        screen.split()
    )
    assert "`report.some`" in markdown(result)
    assert 'name="latency p95"' in junit(result)


def test_figures_of_a_table_never_fall() -> None:
    table = Percentiles.of_counts([(Figure.exact(1), 3), (Figure.exact(5), 0), (Figure.exact(7), 2)])
    assert [figure.value for _, figure in table.table] == [1, 1, 7, 7]
    assert all(a <= b for (a, _), (b, _) in pairwise(table.table))
