"""The log of a real container, through a restart: every line once."""

from __future__ import annotations

import threading
import time

from loadctl.monitors.containers.container import ContainerLog
from loadctl.monitors.logs.feed import StreamFeed
from tests.monitors.docker import Docker

COUNTS = 'i=0; while true; do echo "ERROR $i"; i=$((i+1)); sleep 0.05; done'


def numbers(feed: StreamFeed, until: int, timeout_s: float = 40) -> list[int]:
    """What comes, until the number has come (again)."""
    seen: list[int] = []
    deadline = time.monotonic() + timeout_s
    while until not in seen:
        assert time.monotonic() < deadline, seen[-20:]
        seen += [int(line.split()[1]) for line in feed.lines()]
        time.sleep(0.02)
    return seen


def test_no_line_is_lost_or_told_twice_by_a_restart(docker: Docker) -> None:
    name = docker.run("sh", "-c", f"trap 'exit 0' TERM; {COUNTS}")
    time.sleep(0.5)  # what it says before the watch is not told
    feed = StreamFeed(name, ContainerLog(docker.engine, name), retry_s=0.2)
    before = numbers(feed, 40)
    assert before[0] > 0
    docker("restart", "--time", "2", name)
    after = numbers(feed, 0)
    after += numbers(feed, max(after[after.index(0) :]) + 10)
    feed.close()
    seen = [*before, *after]
    again = seen.index(0)
    assert seen[:again] == list(range(seen[0], seen[0] + again))
    assert seen[again:] == list(range(len(seen) - again))


def test_closing_ends_the_thread_that_reads(docker: Docker) -> None:
    name = docker.run("sh", "-c", COUNTS)
    feed = StreamFeed(name, ContainerLog(docker.engine, name))
    numbers(feed, 5)
    feed.close()
    deadline = time.monotonic() + 20
    while any(thread.name == f"loadctl-log-{name}" for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
