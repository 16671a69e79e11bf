"""A target held against what was measured gives a score. Total: always a status, never an exception."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TypeAlias

import msgspec

from loadctl.results.histogram import STATISTICS
from loadctl.results.interval import completed_of
from loadctl.results.measures.fold import Plateau
from loadctl.results.measures.level import AWAY_SHARE
from loadctl.results.measures.measured import Measured, plateau_for
from loadctl.results.readings import NONE
from loadctl.results.summary import EndpointSummary, Latency
from loadctl.results.verdict import Score, Status, status_of
from loadctl.scenario.expectation import ends_below
from loadctl.scenario.target import (
    NO_STAIRCASE,
    PERCENTILES,
    SMOKE_OPTION,
    Scope,
    Smoke,
    Target,
    enough_requests,
    parts_of_versus,
)
from loadctl.scenario.units import format_duration, format_limit, format_rate


def offered(scope: Scope, plateau: Plateau, measured: Measured) -> tuple[float, str]:
    """Requests per second that the load asks for, and the sentence that says so.

    Open model: the planned rate. Closed model: users ÷ (z + the latency wanted), where z is the time that
    users measurably spent outside requests, per request; without a wanted latency, at most (0 ms).
    """
    endpoint = scope.name if scope.kind == "endpoint" else None
    if measured.model == "open":
        per_turn = measured.requests_per_turn
        rate = plateau.level * (sum(per_turn.values()) if endpoint is None else per_turn.get(endpoint, 0.0))
        return rate, f"the plan offers {format_rate(rate)}"
    if plateau.portion.away_s > AWAY_SHARE * plateau.level * plateau.portion.seconds:
        return 0.0, "users ended by themselves, so the load never asked for it"
    pause_s = thinking_s(plateau)
    turn_s = pause_s + measured.p50_limit_ms / 1000
    rate = (plateau.level / turn_s if turn_s else math.inf) * (
        1.0 if endpoint is None else _share(plateau, endpoint)
    )
    thinking = f" thinking {format_duration(pause_s)}" if pause_s >= 0.001 else ""
    return rate, f"{plateau.level:g} users{thinking} offer {format_rate(rate)}"


def thinking_s(plateau: Plateau) -> float:
    """z of `offered`: seconds outside requests per request; 0 where nothing ever came back."""
    portion = plateau.portion
    return max(0.0, portion.user_s - portion.busy_us / 1e6) / portion.ended if portion.ended else 0.0


def _share(plateau: Plateau, endpoint: str) -> float:
    counts = {name: completed_of(cell) for name, cell in plateau.portion.cells.items()}
    total = sum(counts.values())
    return counts.get(endpoint, 0) / total if total else 1.0


RESOURCES = frozenset({"cpu", "memory"})
THROUGHPUTS = frozenset({"throughput", "max_throughput"})
_FACTORS = {("ms", "s"): 1e-3, ("s", "ms"): 1e3, ("%", ""): 1e-2, ("", "%"): 1e2}


@dataclass(frozen=True, slots=True)
class _Found:
    """A value in `unit`, or the reason why there is none."""

    value: float | None
    unit: str
    n: int = 0
    detail: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Worsening:
    """By how much a metric is worse than in a baseline, and its likely range; `reason`: why that is not known.

    In %, of error rates in percentage points.
    """

    size: float = 0.0
    low: float = 0.0
    high: float = 0.0
    reason: str | None = None


Worsenings: TypeAlias = Mapping[tuple[str, Scope], Worsening]
"""By the key of the target."""


def score(
    target: Target,
    measured: Measured,
    smoke: Smoke | None = None,
    worsenings: Worsenings = MappingProxyType({}),
) -> Score:
    """Never PASS without a value; a value that cannot be compared is NO_DATA with the reason.

    A smoke run leaves out only what has no data: a limit can be broken, or be met, in spite of a small plan.
    """
    if parts_of_versus(target.metric) is not None:
        found = worsenings.get(target.key, Worsening(reason="it was not compared"))
        scored = _worsened(target, found, measured.folded.summary.total.completed)
        left_out = f"left out by {SMOKE_OPTION}: a smoke run is not compared"
        return scored if smoke is None else msgspec.structs.replace(scored, judged=False, reason=left_out)
    too_small = None if smoke is None else smoke.reason(target)
    scored = _score(target, measured, of_few=too_small is not None)
    if too_small is None or not scored.judged or scored.status is not Status.NO_DATA:
        return scored
    return msgspec.structs.replace(scored, judged=False, reason=f"left out by {SMOKE_OPTION}: {too_small}")


def _worsened(target: Target, found: Worsening, n: int) -> Score:
    """FAIL where it is surely worse, and by more than the limit; PASS where surely no more than that; else no data."""
    likely = f"likely {found.low:+.1f} to {found.high:+.1f}"
    status, reason, value = Status.NO_DATA, found.reason, None
    if reason is None and found.low > 0 and found.size > target.critical:
        status, value = Status.FAIL, found.size
    elif reason is None and found.high <= target.critical:
        status, value = Status.PASS, found.size
    elif reason is None:
        reason = f"{found.size:+.1f}, {likely}: save more runs in the baseline, or run longer"
    why = None if target.judged else target.why_not_judged or "the scenario does not judge it"
    return Score.of(target, status, value, n=n, judged=target.judged, reason=why or reason, detail=likely)


def _score(target: Target, measured: Measured, *, of_few: bool) -> Score:
    found = _in_unit_of(target, _find(target, measured))
    if not of_few:
        found = _with_enough_requests(target, found)
    judged = target.judged and _watched(target, measured)
    why = None if target.judged else target.why_not_judged or "the scenario does not judge it"
    if found.value is None:
        reason = why or found.reason
        return Score.of(target, Status.NO_DATA, None, n=found.n, judged=judged, reason=reason)
    if target.metric in THROUGHPUTS:
        status, reason = _throughput_status(target, found.value, measured)
    elif target.metric == "breaking_point":
        status, reason = _breaking_status(target, found.value, measured)
    else:
        status, reason = status_of(target, found.value), None
    return Score.of(
        target, status, found.value, n=found.n, judged=judged, reason=why or reason, detail=found.detail
    )


def _with_enough_requests(target: Target, found: _Found) -> _Found:
    """Too few requests cannot meet an error rate; they can well exceed it."""
    if target.metric != "error_rate" or found.value is None or status_of(target, found.value) is Status.FAIL:
        return found
    needed = enough_requests(target.critical)
    if found.n >= needed:
        return found
    limit = format_limit(target.critical, target.unit)
    return replace(
        found, value=None, reason=f"a limit of {limit} needs {needed:,} requests, there were {found.n:,}"
    )


def _watched(target: Target, measured: Measured) -> bool:
    """cpu and memory from a shared table bind only where something is watched; the scenario's own always do."""
    return target.metric not in RESOURCES or measured.watched or target.own


def _throughput_status(target: Target, value: float, measured: Measured) -> tuple[Status, str | None]:
    """A limit that the load never asked for is not failed: NOT_EXERCISED, with what was offered."""
    status = status_of(target, value)
    plateau = plateau_for(measured, target)
    if target.metric == "max_throughput" and measured.folded.top is not None:
        plateau = measured.folded.top
    if status is Status.PASS or plateau is None:
        return status, None
    missed = target.target if status is Status.WARN and target.target is not None else target.critical
    rate, sentence = offered(target.scope, plateau, measured)
    return (status, None) if missed <= rate else (Status.NOT_EXERCISED, sentence)


def _breaking_status(target: Target, value: float, measured: Measured) -> tuple[Status, str | None]:
    """A system that held all that was tried has not failed a limit beyond it."""
    status, found = status_of(target, value), measured.breaking_point
    if status is Status.PASS or found is None or found.broke is not None:
        return status, None
    return Status.NOT_EXERCISED, f"it held {value:g}, the highest level that was tried"


def _in_unit_of(target: Target, found: _Found) -> _Found:
    if found.value is None or found.unit == target.unit:
        limits = [target.critical] if target.target is None else [target.critical, target.target]
        if found.value is not None and not all(map(math.isfinite, [found.value, *limits])):
            return _Found(None, target.unit, found.n, reason="not a finite number")
        return found
    factor = _FACTORS.get((found.unit, target.unit))
    if factor is None:
        reason = f"measured in {found.unit or 'plain numbers'}, not {target.unit or 'plain numbers'}"
        return _Found(None, target.unit, found.n, reason=reason)
    return _in_unit_of(target, _Found(found.value * factor, target.unit, found.n, found.detail))


def _find(target: Target, measured: Measured) -> _Found:
    if target.scope.kind == "series":
        return _series(target, measured)
    if target.metric in RESOURCES:
        return _resource(target, measured)
    if target.metric == "breaking_point":
        return _breaking_point(target, measured)
    if target.metric == "recovery_time":
        return _recovery_time(target, measured)
    if target.metric == "log_errors":
        return _log_errors(target, measured)
    if target.metric in THROUGHPUTS:
        return _throughput(target, measured)
    summary = _summary_of(target, measured)
    if isinstance(summary, str):
        return _absent(summary)
    return _error_rate(summary) if target.metric == "error_rate" else _latency(target, summary)


def _series(target: Target, measured: Measured) -> _Found:
    """Its worst value: the highest, or the lowest where more is better."""
    name = target.scope.name
    found = next((one for one in measured.series if one.subject == "system" and one.name == name), None)
    if found is None:
        return _absent(_why_no_series(name, measured))
    worst = found.lowest if target.higher_is_better else found.highest
    return _of_covered(target, _Found(worst, target.unit, found.n), found.uncovered)


def _why_no_series(name: str, measured: Measured) -> str:
    gaps = measured.readings.get("system", NONE).gaps
    return f"no monitor reports {name}" + (f": {gaps[-1]}" if gaps else "")


def _of_covered(target: Target, found: _Found, uncovered: str | None) -> _Found:
    """Readings of a part of the window can cross a limit; that it was met all along they do not show."""
    value = _in_unit_of(target, found).value
    if uncovered is None or value is None or status_of(target, value) is Status.FAIL:
        return found
    return _absent(uncovered, found.n)


def _breaking_point(target: Target, measured: Measured) -> _Found:
    """The highest level that held; nothing is known of a limit beyond the levels that were tried."""
    found = measured.breaking_point
    if measured.break_doubt:
        return _absent(measured.break_doubt)
    if found is None:
        return _absent(NO_STAIRCASE)
    requests = sum(step.requests for step in found.steps)
    limit = target.critical if target.target is None or found.broke is not None else target.target
    if limit > measured.peak:
        return _absent(ends_below(measured.peak, target.unit), requests)
    asks_latency = any(limit.metric.startswith("latency_") for limit in found.limits)
    if asks_latency and any(second.ok.untimed for step in found.steps for second in step.level.seconds):
        return _absent("loadctl could not measure the latency of some successes", requests)
    held = f"held {found.held:g}" if found.broke is None else f"broke at {found.broke.level.level:g}"
    why = (
        f"{held}: {found.broke.why[0]}"
        if found.broke is not None and found.broke.why
        else f"{held}, the highest level"
    )
    return _Found(found.held, target.unit, requests, why)


def _recovery_time(target: Target, measured: Measured) -> _Found:
    """A system that did not recover while it was watched needed longer: that fails a shorter limit, proves no other."""
    found = measured.recovery
    if isinstance(found, str):
        return _absent(found)
    if found.took_s is not None:
        return _Found(found.took_s, "s", round(found.watched_s), "after the load dropped")
    watched = f"not recovered within the {found.watched_s:.0f} s watched"
    if found.watched_s > target.critical:
        return _Found(found.watched_s, "s", round(found.watched_s), watched)
    return _absent(
        f"{watched}; a limit of {format_limit(target.critical, target.unit)} needs a longer last stage"
    )


def _log_errors(target: Target, measured: Measured) -> _Found:
    """Errors that were seen count in any case; that there were no others is known only of logs read to the end."""
    logs = measured.logs
    if logs is None:
        return _absent("no log was followed (watch: logs: FILE)")
    found = _Found(float(logs.errors), "", logs.lines, f"in {logs.lines:,} lines")
    if logs.unread and status_of(target, logs.errors) is not Status.FAIL:
        return _absent(logs.unread, logs.lines)
    return found


def _absent(reason: str, n: int = 0) -> _Found:
    return _Found(None, "", n, reason=reason)


def _summary_of(target: Target, measured: Measured) -> EndpointSummary | str:
    """The summary that the scope names, or why there is none."""
    scope, folded = target.scope, measured.folded
    if scope.kind == "run":
        return folded.summary.total
    if scope.kind == "stage":
        if scope.name in folded.named:
            return folded.named[scope.name].total
        return folded.unscored.get(scope.name, f"no stage is named '{scope.name}'")
    found = next((e for e in folded.summary.endpoints if e.endpoint == scope.name), None)
    return _never_sent(scope.name) if found is None else found


def _never_sent(endpoint: str) -> str:
    return f"no request of the scored part was named '{endpoint}'"


def _error_rate(summary: EndpointSummary) -> _Found:
    requests = summary.completed + summary.unfinished
    if summary.error_rate is None:
        return _absent("no requests")
    failed = summary.failed + summary.unfinished
    return _Found(summary.error_rate * 100, "%", requests, f"{failed:,} of {requests:,}")


def _latency(target: Target, summary: EndpointSummary) -> _Found:
    family, _, statistic = target.metric.rpartition("_")
    latency: Latency | None
    match family:
        case "latency":
            latency, why = summary.latency, ""
        case "corrected":
            why = "it needs a closed load whose users all have the same pace"
            latency = summary.corrected
        case "ttfb":
            latency, why = summary.ttfb, "no time to first byte was recorded"
        case _:
            return _absent(f"{target.metric} is not known to this version")
    if latency is None:
        return _absent(why)
    value = _statistic(latency, statistic)
    if isinstance(value, str):
        return _fastest(target, latency) or _absent(value, latency.n)
    return _Found(value, "ms", latency.n)


def _fastest(target: Target, latency: Latency) -> _Found | None:
    """Too few successes to meet a limit, all of them beyond it: whatever the percentile is, it is beyond it too."""
    if target.metric.rpartition("_")[2] not in PERCENTILES or latency.min is None:
        return None
    if target.unit != "ms" or status_of(target, latency.min) is not Status.FAIL:
        return None
    many = "the only success" if latency.n == 1 else f"the fastest of {latency.n:,} successes"
    return _Found(latency.min, "ms", latency.n, f"at least: {many}")


def begun(target: Target, measured: Measured) -> int:
    """Requests of its scope; 0 where there is no such scope."""
    summary = _summary_of(target, measured)
    return 0 if isinstance(summary, str) else summary.completed + summary.unfinished


def _statistic(latency: Latency, name: str) -> float | str:
    """The number in ms, or why it is absent."""
    if name not in STATISTICS:
        return f"the statistic {name} is not known to this version"
    value: float | None = getattr(latency, name)
    return latency.absent.get(name, "not measured") if value is None else value


def _throughput(target: Target, measured: Measured) -> _Found:
    plateau = plateau_for(measured, target)
    if plateau is None:
        return _absent(_why_no_plateau(target, measured))
    portion, name = plateau.portion, target.scope.name
    if target.scope.kind == "endpoint":
        if name not in portion.cells and name not in portion.unfinished:
            return _absent(_never_sent(name))
        count = portion.successes[name]
    else:
        count = portion.successes.total()
    if not any(cell.completed for cell in portion.cells.values()) and not portion.unfinished:
        return _absent("no requests")
    return _Found(count / portion.seconds, "/s", count)


def _why_no_plateau(target: Target, measured: Measured) -> str:
    if target.scope.kind == "stage":
        unscored = measured.folded.unscored.get(target.scope.name)
        stage = measured.folded.named.get(target.scope.name)
        if stage is not None and stage.start_s >= measured.folded.ended_s:
            return "the load ended before this stage"
        return unscored or f"no stage named '{target.scope.name}' held a level"
    if target.metric == "max_throughput":
        return "no scored stage held its level for 10 s"
    return "no scored stage held the highest level"


def _resource(target: Target, measured: Measured) -> _Found:
    use, name = measured.system, target.scope.name
    if target.scope.kind == "endpoint":
        return _absent(f"{target.metric} is not measured by endpoint")
    if target.scope.kind == "stage":
        if name not in measured.stage_system:
            return _absent(measured.folded.unscored.get(name, f"no stage is named '{name}'"))
        use = measured.stage_system[name]
    reason = use.absent.get(target.metric)
    if target.metric == "cpu":
        cores = None if use.cores_available is None else f"of {use.cores_available:g} cores"
        value, unit, detail = use.cpu_pct, "%", cores
    else:
        value, unit, detail = use.memory_bytes, "bytes", use.memory_kind
    if value is None:
        return _absent(reason or "not measured")
    return _of_covered(target, _Found(float(value), unit, use.readings, detail), reason)
