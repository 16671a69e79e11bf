"""Was the load made that was planned?

Closed model: fewer than 95 % of the users for more than 10 s. Users who ended by themselves are not missing: their
script took them away, so that is said and voids nothing; throughput and levels that they left are not exercised. Open
model: 1 % of the arrivals missing warns, 5 % voids (the limits of fortio; reasoned, not measured). Of both models:
5 % of the time in which the generator did not run void.
"""

from __future__ import annotations

from collections.abc import Iterator

from loadctl.analysis.run_context import Case
from loadctl.results.interval import SecondTotal
from loadctl.results.recording import LEVEL
from loadctl.results.verdict import Finding
from loadctl.scenario.units import format_count, format_duration, format_percent

REACHED_SHARE = 0.95
SHORT_FOR_S = 10
WARN_SHORT = 0.01
VOID_SHORT = 0.05


def load_findings(case: Case) -> list[Finding]:
    shaped = any(event.kind == LEVEL for event in case.recording.events)
    if not (case.planned or shaped) or not case.recording.seconds:
        return list(_stop_rule(case))
    closed = case.scenario.load.model == "closed"
    load = [*_users(case), *_ended_users(case)] if closed else [*_arrivals(case)]
    early = _ended_early(case) if case.planned else ()
    return [*early, *_stood_still(case), *load, *_stop_rule(case)]


def _ended_early(case: Case) -> Iterator[Finding]:
    planned, ended = case.scenario.load.duration_s, case.folded.ended_s
    explained = case.recording.stopped_early or case.recording.interrupted_by is not None
    if ended < planned and not explained:
        message = f"the load ended after {format_duration(ended)} of {format_duration(planned)}"
        yield Finding(
            "load-not-reached", "invalid", message, {"ended_s": ended, "planned_s": planned}, (), "pass"
        )


def _stood_still(case: Case) -> Iterator[Finding]:
    """Users of a generator that does not run are there and send nothing."""
    lost, length = case.stood_still, len(case.seconds)
    lost_s = sum(lost.values())
    if lost_s < 1 or lost_s <= VOID_SHORT * length:
        return
    of = f"{format_duration(round(lost_s))} of {format_duration(length)}"
    message = (
        f"no load was made in {of}, first at {case.recording.at(min(lost))}: the load generator stood still"
    )
    evidence = {"stood_still_s": round(lost_s, 1), "first_at_s": min(lost)}
    yield Finding("load-not-reached", "invalid", message, evidence, (), "pass")


def _stop_rule(case: Case) -> Iterator[Finding]:
    if case.recording.stopped_early is not None:
        yield Finding(
            "stopped-early", "critical", case.recording.stopped_early, {"ended_s": case.folded.ended_s}
        )


def _users(case: Case) -> Iterator[Finding]:
    """Seconds in which fewer users were active than planned; one user and 5 % are forgiven."""
    most = _enough(case.scenario.load.peak)
    seconds = case.seconds if case.planned else _held(case)
    short = [
        second for second in seconds if second.users < most and second.users < _enough(_wanted(case, second))
    ]
    allowed = min(SHORT_FOR_S, max(1, len(seconds) // 5))
    if len(short) <= allowed:
        return
    worst = min(short, key=lambda second: second.users / _wanted(case, second))
    message = (
        f"fewer users than planned for {format_duration(len(short))}: "
        f"{worst.users} of {_wanted(case, worst):.0f} at {case.recording.at(worst.t)}"
    )
    evidence = {"short_s": len(short), "users": worst.users, "planned": _wanted(case, worst)}
    lost = any(not shard.complete for shard in case.recording.shards)
    advice = () if lost else (f"more engine processes: --workers {max(2, 2 * len(case.recording.shards))}",)
    yield Finding("load-not-reached", "invalid", message, evidence, advice, "pass")


def _held(case: Case) -> list[SecondTotal]:
    """Of a script's own shape only its holds are exact."""
    holds = [(start, end) for start, end, stage in case.scenario.load.spans() if stage.holds]
    return [second for second in case.seconds if any(start <= second.t < end for start, end in holds)]


def _ended_users(case: Case) -> Iterator[Finding]:
    """Of the scored part, when most of them were away."""
    away = [second for second in case.seconds if second.ended]
    if not away:
        return
    most = max(away, key=lambda second: second.ended)
    planned = max(round(case.scenario.load.level_in(most.t)), most.ended + most.users)
    message = (
        f"{most.ended} of {planned} users ended by themselves, the first by {format_duration(away[0].t + 1)}"
    )
    silent = sum(not second.users for second in away)
    if silent:
        message += f"; for {format_duration(silent)} no user was left"
    evidence = {"ended": most.ended, "planned": planned, "first_at_s": away[0].t, "without_users_s": silent}
    advice = ("users that their script ends (StopUser and the like) come back at the plan's next level",)
    yield Finding("users-ended", "warning", message, evidence, advice)


def _wanted(case: Case, second: SecondTotal) -> float:
    """What is planned, without those who ended by themselves."""
    return _least(case, second.t) - second.ended


def _enough(planned: float) -> float:
    return min(REACHED_SHARE * planned, planned - 1)


def _least(case: Case, t: int) -> float:
    """The lower of the levels planned at both ends of the second: a ramp may be anywhere between."""
    load = case.scenario.load
    return min(load.level_at(t), load.level_at(t + 0.999))


def _advice(case: Case, *, mostly_dropped: bool) -> str:
    if not mostly_dropped:
        return f"more engine processes: --workers {max(2, 2 * len(case.recording.shards))}"
    cap, rate = case.scenario.max_in_flight, case.scenario.load.peak
    turn = format_duration(cap / rate)
    return (
        f"{rate:g}/s with at most {format_count(cap)} in flight needs turns of {turn} or less: "
        "make the system faster, or raise max_in_flight"
    )


def _arrivals(case: Case) -> Iterator[Finding]:
    start, end = case.window
    load = case.scenario.load
    due = load.arrivals_due(end) - load.arrivals_due(start)
    begun = sum(second.begun for second in case.seconds)
    dropped = sum(second.dropped for second in case.seconds)
    forgiven = 1 + len(case.recording.shards)
    missing = due - begun
    script = case.scenario.script
    if script is not None and script.own_load and script.loose_arrivals:
        return
    if missing <= max(forgiven, WARN_SHORT * due):
        return
    share = missing / due
    missing_pct = format_percent(share * 100, 1)
    message = f"{format_count(begun)} of {format_count(due)} planned arrivals began ({missing_pct} missing)"
    if dropped:
        message += (
            f"; {format_count(dropped)} were dropped at {format_count(case.scenario.max_in_flight)} in flight"
        )
    evidence = {"due": round(due), "begun": begun, "dropped": dropped, "share_missing": round(share, 4)}
    advice = (_advice(case, mostly_dropped=2 * dropped > missing),)
    if share > VOID_SHORT:
        yield Finding("load-not-reached", "invalid", message, evidence, advice, "pass")
    else:
        yield Finding("load-not-reached", "warning", message, evidence, advice)
