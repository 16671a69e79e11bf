"""What a smoke run does to scores and to the verdict, against measured values."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadctl.analysis.judgement import RunFacts, judge
from loadctl.results.interval import Second
from loadctl.results.result import Result, dumps, loads
from loadctl.results.verdict import Status, Verdict
from loadctl.scenario.expectation import smoke_of
from loadctl.scenario.load import Load
from loadctl.scenario.scenario import Scenario, Script
from loadctl.scenario.target import Target
from loadctl.scenario.user_type import Think
from tests.records import replace
from tests.results.recorded import (
    P50,
    P95,
    P99,
    interval,
    load,
    readings,
    recording,
    scenario,
    second,
    steady,
    target,
    user_type,
)

FACTS = RunFacts(engine="locust", engine_version="2", shards=1, started_at="", argv=["run", "api"])
MEMORY = replace(target("memory", 1e9), own=True)
USUAL = [target(P50, 100, 50), target(P95, 200, 100), target(P99, 500), target("error_rate", 1), MEMORY]


def plan(targets: Sequence[Target], planned: Load | None = None, *, smoke: bool = True) -> Scenario:
    """A user a second: 10 users and 4 s are 40 requests, at 50 ms each."""
    user = replace(user_type("GET /"), think=Think(0.95, 0.95))
    made = scenario(planned or load("10 4 hold"), targets, user_types=[user])
    return replace(made, smoke=smoke_of(made)) if smoke else made


def judged(made: Scenario, seconds: Sequence[Second], argv: Sequence[str] = ("run", "api")) -> Result:
    watched = readings(
        int(made.load.duration_s), memory_bytes=1e8, cpu_pct=5.0, cpu_cores=0.1, cores_available=2.0
    )
    return judge(made, recording(seconds, readings=watched), replace(FACTS, argv=argv))


def statuses(result: Result) -> list[str]:
    return [f"{score.status.value}{'' if score.judged else ' not judged'}" for score in result.scores]


QUICK = steady(4, [10.0] * 8)


def test_the_same_short_run_proves_nothing_without_it_and_little_with_it() -> None:
    full, smoke = judged(plan(USUAL, smoke=False), QUICK), judged(plan(USUAL), QUICK)
    assert (full.verdict, full.smoke, full.repeat_may_help) == (Verdict.INCONCLUSIVE, False, False)
    assert statuses(full) == ["PASS", "NO_DATA", "NO_DATA", "NO_DATA", "PASS"]
    assert (smoke.verdict, smoke.exit_code, smoke.smoke) == (Verdict.PASS, 0, True)
    assert statuses(smoke) == ["PASS", "NO_DATA not judged", "NO_DATA not judged", "PASS", "PASS"]
    assert (smoke.targets_judged, smoke.targets_total) == (3, 5)
    assert smoke.scores[1].reason == "left out by --smoke: about 40 requests expected, 200 needed"
    assert (
        smoke.reasons[-1] == "Left out by --smoke, because the load is too small: latency p95, latency p99."
    )


def test_both_commands_are_told_in_the_end_too() -> None:
    argv = ["run", "api", "-t", "4s", "-H", "http://h", "--html", "r.html", "--", "--smoke"]
    full = judged(plan(USUAL, smoke=False), QUICK, argv)
    assert [step.command for step in full.next] == [
        "loadctl run api -H http://h --duration 1m50s -- --smoke",
        "loadctl run api -t 4s -H http://h --smoke -- --smoke",
    ]
    assert full.next[1].purpose == "a quick look: 3 of 5 targets"
    assert full.advice == (
        "enough data for every target: loadctl run api -H http://h --duration 1m50s -- --smoke",
    )


@pytest.mark.parametrize(
    ("seconds", "verdict", "first"),
    [
        (steady(4, [300.0] * 8), "FAIL", "FAIL"),  # all of few are beyond p95's limit, and p50's
        (steady(4, [300.0] * 7 + [10.0]), "FAIL", "FAIL"),  # p50 has enough
        (steady(4, [120.0] * 8), "FAIL", "FAIL"),
        (steady(4, [60.0] * 8), "WARN", "WARN"),
        (steady(4, [10.0] * 7 + [900.0]), "PASS", "PASS"),  # p95 is not known
        (steady(4, [], errors={"status_500": 8}), "FAIL", "NO_DATA"),
        (steady(4, [10.0] * 7, errors={"status_500": 1}), "FAIL", "PASS"),
        (steady(1, [10.0] * 8), "INCONCLUSIVE", "NO_DATA"),  # the plan promised more than 8
    ],
)
def test_few_samples_can_fail_and_missing_ones_prove_nothing(
    seconds: Sequence[Second], verdict: str, first: str
) -> None:
    result = judged(plan(USUAL), seconds)
    assert (result.verdict, result.scores[0].status) == (verdict, first)


def test_what_is_left_out_fails_where_every_success_is_beyond_the_limit() -> None:
    result = judged(plan([target(P95, 200), target("error_rate", 1)]), steady(4, [300.0] * 7 + [250.0]))
    found = result.scores[0]
    assert (found.status, found.judged, found.value) == (Status.FAIL, True, 250.0)
    assert found.detail == "at least: the fastest of 32 successes"
    assert result.verdict is Verdict.FAIL


def test_without_a_success_nothing_is_proved() -> None:
    refused = [second(t, {"GET /": interval(rate_limited=8)}) for t in range(4)]
    assert judged(plan([MEMORY]), refused).verdict is Verdict.INCONCLUSIVE
    only_warm = [*steady(2, [10.0] * 8), *(second(t) for t in range(2, 6))]
    result = judged(plan([MEMORY], load("10 2 warm warmup", "10 4 hold")), only_warm)
    assert (result.verdict, result.reasons[0]) == (Verdict.INCONCLUSIVE, "No request succeeded.")
    assert judged(plan([MEMORY]), QUICK).verdict is Verdict.PASS
    failed = judged(plan([MEMORY]), steady(4, [], errors={"status_500": 8}))
    assert (failed.verdict, failed.reasons[1]) == (Verdict.FAIL, "No request succeeded.")


def test_without_a_judged_target_nothing_is_proved() -> None:
    result = judged(plan([target(P95, 200), target(P99, 500)]), QUICK)
    assert (result.verdict, result.targets_judged, result.repeat_may_help) == (Verdict.INCONCLUSIVE, 0, False)


def test_a_lost_monitor_is_no_small_load() -> None:
    made = plan([target("error_rate", 1), MEMORY])
    result = judge(made, recording(QUICK), FACTS)
    assert statuses(result) == ["PASS", "NO_DATA"]
    assert (result.verdict, result.repeat_may_help) == (Verdict.INCONCLUSIVE, True)


def test_a_script_is_judged_by_what_it_began() -> None:
    script = Script("locustfile", "f.py")
    made = replace(scenario(load("10 60 hold"), USUAL, user_types=[]), script=script)
    smoke = replace(made, smoke=smoke_of(made))
    few, many = steady(60, [10.0] * 1), steady(60, [10.0] * 4)
    assert judged(smoke, few).verdict is Verdict.PASS
    assert statuses(judged(smoke, few))[1:4] == ["NO_DATA not judged", "NO_DATA not judged", "PASS"]
    assert judged(smoke, many).verdict is Verdict.PASS
    half = steady(60, [10.0] * 1, errors={"check_failed": 3})  # begun, and not successful: that is the system
    assert statuses(judged(smoke, half))[1] == "NO_DATA"
    without = judged(made, few)
    assert (without.verdict, without.repeat_may_help) == (Verdict.INCONCLUSIVE, False)
    assert without.next[0].command == "loadctl run api --duration 21m"
    misspelt = replace(made, targets=[*USUAL, target(P95, 200, endpoint="GET /nowhere")])
    assert judged(replace(misspelt, smoke=smoke_of(misspelt)), few).verdict is Verdict.INCONCLUSIVE


@given(
    st.lists(st.sampled_from([P50, P95, P99, "error_rate", "memory", "cpu"]), unique=True, min_size=1),
    st.integers(1, 30),
    st.integers(0, 30),
    st.integers(0, 3),
    st.sampled_from([10.0, 150.0, 700.0]),
)
def test_it_never_turns_a_fail_into_anything_and_a_pass_rests_on_a_success_and_a_target(
    metrics: list[str], length_s: int, per_s: int, failing: int, ms: float
) -> None:
    targets = [replace(target(metric, 1e9 if metric == "memory" else 90), own=True) for metric in metrics]
    planned = load(f"10 {length_s} hold")
    seconds = steady(length_s, [ms] * per_s, errors={"status_500": failing} if failing else None)
    full = judged(plan(targets, planned, smoke=False), seconds)
    smoke = judged(plan(targets, planned), seconds)
    assert smoke.verdict is not Verdict.FAIL or full.verdict in {Verdict.FAIL, Verdict.INCONCLUSIVE}
    if full.verdict is not Verdict.INCONCLUSIVE:
        assert smoke.verdict is full.verdict
    if smoke.verdict is Verdict.PASS:
        assert per_s
        assert smoke.targets_judged >= 1
        assert not any(score.judged and score.status is Status.NO_DATA for score in smoke.scores)


def test_a_stored_result_says_so_and_an_old_one_was_none() -> None:
    result = judged(plan(USUAL), QUICK)
    read = loads(dumps(result))
    assert (read.smoke, read.targets_judged, read.targets_total) == (True, 3, 5)
    document = json.loads(dumps(result))
    assert (document["smoke"], document["targets_judged"], document["targets_total"]) == (True, 3, 5)
