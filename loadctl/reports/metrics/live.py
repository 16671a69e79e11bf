"""A run that is still going, as metrics for Prometheus. Record → families; there is no verdict before the end."""

from __future__ import annotations

from dataclasses import dataclass

from loadctl.reports.metrics.openmetrics import Families, limits, run_info
from loadctl.results.histogram import Histogram
from loadctl.results.live import EDGES_US, RECENT_S, Tally, merged
from loadctl.scenario.scenario import Scenario
from loadctl.scenario.target import PERCENTILES

_PERCENTILES = {name: PERCENTILES[name] for name in ("p50", "p95", "p99")}
_RECENT = f"of the last {RECENT_S} s; absent where too few requests ended for a reliable figure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """`run`: its id; `started_at`: UTC, ISO 8601."""

    run: str
    scenario: Scenario
    engine: str
    engine_version: str | None
    engine_extension: str | None
    started_at: str


def live_families(running: Running, tally: Tally) -> Families:
    """Everything that can be said before the end."""
    families = Families(running.run)
    run_info(
        families,
        scenario=running.scenario.name,
        engine=running.engine,
        engine_version=running.engine_version,
        engine_extension=running.engine_extension,
        host=running.scenario.shown_host,
        model=running.scenario.load.model,
        started_at=running.started_at,
    )
    _load(families, running, tally)
    _requests(families, tally)
    _latencies(families, tally)
    _generator(families, running, tally)
    _system(families, tally)
    limits(families, running.scenario.targets)
    return families


def _load(families: Families, running: Running, tally: Tally) -> None:
    load = running.scenario.load
    is_open = load.model == "open"
    now = tally.t + 0.999
    planned = load.level_in(tally.t) if load.stages else None
    stage = next((stage.name for start, end, stage in load.spans() if start <= now < end), None)
    gauge = families.gauge
    gauge("loadctl_run_elapsed_seconds", "Seconds of the load so far.", [((), tally.t + 1)])
    if load.stages:
        gauge("loadctl_run_planned_seconds", "Planned length of the load.", [((), load.duration_s)])
    if stage is not None:
        gauge("loadctl_stage", "Current stage of the load.", [((stage,), 1)], ["stage"])
    gauge("loadctl_users", "Active users (open model: turns in progress).", [((), tally.users)])
    if is_open:
        gauge("loadctl_planned_arrivals_per_second", "Planned rate of arrivals.", [((), planned)])
    else:
        gauge("loadctl_planned_users", "Planned users.", [((), planned)])
    gauge("loadctl_users_leaving", "Users that are finishing their last request.", [((), tally.leaving)])
    gauge("loadctl_requests_in_flight", "Requests in flight.", [((), tally.in_flight)])
    if is_open:
        families.counter(
            "loadctl_arrivals",
            "Arrivals that were due, by outcome: begun or dropped.",
            [(("begun",), tally.begun), (("dropped",), tally.dropped)],
            ["outcome"],
        )


def _requests(families: Families, tally: Tally) -> None:
    families.counter(
        "loadctl_requests",
        "Requests that ended: ok, failed, or rate_limited (429 within a declared limit).",
        (
            ((name, outcome), count)
            for name, endpoint in tally.endpoints.items()
            for outcome, count in (
                ("ok", endpoint.ok),
                ("failed", endpoint.failed),
                ("rate_limited", endpoint.rate_limited),
            )
        ),
        ["endpoint", "outcome"],
    )
    families.counter(
        "loadctl_failures", "Failed requests by class.", tally.failures.items(), ["endpoint", "class"]
    )
    families.counter(
        "loadctl_received_bytes",
        "Bytes of the received bodies.",
        (((name,), endpoint.bytes) for name, endpoint in tally.endpoints.items()),
        ["endpoint"],
    )


def _latencies(families: Families, tally: Tally) -> None:
    recent = tally.recent()
    families.histogram(
        "loadctl_latency_seconds",
        "Latencies of successes; at most 0.8 % too high, never too low.",
        [edge / 1e6 for edge in EDGES_US],
        (((name,), one.buckets, one.sum_us / 1e6) for name, one in tally.endpoints.items()),
        ["endpoint"],
    )
    families.gauge(
        "loadctl_recent_latency_seconds",
        f"Exact percentiles {_RECENT}.",
        _percentiles(merged(recent.values())),
        ["percentile"],
    )
    families.gauge(
        "loadctl_recent_endpoint_latency_seconds",
        f"Exact percentiles {_RECENT}.",
        (
            ((name, *labels), value)
            for name, histogram in recent.items()
            for labels, value in _percentiles(histogram)
        ),
        ["endpoint", "percentile"],
    )


def _percentiles(histogram: Histogram) -> list[tuple[tuple[str], float | None]]:
    """Seconds; None where there are too few values."""
    return [((name,), _seconds(histogram.quantile_us(q))) for name, q in _PERCENTILES.items()]


def _seconds(us: int | None) -> float | None:
    return None if us is None else us / 1e6


def _generator(families: Families, running: Running, tally: Tally) -> None:
    gauge = families.gauge
    gauge(
        "loadctl_generator_lag_seconds",
        f"How late the engines' timers were, of the last {RECENT_S} s.",
        [(("p95",), _seconds(tally.lag().nearest_rank_us(0.95)))],
        ["percentile"],
    )
    if running.scenario.load.model == "open":
        gauge(
            "loadctl_arrival_lateness_seconds",
            f"How late arrivals began after they were due, of the last {RECENT_S} s.",
            [(("p95",), _seconds(tally.late().nearest_rank_us(0.95)))],
            ["percentile"],
        )
    gauge(
        "loadctl_generator_cpu_ratio",
        "CPU used by each engine process and by loadctl itself, of one core.",
        (
            ((entity,), pct / 100)
            for (_, entity), pct in tally.latest("generator", "cpu_pct_of_one_core").items()
        ),
        ["process"],
    )
    gauge(
        "loadctl_generator_memory_bytes",
        "Resident memory of each engine process and of loadctl itself.",
        (((entity,), size) for (_, entity), size in tally.latest("generator", "memory_bytes").items()),
        ["process"],
    )
    families.counter(
        "loadctl_generator_faults",
        "Turns ended by a fault of the load generator or an exception in a script.",
        [((), tally.faults)],
    )


def _system(families: Families, tally: Tally) -> None:
    for name, meaning, value, scale in (
        ("loadctl_system_cpu_ratio", "CPU used, of the cores available.", "cpu_pct", 100.0),
        ("loadctl_system_cpu_cores", "CPU used, in cores.", "cpu_cores", 1.0),
        ("loadctl_system_memory_bytes", "Working set.", "memory_bytes", 1.0),
    ):
        families.gauge(
            name,
            f"{meaning} subject: the judged system, or a companion recorded with it.",
            (
                ((subject, source, entity), found / scale)
                for subject in ("system", "companion")
                for (source, entity), found in tally.latest(subject, value).items()
            ),
            ["subject", "source", "entity"],
        )
    families.counter("loadctl_log_lines", "Lines in the followed logs.", [((), tally.log_lines)])
    families.counter("loadctl_log_errors", "Errors in the followed logs.", [((), tally.log_errors)])
    families.counter(
        "loadctl_events",
        "Events by kind: restarts, crashes, lost monitors, signals, stages.",
        (((kind,), count) for kind, count in tally.events.items()),
        ["kind"],
    )
