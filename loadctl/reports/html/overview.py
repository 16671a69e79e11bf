"""The figures at the top of the page: few, large, each with the status of its target."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from loadctl.reports.scores import UNKNOWN, is_doubtful, is_judged, measured
from loadctl.results.result import Result
from loadctl.results.verdict import Score, Status
from loadctl.scenario.units import format_bytes, format_count, format_ms, format_percent, format_rate

_WIDTH, _HEIGHT = 180, 22
_PAD = 2


def bullet(score: Score) -> Markup:
    """Empty where nothing was measured. The axis reaches a little beyond the furthest of value and limits."""
    if score.value is None or score.value < 0:
        return Markup("")
    limits = [score.target.critical, *([] if score.target.target is None else [score.target.target])]
    top = max(*limits, min(score.value, 3 * max(limits)) if max(limits) > 0 else score.value) * 1.12
    if top <= 0:
        return Markup("")

    def x(value: float) -> float:
        return round(_PAD + min(1.0, value / top) * (_WIDTH - 2 * _PAD), 1)

    parts = [
        Markup('<rect class="trough" fill="#8882" x="{}" y="7" width="{}" height="8" rx="4"/>').format(
            _PAD, _WIDTH - 2 * _PAD
        ),
        Markup('<rect class="value {}" fill="#57a" x="{}" y="7" width="{}" height="8" rx="4"/>').format(
            tone(score), _PAD, max(2.0, round(x(score.value) - _PAD, 1))
        ),
    ]
    for value, kind in zip(limits, ("critical", "target"), strict=False):
        parts.append(
            Markup('<path class="limit {}" stroke="#333" stroke-width="2" d="M{} 2V20"/>').format(
                kind, x(value)
            )
        )
    return Markup(
        '<svg class="bullet" viewBox="0 0 {} {}" width="{}" height="{}" role="img" aria-label="{}">{}</svg>'
    ).format(
        _WIDTH,
        _HEIGHT,
        _WIDTH,
        _HEIGHT,
        f"{measured(score)} on a bar with its limits",
        Markup("").join(parts),
    )


def tone(score: Score) -> str:
    """Colour only where the status counts."""
    return score.status.value.lower() if is_judged(score) else "idle"


@dataclass(frozen=True, slots=True)
class Tile:
    """`tone`: pass, warn, fail or idle; "" without a target. `void`: why the figure is not to be trusted."""

    name: str
    value: str
    detail: str
    tone: str
    void: str


def tiles(result: Result) -> Sequence[Tile]:
    scores = {score.target.metric: score for score in result.scores if score.target.scope.kind == "run"}
    return [
        _tile(name, value, detail, scores.get(metric), _void(result, metric, scores.get(metric)))
        for metric, name, value, detail in _figures(result, scores.get("throughput"))
    ]


def _tile(name: str, value: str, detail: str, score: Score | None, void: str) -> Tile:
    shown = f"({value})" if void and value != UNKNOWN else value
    return Tile(name, shown, "" if detail == void else detail, "" if score is None else tone(score), void)


def _void(result: Result, metric: str, score: Score | None) -> str:
    """A figure without a target is doubtful where all others are; a latency, where another one is."""
    if score is not None:
        return score.void or (score.status is Status.NO_DATA and score.reason) or ""
    others = [one for one in result.scores if one.value is not None]
    doubtful = [one.void for one in others if is_doubtful(one)] if metric == "latency_p95" else []
    if not doubtful and all(one.void for one in others):
        doubtful = [one.void for one in others]
    return next(iter(doubtful), "") or ""


def _figures(result: Result, throughput: Score | None) -> Iterator[tuple[str, str, str, str]]:
    """Metric, name, value, detail."""
    total, system = result.summary.total, result.resources.system
    latency = total.latency
    wanted = {score.target.metric for score in result.scores}
    beside = [
        f"{name} {'not known' if ms is None else format_ms(ms)}"
        for name, ms in (("p50", latency.p50), ("p99", latency.p99))
        if ms is not None or (latency.p95 is not None and f"latency_{name}" in wanted)
    ]
    p95 = UNKNOWN if latency.p95 is None else format_ms(latency.p95)
    yield "latency_p95", "Latency p95", p95, ", ".join(beside) or latency.absent.get("p95", "")
    yield "throughput", "Throughput", *_throughput(result, throughput)
    errors = UNKNOWN if total.error_rate is None else format_percent(100 * total.error_rate)
    requests, lost = total.completed + total.unfinished, format_count(total.failed + total.unfinished)
    failed = f"{lost} of {format_count(requests)} requests" if requests else "no requests"
    yield "error_rate", "Errors", errors, failed
    cpu = UNKNOWN if system.cpu_pct is None else format_percent(system.cpu_pct, 0)
    cores = f"of {system.cores_available:g} cores" if system.cores_available is not None else ""
    yield "cpu", "System CPU", cpu, cores or system.absent.get("cpu", "")
    memory = UNKNOWN if system.memory_bytes is None else format_bytes(system.memory_bytes)
    yield "memory", "System memory", memory, system.memory_kind or system.absent.get("memory", "")


def _throughput(result: Result, score: Score | None) -> tuple[str, str]:
    """A target speaks of the highest load; without one it is the mean of the scored part."""
    total = result.summary.total
    mean = UNKNOWN if total.throughput_per_s is None else format_rate(total.throughput_per_s)
    if score is None or score.value is None:
        return mean, "mean of the scored part"
    return format_rate(score.value), f"at the highest load, mean {mean}"
