"""A run without a plan: its stages come from what was wished when, and no span of its seconds reaches across them."""

from __future__ import annotations

from loadctl.analysis.judgement import RunFacts, judge
from loadctl.results.edges import edges
from loadctl.results.recording import Event
from loadctl.scenario.load import Load
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
    assert result.window == (22.0, 50.2)
    assert result.summary.total.completed == (51 - 22) * 20
    assert [stage.name for stage in result.stages] == ["to 10 users", "10 users", "to 20 users", "20 users"]
    assert (result.peak, result.verdict) == (20, "PASS")


def test_the_edges_of_its_stages_are_known_before_its_end() -> None:
    assert edges(Load("closed", ()), EVENTS) == [2, 21, 22, 51]
    assert edges(Load("closed", ()), EVENTS[:1]) == [2]
