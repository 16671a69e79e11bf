"""A declared rate limit, checked against what was accepted and refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadctl.analysis.case import Case
from loadctl.analysis.rate_limit import buckets_of, rate_limit_findings
from loadctl.demo.rate_limit import TokenBucket
from loadctl.results.finding import Finding
from loadctl.results.interval import Second
from loadctl.results.measured import measure
from loadctl.scenario.scenario import RateLimit
from loadctl.scenario.user_type import Task, UserType
from tests.results.recorded import interval, load, recording, scenario, second

LIMIT = RateLimit(100, "all")


def found(seconds: list[Second], declared: RateLimit | None = LIMIT) -> list[Finding]:
    asked = replace(scenario(load(f"10 {len(seconds)} hold")), rate_limit=declared)
    made = recording(seconds)
    return rate_limit_findings(Case(asked, made, measure(asked, made), ()))


def seconds(of: Callable[[int], tuple[int, int]], n: int = 60, errors: int = 0) -> list[Second]:
    """`of`: second → (accepted, refused)."""
    made = []
    for t in range(n):
        accepted, refused = of(t)
        broken = {"status_503": errors} if errors else {}
        made.append(second(t, {"GET /": interval([10.0] * accepted, rate_limited=refused, errors=broken)}))
    return made


@pytest.mark.parametrize(
    ("flow", "errors", "finding", "severity", "words"),
    [
        (lambda _: (100, 50), 0, "rate-limit-working", "good", "100/s were accepted, the limit is 100/s; 33"),
        (
            lambda _: (150, 0),
            0,
            "rate-limit-not-working",
            "critical",
            "150/s were accepted, the limit is 100/s",
        ),
        (
            lambda _: (50, 10),
            0,
            "rate-limit-not-working",
            "critical",
            "although the load was below the limit",
        ),
        (lambda _: (70, 50), 20, "rate-limit-not-working", "critical", "answered with 5xx instead of 429"),
        (
            lambda _: (60, 0),
            0,
            "rate-limit-unknown",
            "info",
            "at most 60.0/s were offered, the limit is 100/s",
        ),
    ],
)
def test_a_declared_limit(
    flow: Callable[[int], tuple[int, int]], errors: int, finding: str, severity: str, words: str
) -> None:
    [told] = found(seconds(flow, errors=errors))
    assert (told.id, told.severity) == (finding, severity)
    assert words in told.message


@given(st.integers(20, 500), st.integers(30, 200), st.integers(0, 2**32))
def test_a_token_bucket_is_never_accused(offered: int, limit: int, seed: int) -> None:
    """The demo's own limiter, asked at even times with a phase of chance."""
    bucket = TokenBucket.full(limit, 0.0)
    counts = {}
    for t in range(30):
        allowed = 0
        for k in range(offered):
            allowed += bucket.take(t + (k + (seed % 97) / 97) / offered).retry_after_s is None
        counts[t] = (allowed, offered - allowed)
    [told] = found(seconds(counts.__getitem__, 30), RateLimit(limit, "ip"))
    assert told.id == ("rate-limit-unknown" if offered <= limit else told.id)
    assert told.id != "rate-limit-not-working"
    if offered > 1.2 * limit:
        assert told.id == "rate-limit-working"


def test_without_a_declaration_it_is_only_described() -> None:
    made = [second(t, {"GET /": interval([10.0] * 9, errors={"status_429": 1})}) for t in range(60)]
    [told] = found(made, None)
    assert (told.id, told.severity) == ("rate-limit-unknown", "info")
    assert told.message == "60 requests (10 %) were answered 429, and no rate limit is declared"
    assert not found(seconds(lambda _: (100, 0)), None)


def test_keys_are_counted_where_they_stand_in_the_scenario() -> None:
    def case(*headers: dict[str, str]) -> Case:
        types = [
            UserType(name=str(i), weight=1, tasks=[Task("t", 1, [])], headers=h)
            for i, h in enumerate(headers)
        ]
        asked = replace(scenario(load("10 60 hold")), user_types=types)
        made = recording(seconds(lambda _: (1, 0)))
        return Case(asked, made, measure(scenario(load("10 60 hold")), made), ())

    by_key = RateLimit(100, "key")
    assert buckets_of(case({"X-API-Key": "a"}, {"x-api-key": "b"}), by_key) == 2
    assert buckets_of(case({"X-API-Key": "a"}, {"X-API-Key": "a"}), by_key) == 1
    assert buckets_of(case({"X-API-Key": "${row.key}"}), by_key) is None
    assert buckets_of(case({"X-API-Key": "a"}), RateLimit(100, "user")) is None
    assert buckets_of(case({"X-API-Key": "${row.key}"}), RateLimit(100, "all")) == 1


def test_accepted_requests_that_become_slower_while_others_are_refused() -> None:
    def run(slow_ms: float) -> list[Second]:
        calm = [second(t, {"GET /": interval([10.0] * 60)}) for t in range(30)]
        busy = [second(t, {"GET /": interval([slow_ms] * 100, rate_limited=50)}) for t in range(30, 60)]
        return [*calm, *busy]

    working, slows = found(run(90))
    assert (working.id, slows.id, slows.severity) == ("rate-limit-working", "rate-limit-slows", "warning")
    assert "p95 90.0 ms instead of 10.0 ms" in slows.message
    assert len(found(run(14))) == 1  # within NOISE_MS
