"""A target held against what an engine's own file says: one status, where both ends of the figure have the same.

Otherwise the file cannot tell, and the score is NO_DATA: neither the better end nor the worse one is a guess that a
verdict may rest on. A lower bound (time to first byte for a latency) can therefore fail a limit, never meet one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from loadctl.results.imported.report import Figure, Imported, ImportedEndpoint
from loadctl.results.scoring import RESOURCES
from loadctl.results.verdict import Score, Status, status_of
from loadctl.scenario.target import PERCENTILES, Target, enough_requests, enough_samples
from loadctl.scenario.units import format_count, format_limit, format_value

UNDETERMINED = "cannot be determined from this file"
_NOT_IN_FILES = {
    "max_throughput": "it needs stages, which a file does not have",
    "breaking_point": "it needs stages, which a file does not have",
    "recovery_time": "it needs stages, which a file does not have",
    "cpu": "nobody watched the system",
    "memory": "nobody watched the system",
    "log_errors": "no log was followed",
}


@dataclass(frozen=True, slots=True)
class _Found:
    figure: Figure | None
    n: int = 0
    detail: str | None = None
    reason: str | None = None
    part: str = ""


def score_imported(target: Target, imported: Imported) -> Score:
    """Never PASS where another reading of the file would not pass too."""
    found = _find(target, imported)
    judged = target.judged and (target.metric not in RESOURCES or target.own)
    why = None if target.judged else target.why_not_judged or "not judged here"
    if found.figure is None:
        return _no_data(target, found.n, why or found.reason, judged=judged)
    status, reason = _status(target, found.figure), None
    if target.metric == "throughput" and status is not Status.PASS:
        status, reason = Status.NOT_EXERCISED, "a file does not say how much was asked for"
    elif status is None:
        return _no_data(target, found.n, why or _between(target, found), judged=judged)
    elif target.metric == "error_rate" and status is not Status.FAIL and found.n < _needed(target):
        limit = format_limit(target.critical, target.unit)
        too_few = f"a limit of {limit} needs {_needed(target):,} requests, there were {found.n:,}"
        return _no_data(target, found.n, why or too_few, judged=judged)
    return Score.of(
        target,
        status,
        found.figure.value,
        n=found.n,
        judged=judged,
        reason=why or reason,
        detail=found.detail or (f"at least: {found.part} alone" if found.part else None),
    )


def _no_data(target: Target, n: int, reason: str | None, *, judged: bool) -> Score:
    return Score.of(target, Status.NO_DATA, None, n=n, judged=judged, reason=reason)


def _needed(target: Target) -> int:
    return enough_requests(target.critical)


def _status(target: Target, figure: Figure) -> Status | None:
    """None: it depends on where within its interval the figure is."""
    ends = {status_of(target, figure.low), status_of(target, figure.high)}
    return ends.pop() if len(ends) == 1 else None


def _between(target: Target, found: _Found) -> str:
    figure = found.figure or Figure.exact(0.0)
    said = (
        format_limit(figure.value, target.unit)
        if target.unit == "ms"
        else format_value(figure.value, target.unit)
    )
    if math.isinf(figure.high):
        return f"{UNDETERMINED}: its {said} is {found.part} alone, and the whole takes longer"
    low, high = (format_value(end, target.unit) for end in (figure.low, figure.high))
    return f"{UNDETERMINED}: its {said} may be anything from {low} to {high}"


def _find(target: Target, imported: Imported) -> _Found:
    metric, scope = target.metric, target.scope
    if scope.kind == "series":
        return _Found(None, reason="no monitor was there")
    if scope.kind == "stage":
        return _Found(None, reason="a file has no stages")
    if metric in _NOT_IN_FILES:
        return _Found(None, reason=_NOT_IN_FILES[metric])
    row = imported.total
    if scope.kind == "endpoint":
        named = next((one for one in imported.endpoints if one.endpoint == scope.name), None)
        if named is None:
            return _Found(None, reason=f"no request of the file is named '{scope.name}'")
        row = named
    if metric == "error_rate":
        return _error_rate(row)
    return _throughput(row, imported.duration_s) if metric == "throughput" else _latency(metric, row)


def _error_rate(row: ImportedEndpoint) -> _Found:
    if not row.requests:
        return _Found(None, reason="no requests")
    low, high = format_count(row.failed.low), format_count(row.failed.high)
    many = low if low == high else f"{low} to {high}"
    share = row.failed.over(row.requests / 100)
    return _Found(share, row.requests, f"{many} of {row.requests:,}")


def _throughput(row: ImportedEndpoint, duration_s: float | None) -> _Found:
    if not duration_s:
        return _Found(None, reason="the file does not say how long it took")
    succeeded = Figure(
        *(row.requests - failed for failed in (row.failed.value, row.failed.high, row.failed.low))
    )
    return _Found(succeeded.over(duration_s), row.requests, "mean of the whole run")


def _latency(metric: str, row: ImportedEndpoint) -> _Found:
    family, _, statistic = metric.rpartition("_")
    table = {"latency": row.latency, "ttfb": row.ttfb}.get(family, {})
    figure = table.get(statistic)
    if figure is None:
        return _Found(None, row.successes, reason=row.absent)
    if statistic in PERCENTILES and row.successes < (needed := enough_samples(PERCENTILES[statistic])):
        return _Found(None, row.successes, reason=f"needs {needed:,} successes, has {row.successes:,}")
    return _Found(figure, row.successes, part=row.part if math.isinf(figure.high) else "")
