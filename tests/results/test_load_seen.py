"""A run without a plan: its stages come from what was wished when, and no span of its seconds reaches across them."""

from __future__ import annotations

from loadctl.analysis.judgement import RunFacts, judge
from loadctl.results.boundaries import boundaries, level_event
from loadctl.results.recording import Event, Recording
from loadctl.results.result import Window
from loadctl.scenario.load import LevelChange, Load
from tests.results.recorded import P95, recording, scenario, steady, target, user_type

FACTS = RunFacts(engine="locust", engine_version=None, shards=1, started_at="2026-11-23T08:20:00Z")
EVENTS = [
    Event(0.0, "users", "to 10 users, 5/s", {"users": 10, "per_s": 5.0}),
    Event(20.4, "users", "to 20 users, 10/s", {"users": 20, "per_s": 10.0}),
    Event(50.2, "stop", "stopped by hand"),
]


def test_only_what_comes_after_the_last_change_is_scored() -> None:
    made = recording(steady(51, [4.0] * 20, users=20), events=EVENTS)
    result = judge(
        scenario(Load("closed", ()), [target(P95, 200)], user_types=[user_type("GET /")]), made, FACTS
    )
    assert result.window == Window(22.0, 50.2)
    assert result.summary.total.completed == (51 - 22) * 20
    assert [stage.name for stage in result.stages] == ["to 10 users", "10 users", "to 20 users", "20 users"]
    assert (result.peak, result.verdict) == (20, "PASS")


LEVELS = [
    level_event(level)
    for level in (LevelChange(0.0, 10, 10.0), LevelChange(20.01, 30, 10.0), LevelChange(50.0, 0, 0.0))
]


def shape_run(users: int = 30) -> Recording:
    """10 users for 20 s, then `users` where 30 are wanted, then two seconds of drain."""
    made = [
        *steady(20, [4.0] * 20, users=10),
        *steady(30, [4.0] * 60, users=users, start=20),
        *steady(2, [], users=0, start=50),
    ]
    return recording(made, events=LEVELS)


def test_every_hold_of_a_script_s_own_shape_is_scored() -> None:
    asked = scenario(Load("closed", ()), [target(P95, 200), target("throughput", 50, 59)])
    result = judge(asked, shape_run(), FACTS)
    assert [(one.name, one.start_s, one.end_s) for one in result.stages] == [
        ("to 10 users", 0, 1),
        ("10 users", 1, 20),
        ("to 30 users", 20, 22),
        ("30 users", 22, 50),
    ]
    assert (result.window, result.peak, result.planned_s) == (Window(0, 50), 30, 50)
    assert [(score.status, score.value) for score in result.scores] == [("PASS", 4.0), ("PASS", 60.0)]
    assert result.verdict == "PASS"


def test_a_level_of_a_shape_that_was_not_made_is_load_not_reached() -> None:
    result = judge(scenario(Load("closed", ()), [target(P95, 200)]), shape_run(users=20), FACTS)
    assert "fewer users than planned for 28 s: 20 of 30 at 0:22" in [one.message for one in result.findings]
    assert result.verdict == "INCONCLUSIVE"


def test_limits_of_stages_are_not_judged_without_a_plan() -> None:
    targets = [target(P95, 200), target(P95, 1, stage="peak")]
    result = judge(scenario(Load("closed", ()), targets), shape_run(), FACTS)
    assert (result.scores[1].judged, result.scores[1].reason) == (False, "it needs the stages of a plan")
    assert result.verdict == "PASS"


def test_the_edges_of_its_stages_are_known_before_its_end() -> None:
    assert boundaries(Load("closed", ()), EVENTS) == [2, 21, 22, 51]
    assert boundaries(Load("closed", ()), EVENTS[:1]) == [2]
