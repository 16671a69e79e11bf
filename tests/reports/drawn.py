"""Charts and provenance by hand, for the tests of the HTML report: they go with the results of sample.py."""

from __future__ import annotations

import math

from loadctl.results.charts import Charts, charts
from loadctl.results.provenance import Provenance
from loadctl.results.recording import Event, Reading, Recording
from loadctl.scenario.load import Load, Stage
from tests.results.recorded import interval, recording, second

LOAD = Load("closed", [Stage(50, 50, 120, "warm-up", warmup=True), Stage(50, 50, 480, "50 users")])
PROVENANCE = Provenance(
    run_id="20261123T082000Z-baseline-locust-91c0",
    command=("loadctl", "run", "baseline"),
    scenario="load:\n  model: closed\n",
    facts=(("git revision", "0123456789ab-dirty"), ("platform", "Linux 6.1")),
)


def recorded(length: int = 600, endpoints: tuple[str, ...] = ("POST /predict", "GET /models")) -> Recording:
    """Latencies that swing, a few failures, a system that is watched but for a while."""
    seconds = [
        second(
            t,
            {
                name: interval(
                    [20 + 10 * k + 15 * math.sin(t / 30) + i % 7 for i in range(25)],
                    errors={"status_503": 1} if t % 50 == 0 else None,
                )
                for k, name in enumerate(endpoints)
            },
            users=50,
        )
        for t in range(length)
    ]
    system = [
        Reading(
            float(t),
            "system",
            "process",
            "uvicorn pid 7",
            {"cpu_pct": 40 + t % 20, "busiest_pct_of_one_core": 80.0, "memory_bytes": 3e8 + 1e5 * t},
        )
        for t in range(1, length + 1)
        if not 200 < t < 260
    ]
    shard = [
        Reading(float(t), "generator", "process", "shard 0", {"cpu_pct_of_one_core": 20.0 + t % 3})
        for t in range(1, length + 1)
    ]
    page = [
        Reading(float(t), "system", "metrics", "/metrics", {"queue_depth": float(t % 9)})
        for t in range(1, length, 5)
    ]
    logs = [
        Reading(float(t), "system", "logs", "api.log", {"log_errors": float(t % 60 == 0)})
        for t in range(1, length)
    ]
    return recording(seconds, readings=[*system, *shard, *page, *logs])


def drawn(made_of: Recording | None = None, window: tuple[float, float] = (120.0, 600.0)) -> Charts:
    return charts(LOAD, recorded() if made_of is None else made_of, window, 600.0)


EVENTS = (Event(260.0, "service_restarted", "uvicorn was started again", {}),)


def endurance(hours: int = 4, endpoints: int = 20, per_s: int = 50) -> Recording:
    """Hours at `endpoints` × `per_s` requests a second. The seconds share their cells."""
    names = [f"GET /service/{k}/items/{{id}}" for k in range(endpoints)]
    cells = [
        [
            interval([3 * (1 + k / 4) * (1 + 0.15 * wave) + (i * i % 97) / 12 for i in range(per_s)])
            for wave in range(20)
        ]
        for k in range(endpoints)
    ]
    length = hours * 3600
    seconds = [
        second(
            t,
            {
                name: cells[k][int(9 + 9 * math.sin(t / 900 + k)) + (t % 601 == 0)]
                for k, name in enumerate(names)
            },
            users=500,
        )
        for t in range(length)
    ]
    values = {"cpu_pct": 50.0, "busiest_pct_of_one_core": 80.0}
    system = [
        Reading(
            float(t),
            "system",
            "process",
            "uvicorn pid 7",
            {**values, "cpu_pct": 50 + 12 * math.sin(t / 900), "memory_bytes": 4e8 + 2e4 * t},
        )
        for t in range(1, length + 1)
    ]
    return recording(seconds, readings=system)
