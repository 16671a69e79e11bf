"""A result as OpenMetrics: the verdict, the scores and what they rest on, as gauges. Record → str.

For a push gateway, the textfile collector, or the last scrape of a run: final values, of the scored window.
"""

from __future__ import annotations

from loadctl.reports.metrics.families import (
    TARGET_LABELS,
    Families,
    in_base_unit,
    limits,
    run_info,
    target_labels,
    text,
)
from loadctl.results.live import label
from loadctl.results.result import Result
from loadctl.results.summary import EndpointSummary, Latency
from loadctl.results.verdict import Score, Status, Verdict
from loadctl.scenario.target import PERCENTILES

NOT_JUDGED = "NOT_JUDGED"


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
    counters = result.counters
    families.gauge(
        "loadctl_run_requests",
        "Requests of the whole run, warm-up and drain included.",
        [
            (("started",), counters.started),
            (("completed",), counters.completed),
            (("failed",), counters.failed),
            (("unfinished",), counters.unfinished),
            (("rate_limited",), counters.rate_limited),
        ],
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
    values = (latency.p50, latency.p95, latency.p99, latency.p999)
    return [((name,), in_base_unit(value, "ms")) for name, value in zip(PERCENTILES, values, strict=True)]
