"""What the engine plans, before anything is started."""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from loadctl.engines import ENGINES
from loadctl.engines.base import Engine, Outcome
from loadctl.engines.locust.engine import LocustEngine
from loadctl.scenario.load import Load, Stage
from loadctl.scenario.scenario import RateLimit, Scenario, Script, Tls
from loadctl.scenario.user_type import Body, Request, Task, Think, UserType

OUT = Path("/somewhere/runs/x")
LOAD = Load("closed", [Stage(0, 10, 5.0, "up"), Stage(10, 10, 60.0, "hold", warmup=True)])
GET = Request(
    method="GET", url="/items/{{ id }}", endpoint="GET /items/{id}", headers={"X-Key": 'hunter2 "quoted"'}
)
USERS = [
    UserType(name="Reader", weight=3, tasks=[Task("read", 1, [GET])], think=Think(0.2, 1.0)),
    UserType(name="Writer", weight=1, tasks=[Task("write", 1, [GET])], pace_s=2.0),
]


def scenario(**fields: object) -> Scenario:
    whole = {
        "name": "s",
        "host": "http://h:1",
        "load": LOAD,
        "user_types": USERS,
        "secrets": {'hunter2 "quoted"': "${PHRASE}"},
    }
    return Scenario(**{**whole, **fields})  # type: ignore[arg-type]


def test_it_is_an_engine() -> None:
    engine: Engine = ENGINES["locust"]
    assert engine.name == "locust"
    assert engine.version() == version("locust")
    assert "locust" not in sys.modules, "loadctl itself never imports it"


def test_the_version_in_another_python_is_asked_there() -> None:
    assert LocustEngine(sys.executable).version() == version("locust")
    assert LocustEngine("/no/such/python").version() is None
    assert LocustEngine("/no/such/python").install_hint == "no such program: /no/such/python"
    assert LocustEngine(sys.executable).install_hint == f"{sys.executable} -m pip install locust"


def test_one_command_a_shard_told_its_plan_over_stdin() -> None:
    commands = LocustEngine().plan(scenario(), OUT, 2)
    assert [json.loads(command.stdin)["shard"] for command in commands] == [0, 1]
    for shard, command in enumerate(commands):
        assert command.argv[0] == sys.executable
        assert Path(command.argv[1]).name == "launch.py"
        assert command.stdin.count("\n") == 1
        plan = json.loads(command.stdin)
        assert plan["frames"] == f"/somewhere/runs/x/frames/{shard}.ndjson"
        assert plan["shards"] == 2
        assert plan["stages"][0] == {"start": 0, "end": 10, "duration_s": 5.0}
        assert plan["rotation"] == [0, 0, 1, 0]
        assert plan["user_types"][0]["tasks"][0]["flow"][0]["url"] == {"$text": ["/items/", ["var", "id"]]}


def test_secrets_travel_over_stdin_only() -> None:
    (command,) = LocustEngine().plan(scenario(), OUT, 1)
    assert "hunter2" in command.stdin
    ((path, text),) = command.files.items()
    assert path == "engine/plan-0.json"
    assert "hunter2" not in text
    assert json.loads(text)["user_types"][0]["tasks"][0]["flow"][0]["headers"] == {"X-Key": "***"}
    assert "hunter2" not in " ".join(command.argv) + str(command.env)


def test_a_secret_in_a_plan_is_known_by_its_name_or_its_value() -> None:
    secret = 'hunter2 "quoted"'
    said = {"user": "ann", "password": "hunter4"}
    headers = {"Authorization": "Basic hunter3", "A": "b"}
    bodies = [
        Body(kind="json", json={**said, "x": [secret]}),
        Body(kind="form", fields=said),
        Body(kind="raw", raw=secret),
    ]
    requests = [
        Request(
            method="POST",
            url="/",
            endpoint="E",
            body=body,
            headers=headers,
        )
        for body in bodies
    ]
    users = [UserType(name="U", weight=1, tasks=[Task("t", 1, requests)], headers={"Cookie": "s=hunter5"})]
    (command,) = LocustEngine().plan(scenario(user_types=users), OUT, 1)
    [text] = command.files.values()
    assert "hunter" in command.stdin
    assert "hunter" not in text
    flow = json.loads(text)["user_types"][0]["tasks"][0]["flow"]
    assert flow[0]["headers"] == {"Authorization": "***", "A": "b"}
    assert flow[0]["body"]["json"] == ['{"user":"ann","password":"***","x":["***"]}']
    assert flow[1]["body"]["fields"] == {"user": "ann", "password": "***"}


def test_a_script_runs_where_the_shell_is_with_the_python_asked_for(tmp_path: Path) -> None:
    script = Script("locustfile", str(tmp_path / "f.py"), {"A": 3})
    (command,) = LocustEngine("/venv/bin/python").plan(scenario(user_types=(), script=script), OUT, 1)
    assert command.argv[0] == "/venv/bin/python"
    assert command.cwd is None
    plan = json.loads(command.stdin)
    assert (plan["script"]["paths"], plan["script"]["weights"]) == ([str(tmp_path / "f.py")], {"A": 3})
    assert plan["rotation"] == []


def test_what_requests_need_to_know_is_in_the_plan() -> None:
    whole = scenario(
        rate_limit=RateLimit(100.0, "key"),
        tls=Tls(verify=False, ca="/ca.pem"),
        timeout_s=3.0,
        drain_s=4.0,
        seed=7,
    )
    plan = json.loads(LocustEngine().plan(whole, OUT, 1)[0].stdin)
    assert plan["rate_limit"] == {"per_s": 100.0, "by": "key"}
    assert plan["tls"] == {"verify": False, "ca": "/ca.pem", "cert": None}
    assert (plan["timeout_s"], plan["drain_s"], plan["seed"], plan["max_in_flight"]) == (3.0, 4.0, 7, 1000)


@pytest.mark.parametrize(
    ("returncode", "stderr", "outcome"),
    [
        (21, "Traceback\n  x\nKeyError\n\none\ntwo\n\n", Outcome("refused", "one\ntwo")),
        (
            21,
            "usage: x\n  [--a]\nx: error: --b\n is not known\n",
            Outcome("refused", "x: error: --b\n is not known"),
        ),
        (21, "\n".join("123456789"), Outcome("refused", "5\n6\n7\n8\n9")),
        (21, "", Outcome("refused", "the script gave no reason")),
        (0, "noise", Outcome("finished")),
        (10, "", Outcome("stopped")),
        (20, "Traceback\n  x\nf.py has no user class\n\n", Outcome("failed", "f.py has no user class")),
        (1, "Traceback\nOSError: disk\n", Outcome("failed", "it exited with 1: OSError: disk")),
        (1, "", Outcome("failed", "it exited with 1")),
        (-9, "", Outcome("failed", "it was killed by signal 9")),
    ],
)
def test_exit_codes_mean(returncode: int, stderr: str, outcome: Outcome) -> None:
    assert LocustEngine().outcome(returncode, stderr) == outcome
