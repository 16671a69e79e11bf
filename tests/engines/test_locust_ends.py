"""How a shard ends: told to, interrupted, or because loadctl is gone. Nothing lost, nobody orphaned."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from loadctl.engines.locust.engine import LocustEngine

if TYPE_CHECKING:
    from tests.engines.conftest import Shards

BOTH = """
class Fast(FastHttpUser):
    wait_time = constant(0.05)
    @task
    def one(self):
        self.client.get("/sleep/20?page=1")
class Plain(HttpUser):
    wait_time = constant(0.05)
    @task
    def one(self):
        self.client.post("/sleep/30", json={"a": 1}, name="/sleep/[ms]")
"""
BURNS = """
import sys, time
class Burner(User):
    @task
    def burn(self):
        print("burning", file=sys.stderr, flush=True)
        end = time.perf_counter() + 30
        while time.perf_counter() < end:
            sum(range(1000))
"""


def test_stop_on_standard_input_and_the_first_signal_drain_and_the_second_signal_leaves_at_once(
    shards: Shards,
) -> None:
    text = """
class Slow(FastHttpUser):
    @task
    def a(self): self.client.get("/sleep/800")
"""
    load = shards.closed((2, 2, 30))
    started = [shards.spawn(script=shards.locustfile(text), load=load, drain_s=3.0) for _ in range(3)]
    for shard in started:
        shard.wait_for_hello()
        shard.start()
    told, interrupted, impatient = started
    impatient.sleep_until(1.2)
    told.say("stop")
    interrupted.process.send_signal(signal.SIGINT)
    impatient.process.send_signal(signal.SIGTERM)
    time.sleep(0.1)
    impatient.process.send_signal(signal.SIGTERM)
    asked = time.monotonic()
    said = impatient.result()
    assert said.ended - asked < 0.5
    assert sum(map(len, said.bye["unfinished"].values())) == 2
    for shard in (told, interrupted):
        said = shard.result()
        assert said.ended - asked < 2
        assert said.returncode == 10
        assert not said.bye["unfinished"]
        assert said.totals["completed"] == said.ok("GET /sleep/800") >= 2
    assert LocustEngine().outcome(10, "").kind == "stopped"


def test_a_shard_leaves_when_loadctl_is_killed_even_while_a_user_burns_cpu(
    shards: Shards, tmp_path: Path
) -> None:
    """A kill -9 of the parent closes the pipe; a native thread sees it though the hub is blocked."""
    busy = shards.begin(script=shards.locustfile(BURNS), load=shards.closed((1, 1, 30)))
    idle = shards.begin(script=shards.locustfile(BOTH), load=shards.closed((2, 2, 30)))
    while "burning" not in busy.stderr.read_text():
        time.sleep(0.02)
    # The shards' pipes go to a parent of their own, which is then killed.
    script = "import sys, time; time.sleep(60)"
    pipes = [shard.process.stdin.fileno() for shard in (busy, idle) if shard.process.stdin]
    parent = subprocess.Popen([sys.executable, "-c", script], pass_fds=pipes)
    for shard in (busy, idle):
        assert shard.process.stdin is not None
        shard.process.stdin.close()
        shard.process.stdin = None
    time.sleep(0.3)
    assert busy.process.poll() is None
    parent.kill()
    killed = time.monotonic()
    parent.wait()
    for shard in (busy, idle):
        shard.process.wait(3)
    assert time.monotonic() - killed < 2.2
    said = idle.result()
    assert said.of("bye"), "the one that could says goodbye"


def test_what_the_script_started_ends_with_it_when_loadctl_is_gone(shards: Shards, tmp_path: Path) -> None:
    text = """
import subprocess, sys, os
from pathlib import Path
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
(Path(__file__).parent / "child").write_text(str(child.pid))
class Idle(User):
    wait_time = constant(1)
    @task
    def a(self): pass
"""
    script = shards.locustfile(text)
    shard = shards.begin(script=script, load=shards.closed((1, 1, 30)))
    child = psutil.Process(int((Path(script.path).parent / "child").read_text()))
    assert shard.process.stdin is not None
    shard.process.stdin.close()
    shard.process.wait(3)
    _, alive = psutil.wait_procs([child], timeout=1)
    assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]
