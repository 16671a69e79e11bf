"""Real process trees, watched. Times of samples are given: nothing here waits for a clock, only for CPU to be used."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from loadctl.monitors.process import port
from loadctl.monitors.process import stat as process_stat
from loadctl.monitors.process import usage as busiest
from loadctl.monitors.process import usage as memory_meter
from loadctl.monitors.process import usage as tree
from loadctl.monitors.process import usage as tree_use
from loadctl.monitors.process.port import FoundProcess, NotFound, Resolved, resolve
from loadctl.monitors.process.process import ProcessSource
from loadctl.monitors.process.stat import ProcessStat, children, read_stat
from loadctl.monitors.process.usage import Busiest, BusiestMeter, ProcessTree
from loadctl.results.recording import Event, Reading
from tests.monitors.conftest import Spawn

Until = Callable[[Callable[[], bool]], None]

SLEEPS = "import time; print('ready', flush=True); time.sleep(60)"
BURNS = """
    import time
    print("ready", flush=True)
    while True: pass
"""
SERVER = """
    import socket, sys, time
    server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
    print("ready", flush=True)
    time.sleep(60)
"""


def lost() -> Resolved:
    return NotFound("gone", "")


def watch(process: subprocess.Popen[str], find_again: Callable[[], Resolved] = lost) -> ProcessSource:
    return ProcessSource(FoundProcess(process.pid, "python"), find_again)


def reading(source: ProcessSource, t: float) -> Reading:
    (only,) = [seen for seen in source.sample(t) if isinstance(seen, Reading)]
    return only


def events(source: ProcessSource, t: float) -> list[Event]:
    return [seen for seen in source.sample(t) if isinstance(seen, Event)]


def test_a_process_that_fills_a_core_reads_one_core(spawn: Spawn) -> None:
    burning = spawn(BURNS)
    source = watch(burning)
    first = reading(source, 0)
    assert "cpu_cores" not in first.values
    assert first.notes["cpu"].startswith("first reading")
    before, began = read_stat(burning.pid), time.monotonic()
    time.sleep(0.8)
    second = reading(source, 1)
    after, ended = read_stat(burning.pid), time.monotonic()
    assert before is not None
    assert after is not None
    # It shares the machine with others: compare with what it got.
    expected = (after.cpu_s - before.cpu_s) / (ended - began)
    assert second.values["cpu_cores"] == pytest.approx(expected, rel=0.15)
    assert second.values["cpu_pct"] == pytest.approx(
        100 * second.values["cpu_cores"] / second.values["cores_available"], abs=0.1
    )
    assert second.values["busiest_pct_of_one_core"] == pytest.approx(
        min(100.0, 100 * second.values["cpu_cores"]), abs=2
    )
    assert second.notes["busiest"] == f"python pid {burning.pid}"
    assert second.notes["cpu_of"]


def test_children_that_live_between_two_looks_are_not_lost(
    spawn: Spawn, until: Until, tmp_path: Path
) -> None:
    """Three children of 0.2 s of CPU each: a sum over living processes reads nothing."""
    go, done = tmp_path / "go", tmp_path / "done"
    parent = spawn(
        """
        import pathlib, subprocess, sys, time
        print("ready", flush=True)
        while not pathlib.Path(sys.argv[1]).exists(): time.sleep(0.01)
        child = "import time\\nwhile time.process_time() < 0.2: pass"
        for _ in range(3): subprocess.run([sys.executable, "-S", "-c", child])
        pathlib.Path(sys.argv[2]).touch()
        time.sleep(60)
        """,
        go,
        done,
    )
    source = watch(parent)
    began = time.monotonic()
    reading(source, 0)
    go.touch()
    until(done.exists)
    seen = reading(source, 1)
    used_s = seen.values["cpu_cores"] * (time.monotonic() - began)
    assert 0.55 < used_s < 1.2
    assert seen.values["processes"] == 1


def test_memory_of_a_prefork_server_counts_shared_pages_once(spawn: Spawn) -> None:
    master = spawn("""
        import os, time
        heap = b"x" * 60_000_000
        for _ in range(3):
            if os.fork() == 0:
                time.sleep(60)
        print("ready", flush=True)
        time.sleep(60)
    """)
    seen = reading(watch(master), 0)
    assert seen.values["processes"] == 4
    assert seen.values["memory_rss_bytes"] > 220e6
    assert 55e6 < seen.values["memory_bytes"] < 110e6
    assert seen.notes["memory_kind"] == "PSS"


def test_memory_of_one_process_is_what_top_shows(spawn: Spawn) -> None:
    seen = reading(watch(spawn(SLEEPS)), 0)
    assert seen.values["memory_bytes"] == seen.values["memory_rss_bytes"] > 1e6
    assert seen.notes["memory_kind"] == "RSS"


def test_shared_memory_is_read_only_now_and_then_and_holds_until_then(spawn: Spawn) -> None:
    source = watch(
        spawn(f"import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', {SLEEPS!r}]).wait()")
    )
    first = reading(source, 0)
    at_once = reading(source, 1)
    assert first.values["memory_bytes"] == at_once.values["memory_bytes"]
    assert first.notes["memory_kind"] == at_once.notes["memory_kind"] == "PSS"


def test_without_permission_a_value_degrades_and_says_so() -> None:
    """As another user: CPU and RSS can be read of anyone, PSS only of one's own."""
    script = """
        import os, subprocess, sys
        from loadctl.monitors.process.stat import read_stat
        from loadctl.monitors.process.usage import TreeUse
        import psutil
        foreign = os.getppid() if os.getuid() == 0 else 1
        if os.getuid() == 0: os.setuid(65534)
        use = TreeUse(read_stat(foreign))
        stats = use.look()
        values, notes = use.measure(stats)
        print(len(stats) > 1, values["memory_bytes"] == values["memory_rss_bytes"], notes["memory_kind"])
    """
    other = subprocess.Popen([sys.executable, "-c", SLEEPS], stdout=subprocess.DEVNULL)
    try:
        said = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=True
        ).stdout
    finally:
        other.kill()
        other.wait()
    assert said.startswith("True True RSS (too high")


def test_a_zombie_is_dead(spawn: Spawn, until: Until) -> None:
    process = spawn(SLEEPS)
    source = watch(process)
    assert reading(source, 0).gap is None
    process.kill()
    until(lambda: (stat := read_stat(process.pid)) is None or stat.zombie)  # nobody has waited for it yet
    seen = source.sample(1)
    assert [type(item) for item in seen] == [Event, Reading]
    assert isinstance(seen[1], Reading)
    assert seen[1].gap == f"python pid {process.pid} is gone"
    assert not seen[1].values


def test_a_reused_pid_is_not_the_process() -> None:
    stat = read_stat(os.getpid())
    assert stat is not None
    earlier = ProcessStat(stat.pid, stat.started - 60, stat.name, stat.parent, 0.0, 0.0, 1, 0)
    found = ProcessTree(earlier).read()  # perhaps orphans of this session, but never this process
    assert stat.pid not in {member.pid for member in found.values()}


def test_a_restart_on_the_same_port_is_told_with_its_downtime(spawn: Spawn, free_port: int) -> None:
    first = spawn(SERVER, free_port)
    source = watch(first, lambda: resolve(f"http://127.0.0.1:{free_port}"))
    reading(source, 10)
    first.kill()
    first.wait()
    assert [event.kind for event in events(source, 11)] == ["service_down"]
    assert events(source, 12) == []
    second = spawn(SERVER, free_port)
    up, restarted = events(source, 13)
    assert (up.kind, restarted.kind) == ("service_up", "service_restarted")
    assert restarted.detail == {"pid": first.pid, "new_pid": second.pid, "name": "python", "downtime_s": 3.0}
    assert reading(source, 14).entity == f"python pid {second.pid}"
    assert source.close(15) == []


def test_a_restart_between_two_looks_is_told_too(spawn: Spawn, free_port: int) -> None:
    first = spawn(SERVER, free_port)
    source = watch(first, lambda: resolve(f"http://127.0.0.1:{free_port}"))
    reading(source, 10)
    first.kill()
    first.wait()
    spawn(SERVER, free_port)
    assert [event.kind for event in events(source, 11)] == ["service_restarted"]


def test_what_is_not_back_after_ten_seconds_has_crashed_once(spawn: Spawn) -> None:
    process = spawn(SLEEPS)
    source = watch(process)
    reading(source, 19.5)
    process.kill()
    process.wait()
    told = [event for t in range(20, 40) for event in events(source, t)]
    assert [(event.t, event.kind) for event in told] == [(20, "service_down"), (20, "service_crashed")]
    assert told[1].detail == {"pid": process.pid, "name": "python", "last_seen_s": 19.5}
    assert source.close(40) == []


def test_what_is_gone_at_the_end_has_crashed(spawn: Spawn) -> None:
    process = spawn(SLEEPS)
    source = watch(process)
    reading(source, 0)
    process.kill()
    process.wait()
    source.sample(1)
    (crashed,) = source.close(2)
    assert isinstance(crashed, Event)
    assert crashed.kind == "service_crashed"


def test_a_master_that_dies_under_its_workers_has_crashed(spawn: Spawn, free_port: int) -> None:
    master = spawn(
        """
        import os, socket, sys, time
        server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
        if os.fork() == 0: time.sleep(60)
        print("ready", flush=True)
        time.sleep(60)
        """,
        free_port,
    )
    source = watch(master, lambda: resolve(f"http://127.0.0.1:{free_port}"))
    (worker,) = children(master.pid)
    reading(source, 0)
    os.kill(master.pid, signal.SIGKILL)
    master.wait()
    (crashed,) = events(source, 1)
    assert crashed.kind == "service_crashed"
    assert (
        crashed.message
        == f"python pid {master.pid} ended; python pid {worker}, started by it, is still serving"
    )


def test_a_killed_worker_that_is_replaced_is_told(spawn: Spawn, until: Until) -> None:
    master = spawn("""
        import os, time
        def worker():
            if os.fork() == 0: time.sleep(60)
        worker(); worker()
        print("ready", flush=True)
        while True:
            os.wait()
            worker()
    """)
    source = watch(master)
    assert reading(source, 0).values["processes"] == 3
    victim, other = sorted(children(master.pid))
    os.kill(victim, signal.SIGKILL)
    until(lambda: len(set(children(master.pid)) - {victim}) == 2)
    ended, told = events(source, 1)
    (new,) = set(children(master.pid)) - {other}
    assert (ended.kind, ended.detail) == ("worker_ended", {"pid": victim, "left": 2})
    assert told.kind == "worker_restarted"
    assert told.detail == {"pid": victim, "new_pid": new, "total": 1}


def test_an_orphan_of_the_same_session_still_belongs_to_the_system(spawn: Spawn, until: Until) -> None:
    root = spawn("""
        import os, time
        if os.fork() == 0:
            if os.fork() == 0: time.sleep(60)
            os._exit(0)
        os.wait()
        print("ready", flush=True)
        time.sleep(60)
    """)
    until(lambda: children(root.pid) == [])
    assert reading(watch(root), 0).values["processes"] == 2


def test_a_member_whose_parent_dies_stays_a_member(spawn: Spawn, until: Until) -> None:
    """In a session of its own, so that only the memory of the tree can know it."""
    root = spawn("""
        import os, time
        if os.fork() == 0:
            if os.fork() == 0:
                os.setsid()
                time.sleep(60)
            time.sleep(60)
        time.sleep(0.2)
        print("ready", flush=True)
        os.wait()
        time.sleep(60)
    """)
    source = watch(root)
    assert reading(source, 0).values["processes"] == 3
    (middle,) = children(root.pid)
    (orphan,) = children(middle)
    try:
        os.kill(middle, signal.SIGKILL)
        until(lambda: read_stat(middle) is None)
        assert reading(source, 1).values["processes"] == 2
    finally:
        os.kill(orphan, signal.SIGKILL)


def test_loadctl_is_never_part_of_the_system() -> None:
    """A system that starts loadctl (a CI agent, say) must not be charged for it."""
    parent = read_stat(os.getppid())
    assert parent is not None
    assert os.getpid() not in {pid for pid, _ in ProcessTree(parent).read()}


def test_a_process_beyond_one_core_is_told_by_its_busiest_thread(spawn: Spawn, until: Until) -> None:
    process = spawn("""
        import hashlib, threading
        def burn():
            while True: hashlib.pbkdf2_hmac("sha256", b"x", b"y", 20_000)  # works without the interpreter's lock
        for _ in range(2): threading.Thread(target=burn).start()
        print("ready", flush=True)
    """)
    stat = read_stat(process.pid)
    assert stat is not None
    meter = BusiestMeter()
    assert meter.update([(stat, 190.0)]) is None
    found: list[Busiest] = []

    def said() -> bool:
        found.extend(seen for seen in [meter.update([(stat, 190.0)])] if seen is not None)
        return bool(found)

    until(said)
    seen = found[0]
    assert seen.who.startswith("thread ")
    assert seen.who.endswith(f" of python pid {process.pid}")
    assert 0 <= seen.pct_of_one_core <= 100


def test_the_name_of_a_process_never_holds_its_arguments(spawn: Spawn) -> None:
    process = spawn(SLEEPS, "--password", "hunter2")
    seen = repr(watch(process).sample(0))
    assert "hunter2" not in seen


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A platform without /proc: everything comes from psutil."""
    for module in (busiest, memory_meter, port, process_stat, tree, tree_use):
        monkeypatch.setattr(module, "LINUX", False, raising=False)
    monkeypatch.setattr(process_stat, "_children_files", lambda: False)


@pytest.mark.usefixtures("elsewhere")
def test_without_proc_the_same_values_come_from_psutil(spawn: Spawn, free_port: int) -> None:
    master = spawn(
        """
        import os, socket, sys, time
        server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
        for _ in range(2):
            if os.fork() == 0: time.sleep(60)
        print("ready", flush=True)
        while True: pass
        """,
        free_port,
    )
    found = resolve(f"http://127.0.0.1:{free_port}")
    assert isinstance(found, FoundProcess)
    assert found.pid == master.pid
    source = ProcessSource(found, lost)
    reading(source, 0)
    time.sleep(0.3)
    seen = reading(source, 1)
    assert seen.values["processes"] == 3
    assert seen.values["cpu_cores"] > 0.2
    assert seen.values["open_fds"] > 3
    assert seen.values["memory_rss_bytes"] > 3e6
    assert reading(ProcessSource(found, lost), 0).notes["memory_kind"] == "USS"
