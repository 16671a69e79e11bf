"""What the engine plans and what it refuses, before anything is started."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from loadctl.engines import ENGINES
from loadctl.engines.artillery.engine import ArtilleryEngine
from loadctl.engines.artillery.locate import Artillery
from loadctl.engines.artillery.pattern import Untranslatable, to_javascript
from loadctl.engines.base import Engine, Outcome
from loadctl.errors import InvalidInput, Where
from loadctl.scenario.load import Load, Stage
from loadctl.scenario.scenario import Scenario
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
    return Scenario(
        name="s", host="http://h:1", load=LOAD, user_types=users, secrets={"hunter2-secret": "${KEY}"}
    )


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


def test_artillery_finds_the_engine_first_and_then_what_the_user_has_on_node_path(
    artillery: Artillery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NODE_PATH", "/mine:/ours")
    [command] = ArtilleryEngine().plan(scenario(), OUT, 1)
    own, *others = (command.env["NODE_PATH"] or "").split(":")
    assert (Path(own) / "artillery-engine-loadctl" / "index.mjs").is_file()
    assert others == ["/mine", "/ours"]
    assert command.env["LOADCTL_ARTILLERY"] == str(artillery.package)
    monkeypatch.delenv("NODE_PATH")
    [command] = ArtilleryEngine().plan(scenario(), OUT, 1)
    assert command.env["NODE_PATH"] == own
    assert json.loads(command.files["engine/script-0.json"])["scenarios"] == [
        {"name": "loadctl", "engine": "loadctl", "flow": ["U"]}
    ]


@pytest.mark.parametrize("pattern", [r"(?a)\d", r"(?i:a)b", r"(?>a)b", r"a++", r"(a)?(?(1)b|c)"])
def test_a_pattern_that_javascript_cannot_read_is_refused_with_its_place(pattern: str) -> None:
    with pytest.raises(Untranslatable):
        to_javascript(pattern)
    asked = scenario(capture={"x": f"regex {pattern}"}, where=Where("users.yaml", 7, 3))
    with pytest.raises(InvalidInput) as error:
        ArtilleryEngine().completed(asked, {})
    [mistake] = error.value.mistakes
    assert str(mistake.where) == "users.yaml:7:3"
    assert "Artillery cannot use the pattern" in mistake.message
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


ENDED = "your script called process.exit: Artillery's worker ended before the load (exit 0)"
COMPILER = """Error: Failed to compile Typescript processor
Build failed with 1 error:
own.ts:2:14: ERROR: Could not resolve "x"
"""
SYNTAX = """worker error, id: 1 /home/me/own.js:7
module.exports = {

SyntaxError: Unexpected end of input
    at wrapSafe (node:internal/modules/cjs/loader:1)
"""


@pytest.mark.parametrize(
    ("stderr", "words"),
    [
        (
            "Error: of a log\nyour script failed before the load: no (own.js:3)\n",
            "your script failed before the load: no (own.js:3)",
        ),
        (f"Test run id: t1\nno licence\n{ENDED}\n", f"{ENDED}; it printed: no licence"),
        (COMPILER, 'Could not resolve "x" (own.ts:2)'),
        (SYNTAX, "SyntaxError: Unexpected end of input (/home/me/own.js:7)"),
        ("Scenario validation error: url is required\n", "Scenario validation error: url is required"),
        ("", "the script exited before the load began"),
    ],
)
def test_what_refuses_to_run_says_why(stderr: str, words: str) -> None:
    assert ArtilleryEngine().outcome(20, stderr) == Outcome("refused", words)
