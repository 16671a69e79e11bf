"""Identical runs, and by how much they differ: where PRIOR_SD of loadctl/analysis/comparison.py comes from.

    python -m tests.bench.identical_runs [RUNS]

On a quiet machine, two and a half minutes a run: the same scenario against the embedded demo system again and again.
What comparing needs of each run is kept in tests/analysis/identical_runs.json. Printed is the standard deviation,
between runs, of the logarithm of each figure (as it is, and without what the blocks of a run explain), and what is said
of pairs of these runs: at most 2 of 24 may be called different.
"""

from __future__ import annotations

import math
import platform
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import permutations
from pathlib import Path
from random import Random
from statistics import fmean, variance

import msgspec

from loadctl.analysis.comparison import PRIOR_DF, PRIOR_SD, changes, estimate, outcome
from loadctl.cli.judging import judged
from loadctl.errors import ExitCode
from loadctl.results.blocks import BLOCKS, Identity, RunBlocks, run_blocks
from loadctl.run.directory import RunDirectory
from loadctl.run.store import list_runs
from loadctl.scenario.target import Scope

KEPT = Path(__file__).parents[1] / "analysis" / "identical_runs.json"
METRICS = ("latency_p50", "latency_p95", "latency_p99", "throughput", "cpu", "memory", "cpu_per_request")
_LONGEST_S = 300
_PAIRS, _FALSE_MAX = 24, 2
_SCENARIO = """
think: 50ms..150ms
tasks: [{get: /models, weight: 3}, {post: /predict, json: {model: churn, features: "{{ random_floats(8) }}"}}]
load: [{users: 10, over: 5s, warmup: true}, {users: 10, for: 2m}]
targets: {latency_p95: 1s, error_rate: 1%}
"""


def carried_out(count: int) -> Iterator[RunBlocks]:
    """Raises: RuntimeError where a run fails."""
    with tempfile.TemporaryDirectory(prefix="loadctl-identical-") as folder:
        Path(folder, "same.yaml").write_text(_SCENARIO, encoding="utf-8")
        for number in range(count):
            argv = [sys.executable, "-m", "loadctl", "run", "same.yaml", "--demo", "-q"]
            ended = subprocess.run(
                argv, cwd=folder, capture_output=True, text=True, timeout=_LONGEST_S, check=False
            )
            if ended.returncode not in {ExitCode.OK, ExitCode.INCONCLUSIVE}:
                raise RuntimeError(f"a run ended with {ended.returncode}:\n{ended.stderr[-2000:]}")
            blocks = _reduced(list_runs(Path(folder, "runs"))[0], f"identical-{number:02}")
            sys.stderr.write(
                f"{blocks.run}: p95 {blocks.total.latency_ms['p95']:.2f} ms {' '.join(blocks.unfit)}\n"
            )
            yield blocks


def _reduced(run: RunDirectory, name: str) -> RunBlocks:
    """Without its endpoints: the total is enough to draw pairs from."""
    judgement = judged(run)
    manifest = judgement.manifest
    identity = Identity(
        traffic_hash=manifest.scenario_hash,
        engine=manifest.engine,
        engine_version=manifest.engine_version,
        shards=manifest.shards,
        architecture=platform.machine(),
        cpu_model=None,
        cores=float(manifest.machine.cpu_affinity),
    )
    found = run_blocks(judgement.result, judgement.recording, run=name, git_revision=None, identity=identity)
    return msgspec.structs.replace(found, endpoints=())


def spread(runs: Sequence[RunBlocks], metric: str) -> tuple[float, float] | None:
    """Of the logarithm between runs: as it is, and without what their blocks explain; None where one has no figure."""
    found = [one for run in runs if not isinstance(one := estimate(metric, Scope(), run), str)]
    if len(found) < len(runs):
        return None
    whole = variance([one.whole for one in found])
    within = fmean(
        (BLOCKS - 1) / BLOCKS * math.fsum((log - fmean(one.without)) ** 2 for log in one.without)
        for one in found
    )
    return math.sqrt(whole), math.sqrt(max(0.0, whole - within))


def main() -> int:
    runs = list(carried_out(int(sys.argv[1]) if len(sys.argv) > 1 else 14))
    fit = [run for run in runs if not run.unfit]
    KEPT.write_bytes(msgspec.json.format(msgspec.json.encode(fit), indent=1) + b"\n")
    print(f"{len(fit)} of {len(runs)} runs are fit; the prior is {100 * PRIOR_SD:.1f} % with {PRIOR_DF} df")
    for metric in METRICS:
        found = spread(fit, metric)
        shown = (
            "not known"
            if found is None
            else f"{100 * found[0]:.1f} %, without that within runs {100 * found[1]:.1f} %"
        )
        print(f"{metric:16} {shown}")
    told = Counter(outcome(changes([before], [after])) for before, after in pairs(fit))
    print(", ".join(f"{word} {count}" for word, count in told.items()))
    return int(told["worse"] + told["better"] > _FALSE_MAX)


def pairs(runs: Sequence[RunBlocks]) -> Sequence[tuple[RunBlocks, RunBlocks]]:
    """Drawn by chance, the same ones each time."""
    every = list(permutations(runs, 2))
    return Random(1).sample(every, min(_PAIRS, len(every)))


if __name__ == "__main__":
    sys.exit(main())
