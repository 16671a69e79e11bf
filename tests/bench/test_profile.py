"""What the profiler costs the system: throughput of a run with it against one without, interleaved pairs."""

from __future__ import annotations

from pathlib import Path
from statistics import median

import pytest

from tests.e2e.shell import Shell

pytestmark = pytest.mark.bench
PAIRS = 7
BUSY = """
think: 0ms
tasks: [{get: /models}]
load: [{users: 4, for: 15s}]
targets: {error_rate: 1%}
"""
"""One worker that is always busy: what the profiler takes is missing in throughput."""
RUN = ("run", "busy", "--demo", "--fault", "cpu=5ms", "--json")


def throughput(shell: Shell, *options: str) -> float:
    return float(shell(*RUN, *options).result["summary"]["total"]["throughput_per_s"])


def test_throughput_with_the_profiler_is_within_six_percent(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.write("scenarios/busy.yaml", BUSY)
    ratios = []
    for pair in range(PAIRS):
        order = [("--profile", "continuous"), ()] if pair % 2 else [(), ("--profile", "continuous")]
        found = {bool(options): throughput(shell, *options) for options in order}
        ratios.append(found[True] / found[False])
    print(
        f"profiled / not: median {median(ratios):.3f} of {PAIRS} pairs ({min(ratios):.3f} to {max(ratios):.3f})"
    )
    assert median(ratios) >= 0.94
