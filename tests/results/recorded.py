"""Recordings written by hand: what the tests of scoring and analysis are fed with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from loadctl.results.blocks import Identity
from loadctl.results.gathering import Gathering
from loadctl.results.histogram import Histogram
from loadctl.results.interval import Interval, Second, SecondTotal
from loadctl.results.recording import Event, Example, Reading, Recording, Shard
from loadctl.scenario.load import Load, Model, Stage
from loadctl.scenario.scenario import Scenario
from loadctl.scenario.target import Scope, Target
from loadctl.scenario.user_type import Request, Task, UserType
from loadctl.scenario.watch import Watch
from tests.records import replace

P50, P95, P99 = "latency_p50", "latency_p95", "latency_p99"
_UNITS = {"error_rate": "%", "cpu": "%", "memory": "bytes", "throughput": "/s", "max_throughput": "/s"}
_HIGHER = {"throughput", "max_throughput", "breaking_point"}

IDENTITY = Identity(
    traffic_hash="5eed",
    engine="locust",
    engine_version="2.47",
    shards=1,
    architecture="x86_64",
    cpu_model="EPYC",
    cores=2.0,
)
"""Of a run that can be compared with others."""


def load(*stages: str, model: Model = "closed") -> Load:
    """Each stage is `10` or `10..50`, then seconds, then a name, then perhaps `warmup`: "10..50 60 ramp"."""
    made = []
    for text in stages:
        level, duration, name, *flags = text.split()
        start, _, end = level.partition("..")
        made.append(Stage(float(start), float(end or start), float(duration), name, "warmup" in flags))
    return Load(model, made)


def interval(
    ok_ms: Sequence[float] = (),
    *,
    errors: Mapping[str, int] | None = None,
    untimed: int = 0,
    rate_limited: int = 0,
) -> Interval:
    """Failures take 1 ms each."""
    counts = Counter(errors or {})
    timed = Histogram.of(round(ms * 1000) for ms in ok_ms)
    return Interval(
        ok=replace(timed, count=timed.count + untimed, untimed=untimed),
        failed=Histogram.of([1000] * counts.total()),
        errors=counts,
        rate_limited=rate_limited,
    )


def second(t: int, cells: Mapping[str, Interval] | None = None, *, users: int = 10, **more: int) -> Second:
    turns = sum(cell.completed for cell in (cells or {}).values())
    made = Second(t, dict(cells or {}), users=users, turns=turns, lag_ms=[0.1] * 10)
    for name, value in more.items():
        setattr(made, name, value)
    return made


def steady(
    n: int,
    ok_ms: Sequence[float] = (10.0,) * 20,
    *,
    start: int = 0,
    users: int = 10,
    endpoint: str = "GET /",
    errors: Mapping[str, int] | None = None,
    **more: int,
) -> list[Second]:
    """`n` seconds alike, of one endpoint."""
    return [
        second(t, {endpoint: interval(ok_ms, errors=errors)}, users=users, **more)
        for t in range(start, start + n)
    ]


def shard(index: int = 0, *, bye: bool = True, last_t: int = 59, **unfinished: Sequence[float]) -> Shard:
    """`unfinished` are ages in ms of requests to GET /NAME."""
    ages = {f"GET /{name}": values for name, values in unfinished.items()}
    return Shard(index, hello=True, bye=bye, last_t=last_t, unfinished=ages)


def recording(
    seconds: Sequence[Second],
    *,
    shards: Sequence[Shard] | None = None,
    readings: Sequence[Reading] = (),
    events: Sequence[Event] = (),
    examples: Sequence[Example] = (),
    interrupted_by: int | None = None,
    failure: str | None = None,
    stopped_early: str | None = None,
) -> Recording:
    last = max((s.t for s in seconds), default=0)
    given = [shard(last_t=last)] if shards is None else shards
    gathered = gathering(seconds)
    return Recording(
        gathered.seconds,
        gathered.spans,
        given,
        readings,
        events,
        examples,
        interrupted_by,
        failure,
        stopped_early,
        latencies=gathered.latencies,
    )


def gathering(seconds: Sequence[Second]) -> Gathering:
    """Each second a span of its own."""
    made = Gathering(range(1 + max((s.t for s in seconds), default=0)))
    for one in seconds:
        made.add(one)
    return made


def moments(seconds: Sequence[Second]) -> list[SecondTotal]:
    return gathering(seconds).seconds


def target(
    metric: str,
    critical: float,
    wanted: float | None = None,
    *,
    endpoint: str | None = None,
    stage: str | None = None,
    judged: bool = True,
    unit: str | None = None,
) -> Target:
    scope = Scope("endpoint", endpoint) if endpoint else Scope("stage", stage) if stage else Scope()
    return Target(
        metric=metric,
        scope=scope,
        critical=critical,
        target=wanted,
        unit=_UNITS.get(metric, "ms") if unit is None else unit,
        higher_is_better=metric in _HIGHER,
        judged=judged,
    )


def user_type(*endpoints: str, pace_s: float | None = None) -> UserType:
    """One task of weight 1 for each endpoint."""
    tasks = [
        Task(name, 1, [Request(method="GET", url=name.removeprefix("GET "), endpoint=name)])
        for name in endpoints
    ]
    return UserType(name="User", weight=1, tasks=tasks, pace_s=pace_s)


def scenario(
    planned: Load | None = None,
    targets: Sequence[Target] = (),
    *,
    user_types: Sequence[UserType] | None = None,
    watch: Watch | None = None,
    host: str = "http://localhost:8080",
) -> Scenario:
    return Scenario(
        name="api",
        source="scenarios/api.yaml",
        host=host,
        load=planned or load("10 60 hold"),
        user_types=[user_type("GET /")] if user_types is None else user_types,
        targets=targets,
        watch=watch or Watch(),
    )


def readings(
    n: int, subject: str = "system", *, entity: str = "uvicorn pid 7", **values: float
) -> list[Reading]:
    """One a second, at 1, 2, …, n."""
    return [Reading(float(t), subject, "process", entity, values) for t in range(1, n + 1)]
