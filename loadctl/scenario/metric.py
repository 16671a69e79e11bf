"""What a target can limit: each metric with its unit, its direction, and the scopes in which it can be measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from loadctl.scenario.target import ScopeKind
from loadctl.scenario.units import (
    UnitError,
    parse_bytes,
    parse_duration,
    parse_number,
    parse_percent,
    parse_rate,
    parse_users,
)


@dataclass(frozen=True, slots=True)
class Metric:
    name: str
    unit: str
    """The unit of its values and limits (see Target); breaking_point takes the one of the load: users or /s."""
    scopes: frozenset[ScopeKind] = frozenset({"run"})
    higher_is_better: bool = False
    survives_the_break: bool = False
    """Still judged where breaking_point is: the other limits define the break."""


_EVERYWHERE: frozenset[ScopeKind] = frozenset({"run", "endpoint", "stage"})
_RUN_OR_STAGE: frozenset[ScopeKind] = frozenset({"run", "stage"})
_LATENCIES = [
    *(f"latency_{figure}" for figure in ("p50", "p95", "p99", "p999", "mean", "max")),
    *(f"ttfb_{figure}" for figure in ("p50", "p95", "p99")),
]
_CORRECTED = [f"corrected_{figure}" for figure in ("p50", "p95", "p99")]
_ALL = [
    *(Metric(name, "ms", _EVERYWHERE) for name in _LATENCIES),
    *(Metric(name, "ms", _RUN_OR_STAGE) for name in _CORRECTED),
    Metric("throughput", "/s", _EVERYWHERE, higher_is_better=True),
    Metric("max_throughput", "/s", higher_is_better=True, survives_the_break=True),
    Metric("error_rate", "%", _EVERYWHERE),
    Metric("cpu", "%", _RUN_OR_STAGE),
    Metric("memory", "bytes", _RUN_OR_STAGE),
    Metric("breaking_point", "users", higher_is_better=True, survives_the_break=True),
    Metric("recovery_time", "s", survives_the_break=True),
    Metric("log_errors", ""),
]
METRICS: Mapping[str, Metric] = {metric.name: metric for metric in _ALL}
NO_STAIRCASE = "it needs a load that rises in steps: at least three levels, each held to its end"


def _milliseconds(text: str) -> float:
    return round(parse_duration(text) * 1000, 6)


_READERS: Mapping[str, Callable[[str], float]] = {
    "ms": _milliseconds,
    "s": parse_duration,
    "/s": parse_rate,
    "%": parse_percent,
    "bytes": parse_bytes,
    "users": parse_users,
    "": parse_number,
}


_WHOLE = {"cpu": "all cores that the system may use", "error_rate": "all requests"}


def parse_limit(metric: str, text: str) -> tuple[float, str]:
    """A limit and its unit. Any other name is a monitored series, whose values are bare numbers. Raises UnitError."""
    unit = METRICS[metric].unit if metric in METRICS else ""
    if metric == "breaking_point" and "/" in text:
        unit = "/s"
    try:
        limit = _READERS[unit](text)
    except UnitError as error:
        if unit == "ms" and "has no unit" in str(error):
            raise UnitError(f"{text} has no unit; write {text}ms or {text}s") from None
        raise
    if unit == "%" and limit > 100:
        raise UnitError(f"{text} is never reached: it is a share of {_WHOLE[metric]}, at most 100%")
    return limit, unit
