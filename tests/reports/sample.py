"""A result by hand, with numbers that add up, for the tests of every report."""

from __future__ import annotations

from dataclasses import replace

from loadctl.results.finding import Finding
from loadctl.results.recording import Example
from loadctl.results.result import Point, ResourceUse, Result
from loadctl.results.score import Score, Status
from loadctl.results.summary import Counters, EndpointSummary, Latency, StageSummary, Summary
from loadctl.results.verdict import ExitCode, Verdict
from loadctl.scenario.target import Target

TOO_FEW = "needs 1,000 successes, has 120"


def endpoint(
    name: str, completed: int, rate: float, p50: float, p95: float | None, p99: float | None, failed: int
) -> EndpointSummary:
    absent = {} if p99 is not None else {"p99": TOO_FEW}
    return EndpointSummary(
        endpoint=name,
        completed=completed,
        failed=failed,
        unfinished=0,
        rate_limited=0,
        throughput_per_s=rate,
        error_rate=failed / completed,
        latency=Latency(
            n=completed - failed, p50=p50, p95=p95, p99=p99, mean=p50, min=1.0, max=512.0, absent=absent
        ),
        errors={"status_503": failed} if failed else {},
    )


def score(
    metric: str,
    status: Status,
    value: float | None,
    unit: str,
    target: float | None,
    critical: float,
    **more: object,
) -> Score:
    goal = Target(metric=metric, target=target, critical=critical, unit=unit)
    return Score(target=goal, status=status, value=value, n=34_512, judged=True, **more)  # type: ignore[arg-type]


FAILED = Result(
    verdict=Verdict.FAIL,
    exit_code=ExitCode.FAIL,
    reasons=["2 of 6 targets are beyond their critical limit: latency p50, latency p95."],
    why="The one Python worker in ml-platform-api was at 99 % of a core for all 8 min; "
    "3 of the container's 4 cores were idle.",
    advice=["More workers (uvicorn --workers 4), then: loadctl run baseline"],
    scenario="baseline",
    goal="Establish normal performance",
    source="scenarios/baseline.yaml",
    engine="locust",
    engine_version="2.47.0",
    shards=1,
    host="http://localhost:8080",
    model="closed",
    peak=50,
    started_at="2026-11-23T08:20:00.000Z",
    planned_s=600,
    ended_s=600,
    window=(120, 600),
    stages=[
        StageSummary(
            "warm-up", 0, 120, True, 50, Summary(0, 120, endpoint("total", 2_000, 17, 1, 2, 3, 0), [])
        ),
        StageSummary(
            "50 users",
            120,
            600,
            False,
            50,
            Summary(120, 600, endpoint("total", 34_512, 71.9, 61.2, 312, 480, 11), []),
        ),
        StageSummary(
            "down", 600, 610, False, 0, Summary(600, 610, endpoint("total", 488, 48.8, 1, 2, None, 0), [])
        ),
    ],
    counters=Counters(started=37_000, completed=37_000, failed=11, unfinished=0, rate_limited=0),
    summary=Summary(
        120,
        600,
        endpoint("total", 34_512, 71.9, 61.2, 312, 480, 11),
        [
            endpoint("POST /predict", 26_547, 55.3, 78.4, 331, 497, 11),
            endpoint("GET /models", 5_310, 11.1, 14.2, 61.0, 118, 0),
            endpoint("GET /health", 2_655, 5.5, 9.8, 48.7, None, 0),
        ],
    ),
    scores=[
        score("latency_p50", Status.FAIL, 61.2, "ms", 10, 50, distance=0.224),
        score("latency_p95", Status.FAIL, 312, "ms", 50, 200, distance=0.56),
        score("latency_p99", Status.WARN, 480, "ms", 100, 500, distance=-0.04),
        score("error_rate", Status.PASS, 0.03, "%", 0.1, 1, detail="11 of 34,512", distance=-0.7),
        score("cpu", Status.PASS, 26, "%", 70, 90, detail="of 4 cores", distance=-0.63),
        score(
            "throughput",
            Status.NOT_EXERCISED,
            71.9,
            "/s",
            1000,
            500,
            reason="50 users thinking 0.6 s offer 83/s",
        ),
    ],
    findings=[
        Finding("cpu-high", "warning", "Worker pid 31 was at 99 % of one core."),
        Finding("latency-stable", "good", "Latency stayed the same."),
        Finding("no-errors", "good", "No errors."),
    ],
    system=ResourceUse(
        watched="uvicorn (pid 4312)",
        cpu_pct=26.2,
        cpu_cores=1.05,
        cores_available=4,
        memory_bytes=712_000_000,
        memory_first_bytes=700_000_000,
        memory_kind="PSS",
        readings=480,
    ),
    generator=ResourceUse(watched="1 shard", extra={"cpu_pct_of_one_core": 11.0, "lag_p95_ms": 0.4}),
    timeline=[Point(t=t, planned=50, users=50, completed=70, failed=0) for t in range(600)],
    examples=[Example(372, "POST /predict", "status_503", 503, "model busy")],
    run_dir="runs/20261123T082000Z-baseline-locust-91c0",
)

INCONCLUSIVE = replace(
    FAILED,
    verdict=Verdict.INCONCLUSIVE,
    exit_code=ExitCode.INCONCLUSIVE,
    reasons=["No verdict on the system: the load generator could not keep up."],
    scores=[replace(s, void="the generator was saturated") for s in FAILED.scores],
    findings=[Finding("generator-saturated", "invalid", "Shard 0 was at 98 % of a core.", voids="all")],
)
