import ast
from collections.abc import Mapping
from pathlib import Path

import pytest

from loadctl.scenario.expectation import expect
from loadctl.scenario.reading.document import Sources, Text
from loadctl.scenario.reading.scenario_file import read_scenario
from loadctl.scenario.rescale import rescaled
from loadctl.scenario.scenario import Scenario
from loadctl.scenario.user_type import Repeat, Request, Think, UserType

ROOT = Path(__file__).parents[2]
NAMES = ["baseline", "stress", "spike", "endurance"]


def shipped(name: str) -> Scenario:
    def text(path: str) -> Text:
        return Text(path, (ROOT / path).read_text())

    sources = Sources(
        text(f"scenarios/{name}.yaml"),
        text("scenarios/users.yaml"),
        text("targets.yaml"),
        read=lambda _: None,
        resolve=lambda _: None,
        env={},
        packaged=True,
    )
    return read_scenario(name, sources)


def user_types() -> Mapping[str, UserType]:
    return {kind.name: kind for name in NAMES for kind in shipped(name).user_types}


@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_scenario_is_valid_and_all_its_targets_can_be_judged(name: str) -> None:
    found = shipped(name)
    assert found.goal
    assert found.host == "http://localhost:8080"
    assert [item.target.metric for item in expect(found).cannot_judge] == []


@pytest.mark.parametrize(
    ("name", "lowest", "peak", "minutes"),
    [
        ("baseline", 10, 50, 10),
        ("stress", 100, 1000, 16),
        ("spike", 10, 500, 5.25),
        ("endurance", 100, 100, 241),
    ],
)
def test_the_loads_are_those_of_the_guide(name: str, lowest: int, peak: int, minutes: float) -> None:
    load = shipped(name).load
    assert load.model == "closed"
    assert min(stage.end for stage in load.stages) == lowest
    assert (load.peak, load.duration_s / 60) == (peak, minutes)


def test_the_baseline_has_five_levels_of_two_minutes_and_warms_up_in_the_first() -> None:
    load = shipped("baseline").load
    assert [load.level_at(120 * i + 60) for i in range(5)] == [10, 20, 30, 40, 50]
    assert load.window == (20, 600)


def test_the_stress_test_takes_ten_steps_in_15_minutes_and_returns() -> None:
    load = shipped("stress").load
    assert [load.level_at(90 * i + 89) for i in range(10)] == list(range(100, 1001, 100))
    assert (load.level_at(899), load.level_at(910)) == (1000, 100)


def test_the_spike_is_a_minute_from_10_to_500() -> None:
    load = shipped("spike").load
    assert [load.level_at(t) for t in (65, 95, 125, 184, 200)] == [10, 255, 500, 500, 10]


def test_thirty_seconds_of_the_baseline_judge_everything_with_a_margin() -> None:
    short = rescaled(shipped("baseline"), duration_s=30)
    assert short.load.duration_s == 30
    assert all(target.judged for target in short.targets)
    assert (expect(short).scored or 0) >= 1300  # the total's p99 needs 1,000


def test_the_targets_are_the_table_of_the_guide() -> None:
    table = {(str(t.scope), t.metric): (t.target, t.critical, t.unit) for t in shipped("endurance").targets}
    assert table == {
        ("run", "latency_p50"): (10, 50, "ms"),
        ("run", "latency_p95"): (50, 200, "ms"),
        ("run", "latency_p99"): (100, 500, "ms"),
        ("run", "throughput"): (1000, 500, "/s"),
        ("run", "error_rate"): (0.1, 1, "%"),
        ("run", "cpu"): (70, 90, "%"),
        ("run", "memory"): (1e9, 2e9, "bytes"),
        ("POST /predict", "latency_p95"): (40, 150, "ms"),
    }


def test_the_baseline_warns_at_the_first_error() -> None:
    (errors,) = [target for target in shipped("baseline").targets if target.metric == "error_rate"]
    assert (errors.target, errors.critical) == (0, 1)


def test_the_stress_test_judges_how_much_the_system_takes_and_nothing_else() -> None:
    judged = {t.metric: (t.target, t.critical, t.unit) for t in shipped("stress").targets if t.judged}
    assert judged == {"breaking_point": (1000, 500, "users"), "max_throughput": (1000, 500, "/s")}


def test_the_three_user_types_do_what_their_names_say() -> None:
    kinds = user_types()
    assert set(kinds) == {"MLPlatformUser", "HighLoadUser", "BurstLoadUser"}
    normal, rapid, burst = kinds["MLPlatformUser"], kinds["HighLoadUser"], kinds["BurstLoadUser"]
    assert normal.think == Think(0.2, 1)
    assert {"POST /predict", "GET /models", "GET /health"} <= {r.endpoint for r in normal.requests()}
    assert rapid.think is not None
    assert rapid.think.max_s <= 0.01
    assert burst.think == Think(2, 4)
    (repeat,) = burst.tasks[0].flow
    assert isinstance(repeat, Repeat)
    assert repeat.times == 10
    predict, pause = repeat.flow
    assert isinstance(predict, Request)
    assert pause == Think(0.05, 0.05)


def test_the_locustfile_has_the_same_user_types() -> None:
    tree = ast.parse((ROOT / "scenarios/locustfile.py").read_text())
    classes = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    assert classes == {"PlatformUser", *user_types()}
