"""From a recording to a verdict: one rule a row."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadctl.analysis.judgement import RunFacts, judge
from loadctl.results.interval import Interval, Second
from loadctl.results.recording import Event, Example, Recording, Shard, VirtualUsers
from loadctl.results.result import Result, Window
from loadctl.scenario.load import Load, Model
from loadctl.scenario.target import Target
from tests.records import replace
from tests.results.recorded import (
    P95,
    P99,
    interval,
    load,
    readings,
    recording,
    scenario,
    second,
    shard,
    steady,
    target,
)

FACTS = RunFacts(engine="locust", engine_version="2.47", shards=1, started_at="2026-11-23T08:20:00Z")
TABLE = (
    target(P95, 200, 50),
    target(P99, 500, 100),
    target("error_rate", 1, 0.1),
    target("throughput", 500, 1000),
)
FAST = (target(P95, 5, 2), target("error_rate", 1, 0.1))


def judged(
    made: Recording,
    targets: Sequence[Target] = TABLE,
    planned: Load | None = None,
    host: str = "http://api.example",
) -> Result:
    return judge(scenario(planned, targets, host=host), made, FACTS)


def late(seconds: list[Second], lag_ms: float) -> list[Second]:
    for one in seconds:
        one.lag_ms = [lag_ms] * 10
    return seconds


DIED = [*steady(30), *steady(30, [], start=30, errors={"connect_refused": 20})]
BUSY = readings(60, "generator", entity="shard 0 pid 7", cpu_pct_of_one_core=99.0)


def of_two(seconds: list[Second]) -> list[Second]:
    """Both engine processes tell of their timers, until the second one dies."""
    for one in seconds[:21]:
        one.lag_ms = [0.1] * 20
    return seconds


@pytest.mark.parametrize(
    ("made", "targets", "verdict", "code"),
    [
        pytest.param(recording(steady(60)), TABLE, "PASS", 0, id="a healthy system"),
        pytest.param(
            recording(late(steady(60, [0.4] * 20), 3.0)), FAST, "PASS", 0, id="fast, with a little lag"
        ),
        pytest.param(recording(late(steady(60, [0.4] * 20), 9.0)), FAST, "PASS", 0, id="fast, with much lag"),
        pytest.param(
            recording(late(steady(60, [9.0] * 20), 9.0)),
            FAST,
            "INCONCLUSIVE",
            3,
            id="slow, or was it the lag",
        ),
        pytest.param(recording(steady(60, [90.0] * 20)), TABLE, "WARN", 0, id="a target missed"),
        pytest.param(recording(steady(60, [250.0] * 20)), TABLE, "FAIL", 1, id="a critical limit crossed"),
        pytest.param(recording(DIED), TABLE, "FAIL", 1, id="the system dies"),
        pytest.param(
            recording(steady(60, [], errors={"status_500": 20})), TABLE, "FAIL", 1, id="every request 500"
        ),
        pytest.param(
            recording(steady(60, []), shards=[shard(slow=[40_000.0] * 10)]),
            TABLE,
            "FAIL",
            1,
            id="every request hangs",
        ),
        pytest.param(
            recording(steady(60, [], errors={"timeout": 1})), TABLE, "FAIL", 1, id="every request times out"
        ),
        pytest.param(
            recording(steady(60, [], errors={"status_500": 20})),
            [target(P95, 200)],
            "FAIL",
            1,
            id="no limit on errors",
        ),
        pytest.param(recording([]), TABLE, "ERROR", 4, id="nothing measured"),
        pytest.param(recording(steady(60, [])), TABLE, "ERROR", 4, id="no request made"),
        pytest.param(
            recording(steady(20), shards=[shard(bye=False, last_t=19)]),
            TABLE,
            "ERROR",
            4,
            id="the only engine died",
        ),
        pytest.param(
            recording(of_two(steady(60)), shards=[shard(0), shard(1, bye=False, last_t=20)]),
            TABLE,
            "INCONCLUSIVE",
            3,
            id="one of two shards lost",
        ),
        pytest.param(
            recording(of_two(steady(60, [250.0] * 20)), shards=[shard(0), shard(1, bye=False, last_t=20)]),
            TABLE,
            "FAIL",
            1,
            id="one of two shards lost, and a FAIL stays",
        ),
        pytest.param(
            recording(steady(60, [10.0] * 10)), TABLE, "INCONCLUSIVE", 3, id="too few requests for p99"
        ),
        pytest.param(
            recording(steady(60), readings=BUSY), TABLE, "INCONCLUSIVE", 3, id="generator saturated"
        ),
        pytest.param(
            recording(steady(60, [250.0] * 20), readings=BUSY),
            TABLE,
            "INCONCLUSIVE",
            3,
            id="saturated, and slow",
        ),
        pytest.param(
            recording(steady(60, errors={"reset": 5}), readings=BUSY),
            TABLE,
            "FAIL",
            1,
            id="saturated, and errors",
        ),
        pytest.param(recording(steady(60, users=5)), TABLE, "INCONCLUSIVE", 3, id="half of the users"),
        pytest.param(
            recording(steady(60), interrupted_by=9), TABLE, "INTERRUPTED", 143, id="loadctl was killed"
        ),
        pytest.param(recording(steady(30), interrupted_by=2), TABLE, "INTERRUPTED", 130, id="Ctrl-C"),
        pytest.param(
            recording(steady(60), failure="the disk is full"), TABLE, "ERROR", 4, id="the disk is full"
        ),
        pytest.param(
            recording(steady(60), events=[Event(5.0, "clock_step", "+3600 s")]),
            TABLE,
            "PASS",
            0,
            id="clock step",
        ),
        pytest.param(
            recording(steady(60), events=[Event(5.0, "service_restarted", "x")]),
            TABLE,
            "FAIL",
            1,
            id="a restart",
        ),
        pytest.param(recording(steady(60)), [], "INCONCLUSIVE", 3, id="no targets"),
        pytest.param(
            recording(steady(60)),
            [target("breaking_point", 500, 1000)],
            "INCONCLUSIVE",
            3,
            id="not in this version",
        ),
        pytest.param(
            recording(steady(60, [250.0] * 20)),
            [target(P95, 200, judged=False)],
            "INCONCLUSIVE",
            3,
            id="not judged",
        ),
        pytest.param(
            recording(steady(40), stopped_early="90 % errors for 30 s"),
            TABLE,
            "FAIL",
            1,
            id="a stop rule fired",
        ),
    ],
)
def test_verdict(made: Recording, targets: Sequence[Target], verdict: str, code: int) -> None:
    result = judged(made, targets)
    assert (result.verdict, result.exit_code) == (verdict, code), result.reasons
    assert result.reasons


def test_warm_up_errors_and_latencies_decide_nothing() -> None:
    planned = load("10 10 warm warmup", "10 60 hold")
    seconds = [*steady(10, [900.0] * 20, errors={"status_500": 5}), *steady(60, start=10)]
    result = judged(recording(seconds), planned=planned)
    assert result.verdict == "PASS"
    assert result.window == Window(10, 70)


def test_the_open_model_goes_the_same_way() -> None:
    seconds = steady(60, planned=20, begun=20)
    result = judged(recording(seconds), planned=load("20 60 hold", model="open"))
    assert result.verdict == "PASS"
    assert result.counters.planned_arrivals == 1200


def test_a_script_that_brings_its_own_load_is_one_stage_as_long_as_the_recording() -> None:
    seconds = [second(t, {"GET /": interval([10.0] * 30)}, users=t) for t in range(60)]
    result = judged(recording(seconds), planned=Load("open", ()))
    assert (result.window, result.peak) == (Window(0, 60), 59)
    assert result.verdict == "PASS"


def test_invalid_findings_come_first_and_good_ones_last() -> None:
    result = judged(recording(steady(60), readings=BUSY), host="http://localhost:80")
    assert [finding.severity for finding in result.findings] == ["invalid", "info", "good"]


def test_the_story_of_a_fail_names_the_likeliest_cause() -> None:
    cpu = readings(60, cpu_pct=26.0, busiest_pct_of_one_core=99.0, cores_available=4)
    result = judged(recording(steady(60, [250.0] * 20), readings=cpu))
    assert result.reasons == (
        "1 of 4 targets is beyond its critical limit: latency p95.",
        "1 target is missed, but no critical limit is crossed: latency p99.",
    )
    assert result.why == "One process or thread of the system was at 99 % of one core for 1 min."
    assert result.advice[0].startswith(
        "one process does all its work, at 99 % of one core, while CPU is at 26 %"
    )


def test_without_a_cause_the_story_has_the_worst_number() -> None:
    result = judged(recording(steady(60, [250.0] * 20)))
    assert result.why == "Latency p95 is 250 ms; its critical limit is 200 ms."


def test_a_generator_that_was_late_causes_no_errors() -> None:
    """And more engine processes would not help against them."""
    made = recording(late(steady(60, errors={"status_503": 1}), 9.0))
    result = judged(made)
    assert result.verdict == "FAIL"
    assert "generator-saturated" in {finding.id for finding in result.findings}
    assert result.why == "60 × status 503 on GET /."
    assert [advice[:11] for advice in result.advice] == ["60 × 503: n"]


def test_a_run_that_was_interrupted_is_not_explained() -> None:
    """Somebody wanted that; what was measured until then may mean little."""
    result = judged(recording(late(steady(5, [250.0] * 20), 9.0), interrupted_by=2))
    assert (result.verdict, result.why, result.advice) == ("INTERRUPTED", None, ())


def test_engines_that_were_ready_for_a_system_that_never_was_are_not_to_blame() -> None:
    ready = [Shard(0, hello=True, bye=False)]
    result = judged(recording([], shards=ready, failure="nothing listens on localhost:8080"))
    assert result.reasons == ("Nothing listens on localhost:8080.", "No data for 4 of 4 targets.")
    assert result.advice == ()


def test_virtual_users_are_known_where_every_shard_has_counted_them() -> None:
    first, second = (
        Shard(
            k, hello=True, bye=True, engine_extension="engine x", virtual_users=VirtualUsers(5 + k, 4, 1 + k)
        )
        for k in range(2)
    )
    both = judged(recording(steady(60), shards=[first, second]))
    assert both.engine.virtual_users == VirtualUsers(11, 8, 3)
    assert both.engine.label == "locust 2.47, engine x"
    assert judged(recording(steady(60), shards=[first, shard(1)])).engine.virtual_users is None
    assert judged(recording(steady(60))).engine.virtual_users is None


def test_the_story_of_errors_quotes_the_first_example() -> None:
    example = Example(22.0, "GET /", "status_503", 503, "model busy")
    made = recording(steady(60, errors={"status_503": 1}), examples=[example])
    assert judged(made).why == '60 × status 503 on GET /, first at 0:22: "model busy".'


def test_a_wrong_scenario_is_sent_to_try() -> None:
    example = Example(0.1, "GET /", "status_401", 401, "missing X-API-Key")
    result = judged(recording(steady(60, [], errors={"status_401": 20}), examples=[example]))
    assert "this points to the scenario, not the load" in " ".join(result.reasons)
    assert result.advice == ("see one with: loadctl try api",)


def test_a_crash_is_sent_to_the_log_of_the_system() -> None:
    crash = Event(30.0, "service_crashed", "uvicorn pid 7 ended")
    result = judged(recording(DIED, events=[crash]))
    assert result.reasons[0] == "The system crashed at 0:30: uvicorn pid 7 ended."
    assert result.advice == ("read the system's log at 0:30",)


def test_slow_responses_are_sent_to_the_slowest_endpoint() -> None:
    cells = {"GET /": interval([5.0] * 20), "POST /predict": interval([250.0] * 20)}
    result = judged(recording([second(t, cells) for t in range(60)]))
    [told] = result.advice
    assert told.startswith(
        "98 % of all time is spent on POST /predict (1,200 requests, p95 250 ms): start there;"
    )


def test_too_little_data_is_sent_to_show() -> None:
    assert judged(recording(steady(60, [10.0] * 10))).advice == (
        "see how long a run must be for every target: loadctl show api",
    )


def test_a_pass_without_latency_limit_says_how_to_set_one() -> None:
    result = judged(recording(steady(60)), [target("error_rate", 1)])
    assert result.advice == ("set a latency limit: loadctl run api --target latency_p95=200ms",)


seconds_of = st.lists(
    st.builds(
        lambda ok, errors: {"GET /": interval([5.0] * ok, errors=errors)},
        st.integers(0, 30),
        st.dictionaries(
            st.sampled_from(["timeout", "generator", "status_500", "connect_refused"]), st.integers(1, 9)
        ),
    ),
    max_size=70,
)


@settings(max_examples=50)
@given(
    seconds_of,
    st.sampled_from(["closed", "open"]),
    st.lists(st.builds(shard, st.integers(0, 2), bye=st.booleans()), max_size=3),
    st.sampled_from([None, 2, 9, 15, 77]),
)
def test_any_recording_has_a_verdict_and_never_a_pass_without_successes(
    cells: list[dict[str, Interval]], model: Model, shards: list[Shard], number: int | None
) -> None:
    made = recording([second(t, c) for t, c in enumerate(cells)], shards=shards, interrupted_by=number)
    result = judged(made, planned=load("5 10 warm warmup", "10 40 hold", "10..0 10 fall", model=model))
    assert result.reasons
    if result.verdict in {"PASS", "WARN"}:
        assert result.summary.total.latency.n >= 1000
        assert not result.summary.total.absent


def test_every_time_of_day_stands_beside_its_time_of_the_run() -> None:
    kinds = ("service_restarted", "service_crashed", "worker_ended", "monitor_lost", "log_error")
    events = [Event(30.0, kind, "said", {"source": kind, "pid": 7}) for kind in kinds]
    example = Example(30.0, "GET /", "connect_refused", None, "refused")
    made = recording(DIED, events=events, examples=[example])
    result = judged(replace(made, began="2026-11-23T23:59:45.500Z"))
    told = [*result.reasons, result.why or "", *result.advice]
    told += [text for one in result.findings for text in (one.message, *one.advice)]
    times = re.findall(r"(?<![\d:])\d+:\d\d(?![\d:]).{0,15}", " ".join(told))
    assert len(times) >= 6
    assert {time for time in times if not time.startswith("0:30 (00:00:15 UTC)")} == set()
