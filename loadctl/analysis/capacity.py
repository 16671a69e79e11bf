"""The highest load that still meets the targets: which level to probe next, and what the probes together say.

Method: levels double from the first until one fails, then the gap is halved (geometrically) until it is narrower than a
tenth, then both of its ends are probed once more, because near the capacity a probe passes or fails by chance; an end
that does not hold moves the gap outwards. Bracketing and bisection as in RFC 2544 §26.1 (throughput), with the
repetition that it lacks. On simulated systems whose capacity varies by 3 % from probe to probe, the gap alone holds the
true one in 59 % of 500 seeds, and the band, 5 % wider on either side, in all of them (tests/analysis/test_capacity.py);
11 probes each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from loadctl.results.decision import label
from loadctl.results.result import Result
from loadctl.results.verdict import Score, Status, Verdict

Outcome = Literal["meets", "fails", "unclear"]
NARROW = 1.1
MARGIN = 1.05
"""By how much probes near the capacity differ; see above."""
_TWICE = 2
PROBES_MAX = 24


@dataclass(frozen=True, slots=True)
class Probe:
    """One short run at one level (arrivals a second, or users). `why`: what failed, or why there is no result."""

    level: float
    outcome: Outcome
    why: str = ""
    throughput_per_s: float | None = None
    p95_ms: float | None = None
    run_dir: str = ""


@dataclass(slots=True)
class Search:
    """Ask `next` for a level and append its probe to `probes`, until `next` is None; what is found holds at any time.

    `whole`: levels are whole numbers (users).
    """

    start: float
    most: float
    whole: bool = False
    probes: list[Probe] = field(default_factory=list)

    def next(self) -> float | None:
        if len(self.probes) >= PROBES_MAX or (self.probes and self.probes[-1].outcome == "unclear"):
            return None
        low, high = self.low, self.high
        if low is None and high is None:
            return self._level(self.start)
        if high is None:
            assert low is not None  # noqa: S101
            if low >= self.most:
                return low if self._count(low) < _TWICE else None
            return self._level(min(self.most, low * 2))
        if low is None:
            down = self._level(high / 2)
            return down if down < high and high > self.start / 64 else None
        middle = self._level(math.sqrt(low * high))
        if high / low > NARROW and low < middle < high:
            return middle
        return next((edge for edge in (low, high) if self._count(edge) < _TWICE), None)

    @property
    def held(self) -> Probe | None:
        """The last probe of the highest level that held."""
        low = self.low
        return next((probe for probe in reversed(self.probes) if probe.level == low), None)

    @property
    def requests_per_arrival(self) -> float | None:
        """As measured at the highest level that held; None for users, whose requests depend on the answers."""
        if self.whole or self.held is None or self.held.throughput_per_s is None:
            return None
        return self.held.throughput_per_s / self.held.level

    @property
    def low(self) -> float | None:
        """The highest level below `high` that met all targets every time; None: not even the lowest did."""
        high = self.high
        held = [probe.level for probe in self.probes if self._holds(probe.level)]
        return max((level for level in held if high is None or level < high), default=None)

    @property
    def high(self) -> float | None:
        """The lowest level that did not meet them; None: none was found, `limit` says why."""
        levels = {probe.level for probe in self.probes if probe.outcome != "unclear"}
        return min((level for level in levels if not self._holds(level)), default=None)

    @property
    def limit(self) -> str:
        """Why there is no `high`."""
        unclear = next((probe for probe in self.probes if probe.outcome == "unclear"), None)
        unit = " users" if self.whole else "/s"
        if self.high is not None:
            return ""
        if unclear is not None:
            return f"no result at {unclear.level:g}{unit}: {unclear.why}"
        return f"nothing above {self.most:g}{unit} was tried"

    @property
    def fails_next(self) -> str:
        """What failed at `high`."""
        failed = [p.why for p in self.probes if p.level == self.high and p.outcome == "fails"]
        return failed[-1] if failed else ""

    @property
    def band(self) -> tuple[float, float] | None:
        """Within which the capacity lies; None: an end is missing."""
        low, high = self.low, self.high
        return (low / MARGIN, high * MARGIN) if low and high else None

    @property
    def estimate(self) -> float | None:
        """The middle of the band, on a scale of ratios."""
        return math.sqrt(self.low * self.high) if self.low and self.high else None

    def _holds(self, level: float) -> bool:
        """Every probe met the targets: a level that holds now and then does not hold."""
        outcomes = [
            probe.outcome for probe in self.probes if probe.level == level and probe.outcome != "unclear"
        ]
        return bool(outcomes) and all(outcome == "meets" for outcome in outcomes)

    def _count(self, level: float) -> int:
        return sum(probe.level == level for probe in self.probes)

    def _level(self, level: float) -> float:
        if self.whole:
            return float(max(1, round(level)))
        digits = 2 - math.floor(math.log10(level))  # three figures say more than any probe can
        return round(level, digits)


def probe_of(level: float, result: Result, run_dir: str = "") -> Probe:
    """What one run says. A target is met where its status is PASS; what a short probe cannot measure is left out."""
    total = result.summary.total
    broken = [
        score for score in result.scores if _judged(score) and score.status in {Status.WARN, Status.FAIL}
    ]
    doubts = [
        finding
        for finding in result.findings
        if finding.voids in {"all", "pass"} or finding.id == "users-ended"
    ]
    outcome: Outcome
    if result.verdict in {Verdict.ERROR, Verdict.INTERRUPTED}:
        outcome, why = "unclear", "".join(result.reasons[:1]).rstrip(".")
    elif broken:
        outcome, why = "fails", ", ".join(label(score.target) for score in broken)
    elif critical := [finding for finding in result.findings if finding.severity == "critical"]:
        outcome, why = "fails", critical[0].message
    elif doubts:
        outcome, why = "unclear", doubts[0].message
    elif void := [score for score in result.scores if score.judged and score.void]:
        outcome, why = "unclear", f"{label(void[0].target)} is not judged: {void[0].void}"
    elif not any(_judged(score) and score.status is Status.PASS for score in result.scores):
        outcome, why = "unclear", "no target could be judged in a probe this short (--probe makes it longer)"
    else:
        outcome, why = "meets", ""
    return Probe(level, outcome, why, total.throughput_per_s, total.latency.p95, run_dir)


def _judged(score: Score) -> bool:
    return score.judged and score.void is None
