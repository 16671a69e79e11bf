"""The truth table: systems whose faults are known, and what must be found of each, and nothing else.

`make truth` carries every case out at full length and keeps its seconds and readings; tests/truth/test_replay.py judges
what was kept again. Never held against a case: that the generator shares the machine, which is always so, a note of
what could not be told, and the findings of `may`, which are true of it without being what it is about.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from loadctl.results.result import Result
from tests.records import replace

ALWAYS = frozenset({"generator-same-host", "generator-lag", "undecided"})


@dataclass(frozen=True, slots=True)
class Figure:
    """A number that the analysis must get right: what it says, the truth, and how far off it may be."""

    what: str
    read: Callable[[Result], float | None]
    truth: float
    within: float
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """`must`: ids that have to be found · `may`: true too, but beside the point · `verdict`: the run's one word ·
    `alone`: nothing else runs beside it.
    """

    name: str
    scenario: str
    verdict: str
    must: frozenset[str]
    may: frozenset[str] = frozenset()
    faults: Sequence[str] = ()
    service: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    """Beside the scenario, by name."""
    engine: str = "locust"
    alone: bool = False
    figures: Sequence[Figure] = ()
    critical: frozenset[str] = field(default_factory=frozenset)
    """Of `must`, those that have to be critical."""

    def argv(self, file: str) -> list[str]:
        demo = [word for fault in self.faults for word in ("--fault", fault)]
        demo += ["--service", self.service] if self.service else []
        return ["run", file, "--demo", *demo, "--engine", self.engine]

    @property
    def key(self) -> str:
        """Changes when the run would be another one; what is expected of it is no part of that."""
        parts = (self.scenario, *self.faults, self.service or "", self.engine, *self.files.values())
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]

    def on(self, engine: str) -> Case:
        return replace(self, name=f"{self.name}-{engine}", engine=engine)


def _evidence(finding_id: str, key: str) -> Callable[[Result], float | None]:
    def read(result: Result) -> float | None:
        values = [finding.evidence.get(key) for finding in result.findings if finding.id == finding_id]
        return next((float(value) for value in values if isinstance(value, int | float)), None)

    return read


def _break_between(result: Result) -> float | None:
    """The middle between the level that held and the one that broke."""
    held, broke = (_evidence("breaking-point", key)(result) for key in ("held", "broke"))
    return None if held is None or broke is None else (held + broke) / 2


def _scenario(*lines: str, targets: str = "latency_p95: 200ms") -> str:
    table = f"{{{targets}, error_rate: {{target: 0.1%, critical: 1%}}, cpu: 95%, memory: 1GB}}"
    return "\n".join(["tasks: [{get: /models}]", *lines, f"targets: {table}"]) + "\n"


_THINK = "think: 100ms..300ms"
_STEPS = "load: [{users: 10..50, step: 10, over: 5s, for: 25s}, {users: 10, over: 5s, for: 25s, name: back}]"
_MINUTES = "load: [{users: 10, over: 2s, warmup: true}, {users: 10, for: 12m}]"
_FINE = frozenset({"no-errors", "resources-within-limits"})
_BREAKS = frozenset({"breaking-point", "throughput-saturated", "latency-knee", "slow-responses"})
_BURNING = """
import time
from locust import FastHttpUser, task

class Burning(FastHttpUser):
    @task
    def models(self):
        end = time.thread_time() + 0.02  # work of its own: no more than 50 turns a second fit into a core
        while time.thread_time() < end:
            pass
        self.client.get("/models")
"""
_SPIKE_BASE, _SPIKE_PEAK, _SPIKE_CAPACITY = 25, 200, 150


def _minute(users: int = 10, seconds: int = 70, **more: str) -> str:
    load = f"load: [{{users: {users}, over: 3s, warmup: true}}, {{users: {users}, for: {seconds}s}}]"
    return _scenario(_THINK, load, **more)


def _rate(per_s: int, seconds: int) -> str:
    return _scenario(
        f"load: [{{rate: {per_s}/s, over: 3s, warmup: true}}, {{rate: {per_s}/s, for: {seconds}s}}]"
    )


def _spike(seconds: int) -> Case:
    """Exact: the queue that the spike leaves is worked off at the capacity, less what keeps arriving."""
    backlog = (_SPIKE_PEAK - _SPIKE_CAPACITY) * seconds
    load = (
        f"load: [{{rate: {_SPIKE_BASE}/s, for: 5s, warmup: true}}, {{rate: {_SPIKE_BASE}/s, for: 60s, name: before}}, "
        f"{{rate: {_SPIKE_PEAK}/s, for: {seconds}s, name: spike}}, "
        f"{{rate: {_SPIKE_BASE}/s, for: 120s, name: recovery}}]"
    )
    truth = Figure(
        "recovery time",
        _evidence("spike-recovered", "recovery_time_s"),
        backlog / (_SPIKE_CAPACITY - _SPIKE_BASE),
        5.0,
        "s",
    )
    return Case(
        name=f"spike-{seconds}s",
        scenario=_scenario("max_in_flight: 10000", load, targets="recovery_time: 60s"),
        faults=[f"capacity={_SPIKE_CAPACITY}/s"],
        verdict="PASS",
        must=_FINE | {"spike-recovered"},
        may=frozenset({"slow-responses", "limit-elsewhere", "throughput-saturated"}),
        figures=[truth],
    )


def _leaking(name: str, fault: str, must: str, figures: Sequence[Figure] = ()) -> Case:
    return Case(
        name=name,
        scenario=_scenario("think: 300ms..700ms", _MINUTES),
        faults=[fault] if fault else [],
        verdict="PASS",
        must=_FINE | {must},
        figures=figures,
    )


_LOCUST = (
    Case(
        name="calm",
        scenario=_scenario(_THINK, _STEPS),
        verdict="PASS",
        must=_FINE | {"latency-stable", "spike-recovered"},
    ),
    Case(
        name="latency",
        scenario=_scenario(_THINK, _STEPS),
        faults=["latency=600ms"],
        verdict="FAIL",
        must=_FINE | {"latency-stable", "slow-responses", "breaking-point", "spike-recovered"},
        critical=frozenset({"slow-responses"}),
    ),
    Case(
        name="capacity-open",
        scenario=_scenario(
            "max_in_flight: 10000",
            "load: [{rate: 160/s..370/s, step: 30/s, over: 5s, for: 20s}, {rate: 160/s, for: 60s, name: back}]",
        ),
        faults=["capacity=300/s"],
        verdict="FAIL",
        must=_FINE | _BREAKS | {"spike-recovered"},
        may=frozenset({"limit-elsewhere"}),
        figures=[
            Figure("breaking point", _break_between, 300, 30, "/s"),
            Figure("maximum throughput", _evidence("throughput-saturated", "max_per_s"), 300, 15, "/s"),
        ],
    ),
    Case(
        name="capacity-closed",
        scenario=_scenario(
            "think: 1s",
            "load: [{users: 80..480, step: 80, over: 5s, for: 30s}, {users: 80, for: 40s, name: back}]",
        ),
        faults=["capacity=300/s"],
        verdict="FAIL",
        must=_FINE | _BREAKS | {"spike-recovered"},
        may=frozenset({"limit-elsewhere"}),
        figures=[
            Figure("breaking point", _break_between, 360, 36, "users"),
            Figure("maximum throughput", _evidence("throughput-saturated", "max_per_s"), 300, 15, "/s"),
        ],
    ),
    Case(
        name="linear",
        scenario=_scenario("think: 0ms..1ms", _STEPS, targets="latency_p95: 1s"),
        faults=["linear=5ms"],
        verdict="PASS",
        must=_FINE | {"latency-grows-linearly", "throughput-saturated", "spike-recovered"},
        may=frozenset({"limit-elsewhere"}),
    ),
    _leaking("steady", "", "memory-stable"),
    _leaking(
        "leak",
        "leak=20MB/min",
        "memory-growing",
        [Figure("growth", _evidence("memory-growing", "growth_bytes_per_h"), 1.2e9, 0.18e9, "bytes/h")],
    ),
    _leaking("leak-ends", "leak=20MB/min@1s+5m", "memory-stable"),
    _leaking("sawtooth", "sawtooth=50MB/20s", "memory-stable"),
    Case(
        name="cpu",
        scenario=_scenario(
            "max_in_flight: 10000",
            "load: [{rate: 40/s..240/s, step: 40/s, over: 5s, for: 25s}, {rate: 40/s, for: 60s, name: back}]",
        ),
        faults=["cpu=5ms"],
        verdict="FAIL",
        must=_BREAKS | {"cpu-high", "likely-limit", "no-errors"},
        may=frozenset({"resources-within-limits", "spike-recovered", "spike-not-recovered"}),
        alone=True,
    ),
    Case(
        name="crash",
        scenario=_minute(seconds=90),
        faults=["crash@45s"],
        verdict="FAIL",
        must=frozenset({"service-crashed", "service-unreachable", "errors-over-critical", "stopped-early"}),
        may=frozenset({"resources-within-limits"}),
        critical=frozenset({"service-crashed", "service-unreachable", "errors-over-critical"}),
    ),
    Case(
        name="restart",
        scenario=_minute(),
        faults=["restart@30s+3s"],
        verdict="FAIL",
        must=frozenset({"service-restarted", "service-unreachable", "errors-over-critical"}),
        may=frozenset({"resources-within-limits"}),
        critical=frozenset({"service-restarted", "service-unreachable"}),
    ),
    Case(
        name="worker",
        scenario=_minute(users=60),
        faults=["worker-crash@30s"],
        service="constant:50ms",
        verdict="FAIL",
        must=frozenset({"worker-lost", "resources-within-limits"}),
        critical=frozenset({"worker-lost"}),
    ),
    Case(
        name="worker-replaced",
        scenario=_minute(users=60),
        faults=["worker-crash@30s+2s"],
        service="constant:50ms",
        verdict="FAIL",
        must=frozenset({"worker-restarted", "resources-within-limits"}),
        critical=frozenset({"worker-restarted"}),
    ),
    *(
        Case(
            name=name,
            scenario=_scenario(
                "rate_limit: {limit: 10/s, by: key}",
                "headers: {X-API-Key: demo-free}",
                "load: [{rate: 5/s, for: 25s, name: below}, {rate: 30/s, for: 45s, name: above}]",
            ),
            faults=faults,
            verdict=verdict,
            must=_FINE | {finding},
        )
        for name, faults, verdict, finding in (
            ("limit-kept", (), "PASS", "rate-limit-working"),
            ("limit-broken", ("ratelimit=off",), "FAIL", "rate-limit-not-working"),
        )
    ),
    Case(
        name="errors-0.05",
        scenario=_rate(200, 90),
        faults=["errors=0.05%"],
        verdict="PASS",
        must=frozenset({"resources-within-limits"}),
    ),
    Case(
        name="errors-0.5",
        scenario=_rate(100, 70),
        faults=["errors=0.5%"],
        verdict="WARN",
        must=frozenset({"errors-over-target", "resources-within-limits"}),
    ),
    Case(
        name="errors-5",
        scenario=_rate(50, 70),
        faults=["errors=5%"],
        verdict="FAIL",
        must=frozenset({"errors-over-critical", "resources-within-limits"}),
        critical=frozenset({"errors-over-critical"}),
    ),
    Case(
        name="stall",
        scenario=_minute(users=20, seconds=100),
        faults=["stall=2s/20s"],
        verdict="PASS",
        must=_FINE | {"system-stalls"},
        may=frozenset({"limit-elsewhere"}),
    ),
    Case(
        name="stall-paced",
        scenario=_minute(users=20, seconds=100).replace(_THINK, "pace: 200ms"),
        faults=["stall=2s/20s"],
        verdict="PASS",
        must=_FINE | {"closed-model-stall", "system-stalls"},
        may=frozenset({"limit-elsewhere"}),
    ),
    Case(
        name="warm-up",
        scenario=_scenario(_THINK, "load: [{users: 10, for: 120s}]"),
        faults=["warmup=25s"],
        verdict="PASS",
        must=_FINE | {"warmup-too-short"},
        figures=[Figure("warm-up", _evidence("warmup-too-short", "warmup_s"), 23, 7, "s")],
    ),
    Case(
        name="warm-up-marked",
        scenario=_scenario(_THINK, "load: [{users: 10, for: 35s, warmup: true}, {users: 10, for: 85s}]"),
        faults=["warmup=25s"],
        verdict="PASS",
        must=_FINE,
    ),
    Case(
        name="starved",
        scenario=_scenario(
            "load: [{users: 30, over: 3s, warmup: true}, {users: 30, for: 60s}]", targets="latency_p95: 2s"
        ).replace("tasks: [{get: /models}]", "locustfile: burning.py"),
        files={"burning.py": _BURNING},
        verdict="INCONCLUSIVE",
        must=frozenset({"generator-saturated", "no-errors"}),
        may=frozenset({"load-not-reached"}),  # in the seconds in which its timers did not run
    ),
    *(_spike(seconds) for seconds in (15, 30, 45, 60, 70)),
    Case(
        name="spike-stays",
        scenario=_spike(30).scenario,
        faults=["latency=100ms@80s"],
        verdict="FAIL",
        must=_FINE | {"spike-not-recovered"},
        may=frozenset({"limit-elsewhere"}),
    ),
    Case(
        name="drift",
        scenario=_scenario(_THINK, "load: [{users: 10, over: 2s, warmup: true}, {users: 10, for: 6m}]"),
        faults=["latency=10ms@180s"],
        service="constant:20ms",
        verdict="PASS",
        must=_FINE | {"latency-drift"},
    ),
    Case(
        name="dropped",
        scenario=_scenario("max_in_flight: 50", "load: [{rate: 100/s, for: 40s}]", targets="latency_p95: 2s"),
        faults=["latency=1s"],
        verdict="INCONCLUSIVE",
        must=frozenset({"load-not-reached", "no-errors"}),
    ),
)
_ON_ARTILLERY = frozenset(
    {"calm", "capacity-open", "linear", "cpu", "crash", "restart", "worker", "limit-kept", "limit-broken"}
    | {"errors-5", "stall", "warm-up", "spike-30s"}
)
CASES = {
    case.name: case
    for case in (*_LOCUST, *(case.on("artillery") for case in _LOCUST if case.name in _ON_ARTILLERY))
}
