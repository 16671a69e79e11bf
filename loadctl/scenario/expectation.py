"""What to expect of a run before it starts: users, turns, requests, and which targets it cannot judge."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from loadctl.results.histogram import PERCENTILES, enough_samples
from loadctl.results.score import enough_requests
from loadctl.scenario.consent import host_name
from loadctl.scenario.load import STAIRCASE_LEVELS
from loadctl.scenario.metric import NO_STAIRCASE
from loadctl.scenario.phases import NO_SPIKE, phases
from loadctl.scenario.stretch import stretched
from loadctl.scenario.traffic import Traffic

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from loadctl.scenario.load import Load, Model
    from loadctl.scenario.scenario import Scenario
    from loadctl.scenario.target import Target

ASSUMED_LATENCY_S = 0.05
MAX_THROUGHPUT_HOLD_S = 10.0
_LONGEST_S = 7 * 24 * 3600


@dataclass(frozen=True, slots=True)
class EndpointExpectation:
    """Requests in the whole run, and those in the scored window."""

    endpoint: str
    requests: int
    scored: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CannotJudge:
    """A judged target that this load cannot judge.

    `expected` and `needed` count samples (None: it is not about their number); `shortest_s` is the duration
    of the same shape that would do (None: no duration would). `by_load`: another load could judge it; else the
    metric itself cannot be measured here, and the run will end INCONCLUSIVE unless something fails.
    """

    target: Target
    reason: str
    expected: int | None = None
    needed: int | None = None
    shortest_s: int | None = None
    by_load: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """Counts are means, rounded; None where nothing can be said before the run, and `unknown` says why."""

    model: Model
    peak: float
    """Highest planned users, or arrivals per second."""
    duration_s: float
    scored_s: float
    turns: int | None = None
    requests: int | None = None
    scored: int | None = None
    """Requests in the scored window."""
    requests_per_turn: float | None = None
    peak_requests_per_s: float | None = None
    endpoints: Sequence[EndpointExpectation] = ()
    unknown: str | None = None
    assumption: str | None = None
    """What the counts rest on, for example "answers in 10 ms"."""
    cannot_judge: Sequence[CannotJudge] = ()
    """In the order of the scenario's targets; only targets that are judged."""
    not_exercised: Sequence[Target] = ()
    """Judged throughput targets whose critical limit is above what the load offers: they can pass, never fail."""


def expect(scenario: Scenario) -> Expectation:
    """What a run of `scenario` should bring when the system answers as it ought to. Pure and quick."""
    load = scenario.load
    if not load.stages:
        return Expectation(
            model=load.model, peak=0.0, duration_s=0.0, scored_s=0.0, unknown="the script brings its own load"
        )
    start, end = load.window
    latency_s, assumption = _assumed_latency(scenario)
    traffic, unknown = _traffic(scenario, latency_s)
    known = Expectation(
        model=load.model,
        peak=load.peak,
        duration_s=load.duration_s,
        scored_s=end - start,
        unknown=unknown,
        cannot_judge=tuple(_cannot_judge(scenario, traffic)),
    )
    if traffic is None:
        return known
    whole, scored = traffic.requests(load, 0.0, load.duration_s), traffic.requests(load, start, end)
    return replace(
        known,
        turns=round(traffic.turns(load)),
        requests=round(sum(whole.values())),
        scored=round(sum(scored.values())),
        requests_per_turn=traffic.requests_per_turn,
        peak_requests_per_s=traffic.per_level_second * load.peak,
        endpoints=tuple(
            EndpointExpectation(name, round(whole.get(name, 0.0)), round(scored.get(name, 0.0)))
            for name in scenario.endpoints
        ),
        assumption=assumption if load.model == "closed" else None,
        not_exercised=tuple(
            target
            for target in scenario.targets
            if target.judged
            and target.metric in {"throughput", "max_throughput"}
            and target.scope.kind == "run"
            and traffic.per_level_second * load.peak < target.critical
        ),
    )


def judgeable(scenario: Scenario) -> Scenario:
    """`scenario` with all targets that its load cannot judge not judged, each with the reason.

    For loads that were rescaled for a quick look; a load as it was written keeps its targets, so that too
    little data ends as INCONCLUSIVE and not in silence.
    """
    reasons = {item.target.key: item.reason for item in expect(scenario).cannot_judge if item.by_load}
    return replace(
        scenario,
        targets=tuple(
            replace(target, judged=False, why_not_judged=reasons[target.key])
            if target.judged and target.key in reasons
            else target
            for target in scenario.targets
        ),
    )


def _assumed_latency(scenario: Scenario) -> tuple[float, str]:
    """Seconds a request takes: what the scenario wants at p50, or a guess; and the words for it."""
    for target in scenario.targets:
        if target.metric == "latency_p50" and target.scope.kind == "run":
            ms = target.critical if target.target is None else target.target
            return ms / 1000, f"answers in {ms:.15g} ms, as latency_p50 wants"
    return ASSUMED_LATENCY_S, f"answers in {ASSUMED_LATENCY_S * 1000:.0f} ms"


def _traffic(scenario: Scenario, latency_s: float) -> tuple[Traffic | None, str | None]:
    if scenario.script is not None:
        return None, "what a script sends is only known when it runs"
    traffic = Traffic.of(scenario.user_types, scenario.load.model, latency_s)
    restless = [behaviour.name for behaviour in traffic.behaviours if behaviour.restless]
    if scenario.load.model == "closed" and restless:
        return (
            None,
            f"the pauses of {', '.join(restless)} are so short that the system decides how many requests it gets",
        )
    return traffic, None


def _cannot_judge(scenario: Scenario, traffic: Traffic | None) -> list[CannotJudge]:
    found = []
    for target in scenario.targets:
        if not target.judged or target.scope.kind == "series":
            continue
        missing = _missing_stage(target, scenario.load)
        if (never := _never(target, scenario)) is not None:
            found.append(CannotJudge(target=target, reason=never, by_load=False))
        elif missing is not None:
            found.append(missing)
        elif traffic is not None and (few := _too_few(target, scenario.load, traffic)):
            found.append(few)
    return found


def _never(target: Target, scenario: Scenario) -> str | None:
    """Why this scenario cannot measure the metric, whatever its load."""
    if target.metric.startswith("corrected_") and scenario.common_pace_s is None:
        return "it needs a closed load whose users all keep one pace"
    if (
        target.metric == "breaking_point"
        and len({stage.end for _, _, stage in scenario.load.steps()}) < STAIRCASE_LEVELS
    ):
        return NO_STAIRCASE
    if target.metric == "recovery_time" and phases(scenario.load) is None:
        return NO_SPIKE
    if target.metric == "log_errors" and scenario.watch.logs is None:
        return "no log is followed: watch: {logs: FILE}"
    if target.metric in {"cpu", "memory"} and target.own and not scenario.watch.asked:
        name = host_name(scenario.host)
        if not (name in {"localhost", "::1"} or name.startswith("127.")):
            return f"nothing watches the system, unless {name} is this machine"
    return None


def _missing_stage(target: Target, load: Load) -> CannotJudge | None:
    """For targets on a part of the load that the plan does not have, or does not hold for long enough."""
    stage = target.scope.name if target.scope.kind == "stage" else None
    if stage is not None and not _scored_spans(load, stage):
        return CannotJudge(target=target, reason=f"no scored stage is named {stage}")
    longest = _longest_hold_s(load, stage)
    if target.metric == "throughput" and not longest:
        return CannotJudge(
            target=target, reason="throughput is measured at a held level, and no stage holds one"
        )
    if target.metric == "max_throughput" and longest < MAX_THROUGHPUT_HOLD_S:
        reason = f"no stage holds its level for {MAX_THROUGHPUT_HOLD_S:.0f} s"
        longer = _shortest(load, lambda plan: _longest_hold_s(plan, stage) >= MAX_THROUGHPUT_HOLD_S)
        return CannotJudge(target=target, reason=reason, shortest_s=longer if longest else None)
    return None


def _longest_hold_s(load: Load, stage: str | None) -> float:
    return max(
        (end - start for start, end, level in _scored_spans(load, stage) if level is not None), default=0.0
    )


def _scored_spans(load: Load, name: str | None) -> list[tuple[float, float, float | None]]:
    """Start, end, and the level where it is held, of the scored stages (of that name)."""
    low, high = load.window
    return [
        (start, end, stage.end if stage.holds else None)
        for start, end, stage in load.spans()
        if low <= start < end <= high and name in {None, stage.name}
    ]


def _too_few(target: Target, load: Load, traffic: Traffic) -> CannotJudge | None:
    needed = _needed(target)
    if needed is None:
        return None
    expected = _samples(target, load, traffic)
    if _surely(expected, needed):
        return None
    close = expected >= needed
    return CannotJudge(
        target=target,
        reason=f"about {expected:,.0f} requests expected, {'too close to the ' if close else ''}{needed:,} needed",
        expected=round(expected),
        needed=needed,
        shortest_s=_shortest(load, lambda plan: _surely(_samples(target, plan, traffic), needed)),
    )


def _needed(target: Target) -> int | None:
    """Samples without which the metric is NO_DATA; None: it does not rest on their number."""
    match = re.fullmatch(r"(?:latency|ttfb|corrected)_(p[0-9]+)", target.metric)
    if match and match[1] in PERCENTILES:
        return enough_samples(PERCENTILES[match[1]])
    return enough_requests(target.critical) if target.metric == "error_rate" else None


def _samples(target: Target, load: Load, traffic: Traffic) -> float:
    if target.scope.kind == "stage":
        spans = [(start, end) for start, end, _ in _scored_spans(load, target.scope.name)]
    else:
        spans = [load.window]
    counts = [traffic.requests(load, start, end) for start, end in spans]
    if target.scope.kind == "endpoint":
        return sum(count.get(target.scope.name, 0.0) for count in counts)
    return sum(sum(count.values()) for count in counts)


def _surely(expected: float, needed: int) -> bool:
    """Enough even two standard deviations below the mean (endpoints are picked by chance, so √n is one).

    A single request needs no such margin: it comes or the plan is empty.
    """
    return expected - 2 * math.sqrt(expected) >= needed if needed > 1 else expected >= 1


def _shortest(load: Load, enough: Callable[[Load], bool]) -> int | None:
    """The shortest duration in seconds, in round figures, over which the stretched load has `enough`."""
    low, high = 0, max(1, math.ceil(load.duration_s))
    while not enough(stretched(load, duration_s=high)):
        low, high = high, high * 2
        if high > _LONGEST_S:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(stretched(load, duration_s=middle)) else (middle, high)
    step = 60 if high > 600 else 5
    return math.ceil(high / step) * step
