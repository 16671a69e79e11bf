"""`stop_when:`: what ends a run before its plan, as in `error_rate > 50% for 10s`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from loadctl.scenario.reading.words import unknown
from loadctl.scenario.target import METRICS, parse_limit
from loadctl.scenario.units import UnitError, format_duration, format_limit, parse_duration

WATCHED = ("error_rate", "latency_p50", "latency_p95", "latency_p99", "throughput")
_FORM = re.compile(r"\s*(\w+)\s*([<>])\s*(\S+(?:\s*%|\s*/s)?)\s+for\s+(\S.*?)\s*")
EXAMPLE = "error_rate > 50% for 10s"
_LEAST_S, _MOST_S = 2.0, 3600.0


@dataclass(frozen=True, slots=True)
class StopRule:
    """`limit` in the metric's unit (see Target); throughput stops below it, all others above."""

    metric: str
    limit: float
    for_s: float

    def __str__(self) -> str:
        metric = METRICS[self.metric]
        sign = "<" if metric.higher_is_better else ">"
        return (
            f"{self.metric} {sign} {format_limit(self.limit, metric.unit)} for {format_duration(self.for_s)}"
        )


DEFAULT = (StopRule("error_rate", 90.0, 30.0),)
"""A run that only fails teaches nothing more, and a system that is down need not be hammered."""


def parse_stop_rule(text: str) -> StopRule:
    """Raises ValueError with what is wrong."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError(f"'{text}' is not a rule; write METRIC > LIMIT for TIME, as in  {EXAMPLE}")
    name, sign, limit_text, time_text = found.groups()
    if name not in WATCHED:
        raise ValueError(unknown("metric", name, "stop_when", WATCHED))
    below = METRICS[name].higher_is_better
    if below != (sign == "<"):
        side = "below (<)" if below else "above (>)"
        raise ValueError(f"{name} is bad {side} its limit, so '{sign}' would stop a run that goes well")
    try:
        limit, _ = parse_limit(name, limit_text)
        for_s = parse_duration(time_text)
    except UnitError as error:
        raise ValueError(str(error)) from None
    if not _LEAST_S <= for_s <= _MOST_S:
        raise ValueError(
            f"for {time_text}: from {_LEAST_S:g}s to {_MOST_S / 3600:g}h; shorter than that is noise"
        )
    return StopRule(name, limit, for_s)
