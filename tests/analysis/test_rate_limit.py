"""A declared rate limit, checked against what was accepted and refused."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

import pytest

from loadctl.analysis.rate_limit import rate_limit_findings
from loadctl.analysis.run_context import RunContext
from loadctl.demo.api import TokenBucket
from loadctl.results.interval import Second
from loadctl.results.measures.measured import measure
from loadctl.results.verdict import Finding
from loadctl.scenario.scenario import RateLimit
from tests.records import replace
from tests.results.recorded import interval, load, recording, scenario, second

LIMIT = RateLimit(100, "all")


def found(seconds: list[Second], declared: RateLimit | None = LIMIT) -> list[Finding]:
    asked = replace(scenario(load(f"10 {len(seconds)} hold")), rate_limit=declared)
    made = recording(seconds)
    return rate_limit_findings(RunContext(asked, made, measure(asked, made), ()))


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
        (
            lambda _: (0, 60),
            0,
            "rate-limit-not-working",
            "critical",
            "no request was accepted: all 3,600 were",
        ),
        (
            lambda _: (10, 180),
            0,
            "rate-limit-not-working",
            "critical",
            "far too strict: from 0:00 to 0:10 10.0/s were accepted of 190/s, the limit is 100/s",
        ),
        (
            lambda t: (100, 90) if t < 45 else (0, 190),
            0,
            "rate-limit-not-working",
            "critical",
            "0:45 to 0:55 none of 1,900",
        ),
        (
            lambda t: (30, 90) if t < 1 else (0, 110),
            0,
            "rate-limit-not-working",
            "critical",
            "none of 1,100 requests",
        ),
        (lambda _: (70, 120), 0, "rate-limit-strict", "warning", "70.0/s were accepted of 190/s"),
        (lambda _: (95, 60), 0, "rate-limit-working", "good", "95.0/s were accepted"),
        (lambda _: (100, 0), 90, "rate-limit-not-working", "critical", "answered with 5xx instead of 429"),
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


@dataclass
class Fixed:
    """So many in each window, which begins at `phase`."""

    limit: float
    window_s: float
    phase: float
    used: int = 0
    window: int = -1

    def takes(self, at: float) -> bool:
        window = math.floor((at + self.phase) / self.window_s)
        self.used, self.window = (self.used if window == self.window else 0), window
        allowed = self.used < self.limit
        self.used += allowed
        return allowed


@dataclass
class Sliding:
    """So many in any window, by a log of what was accepted."""

    limit: float
    window_s: float
    log: deque[float] = field(default_factory=deque)

    def takes(self, at: float) -> bool:
        while self.log and self.log[0] <= at - self.window_s:
            self.log.popleft()
        if len(self.log) < self.limit:
            self.log.append(at)
            return True
        return False


@dataclass
class Bucket:
    bucket: TokenBucket

    def takes(self, at: float) -> bool:
        return self.bucket.take(at).retry_after_s is None


@pytest.mark.parametrize("seed", range(200))
def test_a_limiter_at_the_right_limit_is_never_accused(seed: int) -> None:
    """Three kinds of limiter, by second and minute; even, random and bunched requests; quick and slow answers."""
    chance = Random(seed)
    window_s = chance.choice([1.0, 1.0, 1.0, 60.0])
    per_window = chance.randint(5, 120) * (1 if window_s == 1 else 10)
    limit = per_window / window_s
    bucket = TokenBucket.full(limit, 0.0)
    kinds: list[Fixed | Sliding | Bucket] = [
        Fixed(per_window, window_s, chance.random() * window_s),
        Sliding(per_window, window_s),
        Bucket(bucket),
    ]
    limiter = kinds[seed % 3 if limit >= 1 else seed % 2]
    offered, length = (
        limit * chance.choice([0.5, 0.8, 1.0, 1.3, 1.6, 2.0, 4.0]),
        chance.choice([12, 30, 60, 200]),
    )
    takes_s, shape = chance.choice([0.0, 0.05, 0.4]), chance.choice(["even", "random", "bunched"])
    ended: dict[int, list[int]] = {t: [0, 0] for t in range(length)}
    at, k = 0.0, 0
    while at < length:
        k += 1
        gap = chance.expovariate(offered) if shape == "random" else 1 / offered
        at = k // 10 * 10 / offered if shape == "bunched" else at + gap
        allowed = limiter.takes(at)
        second_of_end = int(at + (takes_s if allowed else 0.001))
        if second_of_end in ended:
            ended[second_of_end][not allowed] += 1
    made = seconds(lambda t: (ended[t][0], ended[t][1]), length)
    told = found(made, RateLimit(limit, "ip", window_s))
    assert {one.id for one in told} <= {"rate-limit-working", "rate-limit-unknown"}, (shape, offered, limit)
    if offered >= 1.6 * limit and length > 3 * window_s:
        assert told[0].id == "rate-limit-working"


def test_a_limit_a_minute_takes_three_of_them() -> None:
    a_minute = RateLimit(2, "ip", 60.0)

    def burst(t: int) -> tuple[int, int]:
        """120 at the beginning of each minute."""
        return (10, 0) if t % 60 < 12 else (0, 10)

    assert [f.id for f in found(seconds(burst, 50), a_minute)] == ["rate-limit-working"]
    assert [f.id for f in found(seconds(burst, 240), a_minute)] == ["rate-limit-working"]
    assert [f.severity for f in found(seconds(lambda t: (t % 10 == 0, 10), 50), a_minute)] == ["warning"]
    [shut] = found(seconds(lambda t: burst(t) if t < 60 else (0, 10), 260), a_minute)
    assert (shut.id, shut.severity) == ("rate-limit-not-working", "critical")


def test_a_system_that_is_down_or_asks_for_credentials_has_accepted_nothing() -> None:
    for error in ("connect_refused", "status_401"):
        made = [second(t, {"GET /": interval(errors={error: 300})}) for t in range(30)]
        assert [one.id for one in found(made)] == ["rate-limit-unknown"]


def test_keys_that_send_unlike_shares_are_due_no_more_than_one_limit() -> None:
    """One key offers 300/s and has its 100; the other sends 10/s."""
    assert [f.id for f in found(seconds(lambda _: (110, 200)), RateLimit(100, "key", keys=2))] == [
        "rate-limit-working"
    ]
    even = RateLimit(100, "key", keys=2, evenly=True)
    assert [f.id for f in found(seconds(lambda _: (110, 200)), even)] == ["rate-limit-strict"]
    assert [f.severity for f in found(seconds(lambda _: (9, 300)), RateLimit(100, "key", keys=2))] == [
        "critical"
    ]


def test_without_a_declaration_it_is_only_described() -> None:
    made = [second(t, {"GET /": interval([10.0] * 9, errors={"status_429": 1})}) for t in range(60)]
    [told] = found(made, None)
    assert (told.id, told.severity) == ("rate-limit-unknown", "info")
    assert told.message == "60 requests (10 %) were answered 429, but no rate limit is declared"
    assert not found(seconds(lambda _: (100, 0)), None)


def test_what_is_counted_per_somebody_unknown_cannot_be_told() -> None:
    flow = seconds(lambda _: (100, 50))
    assert [one.id for one in found(flow, RateLimit(100, "user"))] == ["rate-limit-unknown"]
    assert [one.id for one in found(flow, RateLimit(100, "key"))] == ["rate-limit-unknown"]
    [shut] = found(seconds(lambda _: (0, 50)), RateLimit(100, "key"))
    assert (shut.id, shut.severity) == ("rate-limit-not-working", "critical")


def test_no_more_keys_are_used_than_there_are_users() -> None:
    declared = RateLimit(10, "key", keys=1000, evenly=True)
    [told] = found(seconds(lambda _: (100, 100)), declared)
    assert told.evidence["limit_per_s"] == 100  # of ten users


def test_accepted_requests_that_become_slower_while_others_are_refused() -> None:
    def run(slow_ms: float) -> list[Second]:
        calm = [second(t, {"GET /": interval([10.0] * 60)}) for t in range(30)]
        busy = [second(t, {"GET /": interval([slow_ms] * 100, rate_limited=50)}) for t in range(30, 60)]
        return [*calm, *busy]

    working, slows = found(run(90))
    assert (working.id, slows.id, slows.severity) == ("rate-limit-working", "rate-limit-slows", "warning")
    assert "p95 90.0 ms instead of 10.0 ms" in slows.message
    assert len(found(run(14))) == 1  # within NOISE_MS
