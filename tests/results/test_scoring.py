"""One target held against what was measured."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadctl.results.interval import Interval
from loadctl.results.measures.measured import Measured, measure, planned_requests_per_turn
from loadctl.results.recording import Reading, Recording
from loadctl.results.scoring import score
from loadctl.results.verdict import Score, Status
from loadctl.scenario.load import NO_SPIKE, Load
from loadctl.scenario.scenario import Script
from loadctl.scenario.target import NO_STAIRCASE, Scope, Target
from loadctl.scenario.user_type import Repeat, Request, Step, Task, Think, UserType
from loadctl.scenario.watch import Watch
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


def measured(
    made: Recording, planned: Load | None = None, targets: Sequence[Target] = (), **more: object
) -> Measured:
    base = scenario(planned, targets)
    return measure(replace(base, **more), made)


MINUTE = recording(steady(60, [40.0] * 20))  # p95 = 40 ms, 20/s, nothing failed


@pytest.mark.parametrize(
    ("critical", "wanted", "status", "distance"),
    [
        (200, 50, Status.PASS, (40 - 50) / 50),  # below both: how far from the target
        (200, 40, Status.PASS, 0.0),  # on the limit is met
        (200, 20, Status.WARN, (40 - 200) / 200),  # between: how far from critical
        (40, 20, Status.WARN, 0.0),
        (32, 20, Status.FAIL, 0.25),  # beyond: by how much
        (32, None, Status.FAIL, 0.25),  # a single limit fails
        (200, None, Status.PASS, (40 - 200) / 200),
        (0, None, Status.FAIL, None),  # no share of zero
    ],
)
def test_lower_is_better(
    critical: float, wanted: float | None, status: Status, distance: float | None
) -> None:
    found = score(target(P95, critical, wanted), measured(MINUTE))
    # the histogram is at most 0.8 % too high, and clamped to the maximum: here exact
    assert (found.value, found.status, found.distance) == (40.0, status, distance)
    assert (found.n, found.judged) == (1200, True)


@pytest.mark.parametrize(
    ("critical", "wanted", "status", "distance"),
    [
        (10, 20, Status.PASS, 0.0),
        (10, 15, Status.PASS, -(20 - 15) / 15),
        (10, 24, Status.WARN, -1.0),
        (25, 40, Status.FAIL, 0.2),
        (25, None, Status.FAIL, 0.2),
        (20, None, Status.PASS, 0.0),
    ],
)
def test_higher_is_better(critical: float, wanted: float | None, status: Status, distance: float) -> None:
    flat_out = recording(steady(60, [500.0] * 20))  # 10 users that do nothing but wait: everything is offered
    found = score(target("throughput", critical, wanted), measured(flat_out))
    assert (found.value, found.status) == (20.0, status)
    assert found.distance == pytest.approx(distance)


THINKING = recording(steady(60, [10.0] * 20))  # 10 users, 20/s, 10 ms: each thinks 0.49 s
HUNG = recording(steady(60, []), shards=[replace(MINUTE.shards[0], unfinished={"GET /": [60_000.0] * 10})])


@pytest.mark.parametrize(
    ("made", "critical", "wanted", "p50", "status"),
    [
        (THINKING, 10, 15, 10, Status.PASS),  # value ≥ target
        (
            THINKING,
            500,
            1000,
            10,
            Status.NOT_EXERCISED,
        ),  # value < offered = 10 / (0.49 + 0.01) = 20 < critical
        (THINKING, 15, 100, 10, Status.NOT_EXERCISED),  # critical ≤ value, but the target was not offered
        (
            recording(steady(60, [490.0] * 10)),
            15,
            18,
            10,
            Status.FAIL,
        ),  # 10/s where 10 / 0.52 = 19.2/s were offered
        (recording(steady(60, [490.0] * 10)), 8, 15, 10, Status.WARN),  # critical ≤ 10/s < target ≤ 19.2/s
        (recording(steady(60, [490.0] * 10)), 15, 30, 10, Status.FAIL),
        (recording(steady(60, [490.0] * 10)), 20, 30, 10, Status.NOT_EXERCISED),
        (
            recording(steady(60, [], errors={"status_500": 20})),
            15,
            18,
            10,
            Status.FAIL,
        ),  # every request fails
        (HUNG, 15, 18, 10, Status.FAIL),  # every request hangs
    ],
)
def test_not_exercised_in_the_closed_model(
    made: Recording, critical: float, wanted: float, p50: float, status: Status
) -> None:
    throughput = target("throughput", critical, wanted)
    found = score(throughput, measured(made, targets=[target(P50, 50, p50), throughput]))
    assert found.status is status


def test_not_exercised_says_what_was_offered() -> None:
    throughput = target("throughput", 500, 1000)
    found = score(throughput, measured(THINKING, targets=[target(P50, 50, 10)]))
    assert found.reason == "10 users thinking 490 ms offer 20.0/s"
    opened = measured(recording(steady(60, [10.0] * 20)), load("20 60 hold", model="open"))
    assert score(throughput, opened).reason == "the plan offers 20.0/s"


@pytest.mark.parametrize(
    ("rate", "critical", "wanted", "status"),
    [
        (20, 15, 18, Status.PASS),
        (25, 22, 24, Status.FAIL),  # 20/s of 25/s planned
        (25, 18, 22, Status.WARN),
        (25, 18, 30, Status.NOT_EXERCISED),
        (25, 30, 40, Status.NOT_EXERCISED),
        (25, 25, None, Status.FAIL),
        (25, 26, None, Status.NOT_EXERCISED),
    ],
)
def test_not_exercised_in_the_open_model(
    rate: int, critical: float, wanted: float | None, status: Status
) -> None:
    made = measured(recording(steady(60, [10.0] * 20)), load(f"{rate} 60 hold", model="open"))
    assert score(target("throughput", critical, wanted), made).status is status


def test_requests_of_one_turn_count_start_steps_flows_and_weights() -> None:
    def get(name: str) -> Request:
        return Request(method="GET", url=name, endpoint=name)

    flow: list[Step] = [get("/a"), Think(1, 1), Repeat(3, [get("/b")]), Repeat(5, [get("/c")], while_="more")]
    tasks = [Task("flow", 1, flow), Task("a", 3, [get("/a")])]
    user = UserType(name="U", weight=1, tasks=tasks, start=[get("/login"), replace(get("/once"), once=True)])
    assert planned_requests_per_turn([user]) == {"/login": 1, "/a": 1.0, "/b": 0.75, "/c": 0.25}


def test_a_script_that_broke_in_its_first_turn_has_no_requests_of_a_turn() -> None:
    under_way = second(0, {"GET /": Interval(in_flight=1)})
    asked = replace(scenario(), script=Script("artillery", "own.yml"))
    assert measure(asked, recording([under_way])).requests_per_turn == {}


def test_max_throughput_is_judged_by_what_the_highest_level_offered() -> None:
    seconds = [*steady(20, [100.0] * 30, users=3), *steady(20, [400.0] * 25, users=10, start=20)]
    made = measured(recording(seconds), load("3 20 low", "10 20 high"))
    found = score(target("max_throughput", 50, 100), made)
    assert (found.value, found.status) == (30.0, Status.FAIL)


@pytest.mark.parametrize(
    ("metric", "value", "detail"),
    [
        ("error_rate", 100 / 21, "60 of 1,260"),
        ("latency_p50", 40.0, None),
        ("latency_mean", 40.0, None),
        ("latency_max", 40.0, None),
    ],
)
def test_values_and_their_details(metric: str, value: float, detail: str | None) -> None:
    made = measured(recording(steady(60, [40.0] * 20, errors={"reset": 1})))
    found = score(target(metric, 1000), made)
    assert found.value == pytest.approx(value)
    assert found.detail == detail


WATCHED = readings(60, cpu_pct=85.0, cores_available=4, memory_bytes=1.5e9)


@pytest.mark.parametrize(
    ("metric", "critical", "wanted", "status", "detail"),
    [
        ("cpu", 90, 70, Status.WARN, "of 4 cores"),
        ("cpu", 80, None, Status.FAIL, "of 4 cores"),
        ("memory", 2e9, 1e9, Status.WARN, None),
        ("memory", 1e9, None, Status.FAIL, None),
    ],
)
def test_resources(metric: str, critical: float, wanted: float, status: Status, detail: str | None) -> None:
    found = score(target(metric, critical, wanted), measured(recording(steady(60), readings=WATCHED)))
    assert (found.status, found.detail, found.judged) == (status, detail, True)


FORWARDER = [Reading(1.0, "system", "process", "docker-proxy", gap="docker-proxy only forwards")]


@pytest.mark.parametrize(
    ("made", "watch", "own", "judged"),
    [
        (WATCHED, Watch(), False, True),  # the system's process was found
        (WATCHED[:2], Watch(), False, True),  # found, then lost: too little data is not an excuse
        ([], Watch(pid=7), False, True),  # somebody asked
        ([], Watch(), True, True),  # the scenario's own target
        ([], Watch(), False, False),  # a remote host without a monitor
        (FORWARDER, Watch(), False, False),  # behind the port stands something that only forwards
    ],
)
def test_when_cpu_and_memory_are_judged(made: list[Reading], watch: Watch, own: bool, judged: bool) -> None:
    cpu = replace(target("cpu", 90, 70), own=own)
    found = score(cpu, measured(recording(steady(60), readings=made), watch=watch))
    assert found.judged is judged
    assert (found.status is Status.NO_DATA) is (len(made) < 3)
    assert found.status is Status.PASS or found.reason or found.status is Status.WARN


TWO_STAGES = load("5 10 warm warmup", "10 30 before", "10 30 after")
SPIKED = recording(
    [
        *steady(10, [1.0]),
        *steady(30, [10.0] * 20, start=10),
        *steady(30, [90.0] * 20, start=40, endpoint="GET /b"),
    ]
)


@pytest.mark.parametrize(
    ("aim", "value"),
    [
        (target(P95, 1, stage="before"), 10.0),
        (target(P95, 1, stage="after"), 90.0),
        (target(P95, 1, endpoint="GET /b"), 90.0),
        (target(P95, 1, endpoint="GET /"), 10.0),
        (target("throughput", 1, stage="after"), 20.0),
        (target("throughput", 1, endpoint="GET /b"), 10.0),
        (target("error_rate", 1, stage="after"), 0.0),
    ],
)
def test_scopes(aim: Target, value: float) -> None:
    assert score(aim, measured(SPIKED, TWO_STAGES)).value == value


@pytest.mark.parametrize(
    ("aim", "reason"),
    [
        (target(P99, 10), "needs 1,000 successes, has 400"),
        (target("latency_p999", 10), "needs 10,000 successes, has 400"),
        (target(P95, 1, endpoint="GET /nowhere"), "no request of the scored part was named 'GET /nowhere'"),
        (
            target("throughput", 1, endpoint="GET /nowhere"),
            "no request of the scored part was named 'GET /nowhere'",
        ),
        (target(P95, 1, stage="warm"), "warm-up is never scored"),
        (target("throughput", 1, stage="warm"), "warm-up is never scored"),
        (target(P95, 1, stage="nowhere"), "no stage is named 'nowhere'"),
        (target("cpu", 1, endpoint="GET /"), "cpu is not measured by endpoint"),
        (target("cpu", 1), "nothing watched it (--pid or --process watch a process of this machine)"),
        (target("ttfb_p95", 1), "no time to first byte was recorded"),
        (
            target("corrected_p95", 1),
            "it needs a closed load whose users all have the same pace",
        ),
        (target("latency_p42", 1), "the statistic p42 is not known to this version"),
        (target("happiness", 1), "happiness is not known to this version"),
        (target("max_throughput", 1), "no scored stage held its level for 10 s"),
        (target("latency_max", 1, unit="users"), "measured in ms, not users"),
        (replace(target("queue", 1), scope=Scope("series", "queue")), "no monitor reports queue"),
        (target("breaking_point", 1), NO_STAIRCASE),
        (target("recovery_time", 1), NO_SPIKE),
        (target("log_errors", 1), "no log was followed (watch: logs: FILE)"),
        (replace(target(P99, 10), judged=False, why_not_judged="only a quick look"), "only a quick look"),
    ],
)
def test_no_data_always_has_its_reason(aim: Target, reason: str) -> None:
    planned = load("5 5 warm warmup", "10 5 before", "10 5 after")
    made = recording([*steady(5, [1.0]), *steady(10, [10.0] * 40, start=5)])
    found = score(aim, measured(made, planned))
    assert (found.status, found.value, found.reason) == (Status.NO_DATA, None, reason)


def test_a_stage_that_the_run_never_reached_is_told_as_that() -> None:
    planned = load("10 5 before", "10 5 after")
    found = score(target("throughput", 1, stage="after"), measured(recording(steady(3)), planned))
    assert found.reason == "the load ended before this stage"


def test_a_monitored_series_is_judged_by_its_worst_value() -> None:
    made = recording(steady(60), readings=[*readings(3, queue=4.0), *readings(3, queue=9.0)])
    found = score(replace(target("queue", 8, unit=""), scope=Scope("series", "queue")), measured(made))
    assert (found.value, found.status, found.n) == (9.0, Status.FAIL, 6)


def test_corrected_latencies_are_judged_where_users_keep_a_pace() -> None:
    made = recording([*steady(59, [5.0] * 20), *steady(1, [8000.0] * 30, start=59)])
    paced = measured(made, user_types=[user_type("GET /", pace_s=1.0)])
    raw, corrected = (score(target(metric, 500), paced) for metric in (P95, "corrected_p95"))
    assert raw.value == pytest.approx(5, rel=0.01)
    assert corrected.value == pytest.approx(6000, rel=0.01)
    assert (raw.status, corrected.status) == (Status.PASS, Status.FAIL)
    assert corrected.n == raw.n + 30 * 7


def test_a_latency_limit_in_seconds_is_compared_in_seconds() -> None:
    assert score(target(P95, 0.05, unit="s"), measured(MINUTE)).value == pytest.approx(0.04)


metrics = st.sampled_from(
    [
        *(
            P50,
            P95,
            P99,
            "latency_mean",
            "error_rate",
            "throughput",
            "max_throughput",
            "cpu",
            "memory",
            "ttfb_p95",
        ),
        *("corrected_p99", "breaking_point", "recovery_time", "log_errors", "", "latency_", "_", "x"),
    ]
)
limits = st.floats(allow_nan=True, allow_infinity=True)
scopes = st.builds(
    Scope,
    st.sampled_from(["run", "endpoint", "stage", "series"]),
    st.sampled_from(["", "GET /", "hold", "cpu_pct", "nowhere"]),
)
targets = st.builds(
    Target,
    metric=metrics,
    scope=scopes,
    critical=limits,
    target=st.none() | limits,
    unit=st.sampled_from(["ms", "s", "%", "/s", "bytes", "users", ""]),
    higher_is_better=st.booleans(),
    judged=st.booleans(),
)
recordings = st.builds(
    lambda n, per_second, errors, watched: recording(
        steady(n, [7.0] * per_second, errors={"reset": errors}), readings=WATCHED if watched else []
    ),
    st.integers(0, 12),
    st.integers(0, 30),
    st.integers(0, 3),
    st.booleans(),
)


@given(targets, recordings, st.sampled_from(["closed", "open"]))
def test_score_is_total_and_never_passes_without_data(aim: Target, made: Recording, model: str) -> None:
    found: Score = score(aim, measured(made, load("10 12 hold", model=model)))  # type: ignore[arg-type]
    assert (found.value is None) == (found.status is Status.NO_DATA)
    assert found.value is None or math.isfinite(found.value)
    assert found.distance is None or math.isfinite(found.distance)
    assert found.status in {Status.PASS, Status.WARN, Status.FAIL} or found.reason
    if found.status is Status.PASS:
        assert found.n > 0


@pytest.mark.parametrize(
    ("requests", "errors", "critical", "status", "reason"),
    [
        (99, 0, 1, Status.NO_DATA, "a limit of 1 % needs 100 requests, there were 99"),
        (100, 0, 1, Status.PASS, None),
        (3, 3, 1, Status.FAIL, None),  # too few to meet a limit, enough to break it
        (999, 0, 0.1, Status.NO_DATA, "a limit of 0.1 % needs 1,000 requests, there were 999"),
        (2, 0, 50, Status.PASS, None),
        (99, 0, 0, Status.NO_DATA, "a limit of 0 % needs 100 requests, there were 99"),
    ],
)
def test_an_error_rate_is_not_met_by_a_handful_of_requests(
    requests: int, errors: int, critical: float, status: Status, reason: str | None
) -> None:
    seconds = steady(1, [40.0] * (requests - errors), errors={"reset": errors} if errors else None)
    found = score(target("error_rate", critical), measured(recording(seconds)))
    assert (found.status, found.reason) == (status, reason)


def test_a_latency_of_which_a_part_is_unknown_is_no_data() -> None:
    chat = interval([10.0] * 40, untimed=1)
    made = recording([second(t, {"POST /chat": chat, "GET /": interval([10.0] * 40)}) for t in range(60)])
    on = {name: target(P95, 1000, endpoint=name) for name in ("POST /chat", "GET /")}
    held = measured(made)
    assert score(target("error_rate", 5), held).status is Status.PASS
    assert score(on["GET /"], held).status is Status.PASS
    for wanted in (target(P95, 1000), on["POST /chat"]):
        found = score(wanted, held)
        assert (found.status, found.value) == (Status.NO_DATA, None)
        assert "successes have no latency" in (found.reason or "")
