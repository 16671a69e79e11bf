"""A Locust shard that comes up before its plan is known: the same load, sooner."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import psutil

from loadctl.cli.run import _ahead
from loadctl.engines.locust.engine import LocustEngine
from loadctl.run.runner import RunRequest, run
from loadctl.run.spare import Spare, spare
from loadctl.run.store import read_recording
from loadctl.scenario.scenario import Scenario, Script
from loadctl.scenario.user_type import Request, Task, UserType
from tests.engines.conftest import closed

if TYPE_CHECKING:
    from pathlib import Path

    from loadctl.run.directory import RunDirectory
    from tests.engines.conftest import KnownServer


def scenario(server: KnownServer, **fields: Any) -> Scenario:
    user = UserType(
        name="u",
        weight=1,
        tasks=(Task("t", 1, (Request(method="GET", url="/sleep/1", endpoint="e"),)),),
    )
    plan = {"user_types": (user,), "load": closed((4, 4, 1.0)), "health": "none", "drain_s": 1.0}
    return Scenario(**{"name": "x", "host": server.url, **plan, **fields})


def carried_out(load: Scenario, out: Path, made: Spare | None, shards: int = 1) -> RunDirectory:
    engine = LocustEngine()
    return run(RunRequest(scenario=load, engine=engine, out=out, shards=shards, watch=None, spare=made))


def pid_of(made: Spare | None) -> int:
    assert made is not None
    assert made._popen is not None
    return made._popen.pid


def test_it_becomes_the_first_shard(tmp_path: Path, server: KnownServer) -> None:
    with spare(LocustEngine().ahead()) as made:
        pid = pid_of(made)
        directory = carried_out(scenario(server), tmp_path, made, shards=2)
    recording = read_recording(directory)[1]
    first, second = recording.shards
    assert first.complete
    assert second.complete
    assert first.pid == pid != second.pid
    assert sum(moment.ok.count for moment in recording.seconds) == server.count["GET /sleep/1"] > 20
    for name in ("0.stdout", "0.stderr", "1.stderr"):
        assert (directory.path / "engine" / name).read_text() == ""


def test_a_script_has_a_process_of_its_own_in_its_own_folder(tmp_path: Path, server: KnownServer) -> None:
    path = tmp_path / "elsewhere" / "mine.py"
    path.parent.mkdir()
    path.write_text(
        "import os\nfrom locust import FastHttpUser, task\n"
        "class U(FastHttpUser):\n    @task\n    def t(self): self.client.get('/sleep/1', name=os.getcwd())\n"
    )
    load = scenario(server, user_types=(), script=Script("locustfile", str(path)))
    with spare(LocustEngine().ahead()) as made:
        process = psutil.Process(pid_of(made))
        directory = carried_out(load, tmp_path, made)
    recording = read_recording(directory)[1]
    [shard] = recording.shards
    assert shard.pid != process.pid
    assert not process.is_running()
    assert {name for span in recording.spans for name in span.cells} == {f"GET {path.parent}"}


def test_one_whose_loadctl_is_killed_before_the_plan_ends_by_itself(tmp_path: Path) -> None:
    """What a kill -9 leaves of it is the end of its standard input."""
    ahead = LocustEngine().ahead()
    assert ahead is not None
    with spare(ahead) as made:
        process = psutil.Process(pid_of(made))
        assert made is not None
        early = made.take(ahead)
        assert early is not None
        assert early.popen.stdin is not None
        early.popen.stdin.close()
        assert process.wait(10) in {-signal.SIGKILL, None}
        early.popen.wait(1)
        early.words.seek(0)
        assert early.words.read() == b""
        early.words.close()


def test_what_may_come_up_is_guessed_from_the_command_line() -> None:
    usual = LocustEngine().ahead()
    assert usual is not None
    assert _ahead(None, None, None) == _ahead("baseline", "locust", None) == usual
    assert _ahead("http://localhost:8000", None, None) == usual
    assert _ahead("mine.py", None, None) is None
    assert _ahead("baseline", None, "/venv/bin/python") is None
    assert _ahead("baseline", "artillery", None) is None
    assert _ahead("baseline", "no such engine", None) is None
