"""How far loadctl's percentiles are from the server's own: medians of three runs, each beside the plainest client.

A machine whose cores belong to others too adds milliseconds to whatever a client measures. There the bound cannot be
shown; that loadctl is no further off than bare sockets in as many processes can.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

import pytest

from tests.bench import plain_client
from tests.contract.scenario import CLOSED
from tests.contract.truth import KnownProcess
from tests.e2e.shell import Shell
from tests.e2e.truth import SCENARIOS, SERVICES, off_ms

pytestmark = pytest.mark.bench

_CLOSE = (0.01, 1.0)
"""A share of the truth plus milliseconds."""
BOUNDS = {
    "locust": {"p50": _CLOSE, "p95": _CLOSE, "p99": (0.02, 2.0)},
    "artillery": {"p50": _CLOSE, "p95": _CLOSE, "p99": (0.02, 3.0)},
}
BEYOND_PLAIN_MS = 0.5
"""What loadctl may add to the plainest client's error, where that alone is beyond the bound."""
SCHEDULES = {
    "closed": plain_client.closed(users=32, pace_s=0.1, seconds=5),
    "open": plain_client.opened(rate_per_s=220, seconds=5, connections=150),
}
"""Of tests.e2e.truth.SCENARIOS, for the plain client."""
Off = Mapping[str, tuple[float, float]]
"""By percentile: the true value and how far off it was measured, in ms."""


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("model", SCENARIOS)
@pytest.mark.parametrize("service", SERVICES)
def test_percentiles_are_within_one_percent_and_a_millisecond(
    tmp_path: Path, engine: str, service: str, model: str, workers: int
) -> None:
    runs, plain = [], []
    for _ in range(3):
        runs.append(off_ms(Shell(tmp_path), engine, service, model, workers))
        plain.append(plain_client.off_ms(tmp_path, service, SCHEDULES[model], workers))
    assert beyond(f"{engine} {service} {model} {workers} shard(s)", engine, runs, plain) == []


def test_first_and_last_bytes_are_told_apart(tmp_path: Path, engine: str) -> None:
    """Headers at 50 ms, the body at 550 ms, beside everything else that the contract suite asks for."""
    runs = [first_and_last_byte(Shell(tmp_path), engine) for _ in range(3)]
    for place in ("latency_ms", "ttfb_ms"):
        assert beyond(f"{engine} early headers {place}", engine, [run[place] for run in runs]) == []


def first_and_last_byte(shell: Shell, engine: str) -> Mapping[str, Off]:
    shell.write("scenarios/contract.yaml", CLOSED)
    with KnownProcess() as service:
        ended = shell("run", "-H", service.url, "--engine", engine, "--json")
        service.stop()
    truth = service.paths["/early-headers"]
    rows = ended.result["summary"]["endpoints"]
    row = next(row for row in rows if row["endpoint"] == "GET /early-headers")
    true = {"latency_ms": truth.latency_ms(0.5), "ttfb_ms": truth.ttfb_ms(0.5)}
    return {place: {"p50": (ms, abs(row[place]["p50"] - ms))} for place, ms in true.items()}


def beyond(what: str, engine: str, runs: Sequence[Off], plain: Sequence[Off] = ()) -> list[str]:
    """The percentiles that are further off than promised, and than the plain client by more than a little."""
    shown, found = [], []
    for name in runs[0]:
        share, ms = BOUNDS[engine][name]
        off, true = median(run[name][1] for run in runs), median(run[name][0] for run in runs)
        floor = median(run[name][1] for run in plain) if plain else 0.0
        bound = share * true + ms
        shown.append(f"{name} {off:.2f} (plain {floor:.2f}, bound {bound:.2f}) of {true:.1f} ms")
        if off > max(bound, floor + BEYOND_PLAIN_MS):
            found.append(name)
    print(f"{what}: off by {', '.join(shown)}", flush=True)
    return found
