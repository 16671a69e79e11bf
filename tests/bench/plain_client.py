"""The plainest client there is (bare sockets, a schedule, a thread a process): what the machine lets anybody measure.

A percentile that loadctl reports holds the server's own time, two ways through the kernel, and two processes that wake
from sleep; on a machine with neighbours the last alone can cost more than a millisecond. Run beside loadctl against the
same service, this client tells that part from loadctl's own.
"""

from __future__ import annotations

import json
import math
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

WARM = 200
"""Requests before the schedule, which are not measured."""


@dataclass(frozen=True)
class Due:
    """One request and its connection; `from_due`: its latency counts from that moment (open model)."""

    at_s: float
    connection: int
    from_due: bool


def closed(users: int, pace_s: float, seconds: float) -> list[Due]:
    """Users on their own time grids, spread over the pace."""
    spread = [user * 0.6180339887498949 % 1.0 for user in range(users)]
    turns = int(seconds / pace_s)
    return sorted(
        (
            Due((turn + spread[user]) * pace_s, user, from_due=False)
            for user in range(users)
            for turn in range(turns)
        ),
        key=lambda due: due.at_s,
    )


def opened(rate_per_s: float, seconds: float, connections: int) -> list[Due]:
    """Arrivals in turn over enough connections that one is always idle."""
    return [Due(n / rate_per_s, n % connections, from_due=True) for n in range(int(rate_per_s * seconds))]


def share(schedule: Sequence[Due], index: int, processes: int) -> list[Due]:
    """What one of several processes sends: every so many-th connection, numbered anew."""
    return [
        replace(due, connection=due.connection // processes)
        for due in schedule
        if due.connection % processes == index
    ]


def off_ms(
    folder: Path, service: str, schedule: Sequence[Due], processes: int
) -> Mapping[str, tuple[float, float]]:
    """By percentile: the service's own figure in ms, and how far this client's was from it; in as many processes."""
    truth_file = folder / "plain-truth.json"
    demo = subprocess.Popen(
        [
            *(sys.executable, "-m", "loadctl", "demo", "--port", "0"),
            *("--service", service, "--truth", str(truth_file)),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    with demo:
        assert demo.stdout is not None
        try:
            port = int(demo.stdout.readline().rpartition(":")[2])
            with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
                parts = [share(schedule, i, processes) for i in range(processes)]
                found = sorted(ms for part in pool.map(measure, [port] * processes, parts) for ms in part)
        finally:
            demo.send_signal(signal.SIGTERM)
    truth = json.loads(truth_file.read_text())["by_endpoint"]["GET /models"]["latency_ms"]
    return {
        name: (truth[name], abs(found[math.ceil(round(q * len(found), 6)) - 1] * 1000 - truth[name]))
        for name, q in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
    }


def measure(port: int, schedule: Sequence[Due]) -> list[float]:
    """Latencies in seconds, each to the last byte of the body."""
    sockets = [socket.create_connection(("127.0.0.1", port)) for _ in {due.connection for due in schedule}]
    for one in sockets:
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    _take_turns(
        sockets, _request("/health", port), [Due(n / 1000, n % len(sockets), False) for n in range(WARM)]
    )
    latencies = _take_turns(sockets, _request("/models", port), schedule)
    for one in sockets:
        one.close()
    return latencies


def _request(path: str, port: int) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()


def _take_turns(sockets: Sequence[socket.socket], request: bytes, schedule: Sequence[Due]) -> list[float]:
    latencies: list[float] = []
    began: dict[socket.socket, float] = {}
    came: dict[socket.socket, bytes] = {}
    waiting = deque(schedule)
    t0 = time.monotonic() + 0.1
    while waiting or began:
        pause = max(0.0, t0 + waiting[0].at_s - time.monotonic()) if waiting else 5.0
        ready, _, _ = select.select(list(began), [], [], pause)  # its timeouts have microseconds
        for one in ready:
            came[one] += one.recv(65536)
            if _whole(came[one]):
                latencies.append(time.monotonic() - began.pop(one))
        while (
            waiting
            and t0 + waiting[0].at_s <= time.monotonic()
            and sockets[waiting[0].connection] not in began
        ):
            due = waiting.popleft()
            one = sockets[due.connection]
            began[one] = t0 + due.at_s if due.from_due else time.monotonic()
            came[one] = b""
            one.send(request)
    return latencies


def _whole(answer: bytes) -> bool:
    head, end, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
    return bool(end) and length is not None and len(body) >= int(length[1])
