"""Is anything missing from the data? A recorder that did not finish, frames that do not add up, clocks that stepped."""

from __future__ import annotations

from collections.abc import Iterator

from loadctl.analysis.run_context import RunContext
from loadctl.results.recording import Event
from loadctl.results.verdict import Finding
from loadctl.scenario.units import format_count, format_duration

MISSING_SHARE = 0.05
DIFFERENCE_SHARE = 0.001


def completeness_findings(run: RunContext) -> list[Finding]:
    return [*_shards(run), *_totals(run), *_gaps(run), *_notes(run), *_clock(run)]


def _shards(run: RunContext) -> Iterator[Finding]:
    shards = run.recording.shards
    lost = [shard for shard in shards if not shard.complete]
    never_begun = bool(run.recording.failure) and not run.recording.seconds
    if not lost or run.recording.interrupted_by is not None:
        return
    if never_begun and all(shard.hello for shard in shards):  # they were ready, and were sent home
        return
    which = ", ".join(str(shard.index) for shard in lost)
    last = min((shard.last_t for shard in lost if shard.last_t is not None), default=None)
    since = "" if last is None else f", the first stopped after {format_duration(last + 1)}"
    message = f"{len(lost)} of {len(shards)} engine processes did not finish (shard {which}){since}"
    advice = ("read its last output in engine/ in the run directory",)
    yield Finding(
        "data-incomplete", "invalid", message, {"lost": len(lost), "shards": len(shards)}, advice, "pass"
    )


def _totals(run: RunContext) -> Iterator[Finding]:
    """The recorders' own totals against the sum of their frames."""
    shards = run.recording.shards
    if not shards or not all(shard.complete for shard in shards):
        return
    seconds = run.recording.seconds
    sums = {
        "completed": sum(second.completed + second.generator_faults for second in seconds),
        "failed": sum(second.failures for second in seconds),
    }
    for name, in_frames in sums.items():
        if not all(name in shard.totals for shard in shards):
            continue
        counted = sum(shard.totals[name] for shard in shards)
        if counted == in_frames:
            continue
        counts = f"{format_count(counted)} {name} requests, but their frames hold {format_count(in_frames)}"
        message = f"the recorders counted {counts}"
        evidence = {"counted": counted, "in_frames": in_frames}
        if abs(counted - in_frames) > DIFFERENCE_SHARE * max(counted, in_frames):
            yield Finding("data-incomplete", "invalid", message, evidence, voids="pass")
        else:
            yield Finding("data-incomplete", "warning", message, evidence)


def _gaps(run: RunContext) -> Iterator[Finding]:
    """Seconds of the window that no recorder reported."""
    start, end = run.window
    expected = set(range(int(start), int(end)))
    missing = expected - {second.t for second in run.recording.seconds}
    if len(missing) > max(1, MISSING_SHARE * len(expected)):
        message = f"{len(missing)} of {len(expected)} seconds of the scored window were not reported"
        evidence = {"missing_s": len(missing), "first_at_s": min(missing)}
        yield Finding("data-incomplete", "invalid", message, evidence, (), "pass")


def _notes(run: RunContext) -> Iterator[Finding]:
    notes = dict.fromkeys(note for shard in run.recording.shards for note in shard.notes)
    for note in notes:
        yield Finding("recorder-note", "info", note)


def _clock(run: RunContext) -> Iterator[Finding]:
    steps = [event for event in run.recording.events if event.kind == "clock_step"]
    if steps:
        message = (
            f"the wall clock was changed during the run ({steps[0].message}); durations are not affected"
        )
        yield Finding("clock-step", "info", message, {"steps": len(steps), "first_at_s": steps[0].t})


def monitor_findings(run: RunContext) -> list[Finding]:
    """`monitor-lost`, one a source."""
    lost: dict[str, list[Event]] = {}
    for event in run.recording.events:
        if event.kind in {"monitor_lost", "monitor_back"}:
            lost.setdefault(str(event.detail.get("source", "")), []).append(event)
    return list(_findings(run, lost))


def _findings(run: RunContext, lost: dict[str, list[Event]]) -> Iterator[Finding]:
    end = max(run.recording.seconds[-1].t + 1.0 if run.recording.seconds else 0.0, run.window[1])
    for source, events in lost.items():
        spans = list(_spans(events, end))
        if not spans:
            continue
        total = sum(until - since for since, until in spans)
        first = next(event for event in events if event.kind == "monitor_lost")
        reason = first.message.removeprefix(f"{source}: ")
        at, lasted = run.at(first.t), format_duration(round(total, 1))
        if len(spans) > 1:
            gap = f"{len(spans)} times, for {lasted} in total, first at {at}"
        else:
            gap = f"from {at} to the end" if spans[-1][1] >= end else f"for {lasted} from {at} on"
        message = f"{source} could not be read {gap}: {reason}"
        evidence = {"lost_s": round(total, 1), "times": len(spans), "first_at_s": first.t}
        yield Finding("monitor-lost", "warning", message, evidence)


def _spans(events: list[Event], end: float) -> Iterator[tuple[float, float]]:
    since: float | None = None
    for event in sorted(events, key=lambda event: event.t):
        if event.kind == "monitor_lost":
            since = event.t if since is None else since
        elif since is not None:
            yield since, event.t
            since = None
    if since is not None and since < end:
        yield since, end
