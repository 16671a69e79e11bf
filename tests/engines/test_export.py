"""`loadctl export`: plain files of an engine, which run by that engine alone and send what the scenario says."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from loadctl.engines import ENGINES, export
from loadctl.errors import UsageError
from loadctl.scenario.load import Load, Stage
from loadctl.scenario.scenario import Scenario, Script
from loadctl.scenario.user_type import Body, Check, Repeat, Request, Step, Task, Think, UserType
from tests.engines.conftest import closed, opened

if TYPE_CHECKING:
    from loadctl.engines.artillery.locate import Artillery
    from tests.engines.conftest import KnownServer


def request(method: str, url: str, **more: Any) -> Request:
    return Request(method=method, url=url, endpoint=more.pop("endpoint", f"{method} {url}"), **more)


ACCOUNTS = [{"name": "ann", "password": 'hunter2, "a"'}, {"name": "bob", "password": "hunter2-b"}]
"""With passwords, so they are read from a file of the user's."""
ACCOUNTS_CSV = '''\ufeffname,password\r\nann,"hunter2, ""a"""\r\n"bob",hunter2-b\r\n'''


def everything(file: Path) -> list[UserType]:
    """Every kind of step, body, check and capture, against a server that echoes what it is sent."""
    ok = Check(has=["ok"], status=[(200, 299)])
    start: list[Step] = [request("GET", "/sleep/1", capture={"ok": "$.ok"}, check=ok)]
    json = Body(kind="json", json={"x": "{{ random_floats(2) }}", "deep": [True, None, "é\"'"]})
    form = Body(kind="form", fields={"name": "{{ row.name }}", "password": "{{ row.password }}"})
    raw = Body(kind="raw", raw="uuid={{ uuid() }}")
    files = Body(kind="files", fields={"note": "hi"}, files={"file": str(file)})
    query = {"q": ["a b", "{{ user }}"]}
    flow: list[Step] = [
        request("GET", "/echo/{{ row.name }}", query=query, check=Check(text=["q=a"]), endpoint="query"),
        Think(0.01, 0.02),
        request("POST", "/echo/json", body=json),
        request("POST", "/echo/form", body=form, headers={"X-Own": "{{ ok }}"}),
        request("POST", "/echo/raw", body=raw, capture={"id": "regex uuid=([0-9a-f-]{36})"}),
        Repeat(3, [request("PUT", "/echo/{{ id }}", endpoint="again")]),
        Repeat(2, [request("GET", "/never", endpoint="never")], while_="nothing"),
        request("POST", "/echo/file", body=files),
        request("GET", "/echo/secret", headers={"Authorization": "Bearer hunter2-secret"}),
    ]
    return [
        UserType(
            name="All of it",
            weight=1,
            start=start,
            tasks=[Task("a", 3, flow), Task("b", 1, [request("GET", "/sleep/2")])],
            headers={"X-All": "1"},
            think=Think(0.05, 0.1),
            data=ACCOUNTS,
        )
    ]


def written(scenario: Scenario, engine: str, folder: Path) -> Mapping[str, str]:
    files = export(replace(scenario, engine=engine))
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        assert "hunter2" not in text
        (folder / name).write_text(text)
    return files


def run_bare(engine: str, folder: Path, artillery: Artillery) -> str:
    locust = [sys.executable, "-m", "locust", "-f", "locustfile.py", "--headless", "--only-summary"]
    bare = [str(artillery.node), str(artillery.package / "bin" / "run"), "run", "artillery.yml"]
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "SECRET_1": "hunter2-secret",
        "ARTILLERY_DISABLE_TELEMETRY": "1",
    }
    env["ROWS_1"] = "accounts.csv"
    (folder / "accounts.csv").write_text(ACCOUNTS_CSV, encoding="utf-8", newline="")
    argv = locust if engine == "locust" else bare
    done = subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def by_kind(count: Counter[str]) -> Counter[str]:
    """Requests at the server, ids left out."""
    kinds: Counter[str] = Counter()
    for line, n in count.items():
        last = line.rsplit("/", 1)[1]
        kinds[line.replace(last, "ID") if len(last) == 36 else line] += n
    return kinds


@pytest.mark.parametrize("engine", ["locust", "artillery"])
def test_rows_without_secrets_are_written_out(engine: str) -> None:
    task = Task("a", 1, [request("GET", "/{{ row.name }}", endpoint="a")])
    user = UserType(name="U", weight=1, tasks=[task], data=[{"name": "ann"}])
    scenario = Scenario(name="x", host="http://h", load=closed((1, 1, 1)), user_types=[user])
    text = "".join(export(replace(scenario, engine=engine)).values())
    assert '"name": "ann"' in text
    assert "ROWS_1" not in text


@pytest.mark.parametrize("engine", ["locust", "artillery"])
@pytest.mark.parametrize("model", ["closed", "open"])
def test_a_scenario_with_everything_runs_by_the_engine_alone(
    engine: str, model: str, tmp_path: Path, server: KnownServer, artillery: Artillery
) -> None:
    (tmp_path / "file.txt").write_text("content")
    load = closed((4, 4, 3)) if model == "closed" else opened((4, 4, 3))
    scenario = Scenario(
        name="x",
        host=server.url,
        load=load,
        user_types=everything(tmp_path / "file.txt"),
        secrets={"hunter2-secret": "${KEY}"},
    )
    written(scenario, engine, tmp_path / "out")
    told = run_bare(engine, tmp_path / "out", artillery)
    kinds = by_kind(server.count)
    flows = kinds["POST /echo/json"]
    assert flows >= 4, told
    for line in ("POST /echo/form", "POST /echo/raw", "POST /echo/file", "GET /echo/secret"):
        assert flows - 4 <= kinds[line] <= flows, (line, kinds)
    assert flows * 3 - 12 <= kinds["PUT /echo/ID"] <= flows * 3
    assert abs(kinds["GET /echo/ann"] + kinds["GET /echo/bob"] - flows) <= 4
    assert kinds["GET /never"] == 0
    assert kinds["GET /sleep/1"] == (4 if model == "closed" or engine == "locust" else 12)
    assert " 0(0.00%)" in told if engine == "locust" else "errors." not in told, told


def test_a_failed_check_is_a_failure_there_too(
    tmp_path: Path, server: KnownServer, artillery: Artillery
) -> None:
    asked = request("GET", "/sleep/1", check=Check(json={"ok": False}))
    users = [UserType(name="U", weight=1, tasks=[Task("t", 1, [asked])])]
    scenario = Scenario(name="x", host=server.url, load=opened((5, 5, 1)), user_types=users)
    for engine, words in (("locust", "ok is not as expected"), ("artillery", "errors.ok is not as expected")):
        written(scenario, engine, tmp_path / engine)
        folder = tmp_path / engine
        if engine == "locust":
            with pytest.raises(AssertionError, match=words):  # it exits 1
                run_bare(engine, folder, artillery)
        else:
            assert words in run_bare(engine, folder, artillery)


def test_the_files_say_what_becomes_of_start_steps_of_an_open_load() -> None:
    def heads(*start: Request, load: Load) -> list[str]:
        users = [UserType(name="U", weight=1, tasks=[Task("t", 1, [request("GET", "/")])], start=start)]
        scenario = Scenario(name="x", host="http://h", load=load, user_types=users)
        return [
            export(replace(scenario, engine="locust"))["locustfile.py"],
            export(replace(scenario, engine="artillery"))["artillery.yml"],
        ]

    each, once = request("POST", "/login"), request("POST", "/login", once=True)
    lost = ("* start steps of every arrival: here each user takes them once", "each takes all start steps")
    for start, load, said in (
        ([each], opened((5, 5, 1)), (True, False)),
        ([once], opened((5, 5, 1)), (False, True)),
        ([once, each], opened((5, 5, 1)), (True, True)),
        ([each], closed((5, 5, 1)), (False, False)),
    ):
        assert tuple(line in head for line, head in zip(lost, heads(*start, load=load), strict=True)) == said


texts = st.text(max_size=30).filter(lambda text: "{{" not in text and text.isprintable())


@given(texts, texts, texts)
@settings(max_examples=60)
def test_whatever_a_scenario_says_the_files_can_be_read(name: str, value: str, goal: str) -> None:
    one = request(
        "POST", "/x", endpoint=name or "e", headers={"X": value}, body=Body(kind="json", json={name: value})
    )
    users = [UserType(name=name or "U", weight=1, tasks=[Task(name or "t", 1, [one])])] * 2
    load = Load("closed", [Stage(1, 2, 3, name or "s")])
    scenario = Scenario(name=name or "x", goal=goal, host="http://h", load=load, user_types=users)
    compile(export(replace(scenario, engine="locust"))["locustfile.py"], "locustfile.py", "exec")
    script = yaml.safe_load(export(replace(scenario, engine="artillery"))["artillery.yml"])
    assert len(script["scenarios"]) == 2


def test_the_files_say_what_they_lack_and_a_script_is_not_exported() -> None:
    users = [UserType(name="U", weight=1, tasks=[Task("t", 1, [request("GET", "/")])], pace_s=1.0)]
    scenario = Scenario(name="x", host="http://h", load=closed((1, 1, 1)), user_types=users)
    assert "the seed: random values" in export(replace(scenario, engine="locust"))["locustfile.py"]
    assert "a pace that skips missed slots" in export(replace(scenario, engine="locust"))["locustfile.py"]
    assert "a timeout on the whole request" in export(replace(scenario, engine="artillery"))["artillery.yml"]
    own = Scenario(name="x", host="http://h", load=closed((1, 1, 1)), script=Script("locustfile", "f.py"))
    for engine in ENGINES:
        with pytest.raises(UsageError, match=r"runs f\.py, which the engine runs as it is"):
            export(replace(own, engine=engine))
