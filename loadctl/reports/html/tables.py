"""The figures at the top of the page, each with the status of its target, and the rows of its tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from loadctl.reports.scores import UNKNOWN, is_doubtful, measured
from loadctl.results.recording import Example
from loadctl.results.result import ResourceUse, Result
from loadctl.results.verdict import Finding, Score, Status
from loadctl.scenario import units

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
    return score.status.value.lower() if score.decides else "idle"


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
        f"{name} {'not known' if ms is None else units.format_ms(ms)}"
        for name, ms in (("p50", latency.p50), ("p99", latency.p99))
        if ms is not None or (latency.p95 is not None and f"latency_{name}" in wanted)
    ]
    p95 = UNKNOWN if latency.p95 is None else units.format_ms(latency.p95)
    yield "latency_p95", "Latency p95", p95, ", ".join(beside) or latency.absent.get("p95", "")
    yield "throughput", "Throughput", *_throughput(result, throughput)
    errors = UNKNOWN if total.error_rate is None else units.format_percent(100 * total.error_rate)
    requests, lost = total.completed + total.unfinished, units.format_count(total.failed + total.unfinished)
    failed = f"{lost} of {units.format_count(requests)} requests" if requests else "no requests"
    yield "error_rate", "Errors", errors, failed
    cpu = UNKNOWN if system.cpu_pct is None else units.format_percent(system.cpu_pct, 0)
    cores = f"of {system.cores_available:g} cores" if system.cores_available is not None else ""
    yield "cpu", "System CPU", cpu, cores or system.absent.get("cpu", "")
    memory = UNKNOWN if system.memory_bytes is None else units.format_bytes(system.memory_bytes)
    yield "memory", "System memory", memory, system.memory_kind or system.absent.get("memory", "")


def _throughput(result: Result, score: Score | None) -> tuple[str, str]:
    """A target speaks of the highest load; without one it is the mean of the scored part."""
    total = result.summary.total
    mean = UNKNOWN if total.throughput_per_s is None else units.format_rate(total.throughput_per_s)
    if score is None or score.value is None:
        return mean, "mean of the scored part"
    return units.format_rate(score.value), f"at the highest load, mean {mean}"


def figure(value: float, unit: str) -> str:
    """Beside an axis: `200 ms`, `1k/s`, `50 %`, `400 MB`."""
    match unit:
        case "bytes":
            return units.format_bytes(value) if value else "0"
        case "users" | "":
            return f"{value:,.6g}"
        case "/s":
            return f"{value:,.6g}/s"
        case "s":
            return units.format_duration(value) if value else "0 s"
        case _:
            return units.format_limit(value, unit)


def evidence(value: float | str | None) -> str:
    if value is None:
        return UNKNOWN
    if isinstance(value, str):
        return value
    return units.format_count(value) if abs(value) >= 1000 or value == int(value) else f"{value:.4g}"


ENDPOINTS_MAX = 500
_RANK = {Status.FAIL: 0, Status.WARN: 1, Status.PASS: 2}
_GRAVITY = ("invalid", "critical", "warning", "info", "good")


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """`unfinished`: without an answer when the run ended."""

    error_class: str
    endpoint: str
    count: int
    share: float
    """Of the endpoint's requests."""
    examples: Sequence[AlikeExamples]


@dataclass(frozen=True, slots=True)
class AlikeExamples:
    """Failures that say the same; `clocks`: when they came."""

    example: Example
    clocks: Sequence[str]


@dataclass(frozen=True, slots=True)
class ResourceRow:
    who: str
    watched: str
    facts: Sequence[tuple[str, str]]
    absent: Sequence[tuple[str, str]]


def error_rows(result: Result) -> list[ErrorRow]:
    """The most frequent first."""
    rows = []
    for row in result.summary.endpoints:
        kinds = {**row.errors, **({"unfinished": row.unfinished} if row.unfinished else {})}
        requests = row.completed + row.unfinished
        for error_class, count in kinds.items():
            examples = [
                e for e in result.examples if (e.endpoint, e.error_class) == (row.endpoint, error_class)
            ]
            share = count / requests if requests else 0.0
            rows.append(ErrorRow(error_class, row.endpoint, count, share, _alike(examples)))
    return sorted(rows, key=lambda row: -row.count)


def _alike(examples: Sequence[Example]) -> list[AlikeExamples]:
    groups: dict[tuple[object, ...], list[Example]] = {}
    for example in examples:
        groups.setdefault((example.status, example.message, example.body), []).append(example)
    return [
        AlikeExamples(group[0], [units.format_clock(example.t) for example in group])
        for group in groups.values()
    ]


def target_rows(result: Result) -> list[Score]:
    """What decided first: judged before not judged, the worst before the best."""
    return sorted(result.scores, key=lambda score: _RANK.get(score.status, 3) if score.decides else 4)


def findings_by_severity(result: Result) -> list[tuple[str, Sequence[Finding]]]:
    """The gravest first; severities without a finding are left out."""
    groups = [(severity, [f for f in result.findings if f.severity == severity]) for severity in _GRAVITY]
    return [(severity, found) for severity, found in groups if found]


def resource_rows(result: Result) -> list[ResourceRow]:
    rows = [_row("system", result.resources.system)]
    rows += [_row("companion", use) for use in result.resources.companions]
    return [*rows, _row("load generator", result.resources.generator)]


def _row(who: str, use: ResourceUse) -> ResourceRow:
    return ResourceRow(who, use.watched or "not watched", list(_facts(use)), list(use.absent.items()))


def _facts(use: ResourceUse) -> Iterator[tuple[str, str]]:
    if use.cpu_pct is not None:
        cores = f" of {use.cores_available:g} cores" if use.cores_available is not None else ""
        yield "CPU, highest 30 s", f"{units.format_percent(use.cpu_pct, 0)}{cores}"
    if use.cpu_cores is not None:
        yield "CPU, in cores", f"{use.cpu_cores:.2f}"
    if use.memory_bytes is not None:
        yield (
            f"memory, highest{f' ({use.memory_kind})' if use.memory_kind else ''}",
            units.format_bytes(use.memory_bytes),
        )
    if use.memory_first_bytes is not None:
        yield "memory at the start", units.format_bytes(use.memory_first_bytes)
    for name, value in use.extra.items():
        yield _said(name), _extra(name, value)
    yield "readings", units.format_count(use.readings)


def _extra(name: str, value: float) -> str:
    if name.endswith("_ms"):
        return units.format_ms(value)
    return units.format_percent(value, 0) if "_pct" in name else evidence(value)


def _said(name: str) -> str:
    """The unit stands with the figure."""
    bare = name.removesuffix("_ms").replace("_pct_of_one_core", ", of one core")
    return (f"{bare.removesuffix('_max')}, at most" if bare.endswith("_max") else bare).replace("_", " ")
