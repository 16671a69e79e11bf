"""How many requests a load makes on average: user types as rates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from loadctl.scenario.load import Load, Model
from loadctl.scenario.user_type import Repeat, Request, Step, Think, UserType

Counts: TypeAlias = dict[str, float]
"""Mean numbers of requests by endpoint."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One user type: its share of the users, and the requests by endpoint of its start and of a mean turn."""

    name: str
    share: float
    start: Counts
    once: Counts
    """Of start steps that are taken once per place."""
    turn: Counts
    period_s: float
    """From one turn to the next, in the closed model."""
    arrival_s: float
    """How long an arrival takes, with all steps of its start."""
    restless: bool
    """It waits for answers more than it pauses: the system decides how many requests there are."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """Mean numbers of requests, so fractions. A loop with a condition counts as one pass."""

    behaviours: Sequence[Behaviour]
    model: Model

    @classmethod
    def of(cls, user_types: Sequence[UserType], model: Model, latency_s: float) -> Traffic:
        """`latency_s`: how long each request takes."""
        weights = sum(user_type.weight for user_type in user_types)
        return cls([_behaviour(u, u.weight / weights, latency_s) for u in user_types if u.weight], model)

    @property
    def requests_per_turn(self) -> float:
        """Start steps included in the open model, where each arrival has them."""
        if self.model == "open":
            return sum(b.share * (sum(b.turn.values()) + sum(b.start.values())) for b in self.behaviours)
        per_second = sum(b.share / b.period_s for b in self.behaviours)
        return self.per_level_second / per_second if per_second else 0.0

    @property
    def per_level_second(self) -> float:
        """Requests a second for each user, or for each arrival a second."""
        return sum(sum(_rate(self.model, b).values()) * b.share for b in self.behaviours)

    def turns(self, load: Load) -> float:
        area = load.arrivals_due(load.duration_s)
        return area if self.model == "open" else area * sum(b.share / b.period_s for b in self.behaviours)

    def requests(self, load: Load, start: float, end: float) -> Counts:
        """Mean number of requests by endpoint between two times in seconds, user starts included."""
        area = load.arrivals_due(end) - load.arrivals_due(start)
        joining = users_joining(load, start, end) if self.model == "closed" else 0.0
        counts = Counts()
        for behaviour in self.behaviours:
            _add(counts, _rate(self.model, behaviour), behaviour.share * area)
            _add(counts, behaviour.start, behaviour.share * joining)
            places = _places(load, end, behaviour) - _places(load, start, behaviour)
            _add(counts, behaviour.once, places)
        return counts

    @property
    def once(self) -> frozenset[str]:
        """Endpoints whose number of requests depends on how many arrivals are in flight."""
        return frozenset(endpoint for behaviour in self.behaviours for endpoint in behaviour.once)


def users_joining(load: Load, start: float, end: float) -> float:
    """Users that begin between two times: all rises of the plan, sudden ones included."""
    joining, before = 0.0, 0.0
    for first, last, stage in load.spans():
        if start <= first < end:
            joining += max(0.0, stage.start - before)
        low, high = max(first, start), min(last, end)
        if low < high:
            joining += max(0.0, stage.level_at(high - first) - stage.level_at(low - first))
        before = stage.end
    return joining


def _places(load: Load, until: float, behaviour: Behaviour) -> float:
    """Those that arrivals have taken by then: as many as were ever in flight at once."""
    arrivals = load.arrivals_due(until) * behaviour.share
    if not (behaviour.once and arrivals):
        return 0.0
    spans = [span for span in load.spans() if span[0] < until]
    levels = [max(stage.start, stage.level_at(min(until, end) - start)) for start, end, stage in spans]
    return min(arrivals, max(1.0, max(levels) * behaviour.share * behaviour.arrival_s))


def _behaviour(user_type: UserType, share: float, latency_s: float) -> Behaviour:
    start, once, turn = Counts(), Counts(), Counts()
    pauses_s = 0.0
    weights = sum(task.weight for task in user_type.tasks)
    for task in user_type.tasks:
        pauses_s += _walk(task.flow, task.weight / weights, turn) if task.weight else 0.0
    arrival_s = pauses_s
    for step in user_type.start:
        arrival_s += _walk([step], 1.0, once if step.once else start)
    arrival_s += sum(sum(counts.values()) for counts in (once, start, turn)) * latency_s
    if user_type.think is not None:
        pauses_s += _mean(user_type.think)
    answers_s = sum(turn.values()) * latency_s
    return Behaviour(
        name=user_type.name,
        share=share,
        start=start,
        once=once,
        turn=turn,
        period_s=max(pauses_s + answers_s, user_type.pace_s or 0.0, 1e-6),
        arrival_s=arrival_s,
        restless=max(pauses_s, user_type.pace_s or 0.0) <= answers_s,
    )


def _walk(steps: Sequence[Step], times: float, counts: Counts) -> float:
    """Adds the requests of `steps`, done `times` times, to `counts`; the seconds of their pauses."""
    pauses_s = 0.0
    for step in steps:
        if isinstance(step, Request):
            _add(counts, {step.endpoint: 1.0}, times)
        elif isinstance(step, Think):
            pauses_s += times * _mean(step)
        elif isinstance(step, Repeat):
            pauses_s += _walk(step.flow, times * (1 if step.while_ else step.times), counts)
    return pauses_s


def _mean(think: Think) -> float:
    return (think.min_s + think.max_s) / 2


def _rate(model: Model, behaviour: Behaviour) -> Counts:
    """Requests by endpoint: per user and second (closed; without the start), or per arrival (open)."""
    if model == "closed":
        return {endpoint: number / behaviour.period_s for endpoint, number in behaviour.turn.items()}
    counts = dict(behaviour.turn)
    _add(counts, behaviour.start, 1.0)
    return counts


def _add(counts: Counts, more: Counts, times: float) -> None:
    for endpoint, number in more.items():
        counts[endpoint] = counts.get(endpoint, 0.0) + number * times
