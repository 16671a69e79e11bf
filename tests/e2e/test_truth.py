"""loadctl's figures against what the demo system itself measured: counts exactly, percentiles within their bounds.

Bounds: p50 and p95 1 % + 1 ms, p99 2 % + 2 ms, by the median of three runs; two that agree are enough, and where three
do not settle it, two more show whether the machine was busy or the figures are wrong.
"""

from __future__ import annotations

import json
from statistics import median
from typing import Any

import pytest

from tests.e2e.shell import Shell

pytestmark = pytest.mark.e2e

SERVICES = ["constant:20ms", "lognormal:20ms,0.5", "bimodal:20ms,200ms@10%"]
BOUNDS = {"p50": (0.01, 1.0), "p95": (0.01, 1.0), "p99": (0.02, 2.0)}
CLOSED = """
pace: 100ms
tasks: [{get: /models}]
load: [{users: 20, for: 7s}]
targets: {error_rate: 1%}
"""
OPEN = """
tasks: [{get: /models}]
load: [{rate: 200/s, for: 7s}]
targets: {error_rate: 1%}
"""


def measured_and_true(loadctl: Shell, service: str, workers: int) -> tuple[dict[str, Any], dict[str, Any]]:
    ended = loadctl(
        "run", "--demo", "--service", service, "--truth", "truth.json", "--workers", str(workers), "--json"
    )
    assert ended.code in {0, 3}, ended.err
    return ended.result, json.loads((loadctl.folder / "truth.json").read_text())


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("model", ["closed", "open"])
@pytest.mark.parametrize("service", SERVICES)
def test_figures_agree_with_the_servers_own(loadctl: Shell, service: str, model: str, workers: int) -> None:
    loadctl.write("scenarios/truth.yaml", CLOSED if model == "closed" else OPEN)
    excess: dict[str, list[float]] = {name: [] for name in BOUNDS}
    for _ in range(5):
        result, truth = measured_and_true(loadctl, service, workers)
        counters = result["counters"]
        assert counters["started"] == counters["completed"] + counters["unfinished"] == truth["requests"]
        assert counters["failed"] == counters["unfinished"] == 0
        for name, (share, ms) in BOUNDS.items():
            true = truth["latency_ms"][name]
            off = abs(result["summary"]["total"]["latency_ms"][name] - true)
            excess[name].append(off - (share * true + ms))
        good = sum(max(run) <= 0 for run in zip(*excess.values(), strict=True))
        if good == 2:
            return
    assert {name: round(median(values), 3) for name, values in excess.items() if median(values) > 0} == {}
