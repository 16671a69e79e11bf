"""A recording: everything that was measured in one run, as read back from its directory. Scoring needs nothing else."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import msgspec

from loadctl.results.histogram import Packed
from loadctl.results.interval import Interval, SecondTotal
from loadctl.results.wire.record import Record, Time, Whole, written
from loadctl.scenario.units import format_moment


class Reading(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What one source saw of one subject at one time.

    `subject` is "system", "companion" (recorded beside it), "generator" or "host". `source` is the kind of monitor
    ("process", "container", …),
    `entity` names what was read ("uvicorn pid 4312"). `values` holds numbers by metric name with their unit in the name
    (cpu_pct, cpu_cores, memory_bytes, …). A reading without values is a gap: `gap` says why, and is never a zero.
    """

    t: Time
    subject: str
    source: str
    entity: str
    values: Mapping[str, float] = {}
    notes: Mapping[str, str] = {}
    """Facts that are not numbers, such as memory_kind: "PSS" or cpu_of: "4 cores"."""
    gap: str | None = None


END = "end"
"""Kind of the event that ends a run (only `after` comes later); without it, loadctl itself was killed."""


LEVEL = "level"


class Event(Record, frozen=True):
    """Something that happened at a time: a stage began, the system restarted, a shard died, a signal came.

    Kinds: stage, users (so many are wanted now), level (so many a script's own shape wants), signal, stop;
    shard_exit, shard_killed;
    service_restarted, service_crashed, service_down, service_up, worker_ended, worker_restarted;
    clock_step, monitor_lost, monitor_back; health_changed, replicas_changed, oom_kill;
    profile_started, profile_stopped, profile_failed; several_workers, query_failed; before, after;
    log_error (one of the first of its kind), log_messages (at the end: a frequent one), log_rotated.
    """

    t: float = msgspec.field(name="t_s")
    """Seconds since the load began."""
    kind: str
    """What happened: stage, signal, service_crashed, monitor_lost, log_error and others."""
    message: str
    """The same in words."""
    detail: Mapping[str, str | float | int | None] = written({})
    """Figures and names that belong to it."""


class Example(Record, frozen=True):
    """One of the first failures of an endpoint and class, secrets redacted."""

    t: Time = msgspec.field(name="t_s")
    """Seconds since the load began."""
    endpoint: str
    """Method and path, or the name of the request."""
    error_class: str
    """How it failed: timeout, connect_refused, status_503, check_failed and others."""
    status: Whole | None = written(None)
    """Of the answer; null where none came."""
    message: str = written("")
    """What the recorder saw."""
    body: str = written("")
    """The beginning of the answer."""
    stale: bool = False
    """The server ended the kept connection on which the request went out, before any of the answer came."""


class ScriptFault(msgspec.Struct, frozen=True):
    """An exception that a script raised outside its tasks: in a listener, a hook or a greenlet."""

    t: Time
    message: str
    where: str
    """File and line, "own.py:12"; "" where they are not known."""


class VirtualUsers(Record, frozen=True):
    """The engine's own count of the places where users live. In the open model each serves many arrivals; `counters`
    counts those."""

    created: Whole
    completed: Whole
    failed: Whole
    """As the engine counts them."""


@dataclass(frozen=True, slots=True)
class Shard:
    """One engine process: what it said first (hello) and last (bye), and how it ended."""

    index: int
    hello: bool
    bye: bool
    pid: int | None = None
    engine_version: str | None = None
    engine_users: str | None = None
    """What its users are made of; None: it does not say."""
    engine_extension: str | None = None
    """What of loadctl's stands at the engine's own extension point; None: nothing, or it does not say."""
    virtual_users: VirtualUsers | None = None
    """None: its engine does not count them, or it said no bye."""
    last_t: int | None = None
    """The last second it reported."""
    unfinished: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """Ages (ms) of the requests still under way at the end, by endpoint."""
    cut_off: Mapping[str, int] = field(default_factory=dict)
    """Requests that were under way when the engine process died, by endpoint: nobody knows their ages."""
    totals: Mapping[str, int] = field(default_factory=dict)
    """The recorder's own totals (started, completed, failed, …), a cross-check of its frames."""
    notes: Sequence[str] = ()
    """What the recorder had to say: endpoint names capped, error classes capped, …"""
    script_faults: Sequence[ScriptFault] = ()
    """The first different ones."""
    script_faults_count: int = 0
    """All of them, as far as it could say so before it ended."""
    script_code: int | None = None
    """The exit code that the script itself asked for; None: it judged nothing."""
    script_why: str = ""
    """What it stands for, in the engine's words."""

    @property
    def complete(self) -> bool:
        return self.hello and self.bye


ProfileMode = Literal["sample", "continuous"]
Stack: TypeAlias = tuple[str, ...]
"""Frames of functions, outermost first."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One sample of the profiler. `label`: calm, bad-1, late, chunk …; `file`: in the run's directory."""

    label: str
    mode: ProfileMode
    start_s: float
    end_s: float
    file: str
    why: str
    stacks: Mapping[Stack, int] = field(default_factory=dict)

    @property
    def samples(self) -> int:
        return sum(self.stacks.values())


@dataclass(slots=True)
class Span:
    """What each endpoint did in the seconds `first` to `last`, added up (`in_flight` means nothing then)."""

    first: int
    last: int
    cells: dict[str, Interval] = field(default_factory=dict)

    def add(self, first: int, last: int, cells: Mapping[str, Interval]) -> None:
        self.first, self.last = min(self.first, first), max(self.last, last)
        for endpoint, interval in cells.items():
            self.cells.setdefault(endpoint, Interval()).merge(interval)


@dataclass(slots=True)
class Latencies:
    """Successes by endpoint in the seconds `first` to `last`: a short time, for charts (see line.tally_of)."""

    first: int
    last: int
    ok: dict[str, Packed] = field(default_factory=dict)

    def add(self, first: int, last: int, ok: Mapping[str, Packed]) -> None:
        self.first, self.last = min(self.first, first), max(self.last, last)
        for endpoint, packed in ok.items():
            self.ok[endpoint] = self.ok[endpoint] + packed if endpoint in self.ok else packed


@dataclass(frozen=True, slots=True)
class Recording:
    """`interrupted_by` is the signal that ended the run, or SIGKILL's number when loadctl itself vanished."""

    seconds: Sequence[SecondTotal]
    """Each second once, in order of time."""
    spans: Sequence[Span]
    """All that ended in those seconds, by endpoint; none reaches across one of boundaries.boundaries()."""
    shards: Sequence[Shard]
    readings: Collection[Reading] = ()
    """Of hours as results/readings.py holds them."""
    events: Sequence[Event] = ()
    examples: Sequence[Example] = ()
    interrupted_by: int | None = None
    failure: str | None = None
    """Why the run could not be carried out (the ERROR verdict), in one sentence."""
    stopped_early: str | None = None
    """The stop rule that ended the load before its plan, in one sentence."""
    profiles: Sequence[Profile] = ()
    profile_files: Sequence[str] = ()
    """Made of them for people; paths in the run's directory."""
    began: str | None = None
    """When t was 0, in UTC (ISO 8601); None: the load never began."""
    unwatched: str | None = None
    """Why nothing was watched as the system, and the option that helps; None: something was."""
    latencies: Sequence[Latencies] = ()
    """In order of time."""

    def at(self, t: float) -> str:
        """A time for people: on the run's clock and on that of the system's logs."""
        return format_moment(t, self.began)
