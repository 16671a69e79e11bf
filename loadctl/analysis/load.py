"""Was the load made that was planned?

Closed model: fewer than 95 % of the users for more than 10 s. Users who ended by themselves are not missing: their
script took them away, so that is said and voids nothing; throughput and levels that they left are not exercised. Open
model: 1 % of the arrivals missing warns, 5 % voids (the limits of fortio; reasoned, not measured). Of both models:
5 % of the time in which the generator did not run void.
"""

from __future__ import annotations

from collections.abc import Iterator

from loadctl.analysis.run_context import RunContext
from loadctl.results.interval import SecondTotal
from loadctl.results.recording import LEVEL
from loadctl.results.verdict import Evidence, Finding
from loadctl.scenario.units import format_count, format_duration, format_percent

REACHED_SHARE = 0.95
SHORT_FOR_S = 10
WARN_SHORT = 0.01
VOID_SHORT = 0.05


def load_findings(run: RunContext) -> list[Finding]:
    shaped = any(event.kind == LEVEL for event in run.recording.events)
    if not (run.planned or shaped) or not run.recording.seconds:
        return list(_stop_rule(run))
    closed = run.scenario.load.model == "closed"
    load = [*_users(run), *_ended_users(run)] if closed else [*_arrivals(run)]
    early = _ended_early(run) if run.planned else ()
    return [*early, *_stood_still(run), *load, *_stop_rule(run)]


def _ended_early(run: RunContext) -> Iterator[Finding]:
    planned, ended = run.scenario.load.duration_s, run.folded.ended_s
    explained = run.recording.stopped_early or run.recording.interrupted_by is not None
    if ended < planned and not explained:
        message = f"the load ended after {format_duration(ended)} of {format_duration(planned)}"
        yield Finding(
            "load-not-reached", "invalid", message, {"ended_s": ended, "planned_s": planned}, (), "pass"
        )


def _stood_still(run: RunContext) -> Iterator[Finding]:
    """While the generator does not run, its users exist and send nothing."""
    lost, length = run.stood_still, len(run.seconds)
    lost_s = sum(lost.values())
    if lost_s < 1 or lost_s <= VOID_SHORT * length:
        return
    of = f"{format_duration(round(lost_s))} of {format_duration(length)}"
    message = f"no load was generated for {of}, first at {run.at(min(lost))}: the load generator stood still"
    evidence = {"stood_still_s": round(lost_s, 1), "first_at_s": min(lost)}
    yield Finding("load-not-reached", "invalid", message, evidence, (), "pass")


def _stop_rule(run: RunContext) -> Iterator[Finding]:
    if run.recording.stopped_early is not None:
        yield Finding(
            "stopped-early", "critical", run.recording.stopped_early, {"ended_s": run.folded.ended_s}
        )


def _users(run: RunContext) -> Iterator[Finding]:
    """Seconds in which fewer users were active than planned; one user and 5 % are forgiven."""
    most = _enough(run.scenario.load.peak)
    seconds = run.seconds if run.planned else _held(run)
    short = [
        second for second in seconds if second.users < most and second.users < _enough(_wanted(run, second))
    ]
    allowed = min(SHORT_FOR_S, max(1, len(seconds) // 5))
    if len(short) <= allowed:
        return
    worst = min(short, key=lambda second: second.users / _wanted(run, second))
    message = (
        f"fewer users than planned for {format_duration(len(short))}: "
        f"{worst.users} of {_wanted(run, worst):.0f} at {run.at(worst.t)}"
    )
    evidence = {"short_s": len(short), "users": worst.users, "planned": _wanted(run, worst)}
    lost = any(not shard.complete for shard in run.recording.shards)
    advice = (
        () if lost else (f"use more engine processes: --workers {max(2, 2 * len(run.recording.shards))}",)
    )
    yield Finding("load-not-reached", "invalid", message, evidence, advice, "pass")


def _held(run: RunContext) -> list[SecondTotal]:
    """The seconds of held levels: only they are known exactly of a script's own shape."""
    holds = [(start, end) for start, end, stage in run.scenario.load.spans() if stage.holds]
    return [second for second in run.seconds if any(start <= second.t < end for start, end in holds)]


def _ended_users(run: RunContext) -> Iterator[Finding]:
    """`users-ended`, with their number when most of them were away."""
    away = [second for second in run.seconds if second.ended]
    if not away:
        return
    most = max(away, key=lambda second: second.ended)
    planned = max(round(run.scenario.load.level_in(most.t)), most.ended + most.users)
    message = f"{most.ended} of {planned} users ended by themselves, the first after {format_duration(away[0].t + 1)}"
    silent = sum(not second.users for second in away)
    if silent:
        message += f"; for {format_duration(silent)} no user was left"
    evidence = {"ended": most.ended, "planned": planned, "first_at_s": away[0].t, "without_users_s": silent}
    advice = ("users ended by their script (as by StopUser) come back at the next level of the plan",)
    yield Finding("users-ended", "warning", message, evidence, advice)


def _wanted(run: RunContext, second: SecondTotal) -> float:
    """What is planned, without those who ended by themselves."""
    return _least(run, second.t) - second.ended


def _enough(planned: float) -> float:
    return min(REACHED_SHARE * planned, planned - 1)


def _least(run: RunContext, t: int) -> float:
    """The lower of the levels planned at both ends of the second: a ramp may be anywhere between."""
    load = run.scenario.load
    return min(load.level_at(t), load.level_at(t + 0.999))


def _advice(run: RunContext, *, mostly_dropped: bool) -> str:
    if not mostly_dropped:
        return f"use more engine processes: --workers {max(2, 2 * len(run.recording.shards))}"
    cap, rate = run.scenario.max_in_flight, run.scenario.load.peak
    turn = format_duration(cap / rate)
    return (
        f"{rate:g}/s with at most {format_count(cap)} in flight needs turns of {turn} or less: "
        "make the system faster, or raise max_in_flight"
    )


def _arrivals(run: RunContext) -> Iterator[Finding]:
    start, end = run.window
    load = run.scenario.load
    due = load.arrivals_due(end) - load.arrivals_due(start)
    begun = sum(second.begun for second in run.seconds)
    dropped = sum(second.dropped for second in run.seconds)
    forgiven = 1 + len(run.recording.shards)
    missing = due - begun
    script = run.scenario.script
    if script is not None and script.own_load and script.loose_arrivals:
        return
    if missing <= max(forgiven, WARN_SHORT * due):
        return
    share = missing / due
    missing_pct = format_percent(share * 100, 1)
    message = f"{format_count(begun)} of {format_count(due)} planned arrivals began ({missing_pct} missing)"
    if dropped:
        full = format_count(run.scenario.max_in_flight)
        message += f"; {format_count(dropped)} were dropped because {full} were in flight"
    evidence: Evidence = {
        "due": round(due),
        "begun": begun,
        "dropped": dropped,
        "share_missing": round(share, 4),
    }
    advice = (_advice(run, mostly_dropped=2 * dropped > missing),)
    yield missing_arrivals(share, message, evidence, advice)


def missing_arrivals(share: float, message: str, evidence: Evidence, advice: tuple[str, ...] = ()) -> Finding:
    """1 % missing warns, 5 % voids."""
    if share > VOID_SHORT:
        return Finding("load-not-reached", "invalid", message, evidence, advice, "pass")
    return Finding("load-not-reached", "warning", message, evidence, advice)
