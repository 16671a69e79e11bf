"""Where seconds may not be added together: something else begins there."""

from __future__ import annotations

import math
from collections.abc import Sequence

from loadctl.results.load_seen import edges_told
from loadctl.results.profile import marked_seconds
from loadctl.results.recording import LEVEL, Event
from loadctl.scenario.load import Load

EDGE_KINDS = frozenset({"stop", "signal", "users", LEVEL, "profile_started", "profile_stopped"})
"""Of the events that `edges` looks at."""


def edges(load: Load, events: Sequence[Event]) -> list[int]:
    """Seconds at which something else begins: a stage, the drain, a part that is never scored. Ascending.

    `fold` puts a span into one place, so that none may reach across these.
    """
    ends = [end for _, end, _ in load.spans()] or edges_told(events)
    found = {math.ceil(t) for t in (*ends, *stops(events))}
    marked = marked_seconds(events)
    found |= {t for t in marked if t - 1 not in marked} | {t + 1 for t in marked if t + 1 not in marked}
    return sorted(found)


def stops(events: Sequence[Event]) -> list[float]:
    return [event.t for event in events if event.kind in {"stop", "signal"}]
