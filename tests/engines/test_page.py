"""Locust's page: its statistics, fed once a second from our recorder, are those that Locust counts itself."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from loadctl.engines.locust import page
from loadctl.results.interval import Interval, Second

RUN = Path(__file__).parent / "run_page.py"


def test_statistics_fed_by_the_second_are_those_of_every_request() -> None:
    chance = random.Random(5)
    times = [
        (
            t,
            chance.choice(["GET /", "POST /predict"]),
            int(chance.lognormvariate(10, 1)),
            chance.random() < 0.05,
        )
        for t in range(20)
        for _ in range(100)
    ]
    seconds = {t: Second(t, users=5) for t in range(20)}
    for t, endpoint, us, failed in times:
        cell = seconds[t].cells.setdefault(endpoint, Interval())
        (cell.failed if failed else cell.ok).record(us)
        cell.errors["status_500"] += failed
        cell.bytes += 10
    messages = [page.began(1_700_000_000.25), *map(page.second_line, seconds.values())]
    said = subprocess.run(
        [sys.executable, str(RUN)],
        input=json.dumps({"times": times, "messages": messages}),
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(said.stdout)
    assert set(found["fed"]) == {"GET /", "POST /predict", "total"}
    for name, fed in found["fed"].items():
        logged = found["logged"][name]
        for exact in ("requests", "failures", "min", "max"):
            assert fed[exact] == pytest.approx(logged[exact])
        assert fed["mean"] == pytest.approx(logged["mean"])
        for ours, theirs in zip(fed["percentiles"], logged["percentiles"], strict=True):
            # our buckets are 0.8 % wide, Locust's rounding has steps of up to 10 %
            assert abs(ours - theirs) <= max(1, 0.1 * theirs)
    assert len(found["fed"]["total"]["per_second"]) == 20
    assert found["errors"] == {"status 500": sum(failed for *_, failed in times)}
    assert found["states"] == ["ready", "spawning", "running", "stopped"]
    assert found["orders"] == [
        {"order": "start", "users": 5, "per_s": 2.0},
        {"order": "users", "users": 7, "per_s": 1.0},
    ]
    assert found["classes"] == {"A": 3, "B": 2}


def test_torn_or_foreign_lines_are_no_orders() -> None:
    for line in (
        b"",
        b"{",
        b"[]",
        b"3",
        b'{"order": "start"}',
        b'{"order": "dance"}',
        b'{"order": "start", "users": "x"}',
    ):
        assert page.parse_order(line) is None
    assert page.parse_order(b'{"order": "users", "users": 3, "per_s": 0.5}') == page.PageOrder(
        "users", 3, 0.5
    )
