"""The rows of the page's tables, in the order in which they are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from loadctl.reports.scores import UNKNOWN, is_judged
from loadctl.results.recording import Example
from loadctl.results.result import ResourceUse, Result
from loadctl.results.summary import EndpointSummary
from loadctl.results.verdict import Finding, Score, Status
from loadctl.scenario.units import (
    format_bytes,
    format_clock,
    format_count,
    format_duration,
    format_limit,
    format_ms,
    format_percent,
)


def figure(value: float, unit: str) -> str:
    """Beside an axis: `200 ms`, `1k/s`, `50 %`, `400 MB`."""
    match unit:
        case "bytes":
            return format_bytes(value) if value else "0"
        case "users" | "":
            return f"{value:,.6g}"
        case "/s":
            return f"{value:,.6g}/s"
        case "s":
            return format_duration(value) if value else "0 s"
        case _:
            return format_limit(value, unit)


def evidence(value: float | str | None) -> str:
    if value is None:
        return UNKNOWN
    if isinstance(value, str):
        return value
    return format_count(value) if abs(value) >= 1000 or value == int(value) else f"{value:.4g}"


_ENDPOINTS_MAX = 500
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


def endpoint_rows(result: Result) -> Sequence[EndpointSummary]:
    return result.summary.endpoints[:_ENDPOINTS_MAX]


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
        AlikeExamples(group[0], [format_clock(example.t) for example in group]) for group in groups.values()
    ]


def target_rows(result: Result) -> list[Score]:
    """What decided first: judged before not judged, the worst before the best."""
    return sorted(result.scores, key=lambda score: _RANK.get(score.status, 3) if is_judged(score) else 4)


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
        yield "CPU, highest 30 s", f"{format_percent(use.cpu_pct, 0)}{cores}"
    if use.cpu_cores is not None:
        yield "CPU, in cores", f"{use.cpu_cores:.2f}"
    if use.memory_bytes is not None:
        yield (
            f"memory, highest{f' ({use.memory_kind})' if use.memory_kind else ''}",
            format_bytes(use.memory_bytes),
        )
    if use.memory_first_bytes is not None:
        yield "memory at the start", format_bytes(use.memory_first_bytes)
    for name, value in use.extra.items():
        yield _said(name), _extra(name, value)
    yield "readings", format_count(use.readings)


def _extra(name: str, value: float) -> str:
    if name.endswith("_ms"):
        return format_ms(value)
    return format_percent(value, 0) if "_pct" in name else evidence(value)


def _said(name: str) -> str:
    """The unit stands with the figure."""
    bare = name.removesuffix("_ms").replace("_pct_of_one_core", ", of one core")
    return (f"{bare.removesuffix('_max')}, at most" if bare.endswith("_max") else bare).replace("_", " ")
