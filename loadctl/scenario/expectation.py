"""What to expect of a run before it starts: users, turns, requests, and which targets it cannot judge."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from loadctl.scenario.consent import host_name
from loadctl.scenario.load import ENOUGH_REQUESTS, NO_SPIKE, STAIRCASE_LEVELS, Load, Model, phases
from loadctl.scenario.rescale import rescaled_load
from loadctl.scenario.scenario import Scenario
from loadctl.scenario.target import NO_STAIRCASE, Smoke, Target, TooSmall, requests_needed
from loadctl.scenario.traffic import Traffic
from loadctl.scenario.units import format_limit

ASSUMED_LATENCY_S = 0.05
MAX_THROUGHPUT_HOLD_S = 10.0
CPU_NEEDS_S = 4.0
"""Three readings a second apart, and one that a busy machine may skip."""
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
    of the same shape that would do (None: no duration would), `level` the highest level that the load would need.
    `by_load`: the planned load or its length is too small; else the metric itself cannot be measured here.
    """

    target: Target
    reason: str
    expected: int | None = None
    needed: int | None = None
    shortest_s: int | None = None
    level: float | None = None
    by_load: bool = False
    perhaps: bool = False
    """The run may be able to judge it after all."""


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
    """What the counts assume, for example "answers in 10 ms"."""
    cannot_judge: Sequence[CannotJudge] = ()
    """In the order of the scenario's targets; only targets that are judged."""
    not_exercised: Sequence[Target] = ()
    """Judged throughput targets whose critical limit is above what the load offers: they can pass, never fail."""
    left_out: Sequence[Target] = ()
    """By --smoke; they are not in `cannot_judge`."""
    targets_judged: int | None = None
    """How many of the judged targets it will have data for; None where only the requests of a script will tell."""


def expect(scenario: Scenario) -> Expectation:
    """What to expect of a run of `scenario`, if the system answers as it should."""
    load = scenario.load
    if not load.stages:
        return Expectation(
            model=load.model, peak=0.0, duration_s=0.0, scored_s=0.0, unknown="the script brings its own load"
        )
    start, end = load.window
    latency_s, assumption = _assumed_latency(scenario)
    traffic, unknown = _traffic(scenario, latency_s)
    smoke = scenario.smoke or Smoke()
    lacking = _cannot_judge(scenario, traffic, _most(scenario, unknown))
    lacking = [item for item in lacking if smoke.reason(item.target) is None]
    certain = traffic if unknown is None else None
    not_exercised = [] if certain is None else _not_exercised(scenario, certain)
    left_out = [target for target in scenario.targets if smoke.leaves_out(target)]
    doubtful = {target.key for target in (*not_exercised, *left_out, *(item.target for item in lacking))}
    judged = sum(target.judged and target.key not in doubtful for target in scenario.targets)
    known = Expectation(
        model=load.model,
        peak=load.peak,
        duration_s=load.duration_s,
        scored_s=end - start,
        unknown=unknown,
        cannot_judge=tuple(lacking),
        not_exercised=tuple(not_exercised),
        left_out=tuple(left_out),
        targets_judged=judged if scenario.script is None else None,
    )
    if certain is None:
        return known
    whole, scored = certain.requests(load, 0.0, load.duration_s), certain.requests(load, start, end)
    return replace(
        known,
        turns=round(certain.turns(load)),
        requests=round(sum(whole.values())),
        scored=round(sum(scored.values())),
        requests_per_turn=certain.requests_per_turn,
        peak_requests_per_s=certain.per_level_second * load.peak,
        endpoints=tuple(
            EndpointExpectation(name, round(whole.get(name, 0.0)), round(scored.get(name, 0.0)))
            for name in scenario.endpoints
        ),
        assumption=assumption if load.model == "closed" or certain.once else None,
    )


def _not_exercised(scenario: Scenario, traffic: Traffic) -> list[Target]:
    return [
        target
        for target in scenario.targets
        if target.judged
        and target.metric in {"throughput", "max_throughput"}
        and target.scope.kind == "run"
        and traffic.per_level_second * scenario.load.peak < target.critical
    ]


def cannot_judge(scenario: Scenario, begun: Callable[[Target], int] | None = None) -> list[CannotJudge]:
    """The targets that another run of this load could not judge either.

    Decided by its plan and, for a script, by the number of requests that were `begun`: where it is 0, the name may be
    misspelt, so it is not for lack of load.
    """
    if not scenario.load.stages:
        return []
    traffic, unknown = _traffic(scenario, _assumed_latency(scenario)[0])
    return [*_cannot_judge(scenario, traffic, _most(scenario, unknown)), *_too_few_begun(scenario, begun)]


def smoke_of(scenario: Scenario, begun: Callable[[Target], int] | None = None) -> Smoke:
    """The targets that a quick look at this load leaves out. `begun`: see cannot_judge.

    Where the system decides how many requests there are, they are counted for one that answers as it should.
    """
    if not scenario.load.stages:
        return Smoke()
    traffic, _ = _traffic(scenario, _assumed_latency(scenario)[0])
    found = [*_cannot_judge(scenario, traffic), *_too_few_begun(scenario, begun)]
    return Smoke(tuple(TooSmall(*item.target.key, item.reason) for item in found if item.by_load))


def _too_few_begun(scenario: Scenario, begun: Callable[[Target], int] | None) -> Iterator[CannotJudge]:
    if begun is None:
        return
    for target in scenario.targets:
        needed = requests_needed(target)
        if target.judged and needed is not None and 0 < (requests := begun(target)) < needed:
            reason = f"{requests:,} requests were sent, {needed:,} needed"
            yield CannotJudge(target=target, reason=reason, expected=requests, needed=needed, by_load=True)


def _assumed_latency(scenario: Scenario) -> tuple[float, str]:
    """Seconds a request takes: the scenario's limit at p50, or a guess; and a phrase for it."""
    for target in scenario.targets:
        if target.metric == "latency_p50" and target.scope.kind == "run":
            ms = target.critical if target.target is None else target.target
            return ms / 1000, f"answers in {ms:.15g} ms, as latency_p50 wants"
    return ASSUMED_LATENCY_S, f"answers in {ASSUMED_LATENCY_S * 1000:.0f} ms"


def _most(scenario: Scenario, unknown: str | None) -> Traffic | None:
    """The upper bound of the requests, where their number is not known."""
    if unknown is None or scenario.script is not None:
        return None
    return Traffic.of(scenario.user_types, scenario.load.model, 0.0)


def _traffic(scenario: Scenario, latency_s: float) -> tuple[Traffic | None, str | None]:
    """The requests of a system that answers in `latency_s`, and why their number is unknown; None for a script."""
    if scenario.script is not None:
        return None, "what a script sends is only known when it runs"
    traffic = Traffic.of(scenario.user_types, scenario.load.model, latency_s)
    restless = [behaviour.name for behaviour in traffic.behaviours if behaviour.restless]
    if scenario.load.model == "open" or not restless:
        return traffic, None
    names = ", ".join(restless)
    return traffic, f"the pauses of {names} are so short that the system decides how many requests it gets"


def _cannot_judge(
    scenario: Scenario, traffic: Traffic | None, most: Traffic | None = None
) -> list[CannotJudge]:
    """`most`: where the system decides how many requests there are, those of one that answers at once."""
    load = scenario.load
    found = (
        _not_measured(target, scenario)
        or _missing_stage(target, load)
        or _too_low(target, load)
        or _too_short(target, load, traffic)
        or (_too_few(target, load, traffic, most) if traffic is not None else None)
        for target in scenario.targets
        if target.judged and target.scope.kind != "series"
    )
    return [one for one in found if one is not None]


def _not_measured(target: Target, scenario: Scenario) -> CannotJudge | None:
    """Where this scenario cannot measure the metric, whatever its load."""
    reason = None
    if target.metric.startswith("corrected_") and scenario.common_pace_s is None:
        reason = "it needs a closed load whose users all have the same pace"
    elif target.metric == "breaking_point":
        levels = {stage.end for _, _, stage in scenario.load.steps()}
        reason = NO_STAIRCASE if len(levels) < STAIRCASE_LEVELS else None
    elif target.metric == "recovery_time" and phases(scenario.load) is None:
        reason = NO_SPIKE
    elif target.metric == "log_errors" and scenario.watch.logs is None:
        reason = "no log is followed: watch: {logs: FILE}"
    elif target.metric in {"cpu", "memory"} and target.own and not scenario.watch.asked:
        name = host_name(scenario.host)
        if not (name in {"localhost", "::1"} or name.startswith("127.")):
            reason = f"nothing watches the system, unless {name} is this machine"
    if reason is None:
        return None
    return CannotJudge(target=target, reason=reason, perhaps=target.metric in {"cpu", "memory"})


def _missing_stage(target: Target, load: Load) -> CannotJudge | None:
    """For targets on a part of the load that the plan does not have, or does not hold for long enough."""
    stage = target.scope.name if target.scope.kind == "stage" else None
    if stage is not None and not _scored_spans(load, stage):
        return CannotJudge(target=target, reason=f"no scored stage is named {stage}")
    longest = _longest_hold_s(load, stage)
    if target.metric == "throughput" and not longest:
        reason = "throughput is measured while a level is held, and no stage holds one"
        return CannotJudge(target=target, reason=reason)
    if target.metric != "max_throughput" or longest >= MAX_THROUGHPUT_HOLD_S:
        return None
    reason = f"no stage holds its level for {MAX_THROUGHPUT_HOLD_S:.0f} s"
    longer = _shortest(load, lambda plan: _longest_hold_s(plan, stage) >= MAX_THROUGHPUT_HOLD_S)
    shortest_s = longer if longest else None
    return CannotJudge(target=target, reason=reason, shortest_s=shortest_s, by_load=longest > 0)


def _too_low(target: Target, load: Load) -> CannotJudge | None:
    """A limit that no level of the load reaches: a system that holds all of them may still break below it."""
    level = target.critical if target.target is None else target.target
    if target.metric != "breaking_point" or level <= load.peak:
        return None
    return CannotJudge(target=target, reason=ends_below(load.peak, target.unit), level=level, by_load=True)


def _too_short(target: Target, load: Load, traffic: Traffic | None) -> CannotJudge | None:
    """For targets that need time, however many requests there are."""
    reasons: dict[str, Callable[[Load], str | None]] = {
        "cpu": lambda plan: _too_short_for_cpu(target, plan),
        "recovery_time": lambda plan: _too_short_to_recover(traffic, plan),
    }
    reason = reasons.get(target.metric)
    if reason is None or (why := reason(load)) is None:
        return None
    shortest_s = _shortest(load, lambda plan: reason(plan) is None)
    return CannotJudge(target=target, reason=why, shortest_s=shortest_s, by_load=True)


def _too_short_for_cpu(target: Target, load: Load) -> str | None:
    seconds = sum(end - start for start, end in _spans_of(target, load))
    if seconds >= CPU_NEEDS_S:
        return None
    return f"{seconds:.0f} s are scored, and {CPU_NEEDS_S:.0f} s are needed"


def _too_short_to_recover(traffic: Traffic | None, load: Load) -> str | None:
    found = phases(load)
    if found is None:
        return NO_SPIKE
    enough = ENOUGH_REQUESTS * (found.before[1] - found.before[0])
    before = enough if traffic is None else sum(traffic.requests(load, *found.before).values())
    return found.too_short(before, found.after[1])


def ends_below(peak: float, unit: str) -> str:
    """Why nothing is known about levels beyond `peak`."""
    return f"the load ends at {format_limit(peak, unit)}"


def _longest_hold_s(load: Load, stage: str | None) -> float:
    holds = ((start, end) for start, end, level in _scored_spans(load, stage) if level is not None)
    return max((end - start for start, end in holds), default=0.0)


def _scored_spans(load: Load, name: str | None) -> list[tuple[float, float, float | None]]:
    """Start, end, and the level where it is held, of the scored stages (of that name)."""
    low, high = load.window
    return [
        (start, end, stage.end if stage.holds else None)
        for start, end, stage in load.spans()
        if low <= start < end <= high and name in {None, stage.name}
    ]


def _too_few(target: Target, load: Load, traffic: Traffic, most: Traffic | None) -> CannotJudge | None:
    needed = requests_needed(target)
    if needed is None:
        return None
    expected = _samples(target, load, traffic)
    if _surely(expected, needed):
        return None
    about = f"about {expected:,.0f}"
    if most is not None:
        bound = _samples(target, load, most)
        if bound >= needed:
            return None
        about = f"at most {bound:,.0f}"
    close = expected >= needed
    return CannotJudge(
        target=target,
        reason=f"{about} requests expected, {'too close to the ' if close else ''}{needed:,} needed",
        expected=round(expected),
        needed=needed,
        by_load=True,
        perhaps=target.scope.kind == "endpoint" and target.scope.name in traffic.once,
        shortest_s=_shortest(load, lambda plan: _surely(_samples(target, plan, traffic), needed)),
    )


def _samples(target: Target, load: Load, traffic: Traffic) -> float:
    counts = [traffic.requests(load, start, end) for start, end in _spans_of(target, load)]
    if target.scope.kind == "endpoint":
        return sum(count.get(target.scope.name, 0.0) for count in counts)
    return sum(sum(count.values()) for count in counts)


def _spans_of(target: Target, load: Load) -> Sequence[tuple[float, float]]:
    if target.scope.kind == "stage":
        return [(start, end) for start, end, _ in _scored_spans(load, target.scope.name)]
    return [load.window]


def _surely(expected: float, needed: int) -> bool:
    """Enough even two standard deviations below the mean (endpoints are picked by chance, so √n is one).

    A single request needs no such margin: it comes or the plan is empty.
    """
    return expected - 2 * math.sqrt(expected) >= needed if needed > 1 else expected >= 1


def _shortest(load: Load, enough: Callable[[Load], bool]) -> int | None:
    """The shortest duration in seconds, in round figures, over which the same shape has `enough`."""
    low, high = 0, max(1, math.ceil(load.duration_s))
    while not enough(rescaled_load(load, duration_s=high)):
        low, high = high, high * 2
        if high > _LONGEST_S:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(rescaled_load(load, duration_s=middle)) else (middle, high)
    step = 60 if high > 600 else 5
    return math.ceil(high / step) * step
