"""The resource that was at its limit while the system was slow, or that none was."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from loadctl.analysis.run_context import RunContext
from loadctl.analysis.suspect import suspect_findings
from loadctl.results.interval import Second
from loadctl.results.measures.measured import measure
from loadctl.results.recording import Reading
from loadctl.results.verdict import Finding
from tests.results.recorded import load, recording, scenario, steady

HALF = 60
CALM, SLOW = [10.0] * HALF, [90.0] * HALF


def found(
    ms: Sequence[float], readings: Sequence[Reading], host: str = "http://api.example"
) -> list[Finding]:
    asked = scenario(load(f"10 {len(ms)} hold"), host=host)
    made = recording(_seconds(ms), readings=readings)
    return suspect_findings(RunContext(asked, made, measure(asked, made)))


def _seconds(ms: Sequence[float]) -> list[Second]:
    return [second for t, value in enumerate(ms) for second in steady(1, (value,) * 20, start=t)]


def seen(
    first: float, then: float, name: str = "cpu_pct", *, subject: str = "system", entity: str = "api"
) -> list[Reading]:
    """A reading a second: `first` in the first half, `then` in the second."""
    values = [first] * HALF + [then] * HALF
    source = "host" if subject == "host" else "process"
    return [
        Reading(t + 1.0, subject, source, entity, {"cpu_pct": 5.0, name: v}) for t, v in enumerate(values)
    ]


def test_a_resource_at_its_limit_while_it_is_slow_is_a_suspect() -> None:
    [finding] = found([*CALM, *SLOW], seen(30, 97))
    assert (finding.id, finding.severity) == ("likely-limit", "info")
    assert finding.message == (
        "the likely bottleneck is CPU: at 97 % while p95 was 90.0 ms, at 30 % while it was 10.0 ms"
    )
    assert finding.evidence["resource"] == "cpu"


@pytest.mark.parametrize(
    ("readings", "resource"),
    [
        (seen(20, 99, "busiest_pct_of_one_core"), "one_core"),
        (seen(0, 60, "throttled_pct"), "cpu_quota"),
        (seen(50, 96, "memory_pct"), "memory"),
        ([*seen(5, 5), *seen(10, 95, subject="companion", entity="container db")], "cpu"),
    ],
)
def test_every_resource_that_has_a_limit(readings: list[Reading], resource: str) -> None:
    [finding] = found([*CALM, *SLOW], readings)
    assert (finding.id, finding.evidence["resource"]) == ("likely-limit", resource)


def test_another_container_is_named() -> None:
    readings = [*seen(5, 5), *seen(10, 95, subject="companion", entity="container db")]
    assert found([*CALM, *SLOW], readings)[0].message.startswith(
        "the likely bottleneck is CPU of container db"
    )


def test_the_machine_counts_where_the_generator_shares_it() -> None:
    readings = [*seen(5, 5), *seen(40, 99, subject="host", entity="this machine")]
    assert found([*CALM, *SLOW], readings)[0].id == "limit-elsewhere"
    [finding] = found([*CALM, *SLOW], readings, host="http://localhost:8080")
    assert finding.evidence["resource"] == "machine_cpu"


@pytest.mark.parametrize(
    "readings",
    [
        seen(20, 60),  # it rises with latency, far from its limit
        seen(100, 900, "open_fds"),  # so does everything that grows with users; it has no limit here
        seen(97, 20),
    ],
)
def test_what_only_goes_with_latency_is_no_suspect(readings: list[Reading]) -> None:
    [finding] = found([*CALM, *SLOW], readings)
    assert (finding.id, finding.severity) == ("limit-elsewhere", "info")
    assert "no watched resource was at its limit (CPU " in finding.message


def test_nothing_is_said_where_nothing_became_slow_was_watched_or_lasted() -> None:
    assert found([10.0] * 2 * HALF, seen(30, 97)) == []
    assert found([*CALM, *[19.0] * HALF], seen(30, 97)) == []  # not twice
    assert found([1.0] * HALF + [8.0] * HALF, seen(30, 97)) == []  # what a busy machine adds
    assert found([*CALM, *CALM[:40], *SLOW[:20]], seen(30, 97)) == []  # 20 s
    assert found([*CALM, *SLOW], []) == []
    assert found([*CALM, *SLOW], seen(90, 97)) == []  # full when it was calm too: it may be the limit, or not


def test_noise_is_not_slow() -> None:
    hits = 0
    for seed in range(100):
        chance = random.Random(seed)
        hits += bool(found([chance.lognormvariate(3, 0.3) for _ in range(2 * HALF)], seen(30, 97)))
    assert hits == 0
