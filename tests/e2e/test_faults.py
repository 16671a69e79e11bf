"""Nothing lost, nobody orphaned: whatever dies, the run can be read and scored, and no process of ours is left."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from tests.e2e.shell import Going, Shell, all_gone, wait_for

pytestmark = pytest.mark.e2e

LONG = """
think: 20ms..60ms
tasks: [{get: /models}]
load: [{users: 10, over: 1s, warmup: true}, {users: 10, for: 120s}]
targets: {latency_p95: 500ms, error_rate: 1%}
drain: 2s
"""


@pytest.fixture
def going(loadctl: Shell, engine: str) -> Going:
    """A long run that has recorded three seconds, on each engine."""
    loadctl.write("scenarios/long.yaml", LONG)
    going = loadctl.start("run", "--demo", "--engine", engine, "--json")
    going.wait_for_seconds(3)
    return going


def result_of(run_dir: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((run_dir / "result.json").read_text())
    return found


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_first_signal_drains_and_reports(going: Going, number: signal.Signals, code: int) -> None:
    children = going.children()
    going.signal(number)
    ended = going.wait(20)
    assert (ended.code, ended.verdict) == (code, "INTERRUPTED"), ended.err
    assert ended.result["counters"]["completed"] > 100
    assert ended.score("latency_p95")["value"] is not None
    assert all_gone(children)
    assert result_of(going.run_dir())["verdict"] == "INTERRUPTED"


def test_the_second_signal_leaves_at_once_and_more_change_nothing(loadctl: Shell, engine: str) -> None:
    loadctl.write("scenarios/long.yaml", LONG.replace("drain: 2s", "drain: 30s"))
    going = loadctl.start("run", "--demo", "--engine", engine, "--fault", "hang=100%@3s")
    going.wait_for_seconds(5)
    children = going.children()
    going.signal(signal.SIGINT)
    wait_for(lambda: "signal" in (going.run_dir() / "events.ndjson").read_text() or None, 5)
    going.keep_signalling(signal.SIGINT, 6)
    ended = going.wait(1)
    assert (ended.code, "Traceback" in ended.err) == (130, False), ended.err
    assert all_gone(children)
    assert loadctl("report", "latest").code == 0


def test_kill_9_of_loadctl_leaves_no_process_and_a_run_that_can_be_scored(
    loadctl: Shell, going: Going
) -> None:
    children = going.children()
    assert len(children) >= 2  # the engine and the demo system
    going.signal(signal.SIGKILL)
    assert all_gone(children)
    report = loadctl("report", "latest", "--json")
    assert (report.code, report.verdict) == (0, "INTERRUPTED"), report.err
    assert report.result["counters"]["completed"] > 100
    score = loadctl("score", "latest", "--json")
    assert (score.code, score.verdict) == (143, "INTERRUPTED"), score.err


def test_kill_9_of_the_only_shard_is_an_error_with_what_was_measured(going: Going) -> None:
    children = going.children()
    going.shards()[0].kill()
    ended = going.wait(30)
    assert (ended.code, ended.verdict) == (4, "ERROR"), ended.err
    assert ended.result["counters"]["completed"] > 100
    assert all_gone(children)


def test_kill_9_of_one_of_two_shards_is_inconclusive(loadctl: Shell, engine: str) -> None:
    loadctl.write("scenarios/long.yaml", LONG.replace("120s", "8s"))
    going = loadctl.start("run", "--demo", "--engine", engine, "--workers", "2", "--json")
    going.wait_for_seconds(4)
    shards = going.shards()
    assert len(shards) == 2
    shards[1].kill()
    ended = going.wait(40)
    assert (ended.code, ended.verdict) == (3, "INCONCLUSIVE"), ended.err
    assert "data-incomplete" in ended.finding_ids()
    assert ended.result["counters"]["completed"] > 100


def test_a_hanging_engine_is_ended_by_the_watchdog(loadctl: Shell, engine: str) -> None:
    loadctl.write("scenarios/long.yaml", LONG.replace("120s", "6s"))
    going = loadctl.start("run", "--demo", "--engine", engine, "--json")
    going.wait_for_seconds(3)
    children = going.children()
    going.shards()[0].suspend()
    ended = going.wait(60)
    assert (ended.code, ended.verdict) == (4, "ERROR"), ended.err
    assert ended.result["counters"]["completed"] > 50
    assert all_gone(children)


def test_an_engine_that_stood_still_for_a_while_proves_nothing(loadctl: Shell, engine: str) -> None:
    loadctl.write("scenarios/long.yaml", LONG.replace("120s", "6s"))
    going = loadctl.start("run", "--demo", "--engine", engine, "--json")
    going.wait_for_seconds(2)
    (shard,) = going.shards()
    shard.suspend()
    with pytest.raises(subprocess.TimeoutExpired):
        going.popen.wait(2.5)
    shard.resume()
    ended = going.wait(40)
    assert (ended.code, ended.verdict) == (3, "INCONCLUSIVE"), ended.err
    assert "load-not-reached" in ended.finding_ids()
    assert "closed-model-stall" not in ended.finding_ids()


def test_a_system_that_dies_is_a_failure_not_an_error(loadctl: Shell) -> None:
    loadctl.write("scenarios/long.yaml", LONG.replace("120s", "8s"))
    ended = loadctl("run", "--demo", "--fault", "crash@4s", "--json")
    assert (ended.code, ended.verdict) == (1, "FAIL"), ended.err
    assert ended.finding_ids() & {"service-crashed", "service-unreachable"}


def test_a_restart_of_the_system_is_told(loadctl: Shell) -> None:
    loadctl.write("scenarios/long.yaml", LONG.replace("120s", "10s"))
    ended = loadctl("run", "--demo", "--fault", "restart@4s+1s", "--json")
    assert "service-restarted" in ended.finding_ids(), ended.err
    assert (ended.code, ended.verdict) == (1, "FAIL")


def test_a_run_that_cannot_begin_leaves_nothing(loadctl: Shell) -> None:
    """A shard comes up while the scenario is read; it is in vain where that cannot be."""
    loadctl.write("scenarios/broken.yaml", "tasks: [{get: /}]\nload: nonsense\n")
    mark = {"MARK_OF_THIS_TEST": str(loadctl.folder)}
    ended = loadctl("run", "broken", env=mark)
    assert ended.code == 2
    assert "broken.yaml:2" in ended.err
    assert [process for process in psutil.process_iter() if _has(process, mark)] == []


def _has(process: psutil.Process, mark: dict[str, str]) -> bool:
    with contextlib.suppress(psutil.Error):
        return mark.items() <= process.environ().items()
    return False
