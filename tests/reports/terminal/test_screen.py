"""The final screen, whole: verdict, one reason, one thing to do, then the tables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadctl.errors import ExitCode
from loadctl.reports.terminal.screen import headline, render
from loadctl.results.findings import FindingId
from loadctl.results.recording import Example, VirtualUsers
from loadctl.results.result import Result
from loadctl.results.summary import Counters, StageSummary, Summary
from loadctl.results.verdict import Evidence, Finding, Severity, Status, Verdict, Voids
from loadctl.scenario.target import Scope
from tests.records import replace
from tests.reports.sample import CRASHED, FAILED, INCONCLUSIVE, PASSED, endpoint

SCREENS = Path(__file__).parent.parent / "screens"

SCREEN = """\
FAIL  baseline  50 users, 10 min, locust, http://localhost:8080

2 of 6 targets are beyond their critical limit: latency p50, latency p95.
Why   The one Python worker in ml-platform-api was at 99 % of a core for all 8
      min; 3 of the container's 4 cores were idle.
Do    More workers (uvicorn --workers 4), then: loadctl run baseline

TARGETS            measured     target   critical
  latency p50       61.2 ms      10 ms      50 ms  FAIL  1.22 × the limit
  latency p95        312 ms      50 ms     200 ms  FAIL  1.56 × the limit
  latency p99        480 ms     100 ms     500 ms  WARN  4 % below critical
  error rate         0.03 %      0.1 %        1 %  PASS  11 of 34,512
  cpu                  26 %       70 %       90 %  PASS  of 4 cores
  throughput         71.9/s     1000/s      500/s  –     not exercised: 50 users
                                                   thinking 0.6 s offer 83/s

ENDPOINTS         requests      /s      p50      p95      p99  failed
  POST /predict     26,547    55.3  78.4 ms   331 ms   497 ms      11
  GET /models        5,310    11.1  14.2 ms  61.0 ms   118 ms       0
  GET /health        2,655     5.5   9.8 ms  48.7 ms        –       0
  total             34,512    71.9  61.2 ms   312 ms   480 ms      11
  – = too few requests for a reliable figure: p95 needs 200, p99 1,000

ERRORS     11 × status 503, POST /predict, first at 6:12 (08:26:12 UTC): "model
           busy"
LOAD       50 of 50 users; 37,000 requests = 34,512 scored + 2,000 warm-up + 488
           ramp-down
           began 2026-11-23 08:20:00 UTC
SYSTEM     uvicorn (pid 4312): cpu 26 % of 4 cores, memory 0.70 GB, up to 0.71
           GB (PSS)
GENERATOR  healthy: 11 % of a core, on time (0.40 ms at p95)
NOTICED    warning  cpu-high: Worker pid 31 was at 99 % of one core.
           good     latency-stable, no-errors
NEXT       loadctl explain cpu-high  what it means

runs/20261123T082000Z-baseline-locust-91c0                     FAIL, exit code 1
"""


def test_the_screen_of_a_failed_run() -> None:
    assert render(FAILED) == SCREEN


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize(
    ("name", "result"), [("passed", PASSED), ("crashed", CRASHED), ("inconclusive", INCONCLUSIVE)]
)
def test_the_screens_of_other_runs(name: str, result: Result, width: int) -> None:
    """Whole, as they are read: tests/reports/screens holds them."""
    assert render(result, width=width) == (SCREENS / f"{name}-{width}.txt").read_text()


def test_the_gravest_finding_can_be_asked_about_and_a_note_needs_no_question() -> None:
    def asked(*severities: Severity) -> list[str]:
        ids: Mapping[Severity, FindingId] = {"warning": "cpu-high", "invalid": "load-not-reached"}
        findings = tuple(Finding(ids.get(one, "no-errors"), one, one) for one in severities)
        screen = render(replace(FAILED, findings=findings))
        return re.findall(r"loadctl explain (\S+)  what it means", screen)

    assert asked("warning", "invalid", "info") == ["load-not-reached"]
    assert asked("info", "good") == []


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    for result in (FAILED, INCONCLUSIVE, PASSED, CRASHED):
        assert max(map(len, render(result, width=width).splitlines())) <= max(width, 80)


def test_inconclusive_never_prints_a_bare_latency() -> None:
    screen = render(INCONCLUSIVE)
    assert "(61.2 ms)" in screen
    assert "(78.4 ms)" in screen
    assert "not judged" in screen
    assert "includes the load generator's own delay" in screen
    assert "PASS" not in screen


def test_colour_is_on_the_verdict_words_only_and_off_by_default() -> None:
    assert "\x1b" not in render(FAILED)
    painted = render(FAILED, colour=True)
    for word in ("FAIL", "WARN", "PASS"):
        assert f"m{word}\x1b[0m" in painted
    assert painted.replace("\x1b[0m", "").count("\x1b[") == painted.count("\x1b[0m")


def test_quiet_is_the_first_line() -> None:
    assert headline(FAILED) == SCREEN.splitlines()[0]


def test_the_open_model_accounts_for_every_arrival() -> None:
    counters = Counters(
        started=69_300,
        completed=69_112,
        failed=0,
        unfinished=188,
        rate_limited=0,
        planned_arrivals=90_000,
        begun=69_300,
        dropped=20_700,
    )
    screen = render(replace(FAILED, model="open", peak=300, counters=counters))
    assert "90,000 arrivals planned = 69,300 begun + 20,700 dropped" in screen
    assert "188 requests were lost with their engine process" in screen
    assert screen.startswith("FAIL  baseline  300/s, 10 min")


@given(st.text(max_size=400), st.text(max_size=400))
def test_hostile_names_and_messages_break_nothing(name: str, message: str) -> None:
    total = FAILED.summary.total
    result = replace(
        FAILED,
        summary=Summary(0, 1, total, (endpoint(name, 10, 1.0, 1.0, 2.0, 3.0, 2),)),
        examples=[Example(1, name, "status_503", 503, message)],
        findings=[Finding("log-errors", "warning", message)],
    )
    lines = render(result).splitlines()
    assert lines[0] == SCREEN.splitlines()[0]
    assert not any(ord(char) < 32 or char == "\x7f" for line in lines for char in line)


def test_a_run_without_requests_has_no_table_of_endpoints() -> None:
    none = replace(FAILED.summary.total, completed=0, failed=0)
    screen = render(replace(FAILED, summary=Summary(0, 1, none, ()), scores=()))
    assert "ENDPOINTS" not in screen
    assert "TARGETS" not in screen


def test_where_nothing_ran_there_are_no_tables() -> None:
    none = Counters(started=0, completed=0, failed=0, unfinished=0, rate_limited=0)
    reason = "Nothing listens on localhost:8080 (tried for 30 s, nothing was sent)."
    error = replace(
        FAILED,
        verdict=Verdict.ERROR,
        exit_code=ExitCode.ERROR,
        reasons=[reason],
        why=None,
        advice=[],
        counters=none,
    )
    assert render(error) == (
        "ERROR  baseline  50 users, 10 min, locust, http://localhost:8080\n\n"
        f"{reason}\n\n"
        f"{SCREEN.splitlines()[-1].replace(' FAIL, exit code 1', 'ERROR, exit code 4')}\n"
    )


def test_what_fails_alike_is_one_line_with_the_words_of_the_system() -> None:
    rows = [
        replace(endpoint(f"GET /{k}", 100, 1.0, 1.0, None, None, k), errors={"status_503": k, f"kind_{k}": 1})
        for k in range(1, 8)
    ]
    answers = [
        Example(9, "GET /1", "status_503", 503, "expected status 2xx, got 503", '{"detail": "model busy"}'),
        Example(7, "GET /2", "status_503", 503, "expected status 2xx, got 503", "<html>"),
    ]
    screen = render(
        replace(FAILED, summary=replace(FAILED.summary, endpoints=rows), examples=answers), width=120
    )
    errors = screen[screen.index("ERRORS") : screen.index("LOAD")].splitlines()
    assert errors[0] == (
        "ERRORS     28 × status 503, GET /7 7, GET /6 6, GET /5 5 and 4 more, first at 0:07 (08:20:07 UTC): "
        '"expected status 2xx,'
    )
    assert errors[1] == '           got 503"'
    assert errors[2:6] == [f"           1 × kind {k}, GET /{k}" for k in range(1, 5)]
    assert errors[6] == "           … and 3 more kinds: loadctl report --json"


def test_unfinished_requests_are_requests_that_failed() -> None:
    row = replace(endpoint("GET /slow", 12, 1.0, 1.0, None, None, 0), unfinished=13)
    whole = Summary(0, 1, replace(row, endpoint="total"), (row,))
    counters = Counters(started=30, completed=12, failed=0, unfinished=18, rate_limited=0)
    stages = [StageSummary("hold", 0, 1, False, 50, whole)]
    screen = render(replace(FAILED, summary=whole, counters=counters, stages=stages))
    assert "  GET /slow             25     1.0  1.00 ms        –        –      13" in screen
    assert "13 × unfinished, GET /slow" in screen
    assert "30 requests = 25 scored + 5 cut off" in screen
    assert "13 requests had no answer at the end and count as failed" in screen
    assert "5 requests were lost with their engine process and do not count" in screen


def test_endpoints_that_begin_alike_stay_apart_and_the_total_comes_last() -> None:
    rows = [endpoint("GET /" + "x" * 190 + f"/{i}", 20, 1.0, 1.0, None, None, 0) for i in range(30)]
    lines = render(replace(FAILED, summary=replace(FAILED.summary, endpoints=rows))).splitlines()
    names = [line.split()[1] for line in lines if line.startswith("  GET /x")]
    assert len(names) == len(set(names)) == 19
    more = lines.index("  … and 11 more: loadctl report --json")
    assert lines[more + 1].startswith("  total ")


def test_the_generator_is_called_what_its_findings_say_and_not_what_others_do() -> None:
    def line(*findings: Finding) -> str:
        screen = render(replace(FAILED, findings=findings))
        return next(line for line in screen.splitlines() if line.startswith("GENERATOR"))

    assert line(Finding("load-not-reached", "invalid", "m", voids="pass")).startswith(
        "GENERATOR  healthy: 11 %"
    )
    assert line(Finding("generator-saturated", "invalid", "m", voids="all")).startswith(
        "GENERATOR  saturated: "
    )
    lost = line(Finding("data-incomplete", "invalid", "m", voids="pass"))
    assert lost == "GENERATOR  incomplete: 11 % of a core, on time (0.40 ms at p95)"
    assert "late: 11 % of a core, timers 0.40 ms late" in line(
        Finding("generator-saturated", "warning", "m", voids="excess")
    )
    assert "GENERATOR  late: 11 % of a core, timers 0.40 ms late" in line(
        Finding("generator-lag", "info", "m", voids="near")
    )
    faulty = Finding("generator-faults", "invalid", "m", {"of": "script"}, voids="all")
    assert "GENERATOR  faults in the script: " in line(faulty)
    assert "GENERATOR  faulty: " in line(replace(faulty, evidence={}))


@pytest.mark.parametrize("voids", ["all", "excess", "near"])
def test_brackets_say_that_the_delay_is_the_generators(voids: Voids) -> None:
    scores = [replace(FAILED.scores[2], void="generator late")]
    late = Finding("generator-lag", "info", "m", {"lag_p95_ms": 4.0}, voids=voids)
    screen = render(replace(FAILED, verdict=INCONCLUSIVE.verdict, scores=scores, findings=[late]))
    assert "( ) = includes the load generator's own delay: says nothing about the system" in screen


def test_latencies_that_a_lost_shard_makes_worthless_are_not_blamed_on_the_generator() -> None:
    lost = Finding("data-incomplete", "invalid", "1 of 2 engine processes did not finish", voids="pass")
    scores = [replace(FAILED.scores[2], void="data incomplete")]
    screen = render(replace(FAILED, verdict=INCONCLUSIVE.verdict, scores=scores, findings=[lost]))
    assert "(480 ms)" in screen
    assert "( ) = not measured under the full load: says nothing about the system" in screen


def test_a_long_remark_stands_below_its_target() -> None:
    remark = "only the total can be corrected, and only where all users keep the same pace"
    scores = [replace(FAILED.scores[0], status=Status.NO_DATA, value=None, reason=remark)]
    lines = render(replace(FAILED, scores=scores)).splitlines()
    at = next(i for i, line in enumerate(lines) if line.endswith("no data"))
    assert lines[at + 1] == "                   only the total can be corrected, and only where all users"


def test_a_nearly_whole_distance_is_not_rounded_up_to_all_of_it() -> None:
    scores = [replace(FAILED.scores[0], status=Status.PASS, value=0.1, distance=-0.998)]
    assert ">99 % below" in render(replace(FAILED, scores=scores))


def test_the_screen_says_what_the_engine_s_name_stands_for() -> None:
    screen = render(
        replace(FAILED, engine=replace(FAILED.engine, users="user types with loadctl's own client"))
    )
    assert "\n           locust 2.47.0: user types with loadctl's own client\n" in screen
    assert "locust 2.47.0" not in render(FAILED)
    ours = replace(FAILED, engine=replace(FAILED.engine, extension="engine loadctl", users="user types"))
    for counted, said in (
        (VirtualUsers(1200, 1200, 0), "; 1,200 virtual users, 1,200 completed "),
        (VirtualUsers(12, 9, 3), "; 12 virtual users, 9 completed, 3 failed "),
    ):
        screen = " ".join(render(replace(ours, engine=replace(ours.engine, virtual_users=counted))).split())
        assert f" locust 2.47.0, engine loadctl: user types{said}" in screen


def test_faults_of_a_script_delay_nothing_so_figures_have_no_brackets() -> None:
    faults = Finding("generator-faults", "invalid", "m", {"of": "script"}, voids="all")
    assert "(61.2 ms)" not in render(replace(FAILED, findings=[faults]))
    assert "(61.2 ms)" in render(replace(FAILED, findings=[replace(faults, evidence={})]))


def test_a_figure_is_doubted_in_the_table_of_endpoints_where_its_target_is() -> None:
    """p50 is over its limit by less than the generator was late, p95 by far more."""
    p50, p95, *others = FAILED.scores
    predict = replace(p95, scope=Scope("endpoint", "POST /predict"), value=331.0)
    near = Finding("generator-lag", "info", "m", {"lag_p95_ms": 15.0}, voids="near")
    scores = [replace(p50, void="generator late"), p95, replace(predict, void="generator late"), *others]
    screen = render(replace(FAILED, scores=scores, findings=[near]))
    (total,) = re.findall(r"^  total .*", screen, re.MULTILINE)
    (row,) = re.findall(r"^  POST /predict  .*", screen, re.MULTILINE)
    assert "(61.2 ms)" in total
    assert " 312 ms" in total
    assert "(78.4 ms)" in row
    assert "(331 ms)" in row
    assert re.findall(r"latency p95 +(\S+ ms\)?)", screen) == ["312 ms", "(331 ms)"]


def test_a_saturated_generator_has_one_figure_for_its_core() -> None:
    evidence: Evidence = {"busy_share": 0.12, "cpu_pct_of_one_core_max": 104.0}
    busy = Finding("generator-saturated", "invalid", "shard 0 needed 90 % of a core", evidence, voids="all")
    screen = render(replace(FAILED, findings=[busy]))
    assert "GENERATOR  saturated: needed up to 104 % of a core, got 11 % over 30 s" in screen


def test_a_quick_look_says_so_in_the_first_line() -> None:
    left_out = replace(PASSED.scores[0], judged=False, status=Status.NO_DATA, value=None)
    smoke = replace(PASSED, smoke=True, scores=[left_out, *PASSED.scores[1:]])
    assert headline(smoke).startswith("PASS (smoke: ")
    assert headline(smoke, colour=True).startswith("\x1b[1;32mPASS\x1b[0m (smoke: ")
