"""Does a run go so badly that it should end before its plan? Rules over the last seconds, as they come in.

"for 10 s" means all along: the time is cut into up to five equal parts, and the rule must hold in each, so that one
burst does not end a run. Percentiles are those of a part's merged histogram, by nearest rank; a part in which nothing
ended proves nothing, except that a throughput is 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from loadctl.results.histogram import Histogram
from loadctl.results.interval import Second, completed_of, failed_of
from loadctl.scenario.stop_rule import StopRule
from loadctl.scenario.units import format_duration

_PARTS = 5
_PERCENTILES = {"latency_p50": 0.5, "latency_p95": 0.95, "latency_p99": 0.99}


@dataclass(slots=True)
class _Moment:
    ok: Histogram = field(default_factory=Histogram)
    completed: int = 0
    failed: int = 0


@dataclass(slots=True)
class StopWatch:
    """Fed with merged seconds as they come; it remembers only as many as the longest rule needs."""

    rules: Sequence[StopRule]
    _moments: dict[int, _Moment] = field(default_factory=dict)
    _first: int | None = None
    _last: int = -1

    def heed(self, seconds: Iterable[Second]) -> str | None:
        """The sentence that ends the run, or None. A second may come in pieces, of one shard after the other."""
        fired = None
        for second in seconds:
            self._add(second)
            if fired is None and second.t == self._last:
                fired = next((rule for rule in self.rules if self._holds(rule)), None)
        if fired is None:
            return None
        return f"stopped early after {format_duration(self._last + 1)}: {fired}"

    def _add(self, second: Second) -> None:
        moment = self._moments.setdefault(second.t, _Moment())
        for cell in second.cells.values():
            moment.ok.merge(cell.ok)
            moment.completed += completed_of(cell)
            moment.failed += failed_of(cell)
        if self._first is None and moment.completed:
            self._first = second.t
        self._last = max(self._last, second.t)
        longest = max((rule.for_s for rule in self.rules), default=0.0)
        for t in [t for t in self._moments if t <= self._last - math.ceil(longest)]:
            del self._moments[t]

    def _holds(self, rule: StopRule) -> bool:
        length = math.ceil(rule.for_s)
        start = self._last + 1 - length
        if self._first is None or self._first > start:
            return False
        count = min(_PARTS, length)
        edges = [start + length * part // count for part in range(count + 1)]
        return all(self._bad(rule, *edges[part : part + 2]) for part in range(count))

    def _bad(self, rule: StopRule, start: int, end: int) -> bool:
        moments = [self._moments[t] for t in range(start, end) if t in self._moments]
        completed = sum(moment.completed for moment in moments)
        failed = sum(moment.failed for moment in moments)
        if rule.metric == "throughput":
            return (completed - failed) / (end - start) < rule.limit
        if rule.metric == "error_rate":
            return completed > 0 and 100 * failed / completed > rule.limit
        whole = Histogram()
        for moment in moments:
            whole.merge(moment.ok)
        us = whole.nearest_rank_us(_PERCENTILES[rule.metric]) if whole.count else None
        return us is not None and us / 1000 > rule.limit
