"""What was measured, in the form in which targets ask for it. Made once a run; every score is read off it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from loadctl.results.interval import completed_of
from loadctl.results.measures.breaking_point import BreakingPoint, Limit, breaking_point, limits_of
from loadctl.results.measures.fold import Folded, Plateau, fold
from loadctl.results.measures.level import Level, levels
from loadctl.results.measures.outage import Stall, disturbed, stalls
from loadctl.results.measures.recovery import Recovery, recovery
from loadctl.results.measures.usage import companion_uses, generator_use, log_use, system_use
from loadctl.results.profile import ProfileUse, marked_seconds, profile_use
from loadctl.results.readings import NONE, Readings
from loadctl.results.recording import Recording
from loadctl.results.result import LogUse, ResourceUse
from loadctl.results.series import Series, monitored
from loadctl.scenario.load import Model
from loadctl.scenario.scenario import Scenario
from loadctl.scenario.target import Target
from loadctl.scenario.units import format_moment
from loadctl.scenario.user_type import Repeat, Request, Step, UserType


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    readings: Mapping[str, Readings]
    """Of the whole run, by subject."""
    model: Model
    peak: float
    """The highest level that was planned."""
    folded: Folded
    system: ResourceUse
    generator: ResourceUse
    stage_system: Mapping[str, ResourceUse] = field(default_factory=dict)
    """By name of the scored stages."""
    companions: tuple[ResourceUse, ...] = ()
    series: tuple[Series, ...] = ()
    logs: LogUse | None = None
    profile: ProfileUse | None = None
    levels: Sequence[Level] = ()
    """Of a load that rises in steps."""
    recovery: Recovery | str = ""
    """Or why it is not known."""
    breaking_point: BreakingPoint | None = None
    """None: the load holds fewer than two levels."""
    break_doubt: str = ""
    """Why no break is reported although levels failed: the load was not the cause. Empty: no doubt."""
    stalls: Sequence[Stall] = ()
    """Of the scored window."""
    requests_per_turn: Mapping[str, float] = field(default_factory=dict)
    """By endpoint: as planned; for a script, as measured."""
    p50_limit_ms: float = 0.0
    """What the scenario wants of the median latency; 0 where it wants nothing."""
    watched: bool = False
    """Somebody asked for monitoring, or the system was found."""


def measure(scenario: Scenario, recording: Recording) -> Measured:
    marked = marked_seconds(recording.events)
    folded = fold(scenario.load, recording, pace_s=scenario.common_pace_s, marked=marked)
    scored = (
        [second for second in recording.seconds if second.t not in marked] if marked else recording.seconds
    )
    whole = Readings.of(recording.readings)
    readings = whole.split(attrgetter("subject"))
    system, generator, beside = (readings.get(name, NONE) for name in ("system", "generator", "companion"))
    start, end = folded.summary.start_s, folded.summary.end_s
    spans = {name: (summary.start_s, summary.end_s) for name, summary in folded.named.items()}
    away = disturbed(recording.seconds, recording.events)
    every = levels(scenario.load, scored, folded.ended_s)
    calm = levels(scenario.load, [second for second in scored if second.t not in away], folded.ended_s)
    limits = limits_of(scenario.targets)
    doubt = _break_doubt(every, calm, limits, away, recording.began)
    steps = calm if calm or doubt else every
    use = system_use(system, start, end, left_out=marked, unwatched=recording.unwatched)
    return Measured(
        readings=readings,
        model=scenario.load.model,
        peak=scenario.load.peak,
        folded=folded,
        system=use,
        generator=generator_use(generator, recording.seconds, start, end),
        stage_system={
            name: use
            if span == (start, end)
            else system_use(system, *span, left_out=marked, unwatched=recording.unwatched)
            for name, span in spans.items()
        },
        companions=companion_uses(beside, start, end),
        series=monitored(whole, start, end),
        levels=steps,
        recovery=recovery(scenario.load, recording.seconds, folded.ended_s),
        breaking_point=breaking_point(steps, limits) if steps else None,
        break_doubt=doubt,
        stalls=[stall for stall in stalls(recording.seconds) if start <= stall.start_s < end],
        profile=profile_use(recording.profiles, recording.profile_files),
        logs=log_use(system, recording.events, start, end, to_the_end=end >= folded.ended_s),
        requests_per_turn=_requests_per_turn(scenario, recording),
        p50_limit_ms=_p50_limit_ms(scenario.targets),
        watched=scenario.watch.asked or bool(system.measured),
    )


def _break_doubt(
    every: Sequence[Level],
    calm: Sequence[Level],
    limits: Sequence[Limit],
    away: Mapping[int, str],
    began: str | None,
) -> str:
    """A level that fails only with the seconds in which nobody was answered did not fail by its load."""
    whole = breaking_point(every, limits).broke if every else None
    alone = breaking_point(calm, limits).broke if calm else None
    if whole is None or alone is not None:
        return ""
    first = next((t for t in sorted(away) if t >= whole.level.start_s), min(away))
    when, level = format_moment(first, began), f"{whole.level.level:g}"
    return f"{away[first]} at {when}, so the levels from {level} on say nothing about load"


def _requests_per_turn(scenario: Scenario, recording: Recording) -> dict[str, float]:
    if scenario.script is None:
        return planned_requests_per_turn(scenario.user_types)
    ended: Counter[str] = Counter()
    for span in recording.spans:
        ended.update({endpoint: completed_of(cell) for endpoint, cell in span.cells.items()})
    turns = sum(second.turns for second in recording.seconds) or ended.total()
    return {endpoint: count / turns for endpoint, count in ended.items()} if turns else {}


def planned_requests_per_turn(user_types: Sequence[UserType]) -> dict[str, float]:
    """Expected requests by endpoint of one arrival: its start steps and one task; a `while` is taken once.

    Steps that are taken once per place are left out: they come to an end with the rise of the load.
    """
    counts: dict[str, float] = {}

    def walk(steps: Sequence[Step], share: float) -> None:
        for step in steps:
            if isinstance(step, Request):
                counts[step.endpoint] = counts.get(step.endpoint, 0.0) + share
            elif isinstance(step, Repeat):
                walk(step.flow, share * (1 if step.while_ else step.times))

    everyone = sum(user_type.weight for user_type in user_types)
    for user_type in user_types:
        share = user_type.weight / everyone
        walk([step for step in user_type.start if not step.once], share)
        tasks = sum(task.weight for task in user_type.tasks)
        for task in user_type.tasks:
            walk(task.flow, share * task.weight / tasks)
    return counts


def _p50_limit_ms(targets: Sequence[Target]) -> float:
    for target in targets:
        if target.metric == "latency_p50" and target.scope.kind == "run" and target.unit == "ms":
            return target.critical if target.target is None else target.target
    return 0.0


def plateau_for(measured: Measured, target: Target) -> Plateau | None:
    """The held stages on which a throughput target rests."""
    if target.scope.kind == "stage":
        return measured.folded.plateaus.get(target.scope.name)
    return measured.folded.best if target.metric == "max_throughput" else measured.folded.top
