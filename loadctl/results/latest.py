"""The last minute of everything that is watched, for a screen that is redrawn. Never scored."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from loadctl.results.recording import Event, Reading

HISTORY = 60
_ENTITIES_MAX = 200


@dataclass(slots=True)
class Entity:
    """The newest reading of one thing that is watched, and the course of its numbers."""

    reading: Reading
    courses: dict[str, deque[float]] = field(default_factory=dict)
    totals: dict[str, float] = field(default_factory=dict)
    """Sums of values since the beginning, for what is counted by the second (log_lines, log_errors)."""


@dataclass(slots=True)
class Latest:
    """Fed with readings and events as they come; memory does not grow with time."""

    t: float = 0.0
    entities: dict[tuple[str, str, str], Entity] = field(default_factory=dict)
    events: deque[Event] = field(default_factory=lambda: deque(maxlen=HISTORY))

    def add(self, seen: Reading | Event) -> None:
        self.t = max(self.t, seen.t)
        if isinstance(seen, Event):
            self.events.append(seen)
            return
        key = (seen.subject, seen.source, seen.entity)
        if key not in self.entities and len(self.entities) >= _ENTITIES_MAX:
            return
        entity = self.entities.setdefault(key, Entity(seen))
        entity.reading = seen
        for name, value in seen.values.items():
            entity.courses.setdefault(name, deque(maxlen=HISTORY)).append(value)
            entity.totals[name] = entity.totals.get(name, 0.0) + value

    def of(self, subject: str) -> Mapping[str, Entity]:
        """By kind and name, in the order in which they were first seen."""
        return {
            f"{source} {entity}": found
            for (who, source, entity), found in self.entities.items()
            if who == subject
        }
