"""Did the system stay within what it may use: was CPU the limit, and in which function; is memory near its limit?

CPU is high where 10 s means are above 80 %, or above the target of cpu, for a fifth of the window or 30 s in a row. On
simulated load this flagged no burst and every half-run at 90 %, while "maximum above 80 %" flags 10 to 100 % of healthy
runs. One process or thread that fills one core has a finding of its own: in the share of all cores it disappears.
`nagle-delay`: a floor at 40 to 44 ms is Linux's delayed acknowledgement (40 ms) meeting Nagle's algorithm (RFC 896,
RFC 1122 §4.2.3.2); told where nothing is faster, and half of the answers are hardly slower.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from statistics import fmean

from loadctl.analysis.run_context import RunContext
from loadctl.results.measures.usage import of_best_source
from loadctl.results.profile import ProfileUse, worst_of
from loadctl.results.verdict import Evidence, Finding, Status
from loadctl.scenario.units import format_bytes, format_duration, format_ms, format_percent

HIGH_PCT = 80.0
MEAN_S = 10.0
SHARE = 0.2
ROW_S = 30.0
THROTTLED_PCT = 5.0
"""Mean share of throttled periods."""


def cpu_findings(run: RunContext) -> list[Finding]:
    return [*_all_cores(run), *_one_core(run), *_throttled(run)]


def _throttled(run: RunContext) -> Iterator[Finding]:
    """A container at its quota is stopped for the rest of each period, which shows in latency before CPU is full."""
    shares = run.readings("system").values("throttled_pct")
    mean = fmean(shares) if shares else 0.0
    if mean < THROTTLED_PCT:
        return
    cores = run.measured.system.cores_available
    quota = "" if cores is None else f" of {cores:g} cores"
    message = (
        f"the container was throttled in {format_percent(mean, 0)} of its CPU periods (up to "
        f"{format_percent(max(shares), 0)}): it had used up its CPU quota{quota}"
    )
    evidence: Evidence = {"throttled_pct": round(mean, 1), "highest_pct": round(max(shares), 1)}
    yield Finding("cpu-throttled", "warning", message, evidence, ("raise its CPU limit, and run again",))


def _all_cores(run: RunContext) -> Iterator[Finding]:
    points = run.readings("system").series("cpu_pct")
    limit = run.first_limit("cpu")
    limit = HIGH_PCT if limit is None else limit
    high_s, highest = _high(points, limit)
    if high_s:
        cores = run.measured.system.cores_available
        of = "" if cores is None else f" of its {cores:g} cores"
        message = f"CPU of the system was above {format_percent(limit, 0)}{of} for {format_duration(high_s)}"
        evidence: Evidence = {
            "high_s": round(high_s),
            "highest_pct": round(highest, 1),
            "limit_pct": limit,
            "of": "the cores it may use",
        }
        advice = ("profile it under this load, or give it more cores, and run again",)
        yield Finding("cpu-high", "warning", message, evidence, advice)


def _one_core(run: RunContext) -> Iterator[Finding]:
    points = run.readings("system").series("busiest_pct_of_one_core")
    high_s, highest = _high(points, HIGH_PCT)
    cores = run.measured.system.cores_available
    if high_s and not (cores is not None and cores <= 1):
        peak = format_percent(min(highest, 100.0), 0)
        message = (
            f"one process or thread of the system was at {peak} of one core for {format_duration(high_s)}"
        )
        evidence: Evidence = {"high_s": round(high_s), "highest_pct": round(highest, 1), "of": "one core"}
        advice = (
            "give it more worker processes or threads (uvicorn and gunicorn: --workers), and run again",
        )
        yield Finding("cpu-high", "warning", message, evidence, advice)


def _high(points: Sequence[tuple[float, float]], limit: float) -> tuple[float, float]:
    """Seconds that 10 s means spent above `limit` (0 where that is not for long), and the highest mean."""
    means = _means(points)
    high = [mean > limit for mean in means]
    longest = max((sum(1 for _ in row) for is_high, row in groupby(high) if is_high), default=0)
    long = longest * MEAN_S >= ROW_S or (len(high) > 1 and sum(high) >= SHARE * len(high) and sum(high) > 1)
    return (sum(high) * MEAN_S, max(means)) if long else (0.0, 0.0)


def _means(points: Sequence[tuple[float, float]]) -> list[float]:
    blocks: dict[int, list[float]] = {}
    start = points[0][0] if points else 0.0
    for t, value in points:
        blocks.setdefault(int((t - start) / MEAN_S), []).append(value)
    return [fmean(values) for values in blocks.values()]


_NEEDS_PCT = 5.0


def profile_findings(run: RunContext) -> list[Finding]:
    """`profile-top`: what ran most; `profile-missing`: it was asked for and there is none, or only a part."""
    found = list(_failures(run))
    use = run.measured.profile
    if use is None:
        return found
    if not use.top or use.top[0].self_pct < _NEEDS_PCT:
        return [*found, _nothing(use)]
    return [_top(run, use), *found]


def _top(run: RunContext, use: ProfileUse) -> Finding:
    first = use.top[0]
    worst = worst_of(use.samples)
    taken = worst or list(use.samples)
    when = f"from {run.at(taken[0].start_s)} on ({taken[0].why})"
    message = f"{first.name} took {first.self_pct:.0f} % of the CPU time sampled {when}"
    if first.calm_pct is not None and worst:
        message += f", {first.calm_pct:.0f} % when calm"
    evidence: Evidence = {
        "function": first.name,
        "self_pct": round(first.self_pct, 1),
        "calm_self_pct": None if first.calm_pct is None else round(first.calm_pct, 1),
        "samples": sum(one.samples for one in taken),
    }
    graph = next((file for file in use.files if file.endswith("worst.svg")), None) or next(
        iter(use.files), ""
    )
    advice = (f"open {graph} in the run directory: the boxes above this function are its callers",)
    return Finding("profile-top", "info", message, evidence, advice)


def _nothing(use: ProfileUse) -> Finding:
    samples = sum(one.samples for one in use.samples)
    message = (
        f"the profile caught running code in {samples} samples, too few or too scattered to name a function"
    )
    return Finding("profile-missing", "info", message, {"samples": samples})


def _failures(run: RunContext) -> Iterator[Finding]:
    failures = [event for event in run.recording.events if event.kind == "profile_failed"]
    if failures:
        first = failures[0]
        yield Finding(
            "profile-missing", "info", first.message, {"times": len(failures), "first_at_s": first.t}
        )


_NEAR_LIMIT = 0.9
_NAGLE_MS = (39.0, 45.0)
_NAGLE_REQUESTS = 50


def resource_findings(run: RunContext) -> list[Finding]:
    return [*_within_limits(run), *_memory(run)]


def _within_limits(run: RunContext) -> Iterator[Finding]:
    """Both were judged, and both met their targets."""
    scores = {score.target.metric: score for score in run.scores if score.target.scope.kind == "run"}
    chosen = [scores.get(name) for name in ("cpu", "memory")]
    if any(score is None or score.status is not Status.PASS or score.void for score in chosen):
        return
    use = run.measured.system
    evidence: Evidence = {
        "cpu_pct": None if use.cpu_pct is None else round(use.cpu_pct, 1),
        "memory_bytes": use.memory_bytes,
    }
    yield Finding("resources-within-limits", "good", "CPU and memory stayed within their targets", evidence)


def _memory(run: RunContext) -> Iterator[Finding]:
    """`memory-high`: beyond its target, or near the limit at which the kernel ends it."""
    most = run.measured.system.memory_bytes
    if most is None:
        return
    wanted = run.first_limit("memory")
    limits = of_best_source(run.readings("system")).values("memory_limit_bytes")
    evidence: Evidence = {"memory_bytes": most, "limit_bytes": limits[-1] if limits else None}
    if limits and most > _NEAR_LIMIT * limits[-1]:
        of = f" of its limit of {format_bytes(limits[-1])}"
    elif wanted is not None and most > wanted:
        of = f", above its target of {format_bytes(wanted)}"
    else:
        return
    yield Finding("memory-high", "warning", f"memory reached {format_bytes(most)}{of}", evidence)


def nagle_findings(run: RunContext) -> list[Finding]:
    low, high = _NAGLE_MS
    for row in run.folded.summary.endpoints:
        cell = row.latency
        if cell.n < _NAGLE_REQUESTS or cell.min is None or cell.p50 is None:
            continue
        if low <= cell.min <= high and cell.p50 <= high + 5:
            message = (
                f"{row.endpoint} never answers in less than {format_ms(cell.min)}: a floor at 40 to 44 ms is "
                "typical of Nagle's algorithm with delayed acknowledgements, not of real work"
            )
            evidence: Evidence = {"endpoint": row.endpoint, "min_ms": cell.min, "p50_ms": cell.p50}
            advice = (
                "set TCP_NODELAY on the server's sockets (or write head and body in one piece), and run again",
            )
            return [Finding("nagle-delay", "warning", message, evidence, advice)]
    return []
