"""What the engine plans, what it refuses, and how it reads a script, before anything is started."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from loadctl.engines import ENGINES
from loadctl.engines.artillery.engine import ArtilleryEngine
from loadctl.engines.artillery.locate import Artillery
from loadctl.engines.artillery.own_script import read_own_script
from loadctl.engines.artillery.pattern import Untranslatable, to_javascript
from loadctl.engines.base import Engine, Outcome
from loadctl.errors import InvalidInput, UsageError, Where
from loadctl.scenario.load import Load, Stage
from loadctl.scenario.scenario import Scenario, Script
from loadctl.scenario.user_type import Request, Task, UserType

OUT = Path("/somewhere/runs/x")
LOAD = Load("closed", [Stage(10, 10, 60.0, "hold")])


def scenario(**request: object) -> Scenario:
    whole = {
        "method": "GET",
        "url": "/",
        "endpoint": "GET /",
        "headers": {"X-Key": "hunter2-secret"},
        **request,
    }
    users = [UserType(name="U", weight=1, tasks=[Task("t", 1, [Request(**whole)])])]  # type: ignore[arg-type]
    return Scenario(name="s", host="http://h:1", load=LOAD, user_types=users, secrets=("hunter2-secret",))


def test_it_is_an_engine(artillery: Artillery) -> None:
    engine: Engine = ENGINES["artillery"]
    assert (engine.name, engine.version()) == ("artillery", artillery.version)
    assert engine.state({}).version is None or engine.state({}).where


def test_secrets_travel_over_stdin_only(artillery: Artillery) -> None:
    commands = ArtilleryEngine().plan(scenario(), OUT, 2)
    assert [json.loads(command.stdin)["shard"] for command in commands] == [0, 1]
    for command in commands:
        assert command.argv[0] == str(artillery.node)
        assert "hunter2-secret" in command.stdin
        on_disk = json.dumps([list(command.argv), dict(command.env), dict(command.files)])
        assert "hunter2" not in on_disk
        assert command.env["ARTILLERY_DISABLE_TELEMETRY"] == "1"
        assert command.env["ARTILLERY_CLOUD_API_KEY"] is None


@pytest.mark.parametrize("pattern", [r"(?a)\d", r"(?i:a)b", r"(?>a)b", r"a++", r"(a)?(?(1)b|c)"])
def test_a_pattern_that_javascript_cannot_read_is_refused_with_its_place(pattern: str) -> None:
    with pytest.raises(Untranslatable):
        to_javascript(pattern)
    asked = scenario(capture={"x": f"regex {pattern}"}, where=Where("users.yaml", 7, 3))
    with pytest.raises(InvalidInput) as error:
        ArtilleryEngine().completed(asked, {})
    [mistake] = error.value.mistakes
    assert str(mistake.where) == "users.yaml:7:3"
    assert "on Artillery the pattern" in mistake.message
    assert "--engine locust" in (mistake.hint or "")


def test_exit_codes_and_its_own_words() -> None:
    outcome = ArtilleryEngine().outcome
    assert outcome(0, "") == Outcome("finished")
    assert {outcome(code, "").kind for code in (10, 130, 143)} == {"stopped"}
    assert outcome(-9, "") == Outcome("failed", "it was killed by signal 9")
    assert outcome(5, "") == Outcome("failed", "it exited with 5")
    stack = "Test run id: t1\nworker error, id: 1 TypeError: x is not a function\n    at step (/home/me/steps.js:3:7)\n"
    assert outcome(11, stack) == Outcome("failed", "TypeError: x is not a function (/home/me/steps.js:3)")
    module = "Error: no\n    at f (node:internal/modules/esm:1:1)\n    at /x/node_modules/y/z.js:1:1\n"
    assert outcome(1, module) == Outcome("failed", "Error: no")


# -- scripts ---------------------------------------------------------------------------------------------------


def own(tmp_path: Path, text: str, name: str = "s.yml") -> Scenario:
    (tmp_path / name).write_text(text)
    return Scenario(
        name="s", host="", load=Load("open", ()), script=Script("artillery", str(tmp_path / name))
    )


SCRIPT = "config:\n  target: http://api:8080/v1\n  phases: %s\nscenarios: []\n"


def test_what_the_scenario_leaves_open_the_script_says(tmp_path: Path) -> None:
    phases = (
        "[{duration: 1m, arrivalRate: 5, name: warm up}, {duration: 10, arrivalRate: 5, rampTo: 50}, "
        "{pause: 5}, {duration: '30', arrivalCount: 60}]"
    )
    completed = ArtilleryEngine().completed(own(tmp_path, SCRIPT % phases), {})
    assert completed.host == "http://api:8080"
    assert completed.load == Load(
        "open",
        [
            Stage(5, 5, 60, "warm up", warmup=True),
            Stage(5, 50, 10, "phase 2"),
            Stage(0, 0, 5, "phase 3"),
            Stage(2, 2, 30, "phase 4"),
        ],
    )
    assert completed.script is not None
    assert completed.script.own_load
    given = replace(own(tmp_path, SCRIPT % phases), host="http://other", load=LOAD)
    completed = ArtilleryEngine().completed(given, {})
    assert (completed.host, completed.load) == ("http://other", LOAD)


def test_variables_and_environments_are_filled_in(tmp_path: Path) -> None:
    text = (
        "config:\n  target: http://prod\n  environments:\n    dev:\n      target: 'http://{{ $env.PLACE }}'\n"
        "      phases: [{duration: '{{ $processEnvironment.LONG }}', arrivalRate: 1}]\n"
    )
    (tmp_path / "s.yml").write_text(text)
    found = read_own_script(str(tmp_path / "s.yml"), "dev", {"PLACE": "here", "LONG": "7"})
    assert found.target == "http://here"
    assert found.load == Load("open", [Stage(1, 1, 7, "phase 1")])
    assert read_own_script(str(tmp_path / "s.yml"), "dev", {}).load is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("config: {target: 'http://h'}\n", "its load is not known: it has no phases"),
        (
            SCRIPT % "[{duration: '{{ x }}', arrivalRate: 1}]",
            "its load is not known: phase 1 says how long or how much",
        ),
        (
            SCRIPT % "[{duration: 5, arrivalRate: 1, name: warmup}]",
            "its load is not known: all its phases are warm-up",
        ),
        (
            "config: {phases: [{duration: 5, arrivalRate: 1}]}\n",
            "no host: neither the scenario nor the script's target",
        ),
        ("config:\n  target: [\n", "this is no YAML: "),
        ("scenarios: []\n", "this is no script of Artillery: it has no config:"),
        (SCRIPT % "[5]", "phase 1 is no mapping"),
    ],
)
def test_what_cannot_be_run_is_told_before_the_run(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidInput) as error:
        ArtilleryEngine().completed(own(tmp_path, text), {})
    assert message in error.value.mistakes[0].message


def test_weights_an_unknown_environment_and_split_phases_are_refused(tmp_path: Path) -> None:
    asked = own(tmp_path, SCRIPT % "[{duration: 5, arrivalRate: 1}]")
    assert asked.script is not None
    with pytest.raises(InvalidInput) as error:
        ArtilleryEngine().completed(replace(asked, script=replace(asked.script, weights={"A": 1})), {})
    assert "weights of its own" in error.value.mistakes[0].message
    with pytest.raises(InvalidInput) as error:
        ArtilleryEngine().completed(replace(asked, script=replace(asked.script, environment="dev")), {})
    assert "it has no environment 'dev'; it has none" in error.value.mistakes[0].message
    with pytest.raises(UsageError, match="cannot be split over several workers"):
        ArtilleryEngine().plan(ArtilleryEngine().completed(asked, {}), OUT, 2)
