"""Reports of runs by hand, as a browser test needs them: good, bad, interrupted, empty and long."""

from __future__ import annotations

from collections.abc import Sequence

from loadctl.analysis.judgement import RunFacts, judge
from loadctl.reports.html.page import page
from loadctl.results.charts import charts
from loadctl.results.interval import Second
from loadctl.results.recording import Event, Example, Reading, Recording
from loadctl.scenario.load import Load
from loadctl.scenario.target import Target
from tests.records import replace
from tests.reports.drawn import LOAD, PROVENANCE, endurance, recorded
from tests.results.recorded import P50, P95, P99, interval, load, recording, scenario, second, shard, target

FACTS = RunFacts(
    engine="locust",
    engine_version="2.47.0",
    shards=1,
    started_at="2026-11-23T08:20:00.000Z",
    run_dir="runs/20261123T082000Z-baseline-locust-91c0",
)
ENDPOINTS = ("POST /predict", "GET /models", "GET /models/{id}", "GET /health")
HOSTILE = "GET /</script><b onclick=alert(1)>\u202e\x1b[31m/" + "x" * 10_000
TARGETS = (
    target(P50, 100, 60),
    target(P95, 200, 90),
    target(P99, 500, 120),
    target("error_rate", 1, 0.1),
    target("cpu", 90, 70),
    target("memory", 2e9, 1e9),
    target(P95, 150, 80, endpoint="POST /predict"),
)


def told(planned: Load, made: Recording, targets: Sequence[Target] = TARGETS) -> str:
    judged = replace(scenario(planned, targets), name="baseline", goal="Normal performance with 50 users")
    result = judge(judged, made, FACTS)
    return page(result, charts(planned, made, result.window, result.ended_s), PROVENANCE)


def good() -> str:
    return told(LOAD, recorded(600, ENDPOINTS))


def bad() -> str:
    """From 5:00 on too slow, failing, restarted and complaining in its log; one endpoint has a hostile name."""
    made = recorded(600, (*ENDPOINTS, HOSTILE))
    examples = [
        Example(
            300.0 + i, name, "status_503", 503, f"expected status below 400, got 503 {HOSTILE[:40]}", body
        )
        for i, (name, body) in enumerate(
            [
                ("POST /predict", '{"detail": "model busy"}'),
                ("POST /predict", '{"detail": "model busy"}'),
                (HOSTILE, HOSTILE[:900]),
            ]
        )
    ]
    events = [
        Event(302.0, "service_restarted", f"uvicorn was started again {HOSTILE[:60]}", {}),
        Event(330.0, "log_error", "ERROR pool exhausted", {}),
        Event(
            600.0,
            "log_messages",
            f"ERROR {HOSTILE[:200]}",
            {"count": 240, "first_s": 300.0, "last_s": 599.0, "level": "error", "log": "api.log"},
        ),
    ]
    logs = [
        Reading(float(t), "system", "logs", "api.log", {"log_errors": float(t % 5), "log_lines": 40.0})
        for t in range(300, 600)
    ]
    busy = [
        replace(r, values={**r.values, "cpu_pct": 97.0}) if r.source == "process" and r.t > 300 else r
        for r in made.readings
    ]
    return told(
        LOAD,
        recording(_failing(), readings=[*busy, *logs], events=events, examples=examples),
    )


def _failing() -> list[Second]:
    seconds = []
    for t in range(600):
        slow = 1 + max(0, t - 300) / 40
        seconds.append(
            second(
                t,
                {
                    name: interval(
                        [slow * (20 + 8 * k + i % 9) for i in range(25)],
                        errors={"status_503": 2, "timeout": 1} if t >= 300 and k in {0, 4} else None,
                    )
                    for k, name in enumerate((*ENDPOINTS, HOSTILE))
                },
                users=50,
            )
        )
    return seconds


def interrupted() -> str:
    made = recorded(200, ENDPOINTS)
    return told(LOAD, replace(made, interrupted_by=2, events=[Event(200.0, "signal", "Ctrl-C (SIGINT)", {})]))


def empty() -> str:
    nothing = recording([], shards=[shard(bye=False, last_t=0)], failure="locust said nothing for 20 s")
    return told(LOAD, nothing)


def long() -> str:
    return told(endurance_load(), endurance(600, 14_100))


def endurance_load() -> Load:
    return load("100..500 600 ramp warmup", "500 13500 hold", "500..0 300 down")


PAGES = {"good": good, "bad": bad, "interrupted": interrupted, "empty": empty, "long": long}
