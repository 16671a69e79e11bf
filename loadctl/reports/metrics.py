"""A run as metrics in the form of OpenMetrics: while it goes, and its result. Record → str.

There is no verdict before the end. The result holds final values of the scored window, as gauges: for a push gateway,
the textfile collector, or the last scrape of a run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import Metric
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    StateSetMetricFamily,
)
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.registry import Collector

from loadctl.results.histogram import Histogram
from loadctl.results.live import EDGES_US, RECENT_S, Tally, label, merged
from loadctl.results.result import Result
from loadctl.results.summary import EndpointSummary, Latency
from loadctl.results.verdict import Score, Status, Verdict
from loadctl.scenario.scenario import Scenario
from loadctl.scenario.target import PERCENTILES, Target

_UNITS = {"seconds", "bytes", "ratio"}
_BASE: Mapping[str, tuple[str, float]] = {
    "ms": ("seconds", 1000.0),
    "s": ("seconds", 1.0),
    "%": ("ratio", 100.0),
    "/s": ("per_second", 1.0),
    "bytes": ("bytes", 1.0),
    "users": ("users", 1.0),
}
"""Units of targets: what they are in Prometheus' base units, and what to divide by."""

Rows = Iterable[tuple[Sequence[str], float | None]]
"""Values of the labels, and the value; None is left out."""


class Families(Collector):
    """The metrics of one run. Every sample has the label `run`; a family without samples is left out."""

    def __init__(self, run: str) -> None:
        self._run = label(run)
        self._families: list[Metric] = []

    def collect(self) -> Iterator[Metric]:
        """For the encoders of prometheus_client."""
        return iter(self._families)

    def gauge(self, name: str, meaning: str, rows: Rows, labels: Sequence[str] = ()) -> None:
        family = GaugeMetricFamily(name, meaning, labels=["run", *labels], unit=_unit(name))
        self._fill(family, rows)

    def counter(self, name: str, meaning: str, rows: Rows, labels: Sequence[str] = ()) -> None:
        """`name` without its ending _total."""
        family = CounterMetricFamily(name, meaning, labels=["run", *labels], unit=_unit(name))
        self._fill(family, rows)

    def histogram(
        self,
        name: str,
        meaning: str,
        edges: Sequence[float],
        rows: Iterable[tuple[Sequence[str], Sequence[int], float]],
        labels: Sequence[str] = (),
    ) -> None:
        """`rows`: values of the labels, counts by edge and one beyond (not summed up), and the sum of the values."""
        family = HistogramMetricFamily(name, meaning, labels=["run", *labels], unit=_unit(name))
        for values, counts, total in rows:
            below, buckets = 0, []
            for edge, count in zip([*map(str, edges), "+Inf"], counts, strict=True):
                below += count
                buckets.append((edge, below))
            family.add_metric([self._run, *values], buckets, total)
        self._add(family)

    def info(self, name: str, meaning: str, facts: Mapping[str, str]) -> None:
        family = InfoMetricFamily(name, meaning, labels=["run"])
        family.add_metric([self._run], dict(facts))
        self._add(family)

    def states(
        self,
        name: str,
        meaning: str,
        states: Iterable[str],
        rows: Iterable[tuple[Sequence[str], str]],
        labels: Sequence[str] = (),
    ) -> None:
        """`rows`: values of the labels, and which of the `states` it is; the label of that has the family's name."""
        family = StateSetMetricFamily(name, meaning, labels=["run", *labels])
        states = tuple(states)
        for values, current in {tuple(values): current for values, current in rows}.items():
            family.add_metric([self._run, *values], {state: state == current for state in states})
        self._add(family)

    def _fill(self, family: GaugeMetricFamily | CounterMetricFamily, rows: Rows) -> None:
        """One sample of a name: a page that says two is refused as a whole."""
        for values, value in {tuple(values): value for values, value in rows}.items():
            if value is not None:
                family.add_metric([self._run, *values], value)
        self._add(family)

    def _add(self, family: Metric) -> None:
        if family.samples:
            self._families.append(family)


def text(families: Families) -> str:
    """OpenMetrics 1.0."""
    page: bytes = generate_latest(families)  # type: ignore[no-untyped-call]
    return page.decode()


def in_base_unit(value: float | None, unit: str) -> float | None:
    """A target's value or limit in seconds, bytes, a ratio, …"""
    return None if value is None else round(value / _BASE.get(unit, ("", 1.0))[1], 12)


def run_info(families: Families, **facts: str | None) -> None:
    """Which run this is; `started_at` is UTC, ISO 8601."""
    families.info(
        "loadctl_run", "Which run this is.", {key: label(fact or "") for key, fact in facts.items()}
    )


TARGET_LABELS = ("metric", "scope", "name", "unit")


def target_labels(target: Target) -> tuple[str, str, str, str]:
    unit, _ = _BASE.get(target.unit, ("", 1.0))
    return label(target.metric), target.scope.kind, label(target.scope.name), unit


def limits(families: Families, targets: Iterable[Target]) -> None:
    """What the targets ask for."""
    families.gauge(
        "loadctl_target_limit",
        "Limits of the targets, in the unit given by the label.",
        (
            ((*target_labels(target), kind), in_base_unit(limit, target.unit))
            for target in targets
            for kind, limit in (("target", target.target), ("critical", target.critical))
        ),
        (*TARGET_LABELS, "limit"),
    )


def _unit(name: str) -> str:
    last = name.rpartition("_")[2]
    return last if last in _UNITS else ""


NOT_JUDGED = "NOT_JUDGED"
_STATES = ("started", "completed", "failed", "unfinished", "rate_limited")


def openmetrics(result: Result) -> str:
    """The text."""
    families = Families(result.run_dir.rpartition("/")[2])
    run_info(
        families,
        scenario=result.scenario,
        engine=result.engine.name,
        engine_version=result.engine.version,
        engine_extension=result.engine.extension,
        host=result.host,
        model=result.model,
        started_at=result.started_at,
    )
    limits(families, (score.target for score in result.scores))
    add_result(families, result)
    return text(families)


def add_result(families: Families, result: Result) -> None:
    """What is known when the run has been judged."""
    families.states("loadctl_verdict", "Verdict of the run.", Verdict, [((), result.verdict)])
    families.gauge("loadctl_exit_code", "Exit code of loadctl.", [((), int(result.exit_code))])
    families.gauge("loadctl_smoke", "1: a smoke run, which left targets out.", [((), int(result.smoke))])
    families.gauge(
        "loadctl_targets",
        "Targets that were judged, and targets in total.",
        [(("judged",), result.targets_judged), (("total",), result.targets_total)],
        ["state"],
    )
    _scores(families, result)
    _counters(families, result)
    _latencies(families, result)
    families.gauge(
        "loadctl_scored_system_cpu_ratio",
        "Highest 30 s mean of the system's CPU, of the cores available to it.",
        [((), in_base_unit(result.resources.system.cpu_pct, "%"))],
    )
    families.gauge(
        "loadctl_scored_system_memory_bytes",
        "Highest working set of the system.",
        [((), result.resources.system.memory_bytes)],
    )
    families.gauge(
        "loadctl_finding",
        "Findings, by severity.",
        (((finding.id, finding.severity), 1) for finding in result.findings),
        ["id", "severity"],
    )


def _scores(families: Families, result: Result) -> None:
    families.states(
        "loadctl_score",
        "Status of each target; NOT_JUDGED: it proves nothing, whatever was measured.",
        (*Status, NOT_JUDGED),
        ((target_labels(score.target), _status(score)) for score in result.scores),
        TARGET_LABELS,
    )
    families.gauge(
        "loadctl_score_value",
        "Measured value of each judged target, in the unit given by the label.",
        (
            (target_labels(score.target), in_base_unit(score.value, score.target.unit))
            for score in result.scores
            if _status(score) != NOT_JUDGED
        ),
        TARGET_LABELS,
    )


def _status(score: Score) -> str:
    return NOT_JUDGED if score.void or not score.judged else score.status


def _counters(families: Families, result: Result) -> None:
    families.gauge(
        "loadctl_run_requests",
        "Requests of the whole run, warm-up and drain included.",
        [((state,), getattr(result.counters, state)) for state in _STATES],
        ["state"],
    )
    families.gauge(
        "loadctl_scored_requests",
        "Requests in the scored window.",
        (
            ((label(one.endpoint), outcome), count)
            for one in result.summary.endpoints
            for outcome, count in _outcomes(one).items()
        ),
        ["endpoint", "outcome"],
    )
    families.gauge(
        "loadctl_scored_throughput_per_second",
        "Successes per second of the scored window.",
        (((label(one.endpoint),), one.throughput_per_s) for one in result.summary.endpoints),
        ["endpoint"],
    )


def _outcomes(one: EndpointSummary) -> dict[str, int]:
    return {
        "ok": one.completed - one.failed - one.rate_limited,
        "failed": one.failed,
        "rate_limited": one.rate_limited,
        "unfinished": one.unfinished,
    }


def _latencies(families: Families, result: Result) -> None:
    """None where they hold the generator's own delay: nobody would see that on a dashboard."""
    if any(finding.voids == "all" for finding in result.findings):
        return
    families.gauge(
        "loadctl_scored_latency_seconds",
        "Latencies of successes in the scored window; absent where there are too few.",
        _percentiles(result.summary.total.latency),
        ["percentile"],
    )
    families.gauge(
        "loadctl_scored_endpoint_latency_seconds",
        "Latencies of successes in the scored window by endpoint; absent where there are too few.",
        (
            ((label(one.endpoint), *labels), value)
            for one in result.summary.endpoints
            for labels, value in _percentiles(one.latency)
        ),
        ["endpoint", "percentile"],
    )


def _percentiles(latency: Latency) -> list[tuple[tuple[str], float | None]]:
    return [((name,), in_base_unit(getattr(latency, name), "ms")) for name in PERCENTILES]


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
    _recent_latencies(families, tally)
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


def _recent_latencies(families: Families, tally: Tally) -> None:
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
        _recent_percentiles(merged(recent.values())),
        ["percentile"],
    )
    families.gauge(
        "loadctl_recent_endpoint_latency_seconds",
        f"Exact percentiles {_RECENT}.",
        (
            ((name, *labels), value)
            for name, histogram in recent.items()
            for labels, value in _recent_percentiles(histogram)
        ),
        ["endpoint", "percentile"],
    )


def _recent_percentiles(histogram: Histogram) -> list[tuple[tuple[str], float | None]]:
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
