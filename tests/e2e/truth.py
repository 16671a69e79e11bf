"""Runs whose figures the demo system can confirm: the scenarios, one run of them, and how far off it was."""

from __future__ import annotations

import json
from collections.abc import Mapping

from tests.e2e.shell import Shell

SERVICES = ["constant:20ms", "lognormal:20ms,0.5", "bimodal:20ms,200ms@10%"]
SCENARIOS = {
    "closed": "pace: 100ms\ntasks: [{get: /models}]\nload: [{users: 32, for: 5s}]\ntargets: {error_rate: 1%}\n",
    "open": "tasks: [{get: /models}]\nload: [{rate: 220/s, for: 5s}]\ntargets: {error_rate: 1%}\n",
}
BRIEF = {
    "closed": "pace: 100ms\ntasks: [{get: /models}]\nload: [{users: 48, for: 3s}]\ntargets: {error_rate: 1%}\n",
    "open": "tasks: [{get: /models}]\nload: [{rate: 370/s, for: 3s}]\ntargets: {error_rate: 1%}\n",
}
"""Enough requests for a p99 in each."""


def off_ms(
    loadctl: Shell,
    engine: str,
    service: str,
    model: str,
    workers: int,
    scenarios: Mapping[str, str] = SCENARIOS,
) -> dict[str, tuple[float, float]]:
    """One run: by percentile, the server's own figure and how far ours was from it, in ms. Counts must be equal."""
    loadctl.write("scenarios/truth.yaml", scenarios[model])
    demo = ["--demo", "--service", service, "--truth", "truth.json"]
    ended = loadctl("run", *demo, "--engine", engine, "--workers", str(workers), "--json")
    assert ended.code in {0, 3}, ended.err
    truth = json.loads((loadctl.folder / "truth.json").read_text())
    counters = ended.result["counters"]
    assert counters["started"] == counters["completed"] + counters["unfinished"] == truth["requests"]
    assert counters["failed"] == counters["unfinished"] == 0
    found = ended.result["summary"]["total"]["latency_ms"]
    return {
        name: (truth["latency_ms"][name], abs(found[name] - truth["latency_ms"][name]))
        for name in ("p50", "p95", "p99")
    }
