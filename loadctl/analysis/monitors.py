"""Was everything watched that should have been? A lost source is told, with its reason; it is never a zero."""

from __future__ import annotations

from collections.abc import Iterator

from loadctl.analysis.case import Case
from loadctl.results.finding import Finding
from loadctl.results.recording import Event
from loadctl.scenario.units import format_duration


def monitor_findings(case: Case) -> list[Finding]:
    """`monitor-lost`, one a source."""
    lost: dict[str, list[Event]] = {}
    for event in case.recording.events:
        if event.kind in {"monitor_lost", "monitor_back"}:
            lost.setdefault(str(event.detail.get("source", "")), []).append(event)
    return list(_findings(case, lost))


def _findings(case: Case, lost: dict[str, list[Event]]) -> Iterator[Finding]:
    end = max(case.recording.seconds[-1].t + 1.0 if case.recording.seconds else 0.0, case.window[1])
    for source, events in lost.items():
        spans = list(_spans(events, end))
        if not spans:
            continue
        total = sum(until - since for since, until in spans)
        first = next(event for event in events if event.kind == "monitor_lost")
        reason = first.message.removeprefix(f"{source}: ")
        times = "" if len(spans) == 1 else f", {len(spans)} times"
        came_back = "to the end" if spans[-1][1] >= end else f"for {format_duration(round(total, 1))}"
        message = (
            f"{source} could not be read {came_back}{times}, from {case.recording.at(first.t)} on: {reason}"
        )
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
