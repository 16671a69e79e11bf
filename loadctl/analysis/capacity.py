"""The highest load that still meets the targets: which level to probe next, and what the probes together say.

Method: levels double from the first until one fails, then the gap is halved (geometrically) until it is narrower than a
tenth, then both of its edges are probed once more, because near the edge a probe is a coin toss; an edge that does not
hold moves the gap outwards. Bracketing and bisection as in RFC 2544 §26.1 (throughput), with the repetition that it
lacks. On simulated systems whose capacity varies by 3 % from probe to probe, the gap alone holds the true one in 59 %
of 500 seeds, and the band, 5 % wider on either side, in all of them (tests/analysis/test_capacity.py); 11 probes each.
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
"""What probes near the edge differ by; see above."""
_TWICE = 2
PROBES_MAX = 24


@dataclass(frozen=True, slots=True)
class Probe:
    """One short run at one level (arrivals a second, or users). `why`: what failed, or why it cannot be told."""

    level: float
    outcome: Outcome
    why: str = ""
    throughput_per_s: float | None = None
    p95_ms: float | None = None
    run_dir: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """`low`: the highest level that met all targets, every time but the odd one; None: not even the lowest did.
    `high`: the lowest that did not; None: none was found, `limit` says why. `fails_next`: what failed at `high`."""

    low: float | None
    high: float | None
    fails_next: str = ""
    limit: str = ""

    @property
    def band(self) -> tuple[float, float] | None:
        """Within which the capacity lies; None: an end is missing."""
        return (self.low / MARGIN, self.high * MARGIN) if self.low and self.high else None

    @property
    def estimate(self) -> float | None:
        """The middle of the band, on a scale of ratios."""
        return math.sqrt(self.low * self.high) if self.low and self.high else None


@dataclass(slots=True)
class Search:
    """Ask `next` for a level, `add` what its probe said, until `next` is None; `answer` holds at any time.

    `whole`: levels are whole numbers (users).
    """

    start: float
    most: float
    whole: bool = False
    probes: list[Probe] = field(default_factory=list)

    def next(self) -> float | None:
        if len(self.probes) >= PROBES_MAX or (self.probes and self.probes[-1].outcome == "unclear"):
            return None
        low, high = self._low(), self._high()
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

    def add(self, probe: Probe) -> None:
        self.probes.append(probe)

    @property
    def held(self) -> Probe | None:
        """The last probe of the highest level that held."""
        low = self._low()
        return next((probe for probe in reversed(self.probes) if probe.level == low), None)

    @property
    def requests_per_arrival(self) -> float | None:
        """As measured at the highest level that held; None for users, whose requests depend on the answers."""
        if self.whole or self.held is None or self.held.throughput_per_s is None:
            return None
        return self.held.throughput_per_s / self.held.level

    @property
    def answer(self) -> Capacity:
        low, high = self._low(), self._high()
        unclear = next((probe for probe in self.probes if probe.outcome == "unclear"), None)
        limit = ""
        if high is None and unclear is not None:
            limit = f"no result at {self._shown(unclear.level)}: {unclear.why}"
        elif high is None:
            limit = f"nothing above {self._shown(self.most)} was tried"
        failed = [probe for probe in self.probes if probe.level == high and probe.outcome == "fails"]
        return Capacity(low=low, high=high, fails_next=failed[-1].why if failed else "", limit=limit)

    def _shown(self, level: float) -> str:
        return f"{level:g}{' users' if self.whole else '/s'}"

    def _low(self) -> float | None:
        """The highest level that held, below the lowest that did not."""
        high = self._high()
        held = [probe.level for probe in self.probes if self._holds(probe.level)]
        return max((level for level in held if high is None or level < high), default=None)

    def _high(self) -> float | None:
        levels = {probe.level for probe in self.probes if probe.outcome != "unclear"}
        return min((level for level in levels if not self._holds(level)), default=None)

    def _holds(self, level: float) -> bool:
        """Every probe met the targets: a level that holds now and then does not hold."""
        told = [probe.outcome for probe in self.probes if probe.level == level and probe.outcome != "unclear"]
        return bool(told) and all(outcome == "meets" for outcome in told)

    def _count(self, level: float) -> int:
        told = [probe for probe in self.probes if probe.level == level]
        return (
            _TWICE if any(probe.outcome == "fails" for probe in told) and self._low() == level else len(told)
        )

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
