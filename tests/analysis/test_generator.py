"""Generator saturation: one row, one sentence."""

from __future__ import annotations

import pytest

from loadctl.analysis.generator import generator_findings
from loadctl.analysis.run_context import RunContext
from loadctl.results.interval import Second
from loadctl.results.measures.measured import measure
from loadctl.results.recording import Example, Reading, Recording
from loadctl.results.verdict import Finding
from loadctl.scenario.load import Load
from loadctl.scenario.scenario import Script
from tests.records import replace
from tests.results.recorded import load, readings, recording, scenario, steady


def found(
    made: Recording, host: str = "http://api.example:8080", planned: Load | None = None
) -> dict[str, Finding]:
    asked = scenario(planned or load("10 60 hold"), host=host)
    run = RunContext(asked, made, measure(asked, made))
    return {finding.id: finding for finding in generator_findings(run)}


def shard_cpu(*percents: float, entity: str = "shard 0 pid 7") -> list[Reading]:
    return [
        Reading(t, "generator", "generator", entity, {"cpu_pct_of_one_core": pct})
        for t, pct in enumerate(percents, 1)
    ]


def lagging(lag_ms: float, share: float = 0.1, latency_ms: float = 10.0) -> list[Second]:
    seconds = steady(60, [latency_ms] * 20)
    for second in seconds[: round(60 * share)]:
        second.lag_ms = [lag_ms] * 10
    return seconds


@pytest.mark.parametrize(
    ("percents", "saturated"),
    [
        ([89.9] * 60, False),
        ([95.0] * 6 + [20.0] * 54, True),  # 90 % of a core in 10 % of the seconds
        ([95.0] * 5 + [20.0] * 55, False),
        ([90.0] + [20.0] * 9, True),  # 1 s of 10 s
        ([90.0] + [20.0] * 10, False),
        ([], False),
    ],
)
def test_cpu_of_an_engine_process(percents: list[float], saturated: bool) -> None:
    made = recording(steady(60), readings=shard_cpu(*percents))
    assert ("generator-saturated" in found(made)) is saturated


def test_a_shard_that_neighbours_keep_from_its_core_is_saturated_at_any_share_of_its_own() -> None:
    values = {"cpu_pct_of_one_core": 60.0, "cpu_wait_pct_of_one_core": 35.0}
    starved = [Reading(t, "generator", "generator", "shard 0 pid 7", values) for t in range(1, 61)]
    assert "generator-saturated" in found(recording(steady(60), readings=starved))


def test_one_busy_shard_of_two_is_enough_and_voids_all() -> None:
    both = [*shard_cpu(*[10.0] * 60), *shard_cpu(*[99.0] * 60, entity="shard 1 pid 8")]
    finding = found(recording(steady(60), readings=both))["generator-saturated"]
    assert (finding.severity, finding.voids) == ("invalid", "all")
    assert finding.message == (
        "the load generator could not keep up: shard 1 pid 8 needed at least 90 % of a core 100 % of the time"
    )
    assert finding.evidence["cpu_pct_of_one_core_max"] == 99
    assert finding.advice[0] == "run again with --workers 2, or with less load per engine process"


def test_loadctl_itself_is_no_engine_process() -> None:
    busy = shard_cpu(*[99.0] * 60, entity="loadctl pid 3")
    assert not found(recording(steady(60), readings=busy))


@pytest.mark.parametrize(
    ("seconds", "late"),
    [
        (lagging(4.9), False),
        (lagging(6.0), True),
        (lagging(6.0, share=0.04), False),  # p95 is what counts
        (lagging(30.0, latency_ms=400.0), False),  # below 10 % of the reported p95
        (lagging(50.0, latency_ms=400.0), True),
    ],
)
def test_lag_of_the_event_loop_alone_voids_no_pass(seconds: list[Second], late: bool) -> None:
    finding = found(recording(seconds)).get("generator-saturated")
    assert (finding is not None) is late
    if finding is not None:
        assert (finding.severity, finding.voids) == ("warning", "excess")


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (lagging(1.9), None),
        (lagging(2.5), "2.50 ms late at p95"),
        (lagging(2.5, share=0.04), "2.50 ms late at p99"),
        (lagging(10.0, latency_ms=400.0), None),  # below 5 % of the reported percentile
        (lagging(30.0, latency_ms=400.0), "30.0 ms late at p95"),
        (lagging(30.0, share=0.04, latency_ms=400.0), "30.0 ms late at p99"),
    ],
)
def test_a_little_lag_is_told_with_its_size(seconds: list[Second], told: str | None) -> None:
    finding = found(recording(seconds)).get("generator-lag")
    assert (finding is not None) is (told is not None)
    if finding is not None:
        assert finding.message == f"the load generator ran {told}, so latencies may be too high by as much"
        assert told is not None
        assert (finding.severity, finding.voids) == ("info", "near")
        assert finding.evidence["percentile"] == told[-3:]
        assert finding.evidence[f"lag_{told[-3:]}_ms"] == float(told.split()[0])


def test_with_busy_cpu_lag_is_evidence_and_no_second_finding() -> None:
    made = recording(lagging(60.0), readings=shard_cpu(*[99.0] * 60))
    findings = found(made)
    assert set(findings) == {"generator-saturated"}
    assert findings["generator-saturated"].evidence["lag_p95_ms"] == 60.0


@pytest.mark.parametrize(
    ("values", "noun"),
    [
        ({"open_fds": 973, "open_fds_limit": 1024}, "descriptors (973 of 1,024)"),
        ({"open_fds": 972, "open_fds_limit": 1024}, None),
        ({"ephemeral_ports_used": 27000, "ephemeral_ports": 28232}, "ports (27,000 of 28,232)"),
        ({"ephemeral_ports_used": 20000, "ephemeral_ports": 28232}, None),
        ({"open_fds": 50}, None),  # no limit known
    ],
)
def test_descriptors_and_ports_that_run_out(values: dict[str, float], noun: str | None) -> None:
    made = recording(steady(60), readings=readings(3, "generator", entity="shard 0 pid 7", **values))
    finding = found(made).get("generator-saturated")
    assert (finding is not None) is (noun is not None)
    if finding is not None:
        assert finding.message == f"the load generator could not keep up: it ran out of {noun}"
        assert finding.voids == "all"


@pytest.mark.parametrize(
    ("message", "noun"),
    [
        ("cannot open a connection to localhost:80: Too many open files", "descriptors"),
        ("cannot open a connection to localhost:80: Cannot assign requested address", "ports"),
    ],
)
def test_a_refused_descriptor_or_port_is_exhaustion_without_any_reading(message: str, noun: str) -> None:
    example = Example(3.0, "GET /", "generator", None, message)
    refused = steady(60, faults=1)
    finding = found(recording(refused, examples=[example]))["generator-saturated"]
    assert f"ran out of {noun}" in finding.message
    warmed_up = load("10 10 warm warmup", "10 50 hold")
    only_then = [*steady(10, faults=1), *steady(50, start=10)]
    assert "generator-saturated" not in found(recording(only_then, examples=[example]), planned=warmed_up)


def test_more_engine_processes_are_advised_only_where_cores_are_idle() -> None:
    busy = shard_cpu(*[99.0] * 60)
    full = [Reading(t, "generator", "generator", "machine", {"cpu_idle_pct": 5.0}) for t in range(1, 60)]
    assert "--workers" in found(recording(steady(60), readings=busy))["generator-saturated"].advice[0]
    assert found(recording(steady(60), readings=[*busy, *full]))["generator-saturated"].advice == (
        "this machine has no core to spare: reduce the load, or run loadctl on another machine",
    )


@pytest.mark.parametrize(
    ("faults", "severity", "voids"),
    [(0, None, None), (1, "warning", None), (12, "warning", None), (13, "invalid", "all")],
)
def test_more_than_1_percent_of_turns_with_faults_of_the_generator_make_the_run_invalid(
    faults: int, severity: str | None, voids: str | None
) -> None:
    seconds = steady(60)  # 1,200 turns
    seconds[30].faults = faults
    finding = found(recording(seconds)).get("generator-faults")
    assert (finding and finding.severity, finding and finding.voids) == (severity, voids)


RAISED = Example(3.0, "(script)", "generator", None, "KeyError: 'id'")


@pytest.mark.parametrize(
    ("examples", "own", "words"),
    [
        ([RAISED], True, "an exception in your script (KeyError: 'id')"),
        (
            [RAISED],
            False,
            "a fault of the load generator itself (KeyError: 'id')",
        ),  # user types have no script
        ([replace(RAISED, endpoint="GET /")], True, "a fault of the load generator itself (KeyError: 'id')"),
        ([], True, "a fault of the load generator itself"),
    ],
)
def test_an_exception_of_a_script_is_no_fault_of_the_generator(
    examples: list[Example], own: bool, words: str
) -> None:
    asked = replace(scenario(), script=Script("locustfile", "own.py") if own else None)
    made = recording(steady(60, faults=1), examples=examples)
    [finding] = [
        finding
        for finding in generator_findings(RunContext(asked, made, measure(asked, made)))
        if finding.id == "generator-faults"
    ]
    assert finding.message == f"60 of 1,200 turns were ended by {words}"
    assert (finding.severity, finding.evidence["of"]) == (
        "invalid",
        "script" if "your script" in words else "generator",
    )


def test_faults_after_the_last_stage_count_too() -> None:
    asked = replace(scenario(), script=Script("artillery", "own.yml"))
    made = recording([*steady(60), *steady(3, start=60, faults=20)], examples=[RAISED])
    found = {one.id: one.message for one in generator_findings(RunContext(asked, made, measure(asked, made)))}
    assert (
        found["generator-faults"]
        == "60 of 1,260 turns were ended by an exception in your script (KeyError: 'id')"
    )


def test_a_script_that_finds_no_descriptors_left_is_not_to_blame() -> None:
    asked = replace(scenario(), script=Script("locustfile", "own.py"))
    example = replace(RAISED, message="OSError: [Errno 24] Too many open files: 'a.csv'")
    made = recording(steady(60, faults=1), examples=[example])
    found = {one.id: one.message for one in generator_findings(RunContext(asked, made, measure(asked, made)))}
    assert "ran out of descriptors" in found["generator-saturated"]
    assert "the load generator itself" in found["generator-faults"]


@pytest.mark.parametrize(
    ("host", "same"),
    [
        ("http://localhost:8080", True),
        ("http://127.0.0.1:8080", True),
        ("http://[::1]:8080", True),
        ("https://api.example", False),
    ],
)
def test_same_host_is_said(host: str, same: bool) -> None:
    assert ("generator-same-host" in found(recording(steady(60)), host)) is same


def test_a_healthy_generator_has_no_findings() -> None:
    made = recording(steady(60), readings=shard_cpu(*[40.0] * 60))
    assert not found(made)
