"""Limits: targets and stop rules, the metrics that they are about, and how much data each needs."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from loadctl.errors import Where
from loadctl.scenario import units
from loadctl.scenario.reading.words import unknown

ScopeKind = Literal["run", "endpoint", "stage", "series"]
SMOKE_OPTION = "--smoke"
NO_STAIRCASE = "it needs a load that rises in steps: at least three levels, each held to its end"
PERCENTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "p999": 0.999}
"""The percentiles that are reported, by name."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a target is about."""

    kind: ScopeKind = "run"
    """`run`: the whole window · `endpoint` and `stage`: by name · `series`: a monitored series (`metrics:`)."""
    name: str = ""
    """Empty for the whole run."""

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


_VERSUS = " vs "
BASELINE_NAME = re.compile("(?!latest)[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")
"""`latest` is a run."""
HELD_AGAINST_BASELINES: Mapping[str, frozenset[ScopeKind]] = {
    **dict.fromkeys(
        ("latency_p50", "latency_p95", "latency_p99", "error_rate"), frozenset({"run", "endpoint"})
    ),
    **dict.fromkeys(("throughput", "cpu", "memory"), frozenset({"run"})),
}
"""Metrics that `vs:` can be said of, each with its scopes."""


def versus(metric: str, baseline: str) -> str:
    """The metric of a target that limits by how much `metric` may be worse than in a baseline: `latency_p95 vs main`.

    Its limit is in %, of error rates in percentage points.
    """
    return f"{metric}{_VERSUS}{baseline}"


def parts_of_versus(metric: str) -> tuple[str, str] | None:
    """The metric and the name of the baseline; None for a metric that is measured by itself."""
    name, found, baseline = metric.partition(_VERSUS)
    return (name, baseline) if found else None


def baselines_of(targets: Sequence[Target]) -> Sequence[str]:
    """Names of those that they are held against."""
    found = (parts_of_versus(target.metric) for target in targets)
    return list(dict.fromkeys(parts[1] for parts in found if parts is not None))


@dataclass(frozen=True, slots=True)
class Metric:
    name: str
    unit: str
    """The unit of its values and limits (see Target); breaking_point takes the one of the load: users or /s."""
    scopes: frozenset[ScopeKind]
    help: str = ""
    """What an editor shows beside the key."""
    higher_is_better: bool = False
    survives_the_break: bool = False
    """Still judged where breaking_point is: the other limits define the break."""


_RUN: frozenset[ScopeKind] = frozenset({"run"})
_RUN_OR_STAGE: frozenset[ScopeKind] = frozenset({"run", "stage"})
_ANY: frozenset[ScopeKind] = frozenset({"run", "endpoint", "stage"})
_TO_LAST_BYTE = "of a successful request, from its start to the last byte of the answer"
_CORRECTED = "latency including the requests that waiting users could not send; users need a `pace:`."
_ALL = [
    Metric("latency_p50", "ms", _ANY, f"Median time {_TO_LAST_BYTE}: 200ms."),
    Metric("latency_p95", "ms", _ANY, "95 of 100 successes took at most this long. Needs 200 of them."),
    Metric("latency_p99", "ms", _ANY, "99 of 100 successes took at most this long. Needs 1,000 of them."),
    Metric("latency_p999", "ms", _ANY, "999 of 1,000 took at most this long. Needs 10,000 successes."),
    Metric(
        "latency_mean", "ms", _ANY, "Mean time of a success. A percentile says more about what users notice."
    ),
    Metric("latency_max", "ms", _ANY, "The slowest success. One request alone decides it."),
    Metric("ttfb_p50", "ms", _ANY, "Median time to the first byte of the body."),
    Metric("ttfb_p95", "ms", _ANY, "95 of 100 first bytes arrived within this time."),
    Metric("ttfb_p99", "ms", _ANY, "99 of 100 first bytes arrived within this time."),
    Metric("corrected_p50", "ms", _RUN_OR_STAGE, f"Median {_CORRECTED}"),
    Metric("corrected_p95", "ms", _RUN_OR_STAGE, f"p95 {_CORRECTED}"),
    Metric("corrected_p99", "ms", _RUN_OR_STAGE, f"p99 {_CORRECTED}"),
    Metric(
        "throughput",
        "/s",
        _ANY,
        "Successes per second over the stages that hold the highest level: 500/s. Not exercised, neither passed nor "
        "failed, where the load never asks for as much.",
        True,
    ),
    Metric(
        "max_throughput",
        "/s",
        _RUN,
        "Successes per second of the best stage that is held for 10 s or more.",
        True,
        True,
    ),
    Metric(
        "error_rate",
        "%",
        _ANY,
        "Failed and unfinished requests, in % of all: 0.1%. Judged at 1% where "
        "nothing else is said; `null` turns that off.",
    ),
    Metric(
        "cpu",
        "%",
        _RUN_OR_STAGE,
        "Highest 30 s mean of the system's CPU, in % of the cores it may use: 70%. Needs "
        "readings over nine tenths of the scored time.",
    ),
    Metric(
        "memory",
        "bytes",
        _RUN_OR_STAGE,
        "Highest memory of the system: 512MB. Of a container the working set, of a process PSS or RSS.",
    ),
    Metric(
        "breaking_point",
        "users",
        _RUN,
        "Highest level of a staircase that held its limits: 600 users, or 300/s. The other critical "
        "limits define the break and are not judged.",
        True,
        True,
    ),
    Metric(
        "recovery_time",
        "s",
        _RUN,
        "Time after a spike until latency and errors are as before it: 30s.",
        False,
        True,
    ),
    Metric("log_errors", "", _RUN, "Error lines in the logs that `watch: {logs: …}` follows: `0`."),
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
    """A limit and its unit; any other name is a monitored series, whose values are bare numbers. Raises UnitError."""
    unit = METRICS[metric].unit if metric in METRICS else ""
    if metric == "breaking_point" and "/" in text:
        unit = "/s"
    try:
        limit = _READERS[unit](text)
    except units.UnitError as error:
        if unit == "ms" and "has no unit" in str(error):
            raise units.UnitError(f"{text} has no unit; write {text}ms or {text}s") from None
        raise
    if unit == "%" and limit > 100:
        raise units.UnitError(f"{text} is never reached: it is a share of {_WHOLE[metric]}, at most 100%")
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


STOP_METRICS = ("error_rate", "latency_p50", "latency_p95", "latency_p99", "throughput")
_STOP_RULE = re.compile(r"\s*(\w+)\s*([<>])\s*(\S+(?:\s*%|\s*/s)?)\s+for\s+(\S.*?)\s*")
STOP_EXAMPLE = "error_rate > 50% for 10s"
_LEAST_S, _MOST_S = 2.0, 3600.0


@dataclass(frozen=True, slots=True)
class StopRule:
    """`stop_when:`, which ends a run before its plan, as in `error_rate > 50% for 10s`.

    `limit` is in the unit of the metric (see Target); throughput stops the run below it, all others above.
    """

    metric: str
    limit: float
    for_s: float

    def __str__(self) -> str:
        metric = METRICS[self.metric]
        sign = "<" if metric.higher_is_better else ">"
        limit = units.format_limit(self.limit, metric.unit)
        return f"{self.metric} {sign} {limit} for {units.format_duration(self.for_s)}"


DEFAULT_STOP_RULES = (StopRule("error_rate", 90.0, 30.0),)
"""A run that only fails teaches nothing new, and a system that is down should not be hammered."""


def parse_stop_rule(text: str) -> StopRule:
    """Raises ValueError with what is wrong."""
    found = _STOP_RULE.fullmatch(text)
    if found is None:
        raise ValueError(f"'{text}' is not a rule; write METRIC > LIMIT for TIME, as in  {STOP_EXAMPLE}")
    name, sign, limit_text, time_text = found.groups()
    if name not in STOP_METRICS:
        raise ValueError(unknown("metric", name, "stop_when", STOP_METRICS))
    below = METRICS[name].higher_is_better
    if below != (sign == "<"):
        side = "below (<)" if below else "above (>)"
        raise ValueError(f"{name} is bad {side} its limit, so '{sign}' would stop a run that goes well")
    limit, _ = parse_limit(name, limit_text)
    for_s = units.parse_duration(time_text)
    if not _LEAST_S <= for_s <= _MOST_S:
        most = f"{_MOST_S / 3600:g}h"
        raise ValueError(f"for {time_text}: from {_LEAST_S:g}s to {most}; shorter than that is noise")
    return StopRule(name, limit, for_s)
