"""Seconds in which the load generator itself did not run."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from loadctl.analysis.judgement import RunFacts, judge
from loadctl.results.interval import Second
from loadctl.results.measures.outage import stalls, standstill
from loadctl.results.result import Result
from loadctl.results.verdict import Status
from loadctl.scenario.target import Target
from tests.records import replace
from tests.results.recorded import P95, load, moments, recording, scenario, shard, steady, target

FACTS = RunFacts(engine="locust", engine_version=None, shards=1, started_at="2026-11-23T08:20:00Z")


def asleep(start: int, length: int, *, until: int = 16) -> list[Second]:
    """Users whose engine is stopped for `length` seconds: 10 requests are under way, and come back all at once."""
    made = steady(start, [10.0] * 40)
    for t in range(start, start + length):
        stopped = steady(1, (), start=t)[0]
        stopped.cells["GET /"].in_flight = 10
        made.append(replace(stopped, lag_ms=[]))
    woken = steady(1, [1000.0 * length] * 10, start=start + length)[0]
    made.append(replace(woken, lag_ms=[1000.0 * length - 100 * k for k in range(10 * length)]))
    return [*made, *steady(until - len(made), [10.0] * 40, start=len(made))]


def judged(seconds: Sequence[Second], *targets: Target, length: int = 16) -> Result:
    return judge(scenario(load(f"10 {length} hold"), targets), recording(seconds), FACTS)


def test_a_second_without_samples_is_lost_and_a_short_delay_is_none() -> None:
    late = steady(3)
    late[1].lag_ms = [0.1] * 7
    late[2].lag_ms = [300.0, 200.0, 100.0, *[0.1] * 10]
    assert standstill(moments(late), [shard()]) == {}
    assert standstill(moments(asleep(4, 3)), [shard()]) == {4: 1.0, 5: 1.0, 6: 1.0}


def test_of_two_engine_processes_one_that_stands_still_is_half() -> None:
    seconds = steady(3)
    seconds[0].lag_ms = [0.1] * 20
    seconds[2].lag_ms = [0.1] * 20
    both = [shard(0), shard(1)]
    assert standstill(moments(seconds), both) == {1: 0.5}
    assert standstill(moments(seconds[:2]), [shard(0), shard(1, bye=False, last_t=0)]) == {}


def test_where_nobody_told_of_timers_nothing_is_known() -> None:
    silent = [replace(second, lag_ms=[]) for second in steady(3)]
    assert standstill(moments(silent), [shard()]) == {}


@pytest.mark.parametrize("length", [8, 3])
def test_a_generator_that_slept_proves_nothing_good_or_bad(length: int) -> None:
    result = judged(asleep(4, length), target("error_rate", 1), target(P95, 100), target("throughput", 35))
    assert result.verdict == "INCONCLUSIVE", result.reasons
    assert all(score.void for score in result.scores), result.scores
    assert result.scores[2].status is Status.FAIL
    ids = {finding.id for finding in result.findings}
    assert {"generator-saturated", "load-not-reached"} <= ids
    assert not {"system-stalls", "closed-model-stall"} & ids
    assert f"did not run for {length} s of 16 s, first at 0:04" in " ".join(result.reasons)


def test_a_sleep_of_a_twentieth_of_a_long_run_is_forgiven() -> None:
    seconds = asleep(20, 3, until=60)
    assert judged(seconds, target("error_rate", 1), length=60).verdict == "PASS"


def test_the_system_has_not_stalled_while_the_generator_slept() -> None:
    assert stalls(moments(asleep(6, 4))) == ()
    awake = [replace(second, lag_ms=[0.1] * 10) for second in asleep(6, 4)]
    assert stalls(moments(awake))
