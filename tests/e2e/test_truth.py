"""loadctl's figures against the demo system's own: counts exactly, percentiles within bounds that also hold on a busy
machine. The strict bounds are measured on a quiet one: tests/bench/test_accuracy.py.
"""

from __future__ import annotations

import pytest

from tests.e2e.shell import Shell
from tests.e2e.truth import SCENARIOS, SERVICES, off_ms

pytestmark = [pytest.mark.e2e, pytest.mark.quiet]

BOUNDS = {"p50": (0.05, 4.0), "p95": (0.10, 10.0), "p99": (0.15, 30.0)}
"""A share of the truth plus milliseconds."""


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("model", SCENARIOS)
@pytest.mark.parametrize("service", SERVICES)
def test_figures_agree_with_the_servers_own(loadctl: Shell, service: str, model: str, workers: int) -> None:
    measured = off_ms(loadctl, service, model, workers)
    for name, (share, ms) in BOUNDS.items():
        true, off = measured[name]
        assert off <= share * true + ms, (name, true, off)
