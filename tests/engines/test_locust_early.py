"""A Locust shard that comes up before its plan is known: the same load, sooner."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from loadctl.cli.app import _early, funnel
from loadctl.engines.base import Command
from loadctl.engines.locust.engine import LocustEngine
from loadctl.run.process import Early
from loadctl.run.runner import RunRequest, run
from loadctl.run.store import read_recording
from loadctl.scenario.scenario import Scenario
from loadctl.scenario.user_type import Request, Task, UserType
from tests.engines.conftest import closed

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engines.conftest import KnownServer


def scenario(server: KnownServer, **fields: Any) -> Scenario:
    get = Request(method="GET", url="/sleep/1", endpoint="e")
    user = UserType(name="u", weight=1, tasks=(Task("t", 1, (get,)),))
    plan = {"user_types": (user,), "load": closed((4, 4, 1.0)), "health": "none", "drain_s": 1.0}
    return Scenario(**{"name": "x", "host": server.url, **plan, **fields})


def process_of(early: Early) -> psutil.Process:
    assert early._popen is not None
    return psutil.Process(early._popen.pid)


def test_it_becomes_the_first_shard(tmp_path: Path, server: KnownServer) -> None:
    engine = LocustEngine()
    with Early(engine.early()) as early:
        pid = process_of(early).pid
        request = RunRequest(
            scenario=scenario(server), engine=engine, out=tmp_path, shards=2, watch=None, early=early
        )
        directory = run(request)
    recording = read_recording(directory)[1]
    first, second = recording.shards
    assert first.complete
    assert second.complete
    assert first.pid == pid != second.pid
    assert sum(moment.ok.count for moment in recording.seconds) == server.count["GET /sleep/1"] > 20


@pytest.mark.parametrize("command", [Command(("true",)), Command(LocustEngine().early().argv, {"A": "1"})])
def test_it_is_no_other_command_and_ends_when_nobody_took_it(command: Command) -> None:
    with Early(LocustEngine().early()) as early:
        process = process_of(early)
        assert early.take(command) is None
        assert process.is_running()
    assert not process.is_running()


def test_one_whose_loadctl_is_killed_before_the_plan_ends_by_itself() -> None:
    """What a kill -9 leaves of it is the end of its standard input."""
    command = LocustEngine().early()
    with Early(command) as early:
        popen = early.take(command)
        assert popen is not None
        assert popen.stdin is not None
        popen.stdin.close()
        assert popen.wait(20) == -signal.SIGKILL


@pytest.mark.parametrize(
    ("line", "comes"),
    [
        ("run", True),
        ("run baseline --engine locust -u 5", True),
        ("run own.py -u 5 -t 5m", True),
        ("run own.ts", False),
        ("run baseline --python /venv/bin/python", False),
        ("run baseline --engine artillery", False),
        ("run baseline --engine nobody", False),
        ("-C / run baseline", True),
        ("-C", False),
        ("run --help", False),
        ("show run", False),
    ],
)
def test_what_comes_up_is_guessed_from_the_command_line(
    line: str, comes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LOADCTL_DIR", raising=False)
    with _early(line.split()) as early:
        assert (early is not None) == comes


def test_a_command_line_that_is_wrong_leaves_nobody_behind(capsys: pytest.CaptureFixture[str]) -> None:
    before = {child.pid for child in psutil.Process().children()}
    assert funnel(["run", "no-such-scenario", "--no-such-option"]) == 2
    assert {child.pid for child in psutil.Process().children()} <= before
