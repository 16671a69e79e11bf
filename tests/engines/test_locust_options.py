"""`parsed_options` as bare Locust gives them, and which variables are taken out before the script is loaded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from loadctl.engines.locust.inside.script.options import beside, no_such_class
from loadctl.engines.shard_plan import shard_plan
from loadctl.scenario.load import Load, Stage
from loadctl.scenario.scenario import Scenario, Script, ScriptOptions
from tests.engines.scripted import Runtime

LOCUSTFILE = """
from locust import HttpUser, events, task

@events.init_command_line_parser.add_listener
def _(parser):
    parser.add_argument("--tenant", env_var="LOCUST_TENANT", default="none")
    parser.add_argument("--rows", type=int, default=3)

class WebUser(HttpUser):
    @task
    def t(self): ...
"""
LOAD = Load("closed", [Stage(0, 20, 4.0, "up", warmup=True), Stage(20, 20, 26.0, "hold")])


@pytest.fixture
def script(tmp_path: Path) -> Script:
    path = tmp_path / "f.py"
    path.write_text(LOCUSTFILE)
    return Script("locustfile", str(path))


def parsed(script: Script, load: Load = LOAD, **given: Any) -> Any:
    scenario = Scenario(name="x", host="http://h/api", load=load, script=script, drain_s=5.0)
    return Runtime("locust").run("run_options", {"plan": shard_plan(scenario, 0, 1), **given})


def test_options_are_those_of_the_bare_command_line(script: Script) -> None:
    chosen = replace(
        script,
        classes=("WebUser",),
        arguments=("--tenant", "acme"),
        options=ScriptOptions(spawn_rate=2.5, tags=("smoke", "slow"), exclude_tags=("x",)),
    )
    bare = "-H http://h/api -u 20 -r 2.5 -t 30 -s 5 --headless --tenant acme -T smoke slow -E x"
    said = parsed(chosen, bare=[*bare.split(), "-f", script.path, "--", "WebUser"])
    assert said["ours"] == said["bare"]
    assert said["ours"]["tenant"] == ["str", "acme"]


def test_the_first_rise_is_the_spawn_rate(script: Script) -> None:
    assert parsed(script)["ours"]["spawn_rate"] == ["float", 5.0]


def test_a_load_of_its_own_has_the_defaults_of_a_headless_locust(script: Script) -> None:
    ours = parsed(replace(script, own_load=True), Load("closed", ()))["ours"]
    assert [ours[name][1] for name in ("num_users", "spawn_rate", "run_time")] == [1, 1, None]


def test_only_variables_that_locust_reads_are_taken_out(script: Script) -> None:
    taken = ("LOCUST_SKIP_MONKEY_PATCH", "LOCUST_USERS", "LOCUST_HOST", "LOCUST_TAGS", "LOCUST_USER_CLASSES")
    own = {"LOCUST_TENANT": "of-env", "LOCUST_API_TOKEN": "t"}
    said = parsed(script, environ=dict.fromkeys(taken, "7") | own)
    assert said["left"] == sorted(own)
    assert said["ours"]["tenant"] == ["str", "of-env"]
    assert said["ours"]["num_users"] == ["int", 20]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--tennant", "acme"), "f.py: error: unrecognized arguments: --tennant\nDid you mean '--tenant'?"),
        (("--rows", "many"), "f.py: error: argument --rows: invalid int value: 'many'"),
        (("acme",), "f.py: error: unrecognized arguments: acme"),
        (("--csv=x",), "f.py: error: --csv=x is an option of the run: put it before  --"),
    ],
)
def test_what_the_parser_refuses_is_said_in_its_words(
    script: Script, arguments: tuple[str, ...], words: str
) -> None:
    said = parsed(replace(script, arguments=arguments))
    assert said["refused"].endswith(words)


def test_help_is_that_of_the_script_too(script: Script) -> None:
    assert "--tenant" in parsed(replace(script, arguments=("--help",)))["refused"]


def test_a_class_that_is_not_there() -> None:
    known = ["WebUser", "ApiUser"]
    assert (
        no_such_class("a/f.py", "Webuser", known)
        == "f.py has no user class Webuser; did you mean WebUser? It has ApiUser, WebUser"
    )
    assert no_such_class("f.py", "Other", []) == "f.py has no user class Other; it has none"


def test_a_file_beside_the_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tests" / "data").mkdir(parents=True)
    (tmp_path / "tests" / "data" / "users.csv").touch()
    monkeypatch.chdir(tmp_path)
    found = beside("tests/f.py", "data/users.csv")
    assert found is not None
    assert Path(found).samefile(tmp_path / "tests" / "data" / "users.csv")
    assert beside("tests/f.py", "other.csv") is None
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "users.csv").touch()
    assert beside("tests/f.py", "data/users.csv") is None
