"""How a shard of user types ends on either engine: told to, interrupted, or because loadctl is gone."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from loadctl.scenario.user_type import Request, Task, UserType
from tests.engines.scripted import Runtime

if TYPE_CHECKING:
    from tests.engines.conftest import Shard, Shards

SLOW = UserType(
    name="Slow",
    weight=1,
    tasks=[Task("t", 1, [Request(method="GET", url="/sleep/800", endpoint="GET /sleep/800", timeout_s=5.0)])],
)


def begun(both: Shards, count: int) -> list[Shard]:
    load = both.closed((2, 2, 30))
    started = [both.spawn(user_types=[SLOW], load=load, drain_s=3.0) for _ in range(count)]
    for shard in started:
        shard.wait_for_hello()
        shard.start()
    return started


def test_stop_and_the_first_signal_drain_and_the_second_signal_leaves_at_once(
    both: Shards, runtime: Runtime
) -> None:
    told, interrupted, impatient = begun(both, 3)
    impatient.sleep_until(1.2)
    told.say("stop")
    interrupted.process.send_signal(signal.SIGINT)
    impatient.process.send_signal(signal.SIGTERM)
    time.sleep(0.1)
    impatient.process.send_signal(signal.SIGTERM)
    asked = time.monotonic()
    said = impatient.result()
    assert said.ended - asked < 1.0
    under_way = sum(map(len, said.bye["unfinished"].values()))
    assert under_way == said.totals["started"] - said.totals["completed"] >= 1
    for shard in (told, interrupted):
        said = shard.result()
        assert said.ended - asked < 2.5
        assert runtime.engine.outcome(said.returncode or 0, "").kind == "stopped"
        assert not said.bye["unfinished"]
        assert said.totals["completed"] == said.ok("GET /sleep/800") >= 2


def test_a_shard_says_goodbye_and_leaves_when_loadctl_is_killed(both: Shards) -> None:
    """A kill -9 of the parent closes the pipe."""
    [shard] = begun(both, 1)
    assert shard.process.stdin is not None
    parent = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)"], pass_fds=[shard.process.stdin.fileno()]
    )
    shard.process.stdin.close()
    shard.process.stdin = None
    time.sleep(0.3)
    assert shard.process.poll() is None
    parent.kill()
    killed = time.monotonic()
    parent.wait()
    shard.process.wait(4)
    assert time.monotonic() - killed < 2.5
    said = shard.result()
    assert said.of("bye")


def test_a_shard_whose_loadctl_ends_before_the_plan_came_leaves(both: Shards, runtime: Runtime) -> None:
    command = both.spawn(user_types=[SLOW], load=both.closed((1, 1, 1))).process.args
    assert isinstance(command, list)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    assert process.wait(10) == -signal.SIGKILL


def test_what_was_recorded_outlives_a_kill(both: Shards) -> None:
    [shard] = begun(both, 1)
    shard.sleep_until(2.3)
    shard.process.kill()
    said = shard.result()
    assert not said.of("bye")
    assert [line["t"] for line in said.frames][:2] == [0, 1]


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="needs prlimit")
def test_a_disk_that_is_full_for_frames_and_last_words_alike_ends_the_load(both: Shards) -> None:
    """What cannot be recorded is not sent, also where the reason cannot be written."""
    [shard] = begun(both, 1)
    shard.sleep_until(1.2)
    resource.prlimit(shard.process.pid, resource.RLIMIT_FSIZE, (0, 0))
    assert shard.process.wait(5) == 1
