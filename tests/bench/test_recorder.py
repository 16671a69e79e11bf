"""What the recorder costs a request: begin and end, in-flight tracking included, beside an empty loop."""

from __future__ import annotations

import time
from statistics import median

import pytest

from loadctl.engines.locust.inside.recorder.recorder import Recorder

pytestmark = pytest.mark.bench

REQUESTS = 200_000


def cpu_us_a_request() -> float:
    recorder = Recorder(lambda _line: None)
    recorder.start(time.monotonic())
    names = [f"GET /things/{n}" for n in range(20)]
    began = time.process_time()
    for n in range(REQUESTS):
        recorder.end(recorder.begin(names[n % 20]), us=500 + n % 5000, ttfb_us=400, size=200, status=200)
    recorded = time.process_time()
    for n in range(REQUESTS):
        names[n % 20]
    return (recorded - began - (time.process_time() - recorded)) / REQUESTS * 1e6


def test_a_request_costs_at_most_4_microseconds() -> None:
    costs = [cpu_us_a_request() for _ in range(7)]
    print(f"recorder: median {median(costs):.2f} µs a request ({min(costs):.2f} to {max(costs):.2f})")
    assert median(costs) <= 4
