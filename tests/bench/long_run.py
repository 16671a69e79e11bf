"""A long run without waiting for it: frames as recorders write them, replayed at speed through loadctl's own merger and
ledger into a real run directory. Only the clock and the engines are left out.
"""

from __future__ import annotations

import gc
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from loadctl.results.histogram import bucket_of
from loadctl.results.live import Progress, StopWatch, Vitals
from loadctl.results.recording import Event, Reading
from loadctl.run.directory import Ledger, Observer, RunDirectory
from loadctl.run.machine import this_machine
from loadctl.run.manifest import Manifest, scenario_hash
from loadctl.run.merge import Merger
from loadctl.run.store import pack
from loadctl.scenario.scenario import Scenario
from tests.results.recorded import load, scenario, target, user_type

POOL = 300
"""Different frames of a shard; a run takes them at random. gzip looks back no further than three of them."""
RAMP_S = 60


@dataclass(frozen=True, kw_only=True)
class LongRun:
    """How long and how much; requests a second are those of all shards together."""

    seconds: int
    shards: int = 4
    endpoints: int = 20
    per_s: int = 1000
    seed: int = 7

    @property
    def names(self) -> list[str]:
        return [f"GET /api/v1/things/{k}/items/{{id}}" for k in range(self.endpoints)]

    @property
    def scenario(self) -> Scenario:
        planned = load(f"0..100 {RAMP_S} ramp warmup", f"100 {self.seconds - RAMP_S} hold")
        targets = (
            target("latency_p95", 500, 100),
            target("latency_p99", 900, 200),
            target("error_rate", 1, 0.1),
            target("latency_p95", 500, 100, endpoint=self.names[0]),
        )
        return scenario(planned, targets, user_types=[user_type(*self.names)])


@dataclass
class Replayed:
    run: RunDirectory
    rss_bytes: list[int] = field(default_factory=list)
    """Of this process, once a simulated minute."""
    cpu_s: float = 0.0
    """Of merging and writing, without the making of frames."""


def histogram(latencies_us: Sequence[int]) -> dict[str, object]:
    """As a recorder writes it."""
    return {
        "n": len(latencies_us),
        "sum_us": sum(latencies_us),
        "min_us": min(latencies_us),
        "max_us": max(latencies_us),
        "h": {str(bucket): count for bucket, count in Counter(map(bucket_of, latencies_us)).items()},
    }


def cell(chance: random.Random, count: int, middle_us: float) -> dict[str, object]:
    """One request in a thousand fails."""
    latencies = [int(middle_us * chance.lognormvariate(0, 0.5)) for _ in range(count)]
    made: dict[str, object] = {
        "ok": histogram(latencies),
        "ttfb": histogram([us * 9 // 10 for us in latencies]),
        "bytes": 200 * count,
        "in_flight": chance.randrange(3),
    }
    if chance.random() < count / 1000:
        made["failed"] = histogram([30_000])
        made["errors"] = {"status_503": 1}
    return made


def bodies(plan: LongRun, shard: int) -> list[bytes]:
    """Frames without their kind and time."""
    chance = random.Random(f"{plan.seed} {shard}")
    each = plan.per_s / plan.shards / plan.endpoints
    made = []
    for _ in range(POOL):
        cells = {
            name: cell(chance, max(1, round(chance.gauss(each, each**0.5))), 8000 * (1 + k / 10))
            for k, name in enumerate(plan.names)
        }
        turns = plan.per_s // plan.shards
        frame = {
            "users": 100 // plan.shards,
            "leaving": 0,
            "lag_ms": [round(chance.expovariate(1.0), 2) for _ in range(10)],
            "late": None,
            "planned": 0,
            "begun": 0,
            "dropped": 0,
            "turns": turns,
            "faults": 0,
            "cells": cells,
        }
        made.append(json.dumps(frame, separators=(",", ":"))[1:].encode())
    return made


def readings(t: int, chance: random.Random, shards: int) -> list[Reading]:
    """Of one second, as the monitors give them: the system, its machine, each engine process, loadctl itself."""
    at = t + 1.0
    memory = {"memory_kind": "PSS"}
    made = [
        Reading(
            at,
            "system",
            "process",
            "uvicorn pid 4312 and 4 children",
            {
                "processes": 5,
                "threads": 12,
                "memory_rss_bytes": 300_000_000 + chance.randrange(1_000_000),
                "cpu_cores": round(chance.uniform(1, 2), 2),
                "cpu_pct": round(chance.uniform(25, 50), 2),
                "cores_available": 4.0,
                "busiest_pct_of_one_core": round(chance.uniform(40, 60), 1),
                "memory_bytes": 300_000_000 + chance.randrange(1_000_000),
                "open_fds": 60 + chance.randrange(9),
            },
            {"cpu_of": "4 cores", "busiest": "uvicorn pid 4313", **memory},
        ),
        Reading(
            at,
            "host",
            "host",
            "this machine",
            {
                "cpu_pct": round(chance.uniform(30, 60), 2),
                "load_1m": round(chance.uniform(1, 3), 2),
                "memory_available_bytes": 24_000_000_000 + chance.randrange(10_000_000),
                "swap_used_bytes": 0,
                "memory_pct": round(chance.uniform(20, 21), 2),
                "disk_read_bytes_per_s": round(chance.uniform(0, 9000), 1),
                "disk_write_bytes_per_s": round(chance.uniform(0, 90_000), 1),
                "network_rx_bytes_per_s": round(chance.uniform(0, 9000), 1),
                "network_tx_bytes_per_s": round(chance.uniform(0, 9000), 1),
                "loopback_bytes_per_s": round(chance.uniform(500_000, 600_000), 1),
                "open_files": 800 + chance.randrange(50),
                "open_files_limit": 2_466_174,
                "cpu_pressure_pct": round(chance.uniform(0, 5), 2),
                "memory_pressure_pct": 0.0,
                "io_pressure_pct": 0.0,
            },
        ),
        Reading(
            at,
            "generator",
            "generator",
            "machine",
            {"cpu_steal_pct": 0.0, "cpu_idle_pct": round(chance.uniform(40, 60), 2)}
            | {"ephemeral_ports_used": 119, "ephemeral_ports": 28_232},
            {"ephemeral_ports_used": "upper bound: all TCP sockets of the machine"},
        ),
    ]
    entities = [*(f"shard {k} pid {1000 + k}" for k in range(shards)), "loadctl pid 999"]
    for entity in entities:
        values = {
            "memory_bytes": 55_000_000 + chance.randrange(1_000_000),
            "threads": 2,
            "cpu_pct_of_one_core": round(chance.uniform(5, 20), 2),
            "cpu_wait_pct_of_one_core": round(chance.uniform(0, 1), 2),
            "open_fds": 16 + chance.randrange(30),
            "open_fds_limit": 20_000,
        }
        made.append(Reading(at, "generator", "generator", entity, values, {"memory_kind": "RSS"}))
    return made


class Watching(Observer):
    """Looks at every second as the live view does."""

    def __init__(self, plan: Scenario) -> None:
        self._progress, self._vitals = Progress(plan.load), Vitals()
        self.second: Callable[..., None] = self._second
        self.reading: Callable[..., None] = self._reading

    def _second(self, second) -> None:  # type: ignore[no-untyped-def]
        self._progress.add(second)
        self._vitals.add(second)

    def _reading(self, reading: Reading) -> None:
        self._progress.read(reading)
        self._vitals.read(reading)


def replay(plan: LongRun, parent: Path) -> Replayed:
    """A finished run below `parent`."""
    planned = plan.scenario
    run = RunDirectory.create(parent, planned.name, "locust")
    run.write_manifest(
        Manifest(
            id=run.id,
            scenario=planned,
            scenario_hash=scenario_hash(planned),
            engine="locust",
            engine_version="2.47.0",
            shards=plan.shards,
            machine=this_machine(),
            watched="watching uvicorn pid 4312 and 4 children",
            created_at="2026-11-23T12:00:00.000Z",
            t0_wall="2026-11-23T12:00:01.000Z",
            pid=1,
        )
    )
    made = Replayed(run)
    frames = [bodies(plan, shard) for shard in range(plan.shards)]
    chance = random.Random(plan.seed)
    files = [run.frame_file(shard).open("ab", buffering=0) for shard in range(plan.shards)]
    for shard, file in enumerate(files):
        hello = {"kind": "hello", "format": 1, "engine": "locust", "version": "2.47.0", "pid": 1000 + shard}
        hello |= {"shard": shard, "clocks": {"monotonic_s": 1.0, "wall_s": 2.0}}
        file.write(json.dumps(hello).encode() + b"\n")
    merger = Merger([run.frame_file(shard) for shard in range(plan.shards)], 0.0)
    me = psutil.Process()
    rules = StopWatch(planned.stop_when)
    with closing(Ledger(run, Watching(planned), planned.load)) as ledger:
        for start, _, stage in planned.load.spans():
            ledger.event(Event(start, "stage", stage.name, {"planned": stage.end}))
        for t in range(plan.seconds):
            for shard, file in enumerate(files):
                file.write(b'{"kind":"frame","t":%d,' % t + chance.choice(frames[shard]) + b"\n")
            seen = readings(t, chance, plan.shards)
            before = time.process_time()
            seconds = merger.poll(t + 1.0)
            ledger.seconds(seconds)
            ledger.observations(seen)
            rules.heed(seconds)
            made.cpu_s += time.process_time() - before
            if t % 60 == 59:
                gc.collect()
                made.rss_bytes.append(me.memory_info().rss)
        for file in files:
            bye = {"kind": "bye", "t": float(plan.seconds), "unfinished": {}, "totals": {}}
            file.write(json.dumps(bye).encode() + b"\n")
            file.close()
        ledger.seconds(merger.poll(plan.seconds + 1.0))
        ledger.seconds(merger.finish())
        ledger.end(float(plan.seconds), interrupted_by=None, failure=None)
    pack(run)
    return made
