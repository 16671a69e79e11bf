"""Do latency, throughput or errors change while the load stays the same?

24 equal parts of a window of 4 minutes or more. Latency (p95) and throughput drift where they change steadily by
Kendall's exact test (p < 0.005), by 10 % from the first four parts to the last four, and still in the second half; or
where the last eight all lie beyond the first eight, a step. p95 must change by NOISE_MS too. On synthetic series with
noise of 3, 5, 10 and 15 % of each part (AR 0.5), 200 each, steady ones were called drifting in 0, 2, 3 and 3 %, +20 %
was found in 88, 66, 35 and 17 %, +50 % in 100, 98, 76 and 55 %. Errors: the last third against the first, by two
proportions (z > 3) and a tenth of a percentage point, rising by rank over twelve parts (p < 0.01), which a single burst
does not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import median

from loadctl.analysis.run_context import RunContext
from loadctl.analysis.trend import BINS, kendall_p, sen_slope
from loadctl.results.histogram import Pool
from loadctl.results.interval import SecondTotal
from loadctl.results.measures.level import NOISE_MS
from loadctl.results.measures.recovery import Recovery
from loadctl.results.verdict import Evidence, Finding
from loadctl.scenario.load import Phases
from loadctl.scenario.units import format_duration, format_ms, format_percent, format_rate

DRIFT_SHARE = 0.10
DRIFT_S = 240.0
_CLEAR = 3.0
_WORTH = 0.001


def drift_findings(run: RunContext) -> list[Finding]:
    """`latency-drift`, `throughput-drift` and `errors-growing`, at a constant load."""
    start, end = run.window
    if not run.constant_load or end - start < DRIFT_S:
        return []
    parts = _parts(run)
    return [*_latency(parts), *_throughput(run, parts), *_errors(parts)]


def _parts(run: RunContext) -> list[list[SecondTotal]]:
    """24 that are equally long."""
    start, end = run.window
    parts: list[list[SecondTotal]] = [[] for _ in range(BINS)]
    for second in run.seconds:
        parts[min(BINS - 1, int((second.t - start) / (end - start) * BINS))].append(second)
    return parts


def _latency(parts: Sequence[Sequence[SecondTotal]]) -> Iterator[Finding]:
    found = [Pool(second.ok for second in part).quantile_us(0.95) for part in parts]
    values = [us / 1000 for us in found if us]
    if len(values) < BINS:
        return
    first, last = median(values[:4]), median(values[-4:])
    how = how_it_rises(values)
    if how is None or last - first < NOISE_MS:
        return
    rise = last / first - 1
    message = (
        f"at constant load, p95 {how}: from {format_ms(first)} at the start to {format_ms(last)} at the end "
        f"({format_percent(100 * rise, 0)} more)"
    )
    evidence = {"p95_first_ms": round(first, 1), "p95_last_ms": round(last, 1), "rise_share": round(rise, 3)}
    advice = ("look for what else grew over time: memory, descriptors, tables, caches, log files",)
    yield Finding("latency-drift", "warning", message, evidence, advice)


def _throughput(run: RunContext, parts: Sequence[Sequence[SecondTotal]]) -> Iterator[Finding]:
    """Only in the closed model: there users that wait longer ask less; arrivals are made all the same."""
    if run.scenario.load.model != "closed":
        return
    values = [sum(second.ok.count for second in part) / len(part) for part in parts if part]
    if len(values) < BINS or min(values) <= 0:
        return
    how = how_it_rises([1 / value for value in values])
    if how is None:
        return
    first, last = median(values[:4]), median(values[-4:])
    fell = {"rose steadily": "fell steadily"}.get(how, "stepped down and stayed there")
    message = f"at constant load, throughput {fell}: from {format_rate(first)} to {format_rate(last)}"
    evidence = {"first_per_s": round(first, 2), "last_per_s": round(last, 2)}
    advice = (
        "waiting users send fewer requests: look for what made latency or errors rise at the same time",
    )
    yield Finding("throughput-drift", "warning", message, evidence, advice)


def how_it_rises(values: Sequence[float]) -> str | None:
    """ "rose steadily", "stepped up and stayed there", or None, of 24 values above 0."""
    logs = [math.log(value) for value in values]
    first, last = median(values[:4]), median(values[-4:])
    rise = last / first - 1
    if rise <= DRIFT_SHARE:
        return None
    steady = (
        math.exp(sen_slope(logs) * BINS) - 1 > DRIFT_SHARE
        and kendall_p(logs) < 0.005
        and median(logs[-4:]) - median(logs[BINS // 2 - 2 : BINS // 2 + 2])
        > 0.3 * (math.log(last) - math.log(first))
    )
    stepped = min(values[-8:]) > max(values[:8])
    if stepped and all(max(part) / min(part) - 1 < rise / 3 for part in (values[:8], values[-8:])):
        return "stepped up and stayed there"
    return "rose steadily" if steady or stepped else None


def _errors(parts: Sequence[Sequence[SecondTotal]]) -> Iterator[Finding]:
    """Of twice as long parts."""
    counts = [
        (sum(second.failed for second in part), sum(second.completed for second in part))
        for part in ([*one, *two] for one, two in zip(parts[::2], parts[1::2], strict=True))
    ]
    shares = [failed / completed if completed else 0.0 for failed, completed in counts]
    third = len(counts) // 3
    (failed1, all1), (failed2, all2) = _added(counts[:third]), _added(counts[-third:])
    if not all1 or not all2 or kendall_p(shares) > 0.01:
        return
    first, last = failed1 / all1, failed2 / all2
    whole = (failed1 + failed2) / (all1 + all2)
    spread = math.sqrt(whole * (1 - whole) * (1 / all1 + 1 / all2))
    if last - first < max(_WORTH, _CLEAR * spread):
        return
    message = (
        f"at constant load, errors rose: {format_percent(100 * first)} of requests failed in the first third, "
        f"{format_percent(100 * last)} in the last"
    )
    evidence: Evidence = {
        "first_pct": round(100 * first, 3),
        "last_pct": round(100 * last, 3),
        "failed": failed2,
    }
    advice = (
        "look for what else changed over time: memory, descriptors, pools, a dependency, expiring sessions",
    )
    yield Finding("errors-growing", "warning", message, evidence, advice)


def _added(counts: Sequence[tuple[int, int]]) -> tuple[int, int]:
    return sum(failed for failed, _ in counts), sum(completed for _, completed in counts)


SPIKE = 2.0
"""A load that no more than doubles is no spike: nothing is said of it unless a target asks."""


def spike_findings(run: RunContext) -> list[Finding]:
    found = run.measured.recovery
    if not isinstance(found, Recovery) or not is_spike(run, found.phases):
        return []
    evidence: Evidence = {
        "recovery_time_s": found.took_s,
        "watched_s": found.watched_s,
        "p95_before_ms": round(found.p95_before_ms, 1),
        "p95_worst_ms": round(found.p95_worst_ms, 1),
        "normal_up_to_ms": round(found.limit_ms, 1),
        "errors_before": round(found.errors_before, 5),
        "errors_spike": round(found.errors_spike, 5),
    }
    times = found.p95_worst_ms / found.p95_before_ms
    worst = f"p95 rose to {format_ms(found.p95_worst_ms)} ({times:.1f} × normal)"
    if found.p95_worst_ms <= found.limit_ms:
        worst = f"p95 stayed normal, up to {format_ms(found.p95_worst_ms)}"
    if found.errors_spike > found.errors_before + 0.001:
        worst += f" with {format_percent(100 * found.errors_spike)} errors"
    if found.took_s is None:
        message = (
            f"the system did not recover within {format_duration(found.watched_s)} after the spike: in the spike "
            f"{worst}, and afterwards p95 did not stay below {format_ms(found.limit_ms)}"
        )
        return [Finding("spike-not-recovered", "warning", message, evidence, _advice(found))]
    back = (
        "as soon as the load dropped"
        if found.took_s == 0
        else f"{format_duration(found.took_s)} after the load dropped"
    )
    return [Finding("spike-recovered", "good", f"in the spike {worst}; back to normal {back}", evidence)]


def is_spike(run: RunContext, found: Phases) -> bool:
    before = run.scenario.load.level_at(found.before[0])
    asked = any(target.metric == "recovery_time" for target in run.scenario.targets)
    return asked or run.scenario.load.peak >= SPIKE * before


def _advice(found: Recovery) -> tuple[str, ...]:
    errors = "errors continued after the spike: look for connections or workers that were never released"
    queue = "a queue that is still being drained keeps latency high: bound it, or reject early under overload"
    return (errors if found.errors_spike > 0.01 else queue,)
