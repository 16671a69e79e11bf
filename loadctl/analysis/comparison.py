"""Is it slower than before? Two sides, each of one run or several, held against each other metric by metric.

Latency, throughput, CPU and memory are compared as ratios, that is by the difference of their logarithms. Its standard
error has two parts:

- within a run, the jackknife of ten blocks of time (Künsch 1989). A block is left out of both sides at once: runs of
  one load pass through the same levels at the same time, and what they share cancels.
- between runs, the scatter of the runs of each side around their mean, shrunk to PRIOR_SD with PRIOR_DF degrees of
  freedom: identical runs differ by more than their own blocks show, and one run a side says nothing about that.

The interval is Student's t. A latency that changed by no more than the generator's timers were late is not decided:
the lag may be the whole of it. Error rates: Newcombe's interval for the difference of two proportions (1998,
method 10), with as many requests as they are worth when failures come in bursts. Gated rows share one error bound (Holm
1979).

How often it is wrong, on 2,000 simulated pairs of identical systems a row, by the default gates, with one run of two
minutes a side (tests/bench/test_comparison.py):

                                                 worse    faster
    runs differ by 4 %, as PRIOR_SD says         2.2 %     1.8 %
    they differ by nothing                       1.3 %     1.1 %
    they differ by 6 %                           3.9 %     3.5 %
    a staircase of five levels                   2.3 %     2.5 %
    a heavy tail, seconds that differ by 20 %    3.1 %     3.0 %
    latency that wanders for most of a minute    5.1 %     5.3 %
    three runs a side that differ by 4 %         4.7 %     4.2 %

What became slower is found (500 pairs a figure, one and three runs a side): by 10 % in 10 and 39 %, by 20 % in 36 and
93 %, by 50 % in 98 %; three points more errors in 95 %.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, repeat
from operator import sub
from statistics import fmean
from typing import Literal, NamedTuple, Protocol, TypeAlias

from loadctl.errors import ExitCode
from loadctl.results.blocks import BLOCKS, COMPARED, EndpointBlocks, Identity, RunBlocks
from loadctl.results.histogram import Histogram, nearest_rank, upper_edge_us
from loadctl.results.scoring import Worsening
from loadctl.results.wire.record import Record
from loadctl.scenario.target import PERCENTILES, Scope, Target, parts_of_versus
from loadctl.scenario.units import format_ms

ALPHA = 0.05
"""An interval misses the truth in at most so many comparisons; half of them to either side."""
WHOLE_ALPHA = 0.10
"""Of all gated rows together: at most half of it calls one of them worse by mistake."""
PRIOR_SD = 0.04
"""Of the logarithm, between identical runs."""
PRIOR_DF = 4
MOST_BURST = 25.0
"""Requests that fail together count as one, up to so many: more of them are an outage, which is what is looked for."""
LEAST_PCT = 5.0
LEAST_POINTS = 0.1
"""A smaller change counts for nothing, however sure; of error rates in percentage points."""
TOLERANCE_PCT = 15.0
TOLERANCE_POINTS = 0.5
"""What "same" means."""

Key: TypeAlias = tuple[str, Scope]
"""A metric, of the whole run or of one endpoint."""
DEFAULT_GATES: Sequence[Key] = (("latency_p95", Scope()), ("error_rate", Scope()))
Decision = Literal["worse", "better", "same", "cannot tell"]


class Change(Record, frozen=True, kw_only=True):
    """One metric on both sides."""

    metric: str
    scope: Scope
    """Of the whole run, or of one endpoint."""
    unit: str
    """Of `before` and `after`."""
    gated: bool
    """It decides the exit code."""
    decision: Decision
    """Same lies within the tolerance, worse and better are sure and large enough to count."""
    before: float | None
    after: float | None
    """Of several runs the geometric mean; of error rates that of all their requests."""
    change: float | None
    """In `change_unit`."""
    low: float | None
    high: float | None
    """Within which the change lies in 95 of 100 comparisons, or more where there are many gates."""
    visible: float | None
    """The smallest change for the worse that this comparison could have seen."""
    change_unit: Literal["%", "points"]
    """Percent of `before`, or percentage points."""
    higher_is_better: bool = False
    """Of throughput."""
    reason: str | None = None
    """Why it is not decided."""


class _Shift(Protocol):
    """How far the second side is from the first: in % or points, with an interval that misses the truth in `alpha`."""

    @property
    def size(self) -> float: ...
    @property
    def p(self) -> float:
        """The `alpha` whose interval ends at no change."""
        ...

    def interval(self, alpha: float) -> tuple[float, float]: ...
    def visible(self, alpha: float) -> float:
        """The smallest increase whose interval would not reach down to no change."""
        ...


@dataclass(frozen=True, slots=True)
class Side:
    """`name`: as it was asked for. At least one run."""

    name: str
    runs: Sequence[RunBlocks]


class SideFacts(Record, frozen=True, kw_only=True):
    """What was compared."""

    name: str
    """As it was asked for."""
    scenario: str
    runs: tuple[str, ...]
    """Their ids."""
    git_revisions: tuple[str, ...]
    """Each once, those that are known."""


class Comparison(Record, frozen=True, kw_only=True, tag_field="schema", tag="loadctl.comparison/1"):
    """What `loadctl compare --json` prints."""

    outcome: Decision
    """Of the gated rows together."""
    exit_code: ExitCode
    """0: no gate is worse; 1: one is; 3: one cannot be decided, and proof was asked for."""
    before: SideFacts
    after: SideFacts
    """The two sides."""
    tolerance_pct: float
    """Within which figures are the same."""
    doubts: tuple[str, ...]
    """Why the sides should not be compared, where they were all the same."""
    changes: tuple[Change, ...]
    """A row for each metric, of the whole run and of each endpoint."""


def compare(
    before: Side,
    after: Side,
    *,
    gates: Collection[Key] = (),
    tolerance_pct: float = TOLERANCE_PCT,
    require_proof: bool = False,
) -> Comparison:
    """`gates`: none means DEFAULT_GATES. `require_proof`: a gated row that cannot be decided is no success."""
    rows = changes(before.runs, after.runs, gates=gates or DEFAULT_GATES, tolerance_pct=tolerance_pct)
    found = outcome(rows)
    unproven = found == "cannot tell" and require_proof
    return Comparison(
        outcome=found,
        exit_code=ExitCode.FAIL if found == "worse" else ExitCode.INCONCLUSIVE if unproven else ExitCode.OK,
        before=_facts(before),
        after=_facts(after),
        tolerance_pct=tolerance_pct,
        doubts=tuple(doubts(before, after)),
        changes=rows,
    )


def _facts(side: Side) -> SideFacts:
    revisions = dict.fromkeys(run.git_revision for run in side.runs if run.git_revision)
    runs = tuple(run.run for run in side.runs)
    return SideFacts(
        name=side.name, scenario=side.runs[-1].scenario, runs=runs, git_revisions=tuple(revisions)
    )


_SAME: Mapping[str, str] = {
    "engine": "engine",
    "engine_version": "engine version",
    "shards": "engine processes",
    "architecture": "architecture",
    "cpu_model": "CPU model",
    "cores": "usable cores",
}
"""Fields of Identity, in words."""


def doubts(before: Side, after: Side) -> Iterator[str]:
    """Why a difference between them need not be the system's."""
    for run in (*before.runs, *after.runs):
        yield from (f"{run.run} cannot be compared: {reason}" for reason in run.unfit)
        if run.identity.traffic_hash is None:
            yield f"{run.run} does not say what it sent: it was made by an earlier version"
    yield from differences(*([run.identity for run in side.runs] for side in (before, after)))


def differences(before: Sequence[Identity], after: Sequence[Identity]) -> Iterator[str]:
    if len({one.traffic_hash for one in (*before, *after)}) > 1:
        yield "the runs did not send the same (user types, load, script, data, seed, client options)"
    for field, words in _SAME.items():
        sides = [dict.fromkeys(getattr(one, field) for one in side) for side in (before, after)]
        if len({*sides[0], *sides[1]}) > 1:
            shown = [", ".join("not known" if one is None else f"{one}" for one in side) for side in sides]
            yield f"{words}: {shown[0]} before, {shown[1]} after"


def worsenings(
    targets: Sequence[Target], baselines: Mapping[str, Side | str], run: RunBlocks
) -> Mapping[Key, Worsening]:
    """What the targets with `vs:` ask for, by their keys. `baselines`: by name, or why one is not there."""
    found: dict[Key, Worsening] = {}
    after = Side("this run", [run])
    for name, before in baselines.items():
        asked = {
            target.key: (parts[0], target.scope)
            for target in targets
            if (parts := parts_of_versus(target.metric)) is not None and parts[1] == name
        }
        reason = before if isinstance(before, str) else next(doubts(before, after), None)
        rows = (
            {}
            if isinstance(before, str) or reason
            else _by_key(changes(before.runs, [run], gates=asked.values()))
        )
        found |= {key: _worsening(rows.get(row), reason) for key, row in asked.items()}
    return found


def _by_key(rows: Sequence[Change]) -> Mapping[Key, Change]:
    return {(row.metric, row.scope): row for row in rows}


def _worsening(row: Change | None, reason: str | None) -> Worsening:
    if row is None or row.change is None or row.low is None or row.high is None or row.reason is not None:
        return Worsening(reason=reason or (row and row.reason) or "no request of this run was named so")
    if row.higher_is_better:
        return Worsening(-row.change, -row.high, -row.low)
    return Worsening(row.change, row.low, row.high)


# -- ratios --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Estimate:
    """The logarithm of a figure of one run, and the same `without` each of its blocks in turn."""

    whole: float
    without: Sequence[float]


@dataclass(frozen=True, slots=True)
class Ratio:
    """`log` of the second side over the first."""

    log: float
    standard_error: float
    df: int

    @property
    def size(self) -> float:
        return 100 * math.expm1(self.log)

    @property
    def p(self) -> float:
        return beyond_t(abs(self.log) / self.standard_error, self.df)

    def interval(self, alpha: float) -> tuple[float, float]:
        half = self._half(alpha)
        return 100 * math.expm1(self.log - half), 100 * math.expm1(self.log + half)

    def visible(self, alpha: float) -> float:
        return 100 * math.expm1(self._half(alpha))

    def _half(self, alpha: float) -> float:
        return quantile_t(alpha, self.df) * self.standard_error


def ratio(before: Sequence[Estimate], after: Sequence[Estimate]) -> Ratio:
    """At least one run a side."""
    logs = [[run.whole for run in side] for side in (before, after)]
    means = [fmean(side) for side in logs]
    without = [
        fmean(run.without[block] for run in after) - fmean(run.without[block] for run in before)
        for block in range(BLOCKS)
    ]
    middle = fmean(without)
    within = (BLOCKS - 1) / BLOCKS * math.fsum((value - middle) ** 2 for value in without)
    scatter = math.fsum((log - mean) ** 2 for side, mean in zip(logs, means, strict=True) for log in side)
    runs = 1 / len(before) + 1 / len(after)
    df = PRIOR_DF + len(before) + len(after) - 2
    of_a_run = (scatter + PRIOR_DF * (PRIOR_SD**2 + within / runs)) / df
    return Ratio(means[1] - means[0], math.sqrt(max(of_a_run * runs, within)), df)


def beyond_t(t: float, df: int) -> float:
    """P(|T| > t) of Student's distribution, exactly (Abramowitz and Stegun 26.7.3 and 26.7.4)."""
    odd, theta = df % 2, math.atan(t / math.sqrt(df))
    cos2 = math.cos(theta) ** 2
    term = math.cos(theta) if odd else 1.0
    area = term if df > 1 else 0.0
    for k in range(2 + odd, df - 1, 2):
        term *= cos2 * (k - 1) / k
        area += term
    area *= math.sin(theta)
    return 1 - (2 / math.pi * (theta + area) if odd else area)


def quantile_t(alpha: float, df: int) -> float:
    """The t with P(|T| > t) = alpha."""
    low, high = 0.0, 1.0
    while beyond_t(high, df) > alpha:
        high *= 2
    return _bisected(low, high, lambda t: beyond_t(t, df) > alpha)


def _bisected(low: float, high: float, beyond: Callable[[float], bool]) -> float:
    """Where `beyond` turns from true (at `low`) to false."""
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if beyond(middle) else (low, middle)
    return (low + high) / 2


# -- error rates ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Proportion:
    """`share` of `n` independent requests."""

    share: float
    n: float

    def wilson(self, z: float) -> tuple[float, float]:
        spread = z * z / self.n
        middle = (self.share + spread / 2) / (1 + spread)
        half = z / (1 + spread) * math.sqrt(self.share * (1 - self.share) / self.n + spread / (4 * self.n))
        return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(frozen=True, slots=True)
class Difference:
    """`df`: of the dispersion that their numbers of requests are corrected for."""

    before: Proportion
    after: Proportion
    df: int

    @property
    def size(self) -> float:
        return 100 * (self.after.share - self.before.share)

    @property
    def p(self) -> float:
        return _bisected(0.0, 1.0, self._holds_none)

    def _holds_none(self, alpha: float) -> bool:
        low, high = self.interval(alpha)
        return low <= 0 <= high

    def interval(self, alpha: float) -> tuple[float, float]:
        t = quantile_t(alpha, self.df)
        (low, high), (low_after, high_after) = self.before.wilson(t), self.after.wilson(t)
        down = math.hypot(self.after.share - low_after, high - self.before.share)
        up = math.hypot(high_after - self.after.share, self.before.share - low)
        return self.size - 100 * down, self.size + 100 * up

    def visible(self, alpha: float) -> float:
        return self.size - self.interval(alpha)[0]


def dispersion(*sides: Sequence[RunBlocks]) -> float:
    """How much more failures vary from block to block than if each request failed by itself; from 1 to MOST_BURST.

    Of the sides on which some requests failed and some did not.
    """
    squares, df = 0.0, 0
    for runs in sides:
        failed = [count for run in runs for count in run.failed]
        requests = [count for run in runs for count in run.requests]
        share = sum(failed) / max(1, sum(requests))
        if 0 < share < 1:
            each = [(bad, n) for bad, n in zip(failed, requests, strict=True) if n]
            squares += math.fsum((bad - n * share) ** 2 / (n * share * (1 - share)) for bad, n in each)
            df += len(each) - 1
    return min(MOST_BURST, max(1.0, squares / df)) if df else 1.0


# -- the metrics ---------------------------------------------------------------------------------------------------

_UNITS = {"throughput": "/s", "error_rate": "%", "cpu": "cores", "memory": "bytes", "cpu_per_request": "ms"}
METRICS = (*(f"latency_{name}" for name in COMPARED), *_UNITS)
OF_ENDPOINTS = (*(f"latency_{name}" for name in COMPARED), "error_rate")


def changes(
    before: Sequence[RunBlocks],
    after: Sequence[RunBlocks],
    *,
    gates: Collection[Key] = DEFAULT_GATES,
    tolerance_pct: float = TOLERANCE_PCT,
) -> tuple[Change, ...]:
    """A row for each metric and scope that one of the sides has."""
    endpoints = dict.fromkeys(one.endpoint for run in (*before, *after) for one in run.endpoints)
    of_endpoints = [(metric, Scope("endpoint", name)) for name in endpoints for metric in OF_ENDPOINTS]
    keys = [*((metric, Scope()) for metric in METRICS), *of_endpoints]
    rows = {key: _row(*key, before, after) for key in keys}
    alphas = _holm({key: row.shift for key, row in rows.items() if key in gates and row.shift is not None})
    return tuple(
        _change(key, row, alphas.get(key, ALPHA), tolerance_pct, gated=key in gates)
        for key, row in rows.items()
    )


def outcome(rows: Sequence[Change]) -> Decision:
    """Of the gated rows together: worse where one is, else "cannot tell" where that is not known of all of them."""
    found = {row.decision for row in rows if row.gated}
    return next((word for word in ("worse", "cannot tell", "better") if word in found), "same")


@dataclass(frozen=True, slots=True)
class _Row:
    """`lag_ms`: of a latency, how much of it may be the generator's own delay."""

    before: float | None
    after: float | None
    shift: _Shift | None
    reason: str | None = None
    lag_ms: float = 0.0


def _row(metric: str, scope: Scope, before: Sequence[RunBlocks], after: Sequence[RunBlocks]) -> _Row:
    if metric == "error_rate":
        return _error_rates(scope, before, after)
    sides = [[estimate(metric, scope, run) for run in side] for side in (before, after)]
    known = [[one for one in side if isinstance(one, Estimate)] for side in sides]
    values = [math.exp(fmean(one.whole for one in side)) if side else None for side in known]
    missing = [
        f"{word}: {one}"
        for word, side in zip(("before", "after"), sides, strict=True)
        for one in side
        if isinstance(one, str)
    ]
    if missing:
        return _Row(values[0], values[1], None, missing[0])
    lag_ms = _lag_ms(metric, before, after) if metric.startswith("latency_") else 0.0
    return _Row(values[0], values[1], ratio(*known), lag_ms=lag_ms)


def _lag_ms(metric: str, before: Sequence[RunBlocks], after: Sequence[RunBlocks]) -> float:
    """Of the side on which it was later; medians are held against the lag's p95 too."""
    name = "p99" if metric.endswith("p99") else "p95"
    return max(fmean(run.lag_ms.get(name, 0.0) for run in side) for side in (before, after))


def _error_rates(scope: Scope, before: Sequence[RunBlocks], after: Sequence[RunBlocks]) -> _Row:
    sides = []
    for word, runs in (("before", before), ("after", after)):
        found = [one for run in runs if (one := run.endpoint(scope.name)) is not None]
        requests, failed = sum(one.requests for one in found), sum(one.failed for one in found)
        if not requests:
            return _Row(None, None, None, f"{word}: no requests")
        sides.append(Proportion(failed / requests, requests / dispersion(before, after)))
    df = BLOCKS * (len(before) + len(after)) - 2
    return _Row(100 * sides[0].share, 100 * sides[1].share, Difference(sides[0], sides[1], df))


def estimate(metric: str, scope: Scope, run: RunBlocks) -> Estimate | str:
    """Of one metric of the run or of an endpoint; or why there is none."""
    even = [1] * BLOCKS
    match metric:
        case "throughput":
            return _of_sums(run.successes, run.seconds)
        case "cpu" if run.cpu_cores:
            return _of_sums(run.cpu_cores, even)
        case "cpu_per_request" if run.cpu_cores:
            used_ms = [1000 * cores * s for cores, s in zip(run.cpu_cores, run.seconds, strict=True)]
            return _of_sums(used_ms, run.requests)
        case "memory" if run.memory_bytes:
            return _of_sums(run.memory_bytes, even)
        case "cpu" | "cpu_per_request" | "memory":
            return run.absent.get("memory" if metric == "memory" else "cpu", "not measured")
        case _:
            endpoint = run.endpoint(scope.name)
            return "no requests" if endpoint is None else _latency(endpoint, metric.rpartition("_")[2])


_ONE_BLOCK = "it is 0, or all of it falls into a tenth of the time"


def _of_sums(amounts: Sequence[float], per: Sequence[float]) -> Estimate | str:
    """The logarithm of one sum over the other."""
    whole, whole_per = math.fsum(amounts), math.fsum(per)
    rest = [(whole - amount, whole_per - one) for amount, one in zip(amounts, per, strict=True)]
    if not all(amount > 0 and one > 0 for amount, one in rest):
        return _ONE_BLOCK
    return Estimate(math.log(whole / whole_per), [math.log(amount / one) for amount, one in rest])


def _latency(endpoint: EndpointBlocks, percentile: str) -> Estimate | str:
    value = endpoint.latency_ms.get(percentile)
    if value is None:
        return endpoint.absent.get(percentile, "not measured")
    without = without_each(endpoint.blocks, PERCENTILES[percentile])
    if value <= 0 or not all(without):
        return _ONE_BLOCK
    return Estimate(math.log(value), [math.log(us / 1000) for us in without])


def without_each(blocks: Sequence[Histogram], q: float) -> Sequence[int]:
    """Quantile `q` (nearest rank, µs) of all blocks but one, for each in turn; 0 where nothing is left."""
    whole = Histogram()
    for block in blocks:
        whole.merge(block)
    buckets = sorted(whole.buckets)
    counts = [whole.buckets[bucket] for bucket in buckets]
    found = []
    for block in blocks:
        left_out = map(block.buckets.get, buckets, repeat(0))
        upto = list(accumulate(map(sub, counts, left_out)))
        rank = nearest_rank(q, whole.count - block.count)
        found.append(upper_edge_us(buckets[bisect_left(upto, rank)]) if upto and upto[-1] else 0)
    return found


def _holm(shifts: Mapping[Key, _Shift]) -> Mapping[Key, float]:
    """The alpha that each is held against. From the first that shows nothing on, all are held against its own."""
    alphas: dict[Key, float] = {}
    alpha, shows = ALPHA, True
    by_p = sorted(((shift.p, key) for key, shift in shifts.items()), key=lambda pair: pair[0])
    for place, (p, key) in enumerate(by_p):
        alpha = min(ALPHA, WHOLE_ALPHA / (len(by_p) - place)) if shows else alpha
        alphas[key], shows = alpha, shows and p <= alpha
    return alphas


def _change(key: Key, row: _Row, alpha: float, tolerance_pct: float, *, gated: bool) -> Change:
    metric, scope = key
    points, higher = metric == "error_rate", metric == "throughput"
    counts, tolerance = (LEAST_POINTS, TOLERANCE_POINTS) if points else (LEAST_PCT, tolerance_pct)
    least = max(counts, 100 * row.lag_ms / row.before) if row.before else counts
    found, reason = None, row.reason
    decision: Decision = "cannot tell"
    if row.shift is not None:
        found = _Found(row.shift.size, *row.shift.interval(alpha), row.shift.visible(alpha))
        decision = _decided(found, least, tolerance, higher_is_better=higher)
        if (
            decision == "cannot tell"
            and _decided(found, counts, tolerance, higher_is_better=higher) != decision
        ):
            reason = f"the load generator itself was up to {format_ms(row.lag_ms)} late"
    return Change(
        metric=metric,
        scope=scope,
        unit=_UNITS.get(metric, "ms"),
        gated=gated,
        decision=decision,
        before=row.before,
        after=row.after,
        change=found and found.size,
        low=found and found.low,
        high=found and found.high,
        visible=found and max(least, found.visible),
        change_unit="points" if points else "%",
        higher_is_better=higher,
        reason=reason,
    )


class _Found(NamedTuple):
    size: float
    low: float
    high: float
    visible: float


def _decided(found: _Found, least: float, tolerance: float, *, higher_is_better: bool) -> Decision:
    """Worse and better need a change that is sure and that counts."""
    down, up = found.high < 0 and found.size < -least, found.low > 0 and found.size > least
    if down or up:
        return "worse" if up != higher_is_better else "better"
    return "same" if -tolerance < found.low and found.high < tolerance else "cannot tell"
