"""Where seconds may not be added together: something else begins there."""

from __future__ import annotations

import math
from collections.abc import Sequence

from loadctl.results.profile import marked_seconds
from loadctl.results.recording import LEVEL, Event, Recording
from loadctl.scenario.load import (
    LevelChange,
    Load,
    Model,
    Stage,
    load_by_hand,
    load_of_shape,
    shape_boundaries,
)


def load_seen(recording: Recording, model: Model) -> Load:
    """As recorded while it went; for a script that recorded nothing one stage, as long as the recording, at the most
    users seen."""
    length = _length_s(recording)
    recorded = recorded_load(recording)
    if recorded.stages:
        return recorded
    most = max((second.users for second in recording.seconds), default=0)
    return Load(model, [Stage(most, most, length, "the script's own load")])


def recorded_load(recording: Recording) -> Load:
    """The stages of a load that was steered by hand or by a script's own shape; none where nothing was recorded."""
    length = _length_s(recording)
    if levels := _levels(recording.events):
        return load_of_shape(levels, length)
    return load_by_hand(_steps(recording.events), length)


def recorded_boundaries(events: Sequence[Event]) -> list[float]:
    """Where the stages of such a load can meet, in seconds since its start, however long it lasts."""
    if levels := _levels(events):
        return shape_boundaries(levels)
    ends = (end for _, end, _ in load_by_hand(_steps(events), math.inf).spans())
    return [end for end in ends if math.isfinite(end)]


def level_event(wish: LevelChange) -> Event:
    """What is written down when a script's own shape says how many users it wants."""
    message = "the script's load ends" if wish.ends else f"to {wish.users} users, {wish.per_s:g}/s"
    return Event(wish.t, LEVEL, message, {"users": wish.users, "per_s": wish.per_s})


def _length_s(recording: Recording) -> int:
    return max((second.t + 1 for second in recording.seconds), default=0)


def _levels(events: Sequence[Event]) -> list[LevelChange]:
    return [_wish(event, 0.0) for event in events if event.kind == LEVEL]


def _steps(events: Sequence[Event]) -> list[LevelChange]:
    return [_wish(event, 1.0) for event in events if event.kind == "users"]


def _wish(event: Event, least_per_s: float) -> LevelChange:
    return LevelChange(event.t, int(event.detail["users"] or 0), float(event.detail["per_s"] or least_per_s))


BOUNDARY_KINDS = frozenset({"stop", "signal", "users", LEVEL, "profile_started", "profile_stopped"})
"""Of the events that `boundaries` looks at."""


def boundaries(load: Load, events: Sequence[Event]) -> list[int]:
    """Seconds at which something else begins: a stage, the drain, a part that is never scored. Ascending.

    `fold` puts a span into one place, so that none may reach across these.
    """
    ends = [end for _, end, _ in load.spans()] or recorded_boundaries(events)
    found = {math.ceil(t) for t in (*ends, *stops(events))}
    marked = marked_seconds(events)
    found |= {t for t in marked if t - 1 not in marked} | {t + 1 for t in marked if t + 1 not in marked}
    return sorted(found)


def stops(events: Sequence[Event]) -> list[float]:
    return [event.t for event in events if event.kind in {"stop", "signal"}]
