"""The search for the highest load that meets the targets."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadctl.analysis.capacity import NARROW, PROBES_MAX, Outcome, Probe, Search, probe_of
from loadctl.results.verdict import Finding, Status
from tests.records import replace
from tests.reports.sample import PASSED


def searched(
    truth: float,
    *,
    noise: float = 0.0,
    seed: int = 0,
    start: float = 10,
    most: float = 10_000,
    unclear: float = 1e9,
) -> Search:
    """A system that meets the targets up to `truth`, give or take, and a generator good for `unclear`."""
    chance = random.Random(seed)
    search = Search(start, most)
    while (level := search.next()) is not None:
        outcome: Outcome = "meets" if level <= truth * (1 + chance.gauss(0, noise)) else "fails"
        search.probes.append(
            Probe(
                level, "unclear" if level > unclear else outcome, "latency p95" if outcome == "fails" else ""
            )
        )
    return search


def test_a_probe_whose_target_could_not_be_judged_does_not_meet_it() -> None:
    met = [score for score in PASSED.scores if score.judged and score.status is Status.PASS]
    assert probe_of(50, replace(PASSED, scores=met)).outcome == "meets"
    missed = replace(met[0], status=Status.FAIL)
    assert probe_of(50, replace(PASSED, scores=[missed, *met[1:]])).outcome == "fails"
    late = replace(missed, void="generator late")
    probe = probe_of(50, replace(PASSED, scores=[late, *met[1:]]))
    assert (probe.outcome, probe.why) == ("unclear", "latency p95 is not judged: generator late")


def test_a_level_whose_users_ended_by_themselves_is_not_met() -> None:
    met = [score for score in PASSED.scores if score.judged and score.status is Status.PASS]
    ended = Finding("users-ended", "warning", "7 of 50 users ended by themselves")
    probe = probe_of(50, replace(PASSED, scores=met, findings=[ended]))
    assert (probe.outcome, probe.why) == ("unclear", "7 of 50 users ended by themselves")


def test_the_band_holds_the_truth_and_is_narrow() -> None:
    search = searched(300)
    assert search.low is not None
    assert search.high is not None
    assert search.low <= 300 <= search.high <= search.low * NARROW * 1.01
    assert search.fails_next == "latency p95"
    assert len(search.probes) < 16
    assert {search.probes[-1].level, search.probes[-2].level} == {search.low, search.high}


@given(st.floats(1, 9000), st.floats(1, 500))
def test_wherever_it_begins(truth: float, start: float) -> None:
    search = searched(truth, start=start)
    assert len(search.probes) <= PROBES_MAX
    if search.low is not None:
        assert search.low <= truth
    if search.high is not None:
        assert search.high > truth


def test_noisy_systems() -> None:
    """Capacity that varies by 3 % from probe to probe: the band holds the truth in 95 % and more."""
    bands = [searched(300, noise=0.03, seed=seed).band for seed in range(500)]
    assert sum(band is not None and band[0] <= 300 <= band[1] for band in bands) >= 475


def test_a_generator_at_its_end_ends_the_search() -> None:
    search = searched(5000, unclear=400)
    assert (search.low, search.high) == (320, None)
    assert search.limit.startswith("no result at 640")
    assert search.probes[-1].outcome == "unclear"


def test_no_more_than_was_allowed() -> None:
    search = searched(5000, most=100)
    assert (search.low, search.high, search.limit) == (100, None, "nothing above 100/s was tried")
    assert [probe.level for probe in search.probes][-2:] == [100, 100]


def test_a_system_that_holds_nothing() -> None:
    search = searched(0.0001)
    assert search.low is None
    assert len(search.probes) < 12


def test_users_are_whole() -> None:
    search = Search(3, 1000, whole=True)
    while (level := search.next()) is not None:
        assert level == int(level)
        search.probes.append(Probe(level, "meets" if level <= 7 else "fails"))
    assert (search.low, search.high) == (7, 8)


@pytest.mark.parametrize("level", [0.25, 3.0, 1234.0])
def test_levels_have_three_figures(level: float) -> None:
    assert Search(level, 1e6).next() == pytest.approx(level, rel=0.005)
