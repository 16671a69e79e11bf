from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from loadctl.errors import UsageError
from loadctl.scenario.load import Load, Model, Stage
from loadctl.scenario.rescale import rescaled, rescaled_load
from loadctl.scenario.scenario import Scenario, Script
from loadctl.scenario.target import Scope, Target
from loadctl.scenario.user_type import Request, Task, Think, UserType

SPIKE = Load(
    "closed",
    [
        Stage(0, 10, 5, "warm-up", warmup=True),
        Stage(10, 10, 60, "before"),
        Stage(10, 500, 60, "to the spike"),
        Stage(500, 500, 60, "spike"),
        Stage(500, 10, 10, "back"),
        Stage(10, 10, 120, "recovery"),
    ],
)
VISITOR = UserType(
    name="Visitor",
    weight=1,
    think=Think(1, 1),
    tasks=[Task("GET /", 1, [Request(method="GET", url="/", endpoint="GET /")])],
)


def scenario(load: Load, *targets: Target) -> Scenario:
    return Scenario(name="s", host="http://localhost", load=load, user_types=[VISITOR], targets=targets)


def p99(stage: str | None = None) -> Target:
    return Target(
        metric="latency_p99", critical=1, unit="ms", scope=Scope("stage", stage) if stage else Scope()
    )


def levels_and_lengths(load: Load) -> list[tuple[float, float, float]]:
    return [(stage.start, stage.end, stage.duration_s) for stage in load.stages]


def test_the_spike_for_50_users() -> None:
    assert levels_and_lengths(rescaled_load(SPIKE, peak=50)) == [
        (0, 1, 5),
        (1, 1, 60),
        (1, 50, 60),
        (50, 50, 60),
        (50, 1, 10),
        (1, 1, 120),
    ]


def test_the_spike_in_a_minute() -> None:
    # 5 s of warm-up are less than a tenth of 60 s; 55 s are left for what took 310 s
    assert levels_and_lengths(rescaled_load(SPIKE, duration_s=60)) == [
        (0, 10, 5),
        (10, 10, 11),
        (10, 500, 11),
        (500, 500, 10),
        (500, 10, 2),
        (10, 10, 21),
    ]


@pytest.mark.parametrize(
    ("duration_s", "lengths"),
    [
        (6, [1, 1, 1, 1, 1, 1]),
        (3, [1, 1, 1, 1, 1, 1]),  # every stage keeps a second, so this is longer than asked for
        (20, [2, 4, 3, 3, 1, 7]),
        (630, [5, 121, 121, 121, 20, 242]),  # longer runs keep the same warm-up
    ],
)
def test_lengths_of_the_spike(duration_s: float, lengths: list[float]) -> None:
    assert [stage.duration_s for stage in rescaled_load(SPIKE, duration_s=duration_s).stages] == lengths


def test_the_warmup_gives_way_where_every_stage_needs_its_second() -> None:
    stairs = [Stage(users, users, 60, f"{users} users") for users in range(1, 20)]
    load = Load("closed", [Stage(1, 1, 60, "warm-up", warmup=True), *stairs])
    assert [stage.duration_s for stage in rescaled_load(load, duration_s=20).stages] == [1] * 20


def test_small_levels_stay_at_least_one_user_and_none_stays_none() -> None:
    load = Load("closed", [Stage(0, 1, 10, "a"), Stage(1, 1000, 10, "b")])
    assert levels_and_lengths(rescaled_load(load, peak=3)) == [(0, 1, 10), (1, 3, 10)]


def test_rates_are_not_rounded() -> None:
    load = Load("open", [Stage(0, 100, 10, "a"), Stage(100, 300, 10, "b")])
    assert levels_and_lengths(rescaled_load(load, peak=0.75)) == [(0, 0.25, 10), (0.25, 0.75, 10)]


def loads(model: Model) -> st.SearchStrategy[Load]:
    level = st.integers(0, 2000).map(float) if model == "closed" else st.floats(0.01, 2000)

    def build(parts: list[tuple[float, float, int]], warm: int) -> Load:
        return Load(model, [Stage(a, b, s, f"{i}", warmup=i < warm) for i, (a, b, s) in enumerate(parts)])

    return st.builds(
        build,
        st.lists(st.tuples(level, level, st.integers(1, 20_000)), min_size=1, max_size=8),
        st.integers(0, 3),
    )


@given(loads("closed"), st.integers(1, 50_000))
def test_a_run_lasts_as_long_as_asked_in_whole_seconds_of_each_stage(load: Load, duration: int) -> None:
    after = rescaled_load(load, duration_s=duration)
    assert after.duration_s == max(duration, len(load.stages))
    assert all(stage.duration_s >= 1 and stage.duration_s == int(stage.duration_s) for stage in after.stages)
    assert [(s.start, s.end, s.name, s.warmup) for s in after.stages] == [
        (s.start, s.end, s.name, s.warmup) for s in load.stages
    ]


@given(loads("closed"), st.integers(1, 50_000))
def test_the_warmup_is_never_longer_than_it_was_nor_than_a_tenth(load: Load, duration: int) -> None:
    assume(not all(stage.warmup for stage in load.stages))
    before = sum(stage.duration_s for stage in load.stages if stage.warmup)
    number = sum(stage.warmup for stage in load.stages)
    after = sum(stage.duration_s for stage in rescaled_load(load, duration_s=duration).stages if stage.warmup)
    assert number <= after <= max(number, min(before, duration / 10))


@given(loads("closed").filter(lambda load: load.peak > 0), st.integers(1, 10_000))
def test_the_peak_is_what_was_asked_for_in_whole_users(load: Load, users: int) -> None:
    after = rescaled_load(load, peak=users)
    assert after.peak == users
    for old, new in zip(load.stages, after.stages, strict=True):
        assert new.end == int(new.end)
        assert (new.end >= 1) if old.end >= 1 else new.end == 0


@given(loads("open"), st.floats(0.1, 10_000))
def test_an_open_load_keeps_its_shape(load: Load, rate: float) -> None:
    after = rescaled_load(load, peak=rate)
    assert after.peak == pytest.approx(rate)
    assert all(stage.end > 0 for stage in after.stages)


def test_a_shorter_load_judges_what_the_long_one_does() -> None:
    full = scenario(Load("closed", [Stage(50, 50, 600, "hold")]), p99(), replace(p99(), metric="latency_p50"))
    assert rescaled(full, users=5, duration_s=10).targets == full.targets


def test_a_load_as_it_was_written_keeps_its_targets() -> None:
    short = scenario(Load("closed", [Stage(50, 50, 10, "hold")]), p99())
    assert rescaled(short) is short


def test_a_reason_that_stood_before_stays() -> None:
    target = replace(p99(), judged=False, why_not_judged="nobody asked")
    after = rescaled(scenario(Load("closed", [Stage(5, 5, 600, "hold")]), target), duration_s=10)
    assert after.targets == (target,)


@pytest.mark.parametrize(
    ("load", "options", "message", "hint"),
    [
        (SPIKE, {"rate": 20.0}, "is a number of users", "--users 500"),
        (Load("open", [Stage(300, 300, 10, "a")]), {"users": 20}, "is a rate of arrivals", "--rate 300/s"),
        (SPIKE, {"users": 0}, "at least 1 user", None),
        (SPIKE, {"users": -5}, "at least 1 user", None),
        (Load("open", [Stage(3, 3, 10, "a")]), {"rate": 0.0}, "more than 0/s", None),
        (SPIKE, {"duration_s": 0.5}, "at least 1s", None),
        (SPIKE, {"duration_s": float("inf")}, "at least 1s", None),
        (Load("closed", []), {"duration_s": 60.0}, "leaves the load to its script", "load:"),
        (Load("closed", [Stage(0, 0, 10, "a")]), {"users": 5}, "always 0", None),
    ],
)
def test_options_that_do_not_fit_say_which_would(
    load: Load, options: dict[str, float], message: str, hint: str | None
) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        rescaled(scenario(load), **options)  # type: ignore[arg-type]
    assert (hint or "") in (caught.value.hint or "")


def test_a_script_is_rescaled_too() -> None:
    mine = replace(scenario(SPIKE, p99()), user_types=(), script=Script("locustfile", "f.py"))
    after = rescaled(mine, users=50, duration_s=60)
    assert (after.load.peak, after.load.duration_s) == (50, 60)
    assert after.targets[0].judged  # nobody knows what a script sends


@pytest.mark.parametrize(
    ("users", "duration_s", "words"),
    [
        (None, 30, "30 s instead of 10 min"),
        (100, None, "100 users instead of 50 users"),
        (5, 60, "5 users instead of 50 users, 1 min instead of 10 min"),
        (None, 5, "10 s instead of 10 min, not 5 s: each of its 10 stages needs a second"),
    ],
)
def test_what_the_command_line_changed_is_said(
    users: int | None, duration_s: float | None, words: str
) -> None:
    stages = [Stage(50, 50, 60, f"level {n}") for n in range(10)]
    scenario = Scenario(name="long", host="http://localhost", load=Load("closed", stages))
    assert rescaled(scenario, users=users, duration_s=duration_s).rescaled == words
