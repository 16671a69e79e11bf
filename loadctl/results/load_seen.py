"""The load of a run without a plan, as it was seen: steered by hand, or made by a script."""

from __future__ import annotations

import math
from collections.abc import Sequence

from loadctl.results.recording import Event, Recording
from loadctl.scenario.load import Load, Model, Stage
from loadctl.scenario.steered import Wish, steered


def load_seen(recording: Recording, model: Model) -> Load:
    """What was wished when; of a script one stage, as long as the recording, at the most users seen."""
    length = max((second.t + 1 for second in recording.seconds), default=0)
    if wishes := _wishes(recording.events):
        return steered(wishes, length)
    most = max((second.users for second in recording.seconds), default=0)
    return Load(model, [Stage(most, most, length, "the script's own load")])


def steered_edges(events: Sequence[Event]) -> list[float]:
    """Where the stages of a load that was steered by hand meet, in seconds since its start, however long it lasts."""
    ends = (end for _, end, _ in steered(_wishes(events), math.inf).spans())
    return [end for end in ends if math.isfinite(end)]


def _wishes(events: Sequence[Event]) -> list[Wish]:
    return [
        Wish(event.t, int(event.detail["users"] or 0), float(event.detail["per_s"] or 1.0))
        for event in events
        if event.kind == "users"
    ]
