"""What is said of a staircase: the break, the most it served, and where that stopped growing."""

from __future__ import annotations

import random

import pytest

from loadctl.analysis.breaking import bend_of, breaking_findings
from loadctl.analysis.run_context import RunContext
from loadctl.results.measures.measured import measure
from loadctl.results.scoring import score
from loadctl.results.verdict import Finding, Score, Status
from tests.results.measures.test_breaking_point import P95_LIMIT, run, staircase
from tests.results.measures.test_outage import Answered, answered, queue
from tests.results.measures.test_outage import run as run_users
from tests.results.recorded import interval, load, recording, scenario, second, target

LEVELS = [float(level) for level in range(100, 1001, 100)]


def findings(ms: list[float]) -> dict[str, Finding]:
    load = staircase()
    asked = scenario(load, [target("breaking_point", 500, 1000, unit="users"), P95_LIMIT])
    made = recording(run(load, ms))
    return {
        finding.id: finding for finding in breaking_findings(RunContext(asked, made, measure(asked, made)))
    }


def test_a_break_is_told_with_both_levels_and_what_gave_way() -> None:
    found = findings([40.0] * 6 + [400.0] * 4)["breaking-point"]
    assert found.severity == "warning"
    assert found.message.startswith(
        "the system holds 600 users at 40.0/s and breaks between 600 and 700 users: latency p95 4"
    )
    assert (found.evidence["held"], found.evidence["broke"]) == (600, 700)


def test_no_break_is_told_as_that() -> None:
    found = findings([40.0] * 10)["breaking-point"]
    assert (found.severity, found.message) == (
        "info",
        "the system held every level up to 1000 users at 40.0/s; its breaking point is higher",
    )


def served(knee: float, noise: float, chance: random.Random) -> list[float]:
    return [min(level, knee) * 0.9 * (1 + chance.gauss(0, noise)) for level in LEVELS]


@pytest.mark.parametrize("knee", [340.0, 570.0, 780.0])
def test_the_bend_is_found_where_it_is(knee: float) -> None:
    chance = random.Random(5)
    found = [bend_of(LEVELS, served(knee, 0.04, chance)) for _ in range(60)]
    near = [bend for bend in found if bend is not None and abs(bend - knee) <= 0.1 * knee + 20]
    assert len(near) >= 48


def test_a_system_that_grows_with_its_load_has_no_bend() -> None:
    """Wrong in at most 2 % at 4 % noise; analysis of synthetic staircases found 0 %."""
    chance = random.Random(6)
    wrong = sum(bend_of(LEVELS, served(2000, 0.04, chance)) is not None for _ in range(300))
    assert wrong <= 6
    flat_latency = sum(bend_of(LEVELS, served(2000, 0.0, chance)) is not None for _ in range(3))
    assert flat_latency == 0


def test_too_few_levels_cannot_tell() -> None:
    assert bend_of([100, 200, 300, 400], [90, 100, 100, 100]) is None
    assert bend_of([], []) is None


def by_load(at: Answered, levels: int = 4) -> tuple[list[Finding], Score, str]:
    """A staircase of 10 s for each 10 users, of which each second is simulated."""
    planned = load(*(f"{10 * n} 10 {10 * n}" for n in range(1, levels + 1)))
    seconds = [
        one
        for n in range(levels)
        for one in run_users(at, users=10 * (n + 1), length=40)[10 * n : 10 * n + 10]
    ]
    asked = scenario(planned, [target("breaking_point", 20, 40, unit="users"), P95_LIMIT])
    made = recording(seconds)
    measured = measure(asked, made)
    return (
        breaking_findings(RunContext(asked, made, measured)),
        score(asked.targets[0], measured),
        measured.break_doubt,
    )


def test_a_stall_is_no_break_by_load() -> None:
    found, told, why = by_load(answered(4, 12))
    assert not [finding for finding in found if finding.id == "breaking-point" and finding.evidence["broke"]]
    assert (told.status, why) in [(Status.PASS, ""), (Status.NO_DATA, why)]
    assert told.status is Status.PASS or why.startswith("the system stalled at 0:")


def test_a_system_that_is_full_serves_no_more() -> None:
    """Two levels: from a tenth of the users to all of them it serves 60/s instead of 100/s."""
    planned = load("2 20 before", "20 20 spike")
    server = queue()
    seconds = [
        *[second(t, {"GET /": interval([4.0] * 20)}, users=2) for t in range(20)],
        *[
            second(t + 20, one.cells, users=20)
            for t, one in enumerate(run_users(server, users=20, length=20))
        ],
    ]
    asked = scenario(planned)
    made = recording(seconds)
    [told] = breaking_findings(RunContext(asked, made, measure(asked, made)))
    assert told.id == "throughput-saturated"
    assert told.message.startswith("throughput is limited to 60.0/s: at 20 users up to 1")
    assert "instead of 4" in told.message


def test_a_system_that_is_as_slow_for_few_is_not_full() -> None:
    planned = load("2 20 before", "20 20 spike")
    seconds = [
        second(t, {"GET /": interval([600.0] * (3 if t < 20 else 30))}, users=2 if t < 20 else 20)
        for t in range(40)
    ]
    asked = scenario(planned)
    made = recording(seconds)
    assert not breaking_findings(RunContext(asked, made, measure(asked, made)))
