"""How the system does right now."""

from __future__ import annotations

from collections import Counter

import pytest

from loadctl.results.histogram import Histogram
from loadctl.results.interval import Interval, Second
from loadctl.results.live import SPAN_S, Vital, Vitals
from loadctl.results.recording import Reading


def second(t: int, ms: float, count: int = 50, failed: int = 0) -> Second:
    bad = Histogram.of([1000] * failed)
    cell = Interval(ok=Histogram.of([int(ms * 1000)] * count), failed=bad, errors=Counter(http_5xx=failed))
    return Second(t, {"GET /": cell}, users=5)


def test_nothing_is_known_at_first() -> None:
    assert Vitals().now == Vital(-1, None, None, None)


def test_the_last_seconds_count_and_no_others() -> None:
    vitals = Vitals()
    for t in range(10):
        vitals.add(second(t, 500))
    for t in range(10, 10 + SPAN_S):
        vitals.add(second(t, 10))
    assert vitals.now.p95_ms == pytest.approx(10, rel=0.05)
    assert vitals.now.t == 14


def test_another_shard_adds_to_a_second() -> None:
    vitals = Vitals()
    vitals.add(second(0, 10, count=15))
    assert vitals.now.p95_ms is None
    vitals.add(second(0, 10, count=15, failed=10))
    assert vitals.now.p95_ms == pytest.approx(10, rel=0.05)
    assert vitals.now.error_rate == pytest.approx(10 / 40)


def test_cpu_is_the_systems() -> None:
    vitals = Vitals()
    vitals.read(Reading(1.0, "host", "host", "x", {"cpu_pct": 99.0}))
    vitals.read(Reading(1.0, "system", "process", "x", {"cpu_pct": 42.0}))
    vitals.add(second(0, 10))
    assert vitals.now.cpu_pct == 42.0
