"""What the live view is fed from while a run goes on."""

from __future__ import annotations

from loadctl.results.live import HISTORY_S, Progress
from tests.results.recorded import interval, load, second, steady

PLAN = load("10 100 hold")


def test_rates_and_failures_are_those_of_the_window_and_counts_of_the_whole_run() -> None:
    progress = Progress(PLAN)
    for each in [
        *steady(20, [5.0] * 20),
        *steady(15, [5.0] * 10, start=20, errors={"reset": 30, "generator": 2}),
    ]:
        progress.add(each)
    assert (progress.rate_per_s, progress.completed, progress.failed) == (30, 1000, 450)
    assert (progress.error_pct, progress.commonest_error) == (50, "reset")
    assert (progress.t, progress.users, progress.planned) == (34, 10, 10)


def test_what_a_shard_says_late_is_added_to_its_second() -> None:
    progress = Progress(PLAN)
    for each in steady(3, [5.0] * 20):
        progress.add(each)
    progress.add(second(1, {"GET /": interval([5.0] * 10)}, users=7))
    assert list(progress.rates) == [20, 30, 20]
    assert list(progress.levels) == [10, 17, 10]
    assert (progress.t, progress.users) == (2, 10)


def test_p95_is_of_the_last_half_minute_and_absent_below_200_values() -> None:
    progress = Progress(PLAN)
    for each in steady(9, [5.0] * 20):
        progress.add(each)
    before = progress.p95_ms
    for each in steady(HISTORY_S, [100.0] * 20, start=9):
        progress.add(each)
    assert (before, progress.p95_ms) == (None, 100)
    assert progress.p95s[-1] == 100
    assert len(progress.p95s) == HISTORY_S


def test_faults_of_the_generator_are_no_requests() -> None:
    progress = Progress(PLAN)
    progress.add(second(0, {"GET /": interval([5.0], errors={"generator": 3})}))
    assert (progress.completed, progress.failed) == (1, 0)
