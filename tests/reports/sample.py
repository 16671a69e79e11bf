"""A result by hand, with numbers that add up, for the tests of every report."""

from __future__ import annotations

from loadctl.errors import ExitCode
from loadctl.results.recording import Example
from loadctl.results.result import Engine, Point, Resources, ResourceUse, Result, Step, Window
from loadctl.results.summary import Counters, EndpointSummary, Latency, StageSummary, Summary
from loadctl.results.verdict import Finding, Score, Status, Verdict
from loadctl.scenario.target import Scope, Target
from tests.records import replace

TOO_FEW = "needs 1,000 successes, has 120"


def endpoint(
    name: str,
    completed: int,
    rate: float,
    p50: float | None,
    p95: float | None,
    p99: float | None,
    failed: int,
) -> EndpointSummary:
    absent = {} if p99 is not None else {"p99": TOO_FEW}
    return EndpointSummary(
        endpoint=name,
        completed=completed,
        failed=failed,
        unfinished=0,
        rate_limited=0,
        throughput_per_s=rate,
        error_rate=failed / completed if completed else 1.0,
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
    return replace(Score.of(goal, status, value, n=34_512, judged=True), **more)


FAILED = Result(
    verdict=Verdict.FAIL,
    exit_code=ExitCode.FAIL,
    reasons=("2 of 6 targets are beyond their critical limit: latency p50, latency p95.",),
    why="The one Python worker in ml-platform-api was at 99 % of a core for all 8 min; "
    "3 of the container's 4 cores were idle.",
    advice=("More workers (uvicorn --workers 4), then: loadctl run baseline",),
    scenario="baseline",
    goal="Establish normal performance",
    source="scenarios/baseline.yaml",
    engine=Engine(name="locust", version="2.47.0", shards=1),
    host="http://localhost:8080",
    model="closed",
    peak=50,
    started_at="2026-11-23T08:20:00.000Z",
    planned_s=600,
    ended_s=600,
    window=Window(120, 600),
    stages=(
        StageSummary(
            "warm-up", 0, 120, True, 50, Summary(0, 120, endpoint("total", 2_000, 17, 1, 2, 3, 0), ())
        ),
        StageSummary(
            "50 users",
            120,
            600,
            False,
            50,
            Summary(120, 600, endpoint("total", 34_512, 71.9, 61.2, 312, 480, 11), ()),
        ),
        StageSummary(
            "down", 600, 610, False, 0, Summary(600, 610, endpoint("total", 488, 48.8, 1, 2, None, 0), ())
        ),
    ),
    counters=Counters(started=37_000, completed=37_000, failed=11, unfinished=0, rate_limited=0),
    summary=Summary(
        120,
        600,
        endpoint("total", 34_512, 71.9, 61.2, 312, 480, 11),
        (
            endpoint("POST /predict", 26_547, 55.3, 78.4, 331, 497, 11),
            endpoint("GET /models", 5_310, 11.1, 14.2, 61.0, 118, 0),
            endpoint("GET /health", 2_655, 5.5, 9.8, 48.7, None, 0),
        ),
    ),
    scores=(
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
    ),
    findings=(
        Finding("cpu-high", "warning", "Worker pid 31 was at 99 % of one core."),
        Finding("latency-stable", "good", "Latency stayed the same."),
        Finding("no-errors", "good", "No errors."),
    ),
    resources=Resources(
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
    ),
    timeline=tuple(Point(t=t, planned=50, users=50, completed=70, failed=0) for t in range(600)),
    examples=(Example(372, "POST /predict", "status_503", 503, "model busy"),),
    run_dir="runs/20261123T082000Z-baseline-locust-91c0",
)

INCONCLUSIVE = replace(
    FAILED,
    verdict=Verdict.INCONCLUSIVE,
    exit_code=ExitCode.INCONCLUSIVE,
    reasons=("No verdict on the system: the load generator could not keep up.",),
    scores=tuple(replace(s, void="the generator was saturated") for s in FAILED.scores),
    findings=(Finding("generator-saturated", "invalid", "Shard 0 was at 98 % of a core.", voids="all"),),
)

PASSED = replace(
    FAILED,
    verdict=Verdict.PASS,
    exit_code=ExitCode.OK,
    reasons=("All 3 targets that could be judged are met. Closest: latency p95, 22 % below its limit.",),
    why=None,
    advice=[],
    next=[
        Step("loadctl run baseline --demo", "the full load: 10 min"),
        Step("loadctl capacity baseline --demo", "find the highest load it can take"),
        Step("loadctl report 91c0 --open", "open its charts"),
    ],
    summary=Summary(
        120,
        600,
        endpoint("total", 34_512, 71.9, 9.8, 39.0, 61.0, 0),
        (
            endpoint("POST /predict", 34_102, 71.0, 9.9, 39.1, 61.0, 0),
            endpoint("GET /models/{id}/versions/{version}", 410, 0.9, 1.2, 4.0, None, 0),
        ),
    ),
    scores=(
        score("latency_p95", Status.PASS, 39.0, "ms", 50, 200, distance=-0.22),
        score("error_rate", Status.PASS, 0.0, "%", 0, 1, detail="0 of 34,512"),
        score("cpu", Status.PASS, 26, "%", 70, 90, detail="of 4 cores", distance=-0.63),
        FAILED.scores[-1],
        replace(
            score(
                "latency_p99",
                Status.NO_DATA,
                None,
                "ms",
                None,
                500,
                reason="about 1,011 requests expected, too close to the 1,000 needed",
            ),
            scope=Scope("endpoint", "GET /health"),
            judged=False,
        ),
    ),
    findings=(
        Finding(
            "generator-same-host",
            "info",
            "the load generator and the system share the CPU cores of this machine",
        ),
        Finding("latency-stable", "good", "Latency stayed the same."),
        Finding("no-errors", "good", "No errors."),
    ),
    examples=(),
)

CRASHED = replace(
    FAILED,
    reasons=(
        "The system crashed at 0:06 (08:20:06 UTC): uvicorn pid 4312 ended and was not back after 10 s.",
        "1 of 4 targets is beyond its critical limit: error rate.",
        "No data for latency p95: needs 200 successes, has 104.",
    ),
    why=None,
    advice=["read the system's log at 0:06 (08:20:06 UTC)"],
    next=[Step("loadctl report 91c0 --open", "open its charts")],
    summary=Summary(
        120,
        600,
        replace(endpoint("total", 965, 5.8, 6.9, None, None, 861), unfinished=3),
        (
            replace(
                endpoint("POST /predict", 502, 3.1, 7.7, None, None, 447),
                errors={"connect_refused": 445, "reset": 2},
            ),
            replace(
                endpoint("POST /login", 398, 0.6, None, None, None, 388), errors={"connect_refused": 388}
            ),
            replace(endpoint("GET /health", 65, 0.5, None, None, None, 26), errors={"connect_refused": 26}),
            replace(endpoint("GET /slow", 0, 0.0, None, None, None, 0), unfinished=3),
        ),
    ),
    scores=(
        score("latency_p95", Status.NO_DATA, None, "ms", 50, 200, reason="needs 200 successes, has 104"),
        score("latency_p50", Status.FAIL, 1770.0, "ms", 10, 50, distance=34.4),
        score("error_rate", Status.FAIL, 89.2, "%", 0.1, 1, detail="861 of 965", distance=88.2),
        score("memory", Status.PASS, 41_000_000, "bytes", 1e9, 2e9, detail="RSS", distance=-0.96),
    ),
    findings=(
        Finding(
            "service-crashed",
            "critical",
            "the system crashed at 0:06 (08:20:06 UTC): uvicorn pid 4312 ended and was not back after 10 s",
        ),
        Finding("errors-over-critical", "critical", "89.22 % of requests failed, above the limit of 1 %"),
        Finding(
            "breaking-point",
            "warning",
            "it holds 10 users at 22.0/s and breaks between 10 and 20 users: errors 71.43 % (limit 1 %)",
        ),
    ),
    examples=(
        Example(5.2, "POST /predict", "connect_refused", None, "127.0.0.1:8080 refused the connection"),
        Example(5.1, "POST /predict", "reset", None, "the connection was reset"),
    ),
)
