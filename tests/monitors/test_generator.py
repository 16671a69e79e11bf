"""The load generator and its machine, watched."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time

import pytest

from loadctl.monitors.generator import GeneratorSource, HostSource, run_queue_wait_s
from loadctl.monitors.source import Observation
from loadctl.results.recording import Reading
from tests.monitors.conftest import Spawn


def by_entity(observations: list[Observation]) -> dict[str, Reading]:
    return {seen.entity: seen for seen in observations if isinstance(seen, Reading)}


@pytest.mark.quiet
def test_a_shard_that_fills_its_core_is_seen(spawn: Spawn) -> None:
    shard = spawn("""
        import resource
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
        files = [open("/dev/null") for _ in range(50)]
        print("ready", flush=True)
        while True: pass
    """)
    source = GeneratorSource()
    source.watch({3: shard.pid})
    source.sample(0)
    time.sleep(0.6)
    seen = by_entity(source.sample(1))[f"shard 3 pid {shard.pid}"]
    assert seen.subject == "generator"
    assert 10 < seen.values["cpu_pct_of_one_core"] < 115  # it shares two cores with everything else here
    assert 50 < seen.values["open_fds"] < 60
    assert seen.values["open_fds_limit"] == 256
    assert seen.values["memory_bytes"] > 1e6


def test_a_shard_that_ended_is_one_gap_and_then_silence(spawn: Spawn) -> None:
    shard = spawn("print('ready')")
    source = GeneratorSource()
    source.watch({0: shard.pid})
    shard.wait()
    entity = f"shard 0 pid {shard.pid}"
    assert by_entity(source.sample(0))[entity].gap == "the process has ended"
    assert entity not in by_entity(source.sample(1))


def test_loadctl_and_the_machine_are_watched_before_there_is_a_shard() -> None:
    source = GeneratorSource()
    source.sample(0)
    time.sleep(0.1)
    seen = by_entity(source.sample(1))
    assert set(seen) == {"machine", f"loadctl pid {os.getpid()}"}
    machine = seen["machine"].values
    assert 0 <= machine["cpu_idle_pct"] <= 100
    assert 0 <= machine["cpu_steal_pct"] <= 100
    assert machine["ephemeral_ports"] > 1000
    assert seen[f"loadctl pid {os.getpid()}"].values["memory_bytes"] > 1e6


def test_ports_in_use_grow_with_connections() -> None:
    source = GeneratorSource()
    before = by_entity(source.sample(0))["machine"].values["ephemeral_ports_used"]
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        clients = [socket.create_connection(server.getsockname()) for _ in range(40)]
        during = by_entity(source.sample(1))["machine"].values["ephemeral_ports_used"]
        for client in clients:
            client.close()
    assert during >= before + 35


def test_the_machine_is_read() -> None:
    source = HostSource()
    source.sample(0)
    deadline = time.monotonic() + 0.3
    while time.monotonic() < deadline:
        pass
    (seen,) = source.sample(1)
    assert isinstance(seen, Reading)
    assert seen.values["cpu_pct"] > 5
    assert seen.values["memory_available_bytes"] > 1e6
    assert seen.values["swap_used_bytes"] >= 0
    assert seen.values["load_1m"] >= 0


@pytest.mark.skipif(not os.path.exists("/proc/pressure/cpu"), reason="this kernel has no PSI")  # noqa: PTH110
def test_pressure_is_a_share_of_the_time() -> None:
    source = HostSource()
    source.sample(0)
    time.sleep(0.05)
    (seen,) = source.sample(1)
    assert isinstance(seen, Reading)
    assert 0 <= seen.values["cpu_pressure_pct"] <= 100


@pytest.mark.skipif(
    run_queue_wait_s(os.getpid()) is None, reason="this kernel does not count waiting for a core"
)
def test_a_process_that_is_kept_from_its_core_is_seen_to_wait() -> None:
    burn = "import os\nos.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\nwhile True: pass"
    rivals = [subprocess.Popen([sys.executable, "-c", burn]) for _ in range(2)]
    try:
        deadline = time.monotonic() + 10
        while (run_queue_wait_s(rivals[0].pid) or 0) < 0.2:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        for rival in rivals:
            rival.kill()
            rival.wait()
