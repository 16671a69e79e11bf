"""The seam between a run and whatever is watched during it; a new kind of monitor is one file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol, TypeAlias

from loadctl.results.recording import Event, Reading

Observation: TypeAlias = Reading | Event
Detail: TypeAlias = Mapping[str, str | float | int | None]
"""Of an event."""


class Sheet(NamedTuple):
    """The values of a reading in the making; a note says why a value is missing, or qualifies one."""

    values: dict[str, float]
    notes: dict[str, str]


class Source(Protocol):
    """Something that can be watched: a process tree, a container, a metrics page, a log.

    All sources share the sampler's one thread, so `sample` returns within milliseconds: one that talks to a
    network collects in a thread of its own and hands over what has arrived, with the times it was read at.
    What `sample` raises becomes a gap and an event; it never reaches the run.
    """

    @property
    def name(self) -> str:
        """Kind and entity, as "process uvicorn pid 4312"; the kind is one word."""

    @property
    def subject(self) -> str:
        """ "system", "generator" or "host": what a gap of this source is a gap of."""

    @property
    def period_s(self) -> float: ...

    def sample(self, t: float) -> Iterable[Observation]:
        """What is seen now, `t` seconds after t0; what cannot be read is left out with a note, never a 0."""

    def close(self, t: float) -> Iterable[Observation]:
        """The last observations at the end of the watch; releases connections and threads. Called once."""
