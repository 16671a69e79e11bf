"""How far loadctl's percentiles are from the server's own: median of three runs, on a quiet machine."""

from __future__ import annotations

from pathlib import Path
from statistics import median

import pytest

from tests.e2e.shell import Shell
from tests.e2e.truth import SCENARIOS, SERVICES, off_ms

pytestmark = pytest.mark.bench

BOUNDS = {"p50": (0.01, 1.0), "p95": (0.01, 1.0), "p99": (0.02, 2.0)}


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("model", SCENARIOS)
@pytest.mark.parametrize("service", SERVICES)
def test_percentiles_are_within_one_percent_and_a_millisecond(
    tmp_path: Path, service: str, model: str, workers: int
) -> None:
    runs = [off_ms(Shell(tmp_path), service, model, workers) for _ in range(3)]
    shown, beyond = [], []
    for name, (share, ms) in BOUNDS.items():
        off = median(run[name][1] for run in runs)
        shown.append(f"{name} {off:.2f} of {runs[0][name][0]:.1f} ms")
        if median(run[name][1] - share * run[name][0] for run in runs) > ms:
            beyond.append(name)
    print(f"{service} {model} {workers} shard(s): off by {', '.join(shown)}", flush=True)
    assert beyond == []
