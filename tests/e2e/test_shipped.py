"""The four scenarios that come with loadctl, shorter and lighter, on both engines, on the demo system."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from tests.e2e.shell import Shell

pytestmark = pytest.mark.e2e

SHORTER = {
    "baseline": ["--users", "24", "--duration", "8s"],
    "stress": ["--users", "24", "--duration", "22s"],
    "spike": ["--users", "60", "--duration", "12s"],
    "endurance": ["--users", "24", "--duration", "8s"],
}
HELD = {"stress": 11, "spike": 5, "endurance": 2}
"""How many stages are there beside the ramps between levels."""


def carried_out(loadctl: Shell, name: str, engine: str) -> dict[str, Any]:
    """The result of a run whose counts are the demo system's own."""
    truth_file = f"truth-{engine}.json"
    ended = loadctl(
        "run", name, *SHORTER[name], "--demo", "--truth", truth_file, "--engine", engine, "--json"
    )
    assert ended.code in {0, 1, 3}, (
        ended.err
    )  # which verdict so little load deserves is not the question here
    result = ended.result
    assert result["engine"]["name"] == engine
    truth = json.loads((loadctl.folder / truth_file).read_text())
    counters = result["counters"]
    assert counters["started"] == counters["completed"] + counters["unfinished"] == truth["requests"] > 100
    assert counters["failed"] == counters["unfinished"] == 0
    counted: Counter[str] = Counter()
    for stage in result["stages"]:
        for row in stage["summary"]["endpoints"]:
            counted[row["endpoint"]] += row["completed"]
    assert counted == {name: each["requests"] for name, each in truth["by_endpoint"].items()}
    return result


def users_beside_the_plan(result: dict[str, Any]) -> list[tuple[int, int, list[float]]]:
    """The seconds in which more than 2 users or 2 % were missing or too many, the plan a second away granted."""
    timeline = {point["t_s"]: point for point in result["timeline"]}
    found = []
    for t in range(int(result["planned_s"])):
        near = [timeline[other]["planned"] for other in (t - 1, t, t + 1) if other in timeline]
        slack = max(2, 0.02 * max(near))
        if not min(near) - slack <= timeline[t]["users"] <= max(near) + slack:
            found.append((t, timeline[t]["users"], near))
    return found


@pytest.mark.parametrize("name", ["stress", "spike", "endurance"])
def test_counts_are_the_systems_own_and_users_are_as_planned(loadctl: Shell, engine: str, name: str) -> None:
    result = carried_out(loadctl, name, engine)
    assert users_beside_the_plan(result) == []
    held = [stage["name"] for stage in result["stages"] if not stage["name"].startswith("to ")]
    assert len(held) == HELD[name], held


@pytest.mark.quiet
def test_baseline_measures_the_same_on_both_engines(loadctl: Shell, artillery: object) -> None:
    results = [carried_out(loadctl, "baseline", engine) for engine in ("locust", "artillery")]
    assert [users_beside_the_plan(result) for result in results] == [[], []]
    made = results[1]["engine"]["virtual_users"]
    assert made == {"created": results[1]["peak"], "completed": results[1]["peak"], "failed": 0}
    [kept] = (loadctl.folder / results[1]["run_dir"]).glob("engine/vusers-*.json")
    assert json.loads(kept.read_text()) == {f"vusers.{name}": count for name, count in made.items()}
    one, other = (result["summary"]["total"]["latency_ms"] for result in results)
    for percentile, slack_ms in {"p50": 5, "p95": 20}.items():
        apart = abs(one[percentile] - other[percentile])
        assert apart <= 0.2 * max(one[percentile], other[percentile]) + slack_ms, (one, other)
    one, other = (result["counters"]["started"] for result in results)
    assert abs(one - other) <= 0.15 * max(one, other)
