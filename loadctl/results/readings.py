"""Readings in columns: a recording of hours holds a hundred thousand of them, and is asked about them again and again.

Those with the same subject, source, entity and names of values share a table, which holds their numbers side by side.
A part of them (a subject, a source, a span of time) is a row from and a row to in such tables: nothing is copied.
"""

from __future__ import annotations

import heapq
from array import array
from bisect import bisect_left, bisect_right
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from operator import attrgetter
from typing import NamedTuple, TypeAlias, TypeVar

from loadctl.results.recording import Event, Reading

_Key = TypeVar("_Key")
_Names: TypeAlias = tuple[str, ...]
_Facts: TypeAlias = tuple[Mapping[str, str], str | None]
"""The notes and the gap of a reading."""


class Origin(NamedTuple):
    """Of whom, by what kind of monitor, of which thing: see Reading."""

    subject: str
    source: str
    entity: str


@dataclass(slots=True)
class _Table:
    """A row a reading; in order of time once it is full."""

    origin: Origin
    names: _Names
    t: array[float] = field(default_factory=lambda: array("d"))
    order: array[int] = field(default_factory=lambda: array("L"))
    """Which of all readings it was, as they came; decides between those of one time."""
    numbers: array[float] = field(default_factory=lambda: array("d"))
    """Row by row, in the order of `names`."""
    facts: list[_Facts] = field(default_factory=list)
    """Those that are equal are one object."""
    latest: _Facts = ({}, None)
    """The facts of the last row."""

    def sort(self) -> None:
        t, width = self.t, len(self.names)
        if all(map(float.__le__, t, t[1:])):
            return
        rows = sorted(range(len(t)), key=t.__getitem__)
        self.numbers = array("d", (x for row in rows for x in self.numbers[row * width : (row + 1) * width]))
        self.facts = [self.facts[row] for row in rows]
        self.t, self.order = (
            array("d", map(t.__getitem__, rows)),
            array("L", map(self.order.__getitem__, rows)),
        )


@dataclass(frozen=True, slots=True)
class _Part:
    """The rows `first` up to `last`, that one not, of a table; never none of them."""

    table: _Table
    first: int
    last: int

    @property
    def began(self) -> tuple[float, int]:
        return self.table.t[self.first], self.table.order[self.first]

    @property
    def facts(self) -> Sequence[_Facts]:
        return self.table.facts[self.first : self.last]

    @property
    def t(self) -> array[float]:
        return self.table.t[self.first : self.last]

    @property
    def order(self) -> array[int]:
        return self.table.order[self.first : self.last]

    def column(self, name: str) -> array[float]:
        """Raises: ValueError where it has no such name."""
        names = self.table.names
        place, width = names.index(name), len(names)
        return self.table.numbers[self.first * width + place : self.last * width : width]

    def between(self, start_s: float, end_s: float) -> _Part | None:
        t = self.table.t
        first = bisect_right(t, start_s, self.first, self.last)
        last = bisect_right(t, end_s, first, self.last)
        return _Part(self.table, first, last) if first < last else None

    def last_note(self, name: str) -> tuple[float, int, str] | None:
        """t, order and what was noted under this name."""
        table = self.table
        for row in range(self.last - 1, self.first - 1, -1):
            if name in table.facts[row][0]:
                return table.t[row], table.order[row], table.facts[row][0][name]
        return None

    def rows(self) -> Iterator[tuple[float, int, _Table, int]]:
        """(t, order, table, row); no two have the same order."""
        for row in range(self.first, self.last):
            yield self.table.t[row], self.table.order[row], self.table, row


class Columns:
    """Readings as they come, put into columns; to be asked once all are there."""

    def __init__(self) -> None:
        self._tables: dict[tuple[str, str, str, _Names], _Table] = {}
        self._facts: dict[tuple[object, str | None], _Facts] = {}
        self._count = 0

    def add(self, seen: Reading) -> None:
        values, notes, gap = seen.values, seen.notes, seen.gap
        key = (seen.subject, seen.source, seen.entity, tuple(values))
        table = self._tables.get(key)
        if table is None:
            table = self._tables[key] = _Table(Origin(*key[:3]), key[3])
        table.t.append(seen.t)
        table.order.append(self._count)
        table.numbers.extend(values.values())
        latest = table.latest
        if latest[0] != notes or latest[1] != gap:  # they seldom change from one row to the next
            latest = table.latest = self._shared(notes, gap)
        table.facts.append(latest)
        self._count += 1

    def readings(self) -> Readings:
        tables = self._tables.values()
        for table in tables:
            table.sort()
        return Readings(tuple(_Part(table, 0, len(table.t)) for table in tables))

    def _shared(self, notes: Mapping[str, str], gap: str | None) -> _Facts:
        key = (tuple(notes.items()), gap)
        found = self._facts.get(key)
        if found is None:
            found = self._facts[key] = (notes, gap)
        return found


class Readings(Collection[Reading]):
    """Readings in order of time; those of one time as they came. Nobody changes them any more."""

    __slots__ = ("_parts",)

    def __init__(self, parts: tuple[_Part, ...] = ()) -> None:
        self._parts = parts

    @staticmethod
    def of(readings: Iterable[Reading]) -> Readings:
        if isinstance(readings, Readings):
            return readings
        made = Columns()
        for one in readings:
            made.add(one)
        return made.readings()

    def __len__(self) -> int:
        return sum(part.last - part.first for part in self._parts)

    def __iter__(self) -> Iterator[Reading]:
        """Made one by one: what asks for many numbers is better off with columns."""
        for t, _, table, row in heapq.merge(*(part.rows() for part in self._parts)):
            width = len(table.names)
            numbers = table.numbers[row * width : (row + 1) * width]
            yield Reading(t, *table.origin, dict(zip(table.names, numbers, strict=True)), *table.facts[row])

    def __contains__(self, reading: object) -> bool:
        return any(one == reading for one in self)

    def __eq__(self, other: object) -> bool:
        """With any others, in whatever form they are held."""
        return isinstance(other, Collection) and len(self) == len(other) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # as of a list

    def split(self, key: Callable[[Origin], _Key]) -> dict[_Key, Readings]:
        """By what `key` makes of their origins, in the order in which each first comes."""
        found: dict[_Key, list[_Part]] = defaultdict(list)
        for part in sorted(self._parts, key=attrgetter("began")):
            found[key(part.table.origin)].append(part)
        return {name: Readings(tuple(parts)) for name, parts in found.items()}

    def of_source(self, source: str) -> Readings:
        return Readings(tuple(part for part in self._parts if part.table.origin.source == source))

    def between(self, start_s: float, end_s: float) -> Readings:
        """A reading at t describes the time before t, so one at `start_s` is left out and one at `end_s` is kept."""
        return self._cut([(start_s, end_s)])

    def without(self, seconds: Collection[int]) -> Readings:
        """Without those that describe these seconds: second s is described by readings in (s, s+1]."""
        starts = [-inf, *(float(s + 1) for s in sorted(seconds) if s + 1 not in seconds)]
        ends = [*(float(s) for s in sorted(seconds) if s - 1 not in seconds), inf]
        return self._cut(zip(starts, ends, strict=True))

    @property
    def measured(self) -> Readings:
        """Those that have values."""
        return Readings(tuple(part for part in self._parts if part.table.names))

    @property
    def names(self) -> set[str]:
        """Of the values that any of them has."""
        return {name for part in self._parts for name in part.table.names}

    @property
    def entities(self) -> list[str]:
        """In the order in which each first comes."""
        return list(self.split(attrgetter("entity")))

    @property
    def sources(self) -> set[str]:
        return {part.table.origin.source for part in self._parts}

    @property
    def gaps(self) -> list[str]:
        """The reasons, in order of time."""
        return [gap for _, _, gap in self._gaps()]

    @property
    def gap_times(self) -> list[float]:
        """In order."""
        return [t for t, _, _ in self._gaps()]

    def note(self, name: str) -> str | None:
        """The last that was noted under this name."""
        noted = [found for part in self._parts if (found := part.last_note(name)) is not None]
        return max(noted)[2] if noted else None

    def values(self, name: str) -> Sequence[float]:
        """One metric, in order of time, of those that have it."""
        return self._column(name)[1]

    def series(self, name: str) -> list[tuple[float, float]]:
        """(t, value) of one metric, in order of time."""
        return list(zip(*self._column(name), strict=True))

    def last(self, name: str) -> float:
        """The value at the latest time; of several then, the one that came first. Raises: IndexError for none."""
        times, values = self._column(name)
        return values[bisect_left(times, times[-1])]

    def highest(self, name: str) -> float | None:
        return max((max(part.column(name)) for part in self._with(name)), default=None)

    def pairs(self, name: str, other: str) -> Iterator[tuple[float, float | None]]:
        """Each value of one metric, and what the same reading has of another; in no certain order."""
        for part in self._with(name):
            beside = part.column(other) if other in part.table.names else [None] * (part.last - part.first)
            yield from zip(part.column(name), beside, strict=True)

    def _gaps(self) -> list[tuple[float, int, str]]:
        return sorted(
            (t, order, gap)
            for part in self._parts
            for t, order, (_, gap) in zip(part.t, part.order, part.facts, strict=True)
            if gap
        )

    def _cut(self, spans: Iterable[tuple[float, float]]) -> Readings:
        cut = (part.between(start, end) for start, end in spans for part in self._parts)
        return Readings(tuple(part for part in cut if part is not None))

    def _with(self, name: str) -> list[_Part]:
        return [part for part in self._parts if name in part.table.names]

    def _column(self, name: str) -> tuple[Sequence[float], Sequence[float]]:
        """Times and values, in order of time."""
        parts = self._with(name)
        if len(parts) == 1:
            return parts[0].t, parts[0].column(name)
        rows = sorted(
            row for part in parts for row in zip(part.t, part.order, part.column(name), strict=True)
        )
        return [t for t, _, _ in rows], [value for _, _, value in rows]


NONE = Readings()


HISTORY = 60
_ENTITIES_MAX = 200


@dataclass(slots=True)
class Entity:
    """The newest reading of one thing that is watched, and its last numbers."""

    reading: Reading
    history: dict[str, deque[float]] = field(default_factory=dict)
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
            entity.history.setdefault(name, deque(maxlen=HISTORY)).append(value)
            entity.totals[name] = entity.totals.get(name, 0.0) + value

    def of(self, subject: str) -> Mapping[str, Entity]:
        """By kind and name, in the order in which they were first seen."""
        return {
            f"{source} {entity}": found
            for (who, source, entity), found in self.entities.items()
            if who == subject
        }
