"""Memory that grows on purpose: how much is held when, and that a real process really holds it."""

from __future__ import annotations

import re
import subprocess
import sys
import time

import psutil
import pytest

from loadctl.demo.fault import parse_fault
from loadctl.demo.treatment import held_bytes


@pytest.mark.parametrize(
    ("fault", "held"),
    [
        ("leak=60MB/m", {0: 0, 10: 10e6, 60: 60e6}),
        ("leak=60MB/m@5s", {4: 0, 10: 5e6}),
        ("leak=60MB/m@5s+10s", {4: 0, 10: 5e6, 15: 10e6, 60: 10e6}),
        ("sawtooth=50MB/20s", {0: 0, 10: 25e6, 19: 47.5e6, 20: 0, 30: 25e6}),
        ("cpu=5ms", {30: 0}),
    ],
)
def test_how_much_is_held(fault: str, held: dict[float, float]) -> None:
    assert {t: held_bytes([parse_fault(fault)], t) for t in held} == {
        t: int(size) for t, size in held.items()
    }


def test_a_leak_is_resident_memory() -> None:
    argv = [
        sys.executable,
        "-m",
        "loadctl.demo",
        "--port",
        "0",
        "--fault",
        "leak=20MB/s",
        "--exit-with-parent",
    ]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as popen:
        assert popen.stdout is not None
        assert re.search("loadctl demo on", popen.stdout.readline())
        process = psutil.Process(popen.pid)
        before, began = process.memory_info().rss, time.monotonic()
        while process.memory_info().rss < before + 40e6:
            assert time.monotonic() - began < 20
            time.sleep(0.1)
        assert time.monotonic() - began > 1
        popen.kill()
