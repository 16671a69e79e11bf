"""The truth file's figures."""

from __future__ import annotations

import pytest

from loadctl.demo.truth import ServiceTimes, Truth


def test_percentiles_are_nearest_rank_in_milliseconds() -> None:
    times = ServiceTimes()
    for us in range(1000, 101_000, 1000):  # 1 ms … 100 ms
        times.record(us)
    document = times.document()
    assert document == {"n": 100, "p50": 50.0, "p95": 95.0, "p99": 99.0, "max": 100.0, "exact": True}


def test_no_answer_gives_no_number() -> None:
    assert ServiceTimes().document() == {
        "n": 0,
        "p50": None,
        "p95": None,
        "p99": None,
        "max": None,
        "exact": True,
    }


def test_beyond_its_bound_it_keeps_a_uniform_sample_and_says_so() -> None:
    times = ServiceTimes(kept=1000)
    for us in range(20_000):
        times.record(us)
    document = times.document()
    assert len(times.values_us) == 1000
    assert document["exact"] is False
    assert document["max"] == 19.999
    assert document["p50"] == pytest.approx(10, abs=1)


def test_counts_of_every_kind_of_ending() -> None:
    truth = Truth(timed=True)
    predictions = [truth.received("POST /predict") for _ in range(4)]
    truth.answered(predictions[0], 200, 1500, abandoned=False)
    truth.answered(predictions[1], 500, 9000, abandoned=False)  # failures are not in the latency
    truth.answered(predictions[2], 200, 8000, abandoned=True)
    truth.unanswered()
    truth.answered(truth.received("GET /models"), 200, 2500, abandoned=False)
    document = truth.document()
    assert document["requests"] == 5
    assert document["peak_concurrency"] == 4
    assert document["abandoned"] == 1
    assert document["latency_ms"] == {"n": 2, "p50": 1.5, "p95": 2.5, "p99": 2.5, "max": 2.5, "exact": True}
    by_endpoint = document["by_endpoint"]
    assert isinstance(by_endpoint, dict)
    assert list(by_endpoint) == ["GET /models", "POST /predict"]
    assert by_endpoint["POST /predict"]["status"] == {"200": 2, "500": 1}
    assert by_endpoint["POST /predict"]["requests"] == 4


def test_truths_of_several_workers_add_up() -> None:
    whole = Truth(timed=True)
    for us in (1000, 3000):
        worker = Truth(timed=True)
        worker.answered(worker.received("GET /models"), 200, us, abandoned=False)
        worker.answered(worker.received(f"GET /models/{us}"), 404, us, abandoned=False)
        worker.connections += 1
        whole.merge(worker)
    document = whole.document()
    assert (document["requests"], document["connections"], document["peak_concurrency"]) == (4, 2, 2)
    assert document["latency_ms"] == {"n": 2, "p50": 1.0, "p95": 3.0, "p99": 3.0, "max": 3.0, "exact": True}
    by_endpoint = document["by_endpoint"]
    assert isinstance(by_endpoint, dict)
    assert by_endpoint["GET /models"]["status"] == {"200": 2}


def test_a_sample_of_each_worker_is_not_exact() -> None:
    whole, worker = ServiceTimes(kept=10), ServiceTimes(kept=10)
    for us in range(20):
        worker.record(us)
    whole.merge(worker)
    assert (whole.document()["n"], whole.document()["exact"]) == (20, False)
