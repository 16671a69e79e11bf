"""From the recording to the result: the second half of a run as one pure function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from loadctl.analysis.advice import advised
from loadctl.analysis.breaking import breaking_findings
from loadctl.analysis.cause import by_gravity, story
from loadctl.analysis.completeness import completeness_findings, monitor_findings
from loadctl.analysis.drift import drift_findings, spike_findings
from loadctl.analysis.endurance import endurance_findings
from loadctl.analysis.errors import error_findings, log_findings
from loadctl.analysis.generator import generator_findings, script_findings
from loadctl.analysis.latency_shape import latency_shape_findings
from loadctl.analysis.load import load_findings
from loadctl.analysis.next_steps import next_steps
from loadctl.analysis.rate_limit import rate_limit_findings
from loadctl.analysis.resources import cpu_findings, nagle_findings, profile_findings, resource_findings
from loadctl.analysis.run_context import RunContext
from loadctl.analysis.service import closed_model_findings, service_findings, stall_findings
from loadctl.analysis.suspect import suspect_findings
from loadctl.analysis.undecided import undecided_findings
from loadctl.analysis.warmup import warmup_findings
from loadctl.results.boundaries import load_seen
from loadctl.results.decision import QuickLook, decide, void_scores
from loadctl.results.measures.measured import measure
from loadctl.results.recording import Recording, Shard, VirtualUsers
from loadctl.results.result import Engine, Resources, Result, Window
from loadctl.results.scoring import Worsenings, begun, score
from loadctl.results.verdict import Finding, Verdict
from loadctl.scenario.expectation import smoke_of
from loadctl.scenario.scenario import Scenario
from loadctl.scenario.target import Target

Question = Callable[[RunContext], list[Finding]]

MEASUREMENT: Sequence[Question] = (generator_findings, load_findings, completeness_findings)
"""About the run itself; they may void scores, so they come before the others."""
SYSTEM: Sequence[Question] = (
    script_findings,
    error_findings,
    rate_limit_findings,
    service_findings,
    cpu_findings,
    resource_findings,
    endurance_findings,
    log_findings,
    monitor_findings,
    profile_findings,
)
TIMING: Sequence[Question] = (
    suspect_findings,
    stall_findings,
    breaking_findings,
    spike_findings,
    latency_shape_findings,
    drift_findings,
    warmup_findings,
    closed_model_findings,
    nagle_findings,
    undecided_findings,
)
"""About when things happened: not asked where the generator was saturated, because then it decided that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What a result says about the run that no recording holds. `started_at` is UTC, ISO 8601; `argv` is what
    loadctl was started with."""

    engine: str
    engine_version: str | None
    shards: int
    started_at: str | None
    argv: Sequence[str] = ()
    run_dir: str = ""
    fail_on_warn: bool = False


def judge(
    scenario: Scenario,
    recording: Recording,
    facts: RunFacts,
    worsenings: Worsenings = MappingProxyType({}),
) -> Result:
    """Fold, score, ask every question, void what cannot be trusted, decide."""
    planned = bool(scenario.load.stages)
    if not planned:
        targets = tuple(map(_without_plan, scenario.targets))
        scenario = replace(scenario, load=load_seen(recording, scenario.load.model), targets=targets)
    measured = measure(scenario, recording)
    if scenario.smoke is not None and scenario.script is not None:
        scenario = replace(scenario, smoke=smoke_of(scenario, lambda target: begun(target, measured)))
    scores = tuple(score(target, measured, scenario.smoke, worsenings) for target in scenario.targets)
    doubts = [
        one for ask in MEASUREMENT for one in ask(RunContext(scenario, recording, measured, (), planned))
    ]
    scores = void_scores(scores, doubts)
    run = RunContext(scenario, recording, measured, scores, planned, facts.argv)
    return _result(run, _findings(run, doubts), facts)


def _without_plan(target: Target) -> Target:
    if target.scope.kind != "stage" or not target.judged:
        return target
    return replace(target, judged=False, why_not_judged="it needs the stages of a plan")


def _result(run: RunContext, findings: tuple[Finding, ...], facts: RunFacts) -> Result:
    scenario, recording, measured, folded = run.scenario, run.recording, run.measured, run.folded
    decision = decide(
        run.scores,
        findings,
        recording,
        started=folded.counters.started,
        smoke=_quick_look(run),
        fail_on_warn=facts.fail_on_warn,
    )
    # the plan says that the same run would again have too little data, or there is nothing to judge
    foreseen = bool(run.lacking) or not any(one.judged for one in run.scores)
    why, advice = story(run, findings, decision)
    return Result(
        verdict=decision.verdict,
        exit_code=decision.exit_code,
        smoke=scenario.smoke is not None,
        repeat_may_help=decision.verdict is Verdict.INCONCLUSIVE and not foreseen,
        reasons=decision.reasons,
        why=why,
        advice=advice,
        next=next_steps(scenario, decision.verdict, facts.argv, facts.run_dir, run.lacking),
        scenario=scenario.name,
        goal=scenario.goal,
        source=scenario.source,
        engine=Engine(
            name=facts.engine,
            version=facts.engine_version,
            shards=facts.shards,
            users=next(filter(None, (shard.engine_users for shard in recording.shards)), None),
            extension=next(filter(None, (shard.engine_extension for shard in recording.shards)), None),
            virtual_users=_virtual_users(recording.shards),
        ),
        host=scenario.shown_host,
        model=scenario.load.model,
        peak=scenario.load.peak,
        started_at=facts.started_at,
        planned_s=scenario.load.duration_s,
        ended_s=folded.ended_s,
        window=Window(*run.window),
        stages=folded.stages,
        counters=folded.counters,
        summary=folded.summary,
        scores=tuple(run.scores),
        findings=findings,
        resources=Resources(
            system=measured.system,
            generator=measured.generator,
            companions=measured.companions,
            series=measured.series,
            logs=measured.logs,
        ),
        profile=measured.profile,
        timeline=folded.timeline,
        examples=tuple(recording.examples),
        events=tuple(recording.events),
        run_dir=facts.run_dir,
    )


def _virtual_users(shards: Sequence[Shard]) -> VirtualUsers | None:
    counts = [shard.virtual_users for shard in shards if shard.virtual_users is not None]
    if not counts or len(counts) < len(shards):
        return None
    return VirtualUsers(
        sum(count.created for count in counts),
        sum(count.completed for count in counts),
        sum(count.failed for count in counts),
    )


def _quick_look(run: RunContext) -> QuickLook | None:
    smoke, total = run.scenario.smoke, run.folded.summary.total
    if smoke is None:
        return None
    left_out = [one.target for one in run.scores if not one.judged and smoke.leaves_out(one.target)]
    return QuickLook(left_out, total.completed - total.failed - total.rate_limited)


def _findings(run: RunContext, doubts: Sequence[Finding]) -> tuple[Finding, ...]:
    """All findings, the most severe first."""
    saturated = any(finding.voids == "all" for finding in doubts)
    questions = SYSTEM if saturated else (*SYSTEM, *TIMING)
    found = advised(run, [*doubts, *(finding for ask in questions for finding in ask(run))])
    return by_gravity(run, found)
