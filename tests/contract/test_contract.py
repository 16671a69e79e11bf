"""The same scenario means the same on every engine: one suite, the same assertions, against a system whose behaviour
is known. Counts are exact; latencies are never below the truth and not far above it. How far, on a quiet machine, is
measured in tests/bench/test_accuracy.py.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.conftest import Measured
from tests.contract.scenario import OPEN_ARRIVALS, TIMEOUT_S, USERS
from tests.contract.truth import PathTruth

pytestmark = [pytest.mark.e2e, pytest.mark.quiet]


def assert_latencies(row: dict[str, Any], truth: PathTruth) -> None:
    assert truth.latency_ms(0.5) <= row["latency_ms"]["p50"] <= 1.05 * truth.latency_ms(0.5) + 10
    assert truth.ttfb_ms(0.5) <= row["ttfb_ms"]["p50"] <= 1.05 * truth.ttfb_ms(0.5) + 10
    for name, q in {"p95": 0.95, "p99": 0.99, "max": 1}.items():
        if row["latency_ms"][name] is not None:
            assert row["latency_ms"][name] >= truth.latency_ms(q)


def test_every_request_of_the_service_is_counted_once(closed: Measured) -> None:
    counters = closed.ended.result["counters"]
    assert counters["unfinished"] == 0
    assert counters["started"] == counters["completed"] == sum(closed.truth[f"/{p}"].requests for p in USERS)
    assert counters["failed"] == sum(closed.truth[f"/{path}"].failed for path in USERS)
    for path in USERS:
        row, truth = closed.pair(path)
        assert (row["completed"], row["failed"]) == (truth.requests, truth.failed), path
        assert truth.requests > 0


@pytest.mark.parametrize("path", ["constant", "lognormal"])
def test_latency_is_the_services_own(closed: Measured, path: str) -> None:
    row, truth = closed.pair(path)
    assert row["errors"] == {}
    assert row["latency_ms"]["n"] == truth.requests > 100
    assert_latencies(row, truth)


def test_latency_ends_with_the_last_byte_of_the_body_not_with_the_headers(closed: Measured) -> None:
    row, truth = closed.pair("early-headers")
    assert row["latency_ms"]["min"] >= 550
    assert row["ttfb_ms"]["p50"] < 100
    assert_latencies(row, truth)


@pytest.mark.parametrize("path", ["constant", "lognormal", "early-headers", "errors", "redirect", "large"])
def test_a_user_has_one_connection(closed: Measured, path: str) -> None:
    assert closed.truth[f"/{path}"].connections == USERS[path]


def test_errors_are_counted_by_status_and_are_not_in_the_latency(closed: Measured) -> None:
    row, truth = closed.pair("errors")
    assert row["errors"] == {"status_500": truth.failed}
    assert truth.failed == truth.requests // 20 > 1
    assert row["latency_ms"]["n"] == truth.requests - truth.failed
    assert row["failed_latency_ms"]["n"] == truth.failed
    assert row["failed_latency_ms"]["min"] >= 50
    assert_latencies(row, truth)


def test_resets_cost_one_request_each_and_the_user_goes_on(closed: Measured) -> None:
    row, truth = closed.pair("resets")
    assert row["errors"] == {"reset": truth.failed}
    assert truth.failed == truth.requests // 50 > 1
    assert truth.connections == USERS["resets"] + truth.failed
    assert_latencies(row, truth)


@pytest.mark.parametrize("path", ["hang", "drip"])
def test_the_timeout_is_for_the_whole_request(closed: Measured, path: str) -> None:
    """Silent, or with a byte every now and then: in both cases the client leaves when the time is over."""
    row, truth = closed.pair(path)
    assert row["errors"] == {"timeout": truth.requests}
    assert row["completed"] >= 2 * USERS[path]
    assert row["failed_latency_ms"]["min"] >= TIMEOUT_S * 1000
    assert len(truth.left_after_s) == truth.requests
    assert min(truth.left_after_s) > TIMEOUT_S - 0.05
    assert sorted(truth.left_after_s)[len(truth.left_after_s) // 2] < TIMEOUT_S + 0.2
    assert (row["latency_ms"]["n"], row["latency_ms"]["p50"]) == (0, None)


def test_bodies_of_4_megabytes_are_counted_to_the_byte(closed: Measured) -> None:
    row, truth = closed.pair("large")
    assert row["body_bytes"] == truth.body_bytes == 4_000_000 * truth.requests
    assert row["latency_ms"]["min"] >= truth.latency_ms(0)


def test_a_redirect_is_one_request_with_the_latency_of_all_hops(closed: Measured) -> None:
    row, _ = closed.pair("redirect")
    hops = [closed.truth[path] for path in ("/redirect", "/redirect/again", "/redirect/end")]
    assert {hop.requests for hop in hops} == {row["completed"]}
    assert row["latency_ms"]["min"] >= 45
    true_ms = hops[-1].latency_ms(0.5)
    assert true_ms <= row["latency_ms"]["p50"] <= 1.05 * true_ms + 10


@pytest.mark.parametrize("path", ["closing", "silent"])
def test_a_connection_closed_by_the_service_costs_nothing(closed: Measured, path: str) -> None:
    row, truth = closed.pair(path)
    assert (row["completed"], row["failed"]) == (truth.requests, 0)
    assert truth.connections > truth.requests / 4
    assert_latencies(row, truth)


def test_arrivals_are_planned_begun_and_counted_over_two_shards(opened: Measured) -> None:
    row, truth = opened.pair("constant")
    counters = opened.ended.result["counters"]
    assert counters["planned_arrivals"] == counters["begun"] + counters["dropped"] == OPEN_ARRIVALS
    assert row["completed"] == truth.requests == OPEN_ARRIVALS
    assert_latencies(row, truth)
