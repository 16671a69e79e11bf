"""A target: a goal for one metric in one scope, with a limit that fails and perhaps one that only warns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from loadctl.errors import Where
from loadctl.scenario.units import (
    UnitError,
    parse_bytes,
    parse_duration,
    parse_number,
    parse_percent,
    parse_rate,
    parse_users,
)

ScopeKind = Literal["run", "endpoint", "stage", "series"]


@dataclass(frozen=True, slots=True)
class Scope:
    """`run`: the whole window · `endpoint` and `stage`: by name · `series`: a monitored series (`metrics:`)."""

    kind: ScopeKind = "run"
    name: str = ""

    def __str__(self) -> str:
        return self.name if self.kind != "run" else "run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Limits and values are in `unit`: ms, /s, %, bytes, users, s, or "" for a bare number.

    A single limit in YAML fails: it is `critical`, and `target` is None. PASS needs value ≤ target (≤ critical where
    there is none); WARN value ≤ critical; else FAIL. `higher_is_better` turns the comparisons round.
    """

    metric: str
    scope: Scope = field(default_factory=Scope)
    critical: float
    target: float | None = None
    unit: str
    higher_is_better: bool = False
    judged: bool = True
    why_not_judged: str | None = None
    own: bool = False
    """Asked for by this scenario or by --target, not only by the shared table: cpu and memory are then judged."""
    where: Where = field(default_factory=lambda: Where("<none>"))

    @property
    def key(self) -> tuple[str, Scope]:
        return self.metric, self.scope


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


OPTION = "--smoke"


@dataclass(frozen=True, slots=True)
class TooSmall:
    """The planned load is too small for this target, and why."""

    metric: str
    scope: Scope
    reason: str


@dataclass(frozen=True, slots=True)
class Smoke:
    """Error rates among `too_small` are judged on what there is; all others are left out."""

    too_small: Sequence[TooSmall] = ()

    def reason(self, target: Target) -> str | None:
        """Why the planned load is too small for `target`; None: it is not."""
        found = (one.reason for one in self.too_small if (one.metric, one.scope) == target.key)
        return next(found, None)

    def leaves_out(self, target: Target) -> bool:
        return target.judged and target.metric != "error_rate" and self.reason(target) is not None
