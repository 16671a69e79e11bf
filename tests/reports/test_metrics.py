"""A result, and a run that still goes, as metrics; read back by the library's own strict parser, and by promtool."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from loadctl.reports.metrics import Running, add_result, live_families, openmetrics, text
from loadctl.results.live import Tally
from loadctl.results.recording import Event, Reading
from loadctl.results.verdict import Finding, Score, Status
from loadctl.scenario.load import Model
from loadctl.scenario.target import Scope, Target
from tests.records import replace
from tests.reports.sample import FAILED, INCONCLUSIVE, endpoint
from tests.results.recorded import interval, load, scenario, second

RUN = "20261123T082000Z-baseline-locust-91c0"
HOSTILE = 'GET /"}\\ 1\n# EOF\x00\x1b[2J\u202e\ufffe'


def samples(page: str) -> dict[str, float]:
    """By name and labels, spelled as `name{label="value"}` without the run's label, which all have."""
    found = {}
    for family in text_string_to_metric_families(page):  # type: ignore[no-untyped-call]
        for sample in family.samples:
            labels = {key: value for key, value in sample.labels.items() if key != "run"}
            assert sample.labels["run"] == RUN
            spelled = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
            key = f"{sample.name}{{{spelled}}}"
            assert key not in found
            found[key] = sample.value
    return found


def live(tally: Tally, model: Model = "closed", **more: object) -> Running:
    plan = scenario(load("10 60 hold", model=model))
    return Running(
        run=RUN,
        scenario=replace(plan, **more),
        engine="locust",
        engine_version="2.47.0",
        engine_extension=None,
        started_at="2026-11-23T08:20:00.000Z",
    )


def test_the_final_values_of_a_run() -> None:
    found = samples(openmetrics(FAILED))
    assert found["loadctl_verdict{loadctl_verdict=FAIL}"] == 1
    assert found["loadctl_verdict{loadctl_verdict=PASS}"] == 0
    assert found["loadctl_exit_code{}"] == 1
    p95 = "metric=latency_p95,name=,scope=run,unit=seconds"
    assert found[f"loadctl_score_value{{{p95}}}"] == 0.312
    assert found[f"loadctl_score{{loadctl_score=FAIL,{p95}}}"] == 1
    assert found[f"loadctl_target_limit{{limit=critical,{p95}}}"] == 0.2
    assert found["loadctl_score_value{metric=error_rate,name=,scope=run,unit=ratio}"] == 0.0003
    assert found["loadctl_run_requests{state=started}"] == 37_000
    assert found["loadctl_scored_requests{endpoint=POST /predict,outcome=ok}"] == 26_536
    assert found["loadctl_scored_latency_seconds{percentile=p99}"] == 0.48
    assert found["loadctl_scored_system_memory_bytes{}"] == 712_000_000
    assert found["loadctl_finding{id=cpu-high,severity=warning}"] == 1


def test_what_is_absent_is_not_there() -> None:
    found = samples(openmetrics(FAILED))
    assert not any("p99" in key and "GET /health" in key for key in found)
    single = replace(FAILED.scores[0], limit=None)
    limits = [key for key in samples(openmetrics(replace(FAILED, scores=[single]))) if "target_limit" in key]
    assert len(limits) == 1


def test_what_proves_nothing_is_neither_passed_nor_failed_nor_a_latency_of_the_system() -> None:
    found = samples(openmetrics(INCONCLUSIVE))
    judged = [key for key, value in found.items() if key.startswith("loadctl_score{") and value]
    assert judged
    assert all("loadctl_score=NOT_JUDGED" in key for key in judged)
    measured = ("loadctl_scored_latency", "loadctl_scored_endpoint", "loadctl_score_value")
    assert not [key for key in found if key.startswith(measured)]


def test_a_run_that_still_goes_has_no_verdict() -> None:
    tally = Tally()
    tally.add(second(0, {"GET /": interval([5.0] * 20, errors={"timeout": 1})}))
    found = samples(text(live_families(live(tally), tally)))
    assert found["loadctl_requests_total{endpoint=GET /,outcome=ok}"] == 20
    assert found["loadctl_failures_total{class=timeout,endpoint=GET /}"] == 1
    assert found["loadctl_latency_seconds_bucket{endpoint=GET /,le=0.005}"] == 0
    assert found["loadctl_latency_seconds_bucket{endpoint=GET /,le=0.01}"] == 20
    assert found["loadctl_latency_seconds_sum{endpoint=GET /}"] == 0.1
    assert found["loadctl_recent_latency_seconds{percentile=p50}"] == 0.005
    assert found["loadctl_users{}"] == found["loadctl_planned_users{}"] == 10
    assert found["loadctl_stage{stage=hold}"] == 1
    assert not any("p95" in key and "recent" in key for key in found)  # 20 are too few
    assert not any("verdict" in key or "score" in key or "arrivals" in key for key in found)


def test_the_open_model_tells_its_arrivals() -> None:
    tally = Tally()
    tally.add(second(0, {}, begun=8, dropped=2))
    found = samples(text(live_families(live(tally, "open"), tally)))
    assert found["loadctl_arrivals_total{outcome=begun}"] == 8
    assert found["loadctl_arrivals_total{outcome=dropped}"] == 2
    assert found["loadctl_planned_arrivals_per_second{}"] == 10
    assert "loadctl_planned_users{}" not in found


def test_nothing_has_happened_yet() -> None:
    found = samples(text(live_families(live(Tally()), Tally())))
    assert found["loadctl_run_elapsed_seconds{}"] == 0


@given(st.text() | st.just(HOSTILE), st.text() | st.just(HOSTILE))
def test_hostile_names_break_no_page(one: str, other: str) -> None:
    tally = Tally()
    tally.add(second(0, {one: interval([5.0], errors={other: 1}), other: interval([5.0])}))
    tally.see(Reading(0.5, "system", "process", one, {"cpu_pct": 1.0}))
    tally.see(Event(0.5, other, one))
    goal = Target(metric="latency_p95", scope=Scope("endpoint", one), critical=1, unit="ms")
    bad = replace(
        FAILED,
        scenario=one,
        summary=replace(
            FAILED.summary, endpoints=[endpoint(one, 1, 1, 1, 1, 1, 0), endpoint(other, 1, 1, 1, 1, 1, 0)]
        ),
        scores=(Score.of(goal, Status.FAIL, 61.2, n=1, judged=True),),
    )
    families = live_families(live(tally, name=one, targets=(goal,)), tally)
    add_result(families, bad)
    for page in (text(families), openmetrics(bad)):
        assert samples(page)
        assert "\x00" not in page
        assert "\x1b" not in page


def test_promtool_has_nothing_to_say() -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed: apt-get install prometheus")
    tally = Tally()
    tally.add(second(0, {"GET /": interval([5.0] * 2000, errors={"timeout": 1})}, begun=8))
    tally.see(Reading(1, "system", "process", "api", {"cpu_pct": 1.0, "cpu_cores": 0.1, "memory_bytes": 1e6}))
    tally.see(Reading(1, "system", "logs", "api.log", {"log_lines": 1, "log_errors": 0}))
    families = live_families(live(tally, "open"), tally)
    add_result(families, FAILED)
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=generate_latest(families), capture_output=True, check=False
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")


def test_findings_of_the_same_kind_are_one() -> None:
    twice = replace(
        FAILED, findings=[Finding("cpu-high", "warning", "a"), Finding("cpu-high", "warning", "b")]
    )
    assert samples(openmetrics(twice))["loadctl_finding{id=cpu-high,severity=warning}"] == 1


def test_a_script_with_its_own_load_has_no_plan() -> None:
    tally = Tally()
    found = samples(text(live_families(live(tally, load=load()), tally)))
    assert not {key for key in found if "planned" in key or "stage" in key}
