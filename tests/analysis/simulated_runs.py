"""Runs whose truth is known: what comparing two of them should say is known too."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from random import Random
from statistics import NormalDist

from loadctl.results.blocks import BLOCKS, COMPARED, EndpointBlocks, RunBlocks
from loadctl.results.histogram import Histogram, Packed
from loadctl.results.wire.frame import HistogramForm
from loadctl.scenario.target import PERCENTILES
from tests.results.recorded import IDENTITY


def steady(_share: float) -> float:
    return 1.0


def staircase(share: float) -> float:
    """Five levels, from a fifth of the users to all of them, and a latency that rises with them."""
    return (1 + int(share * 5)) / 5


@cache
def _lognormal(sigma: float) -> Sequence[float]:
    """Its quantiles, to draw from: that takes a quarter of the time of drawing anew."""
    normal = NormalDist(0, sigma)
    return [math.exp(normal.inv_cdf((i + 0.5) / 5000)) for i in range(5000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """`run_sd`: of the logarithm of all latencies of a run, from run to run. `wander`: of those of one second, which
    depend on the second before by `memory`. `burst`: how many requests fail together."""

    seconds: int = 300
    per_s: int = 20
    sigma: float = 0.6
    run_sd: float = 0.04
    wander: float = 0.1
    memory: float = 0.9
    shape: Callable[[float], float] = steady
    error_rate: float = 0.005
    burst: int = 5

    def run(self, chance: Random, change: float = 0.0, more_errors: float = 0.0) -> RunBlocks:
        """`change`: of every latency, 0.2 is 20 % slower; `more_errors`: added to the share of those that fail."""
        level = math.log(20_000 * (1 + change)) + chance.gauss(0, self.run_sd)
        shift = chance.gauss(0, self.wander)
        blocks = [Histogram() for _ in range(BLOCKS)]
        successes, failed = [0] * BLOCKS, [0] * BLOCKS
        for t in range(self.seconds):
            block = t * BLOCKS // self.seconds
            height = self.shape(t / self.seconds)
            shift = self.memory * shift + math.sqrt(1 - self.memory**2) * chance.gauss(0, self.wander)
            count = round(self.per_s * height + chance.random() - 0.5)
            scale = height * math.exp(level + shift)
            for factor in chance.choices(_lognormal(self.sigma), k=count):
                blocks[block].record(int(scale * factor))
            bad = self.burst * (chance.random() < count * (self.error_rate + more_errors) / self.burst)
            successes[block] += count
            failed[block] += bad
        return blocks_of(blocks, failed, seconds=self.seconds)


def blocks_of(
    histograms: Sequence[Histogram],
    failed: Sequence[int] = (0,) * BLOCKS,
    *,
    seconds: float = 300.0,
    run: str = "run",
) -> RunBlocks:
    successes = [one.count for one in histograms]
    requests = [good + bad for good, bad in zip(successes, failed, strict=True)]
    return RunBlocks(
        run=run,
        scenario="api",
        started_at="2026-11-23T08:20:00Z",
        git_revision=None,
        identity=IDENTITY,
        total=endpoint_of("total", histograms, sum(failed)),
        endpoints=(),
        seconds=(seconds / BLOCKS,) * BLOCKS,
        successes=tuple(successes),
        requests=tuple(requests),
        failed=tuple(failed),
        absent={"cpu": "nothing watched it", "memory": "nothing watched it"},
    )


def endpoint_of(name: str, histograms: Sequence[Histogram], failed: int = 0) -> EndpointBlocks:
    whole = Histogram()
    for histogram in histograms:
        whole.merge(histogram)
    figures = {name: whole.quantile_us(PERCENTILES[name]) for name in COMPARED}
    return EndpointBlocks(
        endpoint=name,
        requests=whole.count + failed,
        failed=failed,
        latency_ms={name: us / 1000 for name, us in figures.items() if us is not None},
        absent={name: "too few successes" for name, us in figures.items() if us is None},
        ok=tuple(HistogramForm.of(Packed.of(histogram)) for histogram in histograms),
    )
