"""The run while it goes, as a terminal and as a log see it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadctl.reports.terminal.live import live_lines, plain_every_s, plain_line, sparkline
from loadctl.results.live import Progress
from loadctl.results.recording import Reading
from loadctl.scenario.load import Load, Stage
from tests.results.recorded import P95, interval, load, second, target

PLAN = load("0..20 10 rise", "20 20 hold")
LIMIT = target(P95, 200, 50)


def going(seconds: int, plan: Load = PLAN, ok_ms: float = 37.0, **more: int) -> Progress:
    """Users as planned, four requests a second for each, one failure in the second second."""
    progress = Progress(plan)
    for t in range(seconds):
        users = round(plan.level_at(t + 0.999))
        errors = {"reset": 1} if t == 1 else None
        progress.add(second(t, {"GET /": interval([ok_ms] * 4 * users, errors=errors)}, users=users, **more))
    values = {"cpu_pct": 41.0, "cores_available": 4.0, "memory_bytes": 214e6}
    progress.read(Reading(float(seconds), "system", "process", "uvicorn", values))
    return progress


AT_80 = """\
  users     20 of 20      ▃▄▄▅▆▇█████████  17 s of 30 s, 13 s left, hold
  requests  58.9 /s       ▃▄▄▅▆▇█████████  last 17 s; 1,001 in all
  failed    0.10 %        ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁  reset
  p95       37.0 ms           ███████████  limit 200 ms
  system    cpu 41 % of 4 cores, memory 214 MB"""

AT_120 = """\
  users     20 of 20      ▁▂▃▄▄▅▆▇█████████               17 s of 30 s, 13 s left, hold
  requests  58.9 /s       ▁▂▃▄▄▅▆▇█████████               last 17 s; 1,001 in all
  failed    0.10 %        ▁█▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁               reset
  p95       37.0 ms             ███████████               limit 200 ms
  system    cpu 41 % of 4 cores, memory 214 MB"""


@pytest.mark.parametrize(("width", "screen"), [(80, AT_80), (120, AT_120)])
def test_five_lines(width: int, screen: str) -> None:
    assert "\n".join(line.rstrip() for line in live_lines(going(17), [LIMIT], width)) == screen


@given(st.integers(20, 300), st.integers(0, 40), st.text(max_size=80), st.text(max_size=80))
def test_no_line_fills_its_row_and_nothing_hostile_gets_through(
    width: int, seconds: int, name: str, gap: str
) -> None:
    """A line as wide as the terminal would wrap, and every redrawing would leave one behind."""
    progress = going(seconds, Load("closed", [Stage(20, 20, 30, name)]))
    progress.read(Reading(1.0, "system", "process", "api", gap=gap or "gone"))
    lines = live_lines(progress, [LIMIT], width)
    assert len(lines) == 5
    assert max(map(len, lines)) < width
    assert not any(ord(char) < 32 or char in "\x7f\u202e" for line in lines for char in line)


def test_what_is_not_known_yet_is_a_gap_and_no_zero() -> None:
    progress = going(2)
    assert "  p95       –    " in live_lines(progress, [LIMIT])[3]
    assert sparkline([None, 1.0, None, 2.0]) == " ▄ █"
    assert sparkline([None, 0.0]) == " ▁"
    assert sparkline([]) == ""


def test_a_limit_that_is_crossed_is_told() -> None:
    assert live_lines(going(17, ok_ms=300.0), [LIMIT])[3].endswith("over the limit of 200 ms")
    assert "limit" not in "".join(live_lines(going(17), []))


def test_most_requests_failing_is_seen_with_their_class_and_the_limit() -> None:
    progress = Progress(PLAN)
    for t in range(40):
        errors = {"status_503": 60} if t >= 10 else {"timeout": 200}
        progress.add(second(t, {"GET /": interval([300.0] * 20, errors=errors)}, users=20))
    limits = [LIMIT, target("error_rate", 1, unit="%")]
    failed = live_lines(progress, limits)[2]
    assert failed.split()[:2] == ["failed", "75.00"]
    assert failed.endswith("status 503, over the limit of 1 %")
    assert plain_line(progress, limits) == (
        "0:40/0:30  20 users  last 30 s: 80.0/s, p95 300 ms (over the limit of 200 ms), "
        "75.00 % failed (status 503, over the limit of 1 %)  3,800 failed in all"
    )


def test_the_open_model_counts_turns_and_what_was_dropped() -> None:
    lines = live_lines(going(17, load("20 30 hold", model="open"), dropped=2))
    assert lines[0].startswith("  in flight 20        ")
    assert lines[1].endswith("1,361 in all, 34 dropped")


def test_after_the_plan_it_drains() -> None:
    assert live_lines(going(31))[0].rstrip().endswith("30 s done, draining")


def test_a_log_gets_one_plain_line_now_and_then() -> None:
    assert plain_line(going(17)) == (
        "0:17/0:30  20 users  last 17 s: 58.9/s, p95 37.0 ms, 0.10 % failed (reset)  1 failed in all  cpu 41 %"
    )
    assert [plain_every_s(t) for t in (0, 599, 600, 3600)] == [10, 10, 60, 300]


def test_a_load_that_nobody_planned_has_users_and_no_end() -> None:
    progress = Progress(Load("closed", ()))
    for t in range(17):
        progress.add(second(t, {"GET /": interval([37.0] * 80)}, users=20))
    assert live_lines(progress)[0].split() == ["users", "20", "█" * 15, "17", "s", "so", "far"]
    assert plain_line(progress) == (
        "0:17  20 users  last 17 s: 80.0/s, p95 37.0 ms, 0.00 % failed  0 failed in all"
    )


def test_a_gauge_below_zero_is_the_lowest_bar() -> None:
    assert sparkline([-100.0, 1.0, 0.0]) == "▁█▁"
    assert sparkline([-1.0, None]) == "▁ "
    assert sparkline([1e-320, 1e308]) == "▁█"
