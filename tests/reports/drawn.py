"""Charts and provenance by hand, for the tests of the HTML report: they go with the results of sample.py."""

from __future__ import annotations

import math
from collections import Counter
from itertools import groupby, pairwise

from loadctl.results.charts import Charts, charts
from loadctl.results.histogram import Histogram, Packed
from loadctl.results.interval import Interval, SecondTotal
from loadctl.results.recording import Event, Latencies, Reading, Recording, Shard, Span
from loadctl.results.result import Provenance, Window
from loadctl.results.wire.line import tally_of
from loadctl.scenario.load import Load, Stage
from tests.records import replace
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


SCORED = Window(120, 600)


def drawn(made_of: Recording | None = None, window: Window = SCORED) -> Charts:
    return charts(LOAD, recorded() if made_of is None else made_of, window, 600.0)


EVENTS = (Event(260.0, "service_restarted", "uvicorn was started again", {}),)


def endurance(*cuts: int, hours: int = 4, endpoints: int = 20, per_s: int = 50) -> Recording:
    """Hours at `endpoints` × `per_s` requests a second, of twenty kinds of seconds; more would take long to make.

    `cuts`: seconds at which stages begin.
    """
    kinds = [
        {
            f"GET /service/{k}/items/{{id}}": interval(
                [3 * (1 + k / 4) * (1 + 0.15 * wave) + (i * i % 97) / 12 for i in range(per_s)]
            )
            for k in range(endpoints)
        }
        for wave in range(20)
    ]
    moments = [SecondTotal.of(second(0, kind, users=500)) for kind in kinds]
    waves = [int(9 + 9 * math.sin(t / 900)) + (t % 601 == 0) for t in range(hours * 3600)]
    spans = []
    for start, end in pairwise((0, *cuts, len(waves))):
        spans.append(Span(start, end - 1))
        for wave, count in Counter(waves[start:end]).items():
            spans[-1].add(start, start, {name: _times(cell, count) for name, cell in kinds[wave].items()})
    system = [
        Reading(
            float(t),
            "system",
            "process",
            "uvicorn pid 7",
            {
                "cpu_pct": 50 + 12 * math.sin(t / 900),
                "busiest_pct_of_one_core": 80.0,
                "memory_bytes": 4e8 + 2e4 * t,
            },
        )
        for t in range(1, len(waves) + 1)
    ]
    shards = [Shard(0, hello=True, bye=True, last_t=len(waves) - 1)]
    seconds = [replace(moments[wave], t=t) for t, wave in enumerate(waves)]
    latencies = []
    for _, together in groupby(range(len(waves)), key=tally_of):
        some = list(together)
        cells = kinds[waves[some[0]]]
        ok = {name: Packed.of(_times(cell, len(some)).ok) for name, cell in cells.items()}
        latencies.append(Latencies(some[0], some[-1], ok))
    return Recording(seconds, spans, shards, system, latencies=latencies)


def _times(cell: Interval, count: int) -> Interval:
    ok = cell.ok
    buckets = {bucket: n * count for bucket, n in ok.buckets.items()}
    return Interval(ok=Histogram(buckets, ok.count * count, ok.sum_us * count, ok.min_us, ok.max_us))
