"""The final screen, whole: verdict, one reason, one thing to do, then the tables."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadctl.reports.text import headline, render
from loadctl.results.finding import Finding
from loadctl.results.recording import Example
from loadctl.results.summary import Counters, Summary
from tests.reports.sample import FAILED, INCONCLUSIVE, endpoint

SCREEN = """\
FAIL  baseline  50 users, 10 min, locust, http://localhost:8080

2 of 6 targets are beyond their critical limit: latency p50, latency p95.
Why   The one Python worker in ml-platform-api was at 99 % of a core for all 8
      min; 3 of the container's 4 cores were idle.
Do    More workers (uvicorn --workers 4), then: loadctl run baseline

TARGETS            measured     target   critical
  latency p50       61.2 ms      10 ms      50 ms  FAIL  22 % over
  latency p95        312 ms      50 ms     200 ms  FAIL  56 % over
  latency p99        480 ms     100 ms     500 ms  WARN  4 % below critical
  error rate         0.03 %      0.1 %        1 %  PASS  11 of 34,512
  cpu                  26 %       70 %       90 %  PASS  of 4 cores
  throughput         71.9/s     1000/s      500/s  –     not exercised: 50 users
                                                         thinking 0.6 s offer
                                                         83/s

ENDPOINTS         requests      /s      p50      p95      p99  failed
  POST /predict     26,547    55.3  78.4 ms   331 ms   497 ms      11
  GET /models        5,310    11.1  14.2 ms  61.0 ms   118 ms       0
  GET /health        2,655     5.5   9.8 ms  48.7 ms        –       0
  total             34,512    71.9  61.2 ms   312 ms   480 ms      11
  – = too few requests for an honest figure: p95 needs 200, p99 1,000

ERRORS     11 × status 503, POST /predict, first at 6:12: "model busy"
LOAD       50 of 50 users; 37,000 requests = 34,512 scored + 2,488 outside the
           scored window
SYSTEM     uvicorn (pid 4312): cpu 26 % of 4 cores, memory 0.70 → 0.71 GB (PSS)
GENERATOR  healthy; 11 % of a core, timer lag p95 0.40 ms
NOTICED    warning  cpu-high: Worker pid 31 was at 99 % of one core.
           good     latency-stable, no-errors

runs/20261123T082000Z-baseline-locust-91c0                           exit code 1
"""


def test_the_screen_of_a_failed_run() -> None:
    assert render(FAILED) == SCREEN


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    for result in (FAILED, INCONCLUSIVE):
        assert max(map(len, render(result, width=width).splitlines())) <= max(width, 80)


def test_inconclusive_never_prints_a_bare_latency() -> None:
    screen = render(INCONCLUSIVE)
    assert "(61.2 ms)" in screen
    assert "(78.4 ms)" in screen
    assert "not judged" in screen
    assert "holds the generator's own delay" in screen
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
    assert "188 requests unfinished" in screen
    assert screen.startswith("FAIL  baseline  300/s, 10 min")


@given(st.text(max_size=400), st.text(max_size=400))
def test_hostile_names_and_messages_break_nothing(name: str, message: str) -> None:
    total = FAILED.summary.total
    result = replace(
        FAILED,
        summary=Summary(0, 1, total, [endpoint(name, 10, 1.0, 1.0, 2.0, 3.0, 2)]),
        examples=[Example(1, name, "status_503", 503, message)],
        findings=[Finding("log-errors", "warning", message)],
    )
    lines = render(result).splitlines()
    assert lines[0] == SCREEN.splitlines()[0]
    assert not any(ord(char) < 32 or char == "\x7f" for line in lines for char in line)


def test_a_run_without_requests_has_no_table_of_endpoints() -> None:
    none = replace(FAILED.summary.total, completed=0, failed=0)
    screen = render(replace(FAILED, summary=Summary(0, 1, none, []), scores=[]))
    assert "ENDPOINTS" not in screen
    assert "TARGETS" not in screen
