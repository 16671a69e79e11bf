"""How far loadctl's percentiles are from the server's own: median of three runs, on a quiet machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

import pytest

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
Off = Mapping[str, tuple[float, float]]
"""By percentile: the true value and how far off it was measured, in ms."""


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("model", SCENARIOS)
@pytest.mark.parametrize("service", SERVICES)
def test_percentiles_are_within_one_percent_and_a_millisecond(
    tmp_path: Path, engine: str, service: str, model: str, workers: int
) -> None:
    runs = [off_ms(Shell(tmp_path), engine, service, model, workers) for _ in range(3)]
    assert beyond(f"{engine} {service} {model} {workers} shard(s)", engine, runs) == []


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


def beyond(what: str, engine: str, runs: Sequence[Off]) -> list[str]:
    """The percentiles that are further off than promised; all are printed."""
    shown, found = [], []
    for name in runs[0]:
        share, ms = BOUNDS[engine][name]
        shown.append(f"{name} {median(run[name][1] for run in runs):.2f} of {runs[0][name][0]:.1f} ms")
        if median(run[name][1] - share * run[name][0] for run in runs) > ms:
            found.append(name)
    print(f"{what}: off by {', '.join(shown)}", flush=True)
    return found
