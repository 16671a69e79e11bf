from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadctl.scenario.expectation import expect
from loadctl.scenario.load import NO_SPIKE, Load, Stage
from loadctl.scenario.rescale import rescaled, rescaled_load
from loadctl.scenario.scenario import Scenario, Script
from loadctl.scenario.target import NO_STAIRCASE, Scope, Target
from loadctl.scenario.traffic import users_joining
from loadctl.scenario.user_type import Repeat, Request, Step, Task, Think, UserType
from tests.records import replace


def request(endpoint: str) -> Request:
    return Request(method="GET", url="/", endpoint=endpoint)


def user_type(*tasks: Task, name: str = "U", weight: int = 1, **more: Any) -> UserType:
    return UserType(name=name, weight=weight, tasks=tasks or [Task("a", 1, [request("a")])], **more)


def target(metric: str, scope: Scope | None = None, critical: float = 50) -> Target:
    return Target(metric=metric, critical=critical, unit="ms", scope=scope or Scope())


def scenario(load: Load, *types: UserType, targets: tuple[Target, ...] = ()) -> Scenario:
    return Scenario(name="s", host="http://h", load=load, user_types=types, targets=targets)


HOLD = Load("closed", [Stage(10, 10, 100, "hold")])
ANSWERS_AT_ONCE = target("latency_p50", critical=0)


@pytest.mark.parametrize(
    ("behaviour", "turns", "requests"),
    [
        # 10 users × 100 s = 1000 user-seconds
        ({"think": Think(1, 1)}, 1000, 1000),
        ({"think": Think(0, 4)}, 500, 500),
        ({"pace_s": 5.0}, 200, 200),
        ({"pace_s": 0.5, "think": Think(1, 1)}, 1000, 1000),  # a turn longer than the pace sets the pace
        ({"think": Think(1, 1), "start": [request("login")]}, 1000, 1010),  # once for each of 10 users
    ],
)
def test_a_closed_load_brings_user_seconds_over_the_time_of_a_turn(
    behaviour: dict[str, Any], turns: int, requests: int
) -> None:
    found = expect(scenario(HOLD, user_type(**behaviour), targets=(ANSWERS_AT_ONCE,)))
    assert (found.turns, found.requests, found.scored) == (turns, requests, requests)


def test_answers_take_their_time_and_the_assumption_is_said() -> None:
    by_target = expect(
        scenario(HOLD, user_type(think=Think(0.9, 0.9)), targets=(target("latency_p50", critical=100),))
    )
    assert (by_target.turns, by_target.assumption) == (1000, "answers in 100 ms, as latency_p50 wants")
    guessed = expect(scenario(HOLD, user_type(think=Think(0.95, 0.95))))
    assert (guessed.turns, guessed.assumption) == (1000, "answers in 50 ms")


FLOW: list[Step] = [
    request("list"),
    Repeat(3, [request("item"), Think(1, 1)]),
    Repeat(20, [request("page")], while_="cursor"),  # nobody knows how often: one pass
]


def test_flows_count_every_request_and_pause_of_a_turn() -> None:
    found = expect(
        scenario(HOLD, user_type(Task("f", 1, FLOW), think=Think(1, 1)), targets=(ANSWERS_AT_ONCE,))
    )
    assert found.turns == 250  # three pauses inside, one after
    assert [(e.endpoint, e.requests) for e in found.endpoints] == [
        ("list", 250),
        ("item", 750),
        ("page", 250),
    ]
    assert found.requests_per_turn == 5


def test_endpoints_share_by_the_weights_of_tasks_and_user_types() -> None:
    reader = user_type(
        Task("a", 3, [request("a")]), Task("b", 1, [request("b")]), weight=3, think=Think(1, 1)
    )
    writer = user_type(Task("c", 1, [request("c")]), name="W", weight=1, think=Think(1, 1))
    found = expect(scenario(HOLD, reader, writer, targets=(ANSWERS_AT_ONCE,)))
    assert [e.requests for e in found.endpoints] == [562, 188, 250]  # 750 × 3/4, 750 × 1/4, 250
    assert found.peak_requests_per_s == pytest.approx(10)


def test_an_open_load_brings_its_arrivals_times_the_requests_of_start_and_turn() -> None:
    load = Load("open", [Stage(0, 300, 60, "warm-up", warmup=True), Stage(300, 300, 300, "hold")])
    kind = user_type(Task("t", 1, [request("a"), request("b")]), start=[request("login")])
    found = expect(scenario(load, kind))
    assert (found.turns, found.requests, found.scored) == (99_000, 297_000, 270_000)
    assert (found.requests_per_turn, found.peak_requests_per_s) == (3, 900)
    assert found.assumption is None


@pytest.mark.parametrize(
    ("stages", "logins", "scored"),
    [
        ([Stage(40, 40, 100, "hold")], 6, 6),  # 40 arrivals a second, each of 3 answers in 50 ms
        ([Stage(0, 40, 60, "up", warmup=True), Stage(40, 40, 60, "hold")], 6, 0),
        ([Stage(20, 20, 60, "low"), Stage(40, 40, 60, "high"), Stage(20, 20, 60, "low again")], 6, 6),
        ([Stage(20, 20, 60, "low"), Stage(40, 20, 60, "down")], 6, 3),
        ([Stage(1, 1, 100, "hold")], 1, 1),
        ([Stage(0, 0, 100, "nothing")], 0, 0),
    ],
)
def test_steps_that_are_taken_once_come_once_for_each_place(
    stages: list[Stage], logins: int, scored: int
) -> None:
    login = replace(request("login"), once=True)
    kind = user_type(Task("t", 1, [request("a")]), start=[login, request("each")])
    found = expect(scenario(Load("open", stages), kind))
    rows = {row.endpoint: row for row in found.endpoints}
    assert (rows["login"].requests, rows["login"].scored) == (logins, scored)
    assert rows["a"].requests == rows["each"].requests == found.turns
    assert found.requests_per_turn == 2
    assert found.assumption == "answers in 50 ms"


def test_how_many_places_there_will_be_is_not_known_for_sure() -> None:
    kind = user_type(start=[replace(request("login"), once=True)])
    limit = target("latency_p95", Scope("endpoint", "login"))
    found = expect(scenario(Load("open", [Stage(40, 40, 100, "hold")]), kind, targets=(limit,)))
    [few] = found.cannot_judge
    assert (few.reason, few.perhaps, few.shortest_s) == ("about 4 requests expected, 200 needed", True, None)


def test_only_the_window_is_scored() -> None:
    load = Load(
        "closed", [Stage(0, 10, 20, "up", warmup=True), Stage(10, 10, 100, "hold"), Stage(10, 0, 20, "down")]
    )
    found = expect(scenario(load, user_type(think=Think(1, 1)), targets=(ANSWERS_AT_ONCE,)))
    assert (found.requests, found.scored, found.scored_s) == (1200, 1000, 100)


@pytest.mark.parametrize(
    ("start", "end", "users"),
    [(0, 400, 10 + 490 + 100), (0, 1, 10), (1, 60, 0), (60, 90, 245), (180, 400, 100), (181, 400, 0)],
)
def test_users_join_on_every_rise_of_the_plan(start: float, end: float, users: float) -> None:
    stages = [
        Stage(10, 10, 60, "a"),
        Stage(10, 500, 60, "b"),
        Stage(500, 100, 60, "c"),
        Stage(200, 200, 120, "d"),
    ]
    assert users_joining(Load("closed", stages), start, end) == pytest.approx(users)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"user_types": (user_type(),)}, "the pauses of U are so short"),
        ({"user_types": (user_type(think=Think(0, 0)),)}, "the pauses of U are so short"),
        ({"user_types": (user_type(think=Think(0, 0.099)),)}, "the pauses of U are so short"),
        ({"user_types": (user_type(pace_s=0.04),)}, "the pauses of U are so short"),
        ({"user_types": (), "script": Script("locustfile", "f.py")}, "what a script sends"),
        ({"load": Load("closed", []), "script": Script("artillery", "f.yml")}, "brings its own load"),
    ],
)
def test_what_cannot_be_known_is_none_with_a_reason(changed: dict[str, Any], reason: str) -> None:
    found = expect(
        replace(scenario(HOLD, user_type(think=Think(1, 1)), targets=(target("latency_p99"),)), **changed)
    )
    assert (found.turns, found.requests, found.scored, found.endpoints) == (None, None, None, ())
    assert reason in (found.unknown or "")
    assert found.cannot_judge == ()


@pytest.mark.parametrize(
    ("metric", "scope", "expected", "needed"),
    [
        ("latency_p99", Scope(), 952, 1000),
        ("latency_p999", Scope(), 952, 10_000),
        ("ttfb_p99", Scope(), 952, 1000),
        ("latency_p95", Scope("endpoint", "b"), 95, 200),
        ("latency_p50", Scope("endpoint", "never sent"), 0, 20),
    ],
)
def test_too_few_requests_are_announced(metric: str, scope: Scope, expected: int, needed: int) -> None:
    kind = user_type(Task("a", 9, [request("a")]), Task("b", 1, [request("b")]), think=Think(1, 1))
    (found,) = expect(scenario(HOLD, kind, targets=(target(metric, scope),))).cannot_judge
    assert (found.expected, found.needed) == (expected, needed)
    assert f"about {expected:,} requests expected, {needed:,} needed" in found.reason


@pytest.mark.parametrize(
    "metric", ["latency_p50", "latency_p95", "error_rate", "throughput", "cpu", "memory"]
)
def test_what_has_enough_is_not_announced(metric: str) -> None:
    assert expect(scenario(HOLD, user_type(think=Think(1, 1)), targets=(target(metric),))).cannot_judge == ()


def test_just_enough_is_not_enough_because_chance_decides() -> None:
    load = Load("open", [Stage(10, 10, 21, "hold")])  # 210 requests, give or take 14
    (found,) = expect(scenario(load, user_type(), targets=(target("latency_p95"),))).cannot_judge
    assert (found.reason, found.shortest_s) == (
        "about 210 requests expected, too close to the 200 needed",
        25,
    )


@pytest.mark.parametrize(
    ("metric", "load", "reason"),
    [
        ("throughput", [Stage(0, 100, 60, "a"), Stage(100, 200, 60, "b")], "no stage holds one"),
        (
            "max_throughput",
            [Stage(0, 100, 60, "a"), Stage(100, 100, 9, "b")],
            "no stage holds its level for 10 s",
        ),
    ],
)
def test_levels_that_are_not_held_are_announced(metric: str, load: list[Stage], reason: str) -> None:
    (found,) = expect(
        scenario(Load("closed", load), user_type(think=Think(1, 1)), targets=(target(metric),))
    ).cannot_judge
    assert reason in found.reason


def test_a_stage_is_judged_by_its_own_requests() -> None:
    load = Load(
        "closed",
        [Stage(10, 10, 5, "warm", warmup=True), Stage(10, 10, 1000, "long"), Stage(10, 10, 10, "short")],
    )
    targets = tuple(target("latency_p95", Scope("stage", name)) for name in ("warm", "long", "short"))
    found = expect(scenario(load, user_type(think=Think(1, 1)), targets=targets)).cannot_judge
    assert [(f.target.scope.name, f.expected) for f in found] == [("warm", None), ("short", 95)]


@pytest.mark.parametrize(
    ("aim", "host", "pace_s", "reason"),
    [
        (target("breaking_point"), "http://h", None, NO_STAIRCASE),
        (target("recovery_time"), "http://h", None, NO_SPIKE),
        (target("log_errors"), "http://h", None, "no log is followed: watch: {logs: FILE}"),
        (
            target("corrected_p95"),
            "http://h",
            None,
            "it needs a closed load whose users all have the same pace",
        ),
        (target("corrected_p95"), "http://h", 1.0, None),
        (target("cpu"), "http://h", None, None),  # a shared table asks only where something is watched
        (
            replace(target("cpu"), own=True),
            "http://h",
            None,
            "nothing watches the system, unless h is this machine",
        ),
        (replace(target("memory"), own=True), "http://127.0.0.1:80", None, None),
    ],
)
def test_what_no_load_could_judge_is_announced(
    aim: Target, host: str, pace_s: float | None, reason: str | None
) -> None:
    plan = replace(scenario(HOLD, user_type(think=Think(1, 1), pace_s=pace_s), targets=(aim,)), host=host)
    assert [(item.reason, item.by_load) for item in expect(plan).cannot_judge] == (
        [(reason, False)] if reason else []
    )


@pytest.mark.parametrize(("critical", "exercised"), [(9, True), (11, False)])
def test_a_throughput_beyond_what_the_load_offers_is_announced(critical: float, exercised: bool) -> None:
    aim = replace(target("throughput", critical=critical), unit="/s", higher_is_better=True)
    plan = scenario(HOLD, user_type(think=Think(1, 1)), targets=(ANSWERS_AT_ONCE, aim))  # 10/s
    assert (aim in expect(plan).not_exercised) is not exercised


def test_targets_that_nobody_judges_are_not_announced() -> None:
    silent = replace(target("latency_p999"), judged=False, why_not_judged="because")
    assert expect(scenario(HOLD, user_type(think=Think(1, 1)), targets=(silent,))).cannot_judge == ()


@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.integers(1, 300), st.integers(1, 300)), min_size=1, max_size=4),
    st.floats(0.1, 10),
    st.sampled_from(["latency_p50", "latency_p95", "latency_p99"]),
)
def test_the_shortest_duration_is_enough_and_a_much_shorter_one_is_not(
    parts: list[tuple[int, int]], think: float, metric: str
) -> None:
    load = Load("closed", [Stage(users, users, seconds, f"{i}") for i, (users, seconds) in enumerate(parts)])
    plan = scenario(load, user_type(think=Think(think, think)), targets=(target(metric),))
    for found in expect(plan).cannot_judge:
        assert found.shortest_s is not None
        assert not expect(rescaled(plan, duration_s=found.shortest_s)).cannot_judge
        shorter = replace(plan, load=rescaled_load(load, duration_s=found.shortest_s / 2))
        assert expect(shorter).cannot_judge or found.shortest_s <= 10
