"""Locust's page shows what a shard reports to it, as Locust would show its own workers."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).parent / "run_page.py"


def test_the_page_shows_what_a_shard_reports() -> None:
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
    said = subprocess.run(
        [sys.executable, str(RUN)],
        input=json.dumps({"times": times}),
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(said.stdout)
    assert set(found["shown"]) == {"GET /", "POST /predict", "total"}
    for name, shown in found["shown"].items():
        logged = found["logged"][name]
        for exact in ("requests", "failures", "min", "max", "mean"):
            assert shown[exact] == pytest.approx(logged[exact])
        for ours, theirs in zip(shown["percentiles"], logged["percentiles"], strict=True):
            # our buckets are 0.8 % wide, Locust's rounding has steps of up to 10 %
            assert abs(ours - theirs) <= max(1, 0.1 * theirs)
    failed = sum(failed for *_, failed in times)
    errors: dict[str, int] = {}
    for error, count in found["errors"]:
        errors[error] = errors.get(error, 0) + count
    assert errors == {"status_500": failed}
    assert found["kept"] == len(times), "what is reported stays in the script's environment.stats"
    assert found["exceptions"] == [["no stock", 40]]
    assert found["ratio"]["Shop"]["ratio"] == pytest.approx(2 / 3)
    assert found["ratio"]["Shop"]["tasks"] == {
        "Buy": {"ratio": 0.25, "tasks": {"choose": {"ratio": 0.5}, "pay": {"ratio": 0.5}}},
        "look": {"ratio": 0.75},
    }
    *states, stopping, stopped = found["states"]
    assert states == ["ready", "spawning", "running", "running"]
    assert stopping in {"spawning", "running"}, "in any other state a page asks no more"
    assert stopped == "stopped"
    assert found["orders"] == [
        {"kind": "start", "users": 3, "per_s": 2.0},
        {"kind": "users", "users": 4, "per_s": 1.0},
        {"kind": "stop"},
    ]
    assert (found["waiting"], found["workers"], found["verdict"]) == (1, 0, "PASS")
