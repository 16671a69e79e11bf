"""Which sources a scenario gets, and what the output says about them."""

from __future__ import annotations

import time

import pytest

from loadctl.errors import UsageError
from loadctl.monitors.plan import sources_for
from loadctl.monitors.sampler import Sampler
from loadctl.results.recording import Reading
from loadctl.scenario.load import Load, Stage
from loadctl.scenario.scenario import Scenario
from loadctl.scenario.watch import Watch
from tests.monitors.conftest import Spawn
from tests.records import replace

SERVER = """
    import socket, sys, time
    server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
    print("ready", flush=True)
    time.sleep(60)
"""
REMOTE = Scenario(name="api", host="http://192.0.2.1:8080", load=Load("closed", [Stage(1, 1, 10, "all")]))


def kinds(scenario: Scenario) -> list[str]:
    return [source.name.split()[0] for source in sources_for(scenario).sources]


def test_the_process_behind_the_port_is_watched_with_machine_and_generator(
    spawn: Spawn, free_port: int
) -> None:
    server = spawn(SERVER, free_port)
    local = replace(REMOTE, host=f"http://localhost:{free_port}")
    plan = sources_for(local)
    assert plan.system.sources
    assert plan.system.watched == f"watching python (pid {server.pid})"
    assert kinds(local) == ["process", "host", "generator"]


def test_of_another_machine_only_the_generator_is_watched() -> None:
    plan = sources_for(REMOTE)
    assert not plan.system.sources
    assert (
        plan.system.watched == "nothing: 192.0.2.1 is not this machine; cpu and memory cannot be read there"
    )
    assert kinds(REMOTE) == ["generator"]


def test_a_pid_is_watched_wherever_the_host_is(spawn: Spawn) -> None:
    process = spawn("import time; print('ready', flush=True); time.sleep(60)")
    plan = sources_for(replace(REMOTE, watch=Watch(pid=process.pid)))
    assert plan.system.watched == f"watching python (pid {process.pid})"


def test_a_port_that_nobody_serves_is_told(free_port: int) -> None:
    plan = sources_for(replace(REMOTE, host=f"http://localhost:{free_port}"))
    assert plan.system.watched.startswith(
        f"nothing: no process of this machine listens on port {free_port}; "
    )


def test_all_monitors_together_cost_under_two_percent_of_a_core(spawn: Spawn, free_port: int) -> None:
    """CPU of this thread for one round of all sources over a tree of five, as each second of a run costs."""
    master = spawn(
        """
        import os, socket, sys, time
        server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
        heap = b"x" * 20_000_000
        for _ in range(4):
            if os.fork() == 0: time.sleep(60)
        print("ready", flush=True)
        time.sleep(60)
        """,
        free_port,
    )
    plan = sources_for(replace(REMOTE, host=f"http://localhost:{free_port}"))
    plan.generator.watch({0: master.pid})
    for source in plan.sources:
        source.sample(0)
    began = time.thread_time()
    for t in range(50):
        for source in plan.sources:
            source.sample(t)
    assert (time.thread_time() - began) / 50 < 0.02


def test_a_second_of_a_run_has_readings_of_everyone(spawn: Spawn, free_port: int) -> None:
    spawn(SERVER, free_port)
    plan = sources_for(replace(REMOTE, host=f"http://localhost:{free_port}"))
    sampler = Sampler(plan.sources)
    sampler.start(time.monotonic() + 0.1)
    time.sleep(1.3)
    sampler.stop()
    readings = [seen for seen in sampler.drain() if isinstance(seen, Reading)]
    assert {seen.subject for seen in readings} == {"system", "host", "generator"}
    system = next(seen for seen in readings if seen.subject == "system")
    assert {"cpu_pct", "cpu_cores", "memory_bytes", "open_fds", "busiest_pct_of_one_core"} <= set(
        system.values
    )
    assert 1.0 <= system.t < 1.5


@pytest.mark.parametrize("watch", [Watch(pid=4_000_000), Watch(process="no-such-process")])
def test_a_process_that_somebody_named_must_be_there(watch: Watch) -> None:
    with pytest.raises(UsageError, match=r"nothing was sent") as raised:
        sources_for(replace(REMOTE, watch=watch))
    assert raised.value.hint
