"""One process at one moment."""

from __future__ import annotations

import os
import sys

import psutil
import pytest

from loadctl.monitors.process.stat import children, open_fds, parse_stat, read_stat, stat_by_psutil
from tests.monitors.conftest import Spawn


def line(name: str, state: str, threads: int = 1) -> bytes:
    fields = f"{state} 10 20 30 0 -1 0 1 2 3 4 150 50 300 100 20 0 {threads} 0 4200 1000000 25 0 0"
    return f"77 ({name}) {fields}\n".encode()


def test_the_line_of_proc_is_read() -> None:
    stat = parse_stat(line("uvicorn", "S", threads=4))
    tick, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    assert (stat.pid, stat.name, stat.parent, stat.threads) == (77, "uvicorn", 10, 4)
    assert (stat.own_cpu_s, stat.children_cpu_s) == (200 / tick, 400 / tick)
    assert (stat.started, stat.rss_bytes) == (4200 / tick, 25 * page)


@pytest.mark.parametrize("name", ["a b", "(sd-pam)", "x) S 1 (y", "é"])
def test_a_name_may_hold_anything(name: str) -> None:
    assert parse_stat(line(name, "R")).name == name


@pytest.mark.parametrize(("state", "threads", "zombie"), [("Z", 1, True), ("S", 1, False), ("Z", 3, False)])
def test_a_process_is_a_zombie_when_its_last_thread_ended(state: str, threads: int, zombie: bool) -> None:
    assert parse_stat(line("x", state, threads)).zombie is zombie


def test_proc_and_psutil_tell_the_same() -> None:
    here, there = read_stat(os.getpid()), stat_by_psutil(os.getpid())
    assert here is not None
    assert there is not None
    assert (here.pid, here.parent, here.threads) == (there.pid, there.parent, there.threads)
    assert there.name.startswith(here.name)
    assert here.cpu_s == pytest.approx(there.cpu_s, abs=0.05)
    assert here.rss_bytes == pytest.approx(there.rss_bytes, rel=0.1)


def test_nobody_has_a_pid_that_is_not_given() -> None:
    assert read_stat(2**22 + 1) is None
    assert stat_by_psutil(2**22 + 1) is None
    assert children(2**22 + 1) == []
    assert open_fds(2**22 + 1) == 0


def test_children_are_found_below_any_thread(spawn: Spawn) -> None:
    parent = spawn("""
        import subprocess, threading, time, sys
        def start(): subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        for _ in range(2):
            thread = threading.Thread(target=lambda: (start(), time.sleep(60)), daemon=True)
            thread.start()
        time.sleep(0.3)
        print("ready", flush=True)
        time.sleep(60)
    """)
    assert sorted(children(parent.pid)) == sorted(c.pid for c in psutil.Process(parent.pid).children())
    assert len(children(parent.pid)) == 2


def test_open_descriptors_are_counted() -> None:
    before = open_fds(os.getpid())
    with open(sys.executable, "rb"), open(sys.executable, "rb"):  # noqa: PTH123
        assert open_fds(os.getpid()) == before + 2
