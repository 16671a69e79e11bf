"""What the faults do to each request, on a clock that the test holds."""

from __future__ import annotations

import math

import pytest

from loadctl.demo.api import OtherLimiter
from loadctl.demo.fault import parse_fault
from loadctl.demo.treatment import UNTOUCHED, Constant, Fate, Treatments


def treatments(*faults: str, service_s: float | None = None) -> Treatments:
    service = None if service_s is None else Constant(service_s)
    return Treatments([parse_fault(text) for text in faults], service, seed=1)


def waits_s(treated: Treatments, *arrivals_s: float) -> list[float]:
    return [round(treated.of_request(now_s).wait_s, 6) for now_s in arrivals_s]


def test_without_faults_nothing_is_touched() -> None:
    assert treatments().of_request(1) == UNTOUCHED


@pytest.mark.parametrize(
    ("fault", "arrivals_s", "expected_s"),
    [
        ("latency=200ms@10s", [0, 9.9, 10, 99], [0, 0, 0.2, 0.2]),
        ("latency=200ms@10s+5s", [9.9, 10, 14.9, 15], [0, 0.2, 0.2, 0]),
        ("stall=2s/10s@1s+10s", [1, 11.5, 21.5], [2, 0, 0]),
        ("capacity=10/s", [0, 0, 0, 0.05, 5], [0.1, 0.2, 0.3, 0.35, 0.1]),  # a queue grows, and empties
        ("capacity=10/s@1s", [0, 0, 1, 1], [0, 0, 0.1, 0.2]),
        ("stall=2s/10s", [0, 1, 9.9, 10, 11.5, 12, 20.5], [0, 0, 0, 2, 0.5, 0, 1.5]),
        ("stall=2s/10s@1s", [0, 1, 2.5, 3, 11], [0, 2, 0.5, 0, 2]),
    ],
)
def test_requests_wait(fault: str, arrivals_s: list[float], expected_s: list[float]) -> None:
    assert waits_s(treatments(fault), *arrivals_s) == expected_s


def test_a_request_that_would_end_in_a_stall_is_frozen_too() -> None:
    assert waits_s(treatments("stall=2s/10s", service_s=0.5), 9.4, 9.75, 10) == [0.5, 2.25, 2.5]


def test_a_body_that_would_follow_in_a_stall_is_frozen_too() -> None:
    treated = treatments("stall=2s/10s", "slow-body=500ms")
    assert treated.of_request(0).body_delay_s == pytest.approx(0.5)
    assert treated.of_request(9.75).body_delay_s == pytest.approx(2.25)


def test_faults_and_service_time_add_up() -> None:
    treated = treatments(
        "latency=100ms", "capacity=10/s", "cpu=5ms", "errors=100%", service_s=0.02
    ).of_request(0)
    assert treated.fate == "error"
    assert treated.wait_s == pytest.approx(0.22)
    assert treated.burn_s == 0.005


@pytest.mark.parametrize(
    ("fault", "fate"), [("errors=5%", "error"), ("reset=5%", "reset"), ("hang=5%", "hang")]
)
def test_a_share_of_the_requests_is_hit_and_always_the_same_ones(fault: str, fate: Fate) -> None:
    first, second = treatments(fault), treatments(fault)
    fates = [first.of_request(1).fate for _ in range(10_000)]
    assert fates.count(fate) == pytest.approx(500, abs=75)  # three and a half standard deviations
    assert fates == [second.of_request(1).fate for _ in range(10_000)]


@pytest.mark.parametrize(
    ("fault", "now_s", "everything"),
    [("hang=100%", 0, True), ("hang=99%", 0, False), ("hang=100%@5s", 4, False), ("hang=100%@5s", 5, True)],
)
def test_only_a_hang_of_all_reaches_probes(fault: str, now_s: float, everything: bool) -> None:
    assert treatments(fault).hangs_everything(now_s) is everything


def test_latency_in_proportion_to_what_is_under_way() -> None:
    treated = treatments("linear=2ms@1s")
    assert [treated.of_request(now_s, under_way).wait_s for now_s, under_way in [(0, 9), (2, 1), (2, 9)]] == [
        pytest.approx(0),
        pytest.approx(0.002),
        pytest.approx(0.018),
    ]


def test_a_cold_system_is_slow_at_first() -> None:
    assert waits_s(treatments("warmup=10s"), 0, 9.9, 10, 99) == [0.05, 0.05, 0, 0]


def test_another_limit_than_the_keys_own() -> None:
    treated = treatments("ratelimit=off@5s", "ratelimit=2/s@9s")
    assert [treated.other_limit(now_s) for now_s in (4, 5, 9)] == [None, math.inf, math.inf]
    assert treatments("ratelimit=shut").other_limit(0) == 0


def test_the_other_limit_is_each_keys_own() -> None:
    limiter = OtherLimiter()
    assert [
        limiter.takes(key, 2, at) for key, at in [("a", 0), ("a", 0), ("a", 0), ("b", 0), ("a", 0.5)]
    ] == [
        True,
        True,
        False,
        True,
        True,
    ]
    assert (limiter.takes("a", 0, 9), limiter.takes("a", math.inf, 9)) == (False, True)
