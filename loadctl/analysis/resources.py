"""Did the system stay within what it may use, which resource goes with the slow parts, and is there Nagle's delay?

`likely-limit`: Spearman's rank correlation of each resource with p95 over 5 s windows, told from 0.6 on with at least
12 windows, a resource that moves by at least a fifth, and p95 that doubles. Of independent pairs of 12 windows 2.1 %
reach 0.6, of 18 windows 0.5 % (20,000 simulated). It is worded as a suspect: what goes together need not be a cause.
`nagle-delay`: a floor at 40 to 44 ms is Linux's delayed acknowledgement (40 ms) meeting Nagle's algorithm (RFC 896,
RFC 1122 §4.2.3.2); told where nothing is faster, and half of the answers are hardly slower.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from loadctl.analysis.case import Case
from loadctl.results.finding import Evidence, Finding
from loadctl.results.packed import Packed, Pool
from loadctl.results.score import Status
from loadctl.results.usage import of_best_source
from loadctl.scenario.units import format_ms, format_percent

WINDOW_S = 5
_WINDOWS = 12
_STRONG = 0.6
_DOUBLES = 2.0
_RISES = 0.2
_NAGLE_MS = (39.0, 45.0)
_NAGLE_REQUESTS = 50
_SUSPECTS: Mapping[str, str] = {
    "cpu_pct": "cpu",
    "busiest_pct_of_one_core": "the busiest process's core",
    "throttled_pct": "throttling by the cpu quota",
    "memory_pct": "memory",
    "open_fds": "open files",
    "threads": "threads",
    "disk_write_bytes_per_s": "writes to disk",
    "disk_read_bytes_per_s": "reads from disk",
}


def resource_findings(case: Case) -> list[Finding]:
    return [*_within_limits(case), *_likely_limit(case), *_nagle(case)]


def _within_limits(case: Case) -> Iterator[Finding]:
    """Both were judged, and both met their targets."""
    scores = {score.target.metric: score for score in case.scores if score.target.scope.kind == "run"}
    chosen = [scores.get(name) for name in ("cpu", "memory")]
    if any(score is None or score.status is not Status.PASS or score.void for score in chosen):
        return
    use = case.measured.system
    evidence: Evidence = {
        "cpu_pct": None if use.cpu_pct is None else round(use.cpu_pct, 1),
        "memory_bytes": use.memory_bytes,
    }
    yield Finding("resources-within-limits", "good", "cpu and memory stayed within their targets", evidence)


def _likely_limit(case: Case) -> Iterator[Finding]:
    p95 = _p95_by_window(case)
    if len(p95) < _WINDOWS or max(p95.values()) < _DOUBLES * median(
        sorted(p95.values())[: len(p95) // 2 + 1]
    ):
        return
    best: tuple[float, str, list[tuple[float, float]]] | None = None
    for name, points in _by_window(case).items():
        pairs = [(points[window], ms) for window, ms in p95.items() if window in points]
        if len(pairs) < _WINDOWS or not _rises([value for value, _ in pairs]):
            continue
        strength = rank_correlation(pairs)
        if strength >= _STRONG and (best is None or strength > best[0]):
            best = (strength, name, pairs)
    if best is None:
        return
    strength, name, pairs = best
    slow = max(pairs, key=lambda pair: pair[1])
    calm = min(pairs, key=lambda pair: pair[1])
    message = (
        f"{_SUSPECTS[name]} is suspected to be the limit: it goes with the slow parts (rank correlation "
        f"{strength:.2f}; {_shown(name, calm[0])} at p95 {format_ms(calm[1])}, "
        f"{_shown(name, slow[0])} at {format_ms(slow[1])})"
    )
    evidence: Evidence = {"resource": name, "rank_correlation": round(strength, 3), "windows": len(pairs)}
    advice = ("change this one thing, and run again: only then is it more than a suspect",)
    yield Finding("likely-limit", "info", message, evidence, advice)


def _p95_by_window(case: Case) -> dict[int, float]:
    parts: dict[int, list[Packed]] = {}
    for second in case.seconds:
        parts.setdefault(second.t // WINDOW_S, []).append(second.ok)
    found = {}
    for window, part in parts.items():
        pool = Pool(part)
        us = pool.nearest_rank_us(0.95) if pool.count >= 20 else None
        if us is not None:
            found[window] = us / 1000
    return found


def _by_window(case: Case) -> dict[str, dict[int, float]]:
    """Mean of each suspect in each window."""
    kept: dict[str, dict[int, list[float]]] = {name: {} for name in _SUSPECTS}
    for reading in of_best_source(case.readings("system")):
        for name in _SUSPECTS:
            if name in reading.values:
                kept[name].setdefault(int(reading.t // WINDOW_S), []).append(reading.values[name])
    return {
        name: {window: sum(values) / len(values) for window, values in windows.items()}
        for name, windows in kept.items()
    }


def _rises(values: Sequence[float]) -> bool:
    """A resource that hardly moves goes with everything."""
    return max(values) > 0 and (max(values) - min(values)) >= _RISES * max(values)


def rank_correlation(pairs: Sequence[tuple[float, float]]) -> float:
    """Spearman's rho, ties by their mean rank; 0 where one of both never changes."""
    first, second = (_ranks([pair[side] for pair in pairs]) for side in (0, 1))
    middle = (len(pairs) + 1) / 2
    covariance = sum((a - middle) * (b - middle) for a, b in zip(first, second, strict=True))
    spread = sum((a - middle) ** 2 for a in first) * sum((b - middle) ** 2 for b in second)
    return covariance / spread**0.5 if spread else 0.0


def _ranks(values: Sequence[float]) -> list[float]:
    places: dict[float, list[int]] = {}
    for place, value in enumerate(sorted(values), start=1):
        places.setdefault(value, []).append(place)
    return [sum(places[value]) / len(places[value]) for value in values]


def _shown(name: str, value: float) -> str:
    return format_percent(value, 0) if "pct" in name else f"{value:,.0f}"


def _nagle(case: Case) -> Iterator[Finding]:
    low, high = _NAGLE_MS
    for row in case.folded.summary.endpoints:
        cell = row.latency
        if cell.n < _NAGLE_REQUESTS or cell.min is None or cell.p50 is None:
            continue
        if low <= cell.min <= high and cell.p50 <= high + 5:
            message = (
                f"{row.endpoint} never answers in less than {format_ms(cell.min)}: a floor at 40 to 44 ms is "
                "the mark of Nagle's algorithm and delayed acknowledgements, not of work"
            )
            evidence: Evidence = {"endpoint": row.endpoint, "min_ms": cell.min, "p50_ms": cell.p50}
            advice = (
                "set TCP_NODELAY on the server's sockets (or write head and body in one piece), and run again",
            )
            yield Finding("nagle-delay", "warning", message, evidence, advice)
            return
