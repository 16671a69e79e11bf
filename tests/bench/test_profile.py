"""What the profiler costs the system: throughput of a run with it against one without, interleaved pairs."""

from __future__ import annotations

from pathlib import Path
from statistics import median

import pytest

from tests.e2e.shell import Shell

pytestmark = pytest.mark.bench
PAIRS = 7
RUN = ("run", "baseline", "--demo", "--fault", "cpu=2ms", "--users", "60", "--duration", "20s", "--json")


def throughput(folder: Path, *options: str) -> float:
    ended = Shell(folder)(*RUN, *options)
    total = ended.result["summary"]["total"]
    return float(total["completed"])


def test_throughput_with_the_profiler_is_within_six_percent(tmp_path: Path) -> None:
    ratios = []
    for pair in range(PAIRS):
        order = (("--profile", "continuous"), ()) if pair % 2 else ((), ("--profile", "continuous"))
        found = {bool(options): throughput(tmp_path, *options) for options in order}
        ratios.append(found[True] / found[False])
    print(
        f"profiled / not: median {median(ratios):.3f} of {PAIRS} pairs ({min(ratios):.3f} to {max(ratios):.3f})"
    )
    assert median(ratios) >= 0.94
