"""What `--smoke` leaves out: decided by the plan alone, or by the requests that a script began."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadctl.scenario.expectation import expect, smoke_of
from loadctl.scenario.load import Load, Stage
from loadctl.scenario.rescale import rescaled
from loadctl.scenario.scenario import Scenario, Script
from loadctl.scenario.target import PERCENTILES, Scope, Target, enough_samples
from loadctl.scenario.user_type import Request, Task, Think, UserType
from loadctl.scenario.watch import Watch

UNITS = {"error_rate": "%", "cpu": "%", "memory": "bytes", "recovery_time": "s", "log_errors": ""}
METRICS = [*(f"latency_{name}" for name in PERCENTILES), "latency_mean", "ttfb_p95", "cpu", "max_throughput"]


def target(metric: str, critical: float = 1.0, scope: Scope | None = None, unit: str | None = None) -> Target:
    return Target(
        metric=metric,
        critical=critical,
        unit=unit or UNITS.get(metric, "ms"),
        scope=scope or Scope(),
        own=True,
    )


def scenario(*targets: Target, load: Load | None = None, think_s: float = 1.0) -> Scenario:
    task = Task("a", 1, [Request(method="GET", url="/a", endpoint="a")])
    return Scenario(
        name="shop",
        host="http://localhost",
        load=load or Load("closed", [Stage(10, 10, 4, "hold")]),
        user_types=[UserType(name="U", weight=1, tasks=[task], think=Think(think_s, think_s))],
        targets=targets,
        watch=Watch(process="api"),
    )


def left_out(made: Scenario) -> list[str]:
    smoke = smoke_of(made)
    return [aim.metric for aim in made.targets if smoke.leaves_out(aim)]


def test_a_short_run_leaves_out_what_needs_more_requests_or_more_time() -> None:
    short = scenario(*map(target, ["latency_p50", "latency_p95", "error_rate", "memory", "cpu"]))
    assert left_out(short) == ["latency_p95"]
    assert smoke_of(short).reason(short.targets[1]) == "about 40 requests expected, 200 needed"
    assert smoke_of(short).reason(short.targets[2]) == "about 40 requests expected, 100 needed"
    shorter = replace(short, load=Load("closed", [Stage(10, 10, 3, "hold")]))
    assert left_out(shorter) == ["latency_p50", "latency_p95", "cpu"]


@pytest.mark.parametrize(
    "aim",
    [
        target("log_errors", 0),
        target("breaking_point", 500, unit="users"),
        target("recovery_time", 30),
        target("corrected_p95", 200),
        target("latency_p95", 200, Scope("stage", "nowhere")),
        target("throughput", 5, unit="/s"),
        target("queue", 5, Scope("series", "queue"), unit=""),
    ],
)
def test_what_more_load_would_not_help_is_never_left_out(aim: Target) -> None:
    ramp = scenario(aim, load=Load("closed", [Stage(1, 10, 4, "ramp")]))
    assert left_out(ramp) == []


def test_a_limit_beyond_the_highest_level_is_left_out() -> None:
    steps = Load("closed", [Stage(level, level, 10, f"{level}") for level in (10, 20, 30)])
    assert left_out(scenario(target("breaking_point", 31, unit="users"), load=steps)) == ["breaking_point"]
    assert left_out(scenario(target("breaking_point", 30, unit="users"), load=steps)) == []


def spike(before_s: float, after_s: float) -> Load:
    return Load(
        "closed",
        [
            Stage(10, 10, before_s, "before"),
            Stage(10, 50, 5, "up"),
            Stage(50, 50, 10, "spike"),
            Stage(50, 10, 2, "down"),
            Stage(10, 10, after_s, "after"),
        ],
    )


@pytest.mark.parametrize(
    ("before_s", "after_s", "reason"),
    [
        (60, 60, None),
        (19, 60, "it needs a stage of at least 20 s before the spike"),
        (60, 9, "the load must be back for at least 10 s, not 9 s"),
        (60, 19, "100 requests take 11 s at the load before the spike"),
    ],
)
def test_recovery_needs_its_stages(before_s: float, after_s: float, reason: str | None) -> None:
    aim = target("recovery_time", 5)
    made = scenario(aim, load=spike(before_s, after_s))
    assert (smoke_of(made).reason(aim) or "").startswith(reason or "")
    assert left_out(made) == ([] if reason is None else ["recovery_time"])
    assert [item.reason for item in expect(made).cannot_judge] == [smoke_of(made).reason(aim)] * bool(reason)


def test_users_who_never_pause_are_counted_as_if_the_system_answered_as_it_ought_to() -> None:
    """Ten users and answers in 10 ms: 4,000 requests. A system that is slower has no fewer targets to meet."""
    busy = scenario(target("latency_p50", 10), target("latency_p99"), target("latency_p999"), think_s=0)
    assert left_out(busy) == ["latency_p999"]
    assert expect(busy).cannot_judge == ()  # how many it will be is not known


@pytest.mark.parametrize(
    ("think_s", "told"), [(0.0, None), (0.04, "at most 1,000 requests expected, 10,000 needed")]
)
def test_of_users_who_wait_for_the_system_it_is_known_how_many_requests_there_cannot_be(
    think_s: float, told: str | None
) -> None:
    plan = scenario(target("latency_p999"), think_s=think_s)
    found = expect(plan)
    assert found.requests is None
    assert [item.reason for item in found.cannot_judge] == ([] if told is None else [told])


loads = st.lists(st.tuples(st.integers(1, 50), st.integers(1, 60)), min_size=1, max_size=4).map(
    lambda parts: Load("closed", [Stage(u, u, s, f"{i}") for i, (u, s) in enumerate(parts)])
)


@given(loads, st.lists(st.sampled_from(METRICS), unique=True), st.integers(2, 400))
def test_a_longer_load_leaves_out_no_more_and_rescaling_changes_no_target(
    load: Load, metrics: list[str], longer_s: int
) -> None:
    short = scenario(*map(target, metrics), load=load)
    rescaled_load = rescaled(short, duration_s=load.duration_s + longer_s)
    assert rescaled_load.targets == short.targets
    assert set(left_out(rescaled_load)) <= set(left_out(short))


@given(loads, st.lists(st.sampled_from(METRICS), unique=True))
def test_what_is_left_out_was_announced_and_the_rest_can_be_judged(load: Load, metrics: list[str]) -> None:
    plan = scenario(*map(target, metrics), load=load)
    smoke = replace(plan, smoke=smoke_of(plan))
    assert {item.target.metric for item in expect(plan).cannot_judge if item.by_load} == set(left_out(plan))
    assert [aim.metric for aim in expect(smoke).left_out] == left_out(plan)
    assert not [item for item in expect(smoke).cannot_judge if item.by_load]
    seen = expect(smoke)
    doubtful = {*left_out(plan), *(one.target.metric for one in seen.cannot_judge)}
    doubtful |= {aim.metric for aim in seen.not_exercised}
    assert seen.targets_judged == len(metrics) - len(doubtful)


def script(*targets: Target) -> Scenario:
    return replace(scenario(*targets), user_types=(), script=Script("locustfile", "f.py"))


@given(st.integers(0, 20_000), st.sampled_from(sorted(PERCENTILES)))
def test_a_script_leaves_out_by_the_requests_that_it_began(begun: int, name: str) -> None:
    aim = target(f"latency_{name}")
    smoke = smoke_of(script(aim), lambda _: begun)
    assert smoke.leaves_out(aim) is (0 < begun < enough_samples(PERCENTILES[name]))


def test_a_script_is_left_alone_before_it_has_run_but_for_its_length() -> None:
    made = script(target("latency_p99"), target("error_rate"), target("max_throughput", unit="/s"))
    assert left_out(made) == ["max_throughput"]
    assert expect(made).targets_judged is None
