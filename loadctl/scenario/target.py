"""A target: a limit for one metric in one scope; the metrics that can be limited, and how much data each needs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from loadctl.errors import Where
from loadctl.scenario import units
from loadctl.scenario.units import UnitError

ScopeKind = Literal["run", "endpoint", "stage", "series"]
SMOKE_OPTION = "--smoke"
NO_STAIRCASE = "it needs a load that rises in steps: at least three levels, each held to its end"
PERCENTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "p999": 0.999}
"""The percentiles that are reported, by name."""


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
    there is none); WARN value ≤ critical; else FAIL. `higher_is_better` reverses the comparisons.
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
    """Set by this scenario or by --target, not only by the shared table: cpu and memory are then judged."""
    where: Where = field(default_factory=lambda: Where("<none>"))

    @property
    def key(self) -> tuple[str, Scope]:
        return self.metric, self.scope


@dataclass(frozen=True, slots=True)
class Metric:
    name: str
    unit: str
    """The unit of its values and limits (see Target); breaking_point takes the one of the load: users or /s."""
    scopes: frozenset[ScopeKind]
    help: str = ""
    """One line, which an editor shows beside the key."""
    higher_is_better: bool = False
    survives_the_break: bool = False
    """Still judged where breaking_point is: the other limits define the break."""


_RUN: frozenset[ScopeKind] = frozenset({"run"})
_RUN_OR_STAGE: frozenset[ScopeKind] = frozenset({"run", "stage"})
_EVERYWHERE: frozenset[ScopeKind] = frozenset({"run", "endpoint", "stage"})
_TO_LAST_BYTE = "of a successful request, from its start to the last byte of the answer"
_CORRECTED = "latency including the requests that waiting users could not send; users need a pace."
_ALL = [
    Metric("latency_p50", "ms", _EVERYWHERE, f"Median time {_TO_LAST_BYTE}: 200ms."),
    Metric(
        "latency_p95", "ms", _EVERYWHERE, "95 of 100 successes took at most this long. Needs 200 of them."
    ),
    Metric(
        "latency_p99", "ms", _EVERYWHERE, "99 of 100 successes took at most this long. Needs 1,000 of them."
    ),
    Metric("latency_p999", "ms", _EVERYWHERE, "999 of 1,000 took at most this long. Needs 10,000 successes."),
    Metric("latency_mean", "ms", _EVERYWHERE, "Mean time of a success; a percentile says more."),
    Metric("latency_max", "ms", _EVERYWHERE, "The slowest success."),
    Metric("ttfb_p50", "ms", _EVERYWHERE, "Median time to the first byte of the body."),
    Metric("ttfb_p95", "ms", _EVERYWHERE, "95 of 100 first bytes arrived within this time."),
    Metric("ttfb_p99", "ms", _EVERYWHERE, "99 of 100 first bytes arrived within this time."),
    Metric("corrected_p50", "ms", _RUN_OR_STAGE, f"Median {_CORRECTED}"),
    Metric("corrected_p95", "ms", _RUN_OR_STAGE, f"p95 {_CORRECTED}"),
    Metric("corrected_p99", "ms", _RUN_OR_STAGE, f"p99 {_CORRECTED}"),
    Metric(
        "throughput",
        "/s",
        _EVERYWHERE,
        "Successes per second at the highest level that is held: 500/s.",
        True,
    ),
    Metric(
        "max_throughput", "/s", _RUN, "Successes per second of the best stage of 10 s or more.", True, True
    ),
    Metric("error_rate", "%", _EVERYWHERE, "Failed and unfinished requests, in % of all: 0.1%."),
    Metric("cpu", "%", _RUN_OR_STAGE, "Highest 30 s mean of the system, in % of the cores it may use."),
    Metric("memory", "bytes", _RUN_OR_STAGE, "Highest memory of the system: 512MB."),
    Metric("breaking_point", "users", _RUN, "Highest level of a staircase that held: 600 users.", True, True),
    Metric("recovery_time", "s", _RUN, "Time after a spike until the system is as before: 30s.", False, True),
    Metric("log_errors", "", _RUN, "Errors in the followed logs."),
]
METRICS: Mapping[str, Metric] = {metric.name: metric for metric in _ALL}
_READERS: Mapping[str, Callable[[str], float]] = {
    "ms": lambda text: round(units.parse_duration(text) * 1000, 6),
    "s": units.parse_duration,
    "/s": units.parse_rate,
    "%": units.parse_percent,
    "bytes": units.parse_bytes,
    "users": units.parse_users,
    "": units.parse_number,
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


def enough_samples(q: float) -> int:
    """How many values quantile `q` needs before it may be shown: ten beyond it (p95: 200, p99: 1000)."""
    return math.ceil(round(10 / (1 - q), 6))


def enough_requests(limit_pct: float) -> int:
    """How many requests an error rate within `limit_pct` needs before it may count as met: 100 for 1 %, 1000 for 0.1 %.

    With fewer, one failure alone would cross the limit, so that none proves nothing. A limit of 0 asks for 100.
    """
    return math.ceil(round(100 / limit_pct, 6)) if limit_pct > 0 else 100


def requests_needed(target: Target) -> int | None:
    """The requests without which the metric is NO_DATA; None: it does not depend on their number."""
    kind, _, figure = target.metric.rpartition("_")
    if kind in {"latency", "ttfb", "corrected"} and figure in PERCENTILES:
        return enough_samples(PERCENTILES[figure])
    return enough_requests(target.critical) if target.metric == "error_rate" else None


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
