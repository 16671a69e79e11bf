"""A run in ten blocks of time: what is scored, block by block, and nothing else."""

from __future__ import annotations

import msgspec
import pytest

from loadctl.analysis.judgement import RunFacts, judge
from loadctl.results.blocks import BLOCKS, RunBlocks, run_blocks
from loadctl.results.recording import Event, Recording
from loadctl.scenario.load import Load
from loadctl.scenario.target import Smoke
from tests.records import replace
from tests.results.recorded import (
    IDENTITY,
    interval,
    load,
    readings,
    recording,
    scenario,
    second,
    shard,
    steady,
)

FACTS = RunFacts(engine="locust", engine_version="2.47", shards=1, started_at="2026-11-23T08:20:00Z")
WARM_AND_DOWN = load("10 10 warm warmup", "10 60 hold", "10..0 10 down")


def blocks(made: Recording, planned: Load | None = None, *, smoke: Smoke | None = None) -> RunBlocks:
    result = judge(replace(scenario(planned), smoke=smoke), made, FACTS)
    return run_blocks(result, made, run="one", git_revision=None, identity=IDENTITY)


def test_only_what_is_scored_is_in_them() -> None:
    """Warm-up and ramp-down have other latencies, and more requests."""
    other = [400.0] * 50
    made = recording([*steady(10, other), *steady(60, start=10), *steady(10, other, start=70)])
    found = blocks(made, WARM_AND_DOWN)
    assert found.seconds == (6.0,) * BLOCKS
    assert found.successes == found.requests == (120,) * BLOCKS
    assert [form.n for form in found.total.ok] == [120] * BLOCKS
    assert all(form.max_us == 10_000 for form in found.total.ok)
    assert found.total.latency_ms["p95"] == pytest.approx(10.0, rel=0.01)


def test_figures_are_those_of_the_result() -> None:
    seconds = [
        second(t, {"GET /": interval([5.0 + t] * 20), "GET /b": interval([50.0 + t] * 10)}) for t in range(60)
    ]
    made = recording(seconds)
    result = judge(scenario(), made, FACTS)
    found = run_blocks(result, made, run="one", git_revision="abc", identity=IDENTITY)
    for mine, summary in zip(
        (found.total, *found.endpoints), (result.summary.total, *result.summary.endpoints), strict=True
    ):
        assert mine.endpoint == summary.endpoint
        assert mine.latency_ms.get("p95") == summary.latency.p95
        assert mine.requests == summary.completed == sum(form.n for form in mine.ok)
    assert (found.run, found.git_revision, found.scenario) == ("one", "abc", "api")
    assert found.lag_ms == {"p95": 0.1, "p99": 0.1}


def test_each_endpoint_has_its_own_blocks() -> None:
    late = [
        second(t, {"GET /": interval([10.0] * 20)} | ({"GET /b": interval([90.0] * 5)} if t >= 54 else {}))
        for t in range(60)
    ]
    found = blocks(recording(late)).endpoint("GET /b")
    assert found is not None
    assert [form.n for form in found.ok] == [0] * 9 + [30]
    assert found.absent["p95"] == "needs 200 successes, has 30"


def test_a_request_of_the_drain_counts_in_the_last_block_and_not_for_throughput() -> None:
    made = recording(
        [*steady(60), second(60, {"GET /": interval([900.0] * 3)}, users=0)],
        shards=[shard(last_t=60, slow=[500.0])],
    )
    found = blocks(made)
    assert found.total.ok[-1].n == 123
    assert (found.successes[-1], found.seconds[-1]) == (120, 6.0)
    assert (found.requests[-1], found.failed[-1]) == (124, 1)
    assert (found.total.requests, found.total.failed) == (1204, 1)


def test_means_of_the_system_are_by_block() -> None:
    made = recording(steady(60), readings=readings(60, cpu_cores=0.5, memory_bytes=2e8))
    found = blocks(made)
    assert found.cpu_cores == (0.5,) * BLOCKS
    assert found.memory_bytes == (2e8,) * BLOCKS
    assert found.absent == {}


def test_readings_of_a_part_of_the_time_are_none() -> None:
    part = [one for one in readings(60, cpu_cores=0.5, memory_bytes=2e8) if one.t <= 50]
    found = blocks(recording(steady(60), readings=part))
    assert found.cpu_cores == found.memory_bytes == ()
    assert (
        found.absent["cpu"] == found.absent["memory"] == "readings are missing in 1 of 10 parts of the time"
    )
    assert "nothing watched" in blocks(recording(steady(60))).absent["memory"]


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (recording(steady(60)), ()),
        (recording(steady(30), interrupted_by=2), ("INTERRUPTED: Interrupted by SIGINT after 30 s",)),
        (recording(steady(60), failure="the disk is full"), ("ERROR: The disk is full",)),
        (recording(steady(60, users=3)), ("fewer users than planned for 1 min: 3 of 10 at 0:00",)),
    ],
)
def test_what_cannot_be_compared_says_why(made: Recording, why: tuple[str, ...]) -> None:
    assert blocks(made).unfit == why


def test_a_smoke_run_is_not_compared() -> None:
    assert blocks(recording(steady(60)), smoke=Smoke()).unfit == ("it was a smoke run",)


def test_profiled_seconds_are_left_out() -> None:
    events = [Event(12, "profile_started", "", {"mode": "sample", "seconds": 2})]
    found = blocks(recording(steady(60), events=events))
    assert 55 < sum(found.seconds) < 60
    assert sum(found.requests) == found.total.requests


def test_they_are_small_and_come_back_as_they_were() -> None:
    latencies = [[1.5 * (k + 1) * (1 + t % 7 / 10) for k in range(20)] for t in range(60)]
    found = blocks(recording([second(t, {"GET /": interval(ms)}) for t, ms in enumerate(latencies)]))
    text = msgspec.json.encode(found)
    assert msgspec.json.decode(text, type=RunBlocks) == found
    assert len(text) < 20_000
