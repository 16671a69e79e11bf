"""The result of a run: the versioned document that every report is made from.

Format history, newest first:
loadctl.result/1  first published form
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from loadctl.results.log_use import LogUse
from loadctl.results.profile import ProfileUse
from loadctl.results.recording import Event, Example, VirtualUsers
from loadctl.results.series import Series
from loadctl.results.summary import Counters, StageSummary, Summary
from loadctl.results.verdict import ExitCode, Finding, Score, Verdict
from loadctl.scenario.load import Model

SCHEMA = "loadctl.result/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceUse:
    """What the system or the generator used over the window; None with a reason in `absent`."""

    watched: str | None
    """What was read: "uvicorn pid 4312 and 4 children"."""
    cpu_pct: float | None = None
    """Highest 30 s mean (the whole window if shorter), in % of the cores it may use."""
    cpu_cores: float | None = None
    cores_available: float | None = None
    memory_bytes: int | None = None
    """Highest working set; `memory_kind` says which (working set, PSS, USS, RSS)."""
    memory_first_bytes: int | None = None
    memory_kind: str | None = None
    absent: Mapping[str, str] = field(default_factory=dict)
    """Why there is no figure; beside a figure: why it does not speak for the whole window."""
    readings: int = 0
    extra: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One second for charts and sparklines: what was planned, what was done."""

    t: int
    planned: float
    users: int
    completed: int
    failed: int
    p50_ms: float | None = None
    p95_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """A command to type next, and what it is good for."""

    command: str
    purpose: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    verdict: Verdict
    exit_code: ExitCode
    smoke: bool = False
    """Only a quick look: what its load was too small for was left out."""
    repeat_may_help: bool = False
    """It is INCONCLUSIVE for another reason than its plan."""
    reasons: Sequence[str]
    """All of them, the one that decided first."""
    why: str | None = None
    """One or two sentences for people: the likeliest cause."""
    advice: Sequence[str] = ()
    """The next thing to do, as commands or short sentences."""
    next: Sequence[Step] = ()
    scenario: str
    goal: str
    source: str
    engine: str
    engine_version: str | None
    engine_users: str | None = None
    """What its users are made of: what is the engine's own, and what is loadctl's. None: it did not say."""
    engine_extension: str | None = None
    """What of loadctl's stands at its own extension point: "engine loadctl". None: nothing."""
    virtual_users: VirtualUsers | None = None
    """The engine's own count of the places where users lived; None: it does not count them, or a shard did not say."""
    shards: int
    host: str
    model: Model
    peak: float | None
    """Of this and the next two, None: an engine's own file does not say."""
    started_at: str | None
    """UTC, ISO 8601."""
    planned_s: float | None
    ended_s: float
    """Until when load was made: the plan's end, or an earlier stop."""
    window: tuple[float, float]
    stages: Sequence[StageSummary]
    counters: Counters
    summary: Summary
    scores: Sequence[Score]
    findings: Sequence[Finding]
    system: ResourceUse
    generator: ResourceUse
    companions: Sequence[ResourceUse] = ()
    """What was recorded beside the system: the other containers of a list, single pods."""
    series: Sequence[Series] = ()
    logs: LogUse | None = None
    """None: no log was followed."""
    profile: ProfileUse | None = None
    """None: no profile was asked for, or there is none."""
    timeline: Sequence[Point] = ()
    examples: Sequence[Example] = ()
    events: Sequence[Event] = ()
    run_dir: str = ""
    files: Sequence[str] = ()
    """Files of an engine that it was read from, instead of a recording of ours."""

    @property
    def engine_label(self) -> str:
        return engine_label(self.engine, self.engine_version, self.engine_extension)

    @property
    def targets_judged(self) -> int:
        """Of which something is proved, good or bad."""
        return sum(score.decides for score in self.scores)

    @property
    def targets_total(self) -> int:
        """Those that the scenario judges."""
        return sum(score.target.judged for score in self.scores)


def engine_label(name: str, version: str | None, extension: str | None) -> str:
    """For people: "artillery 2.0.34, engine loadctl"."""
    return ", ".join(filter(None, [f"{name} {version or ''}".strip(), extension]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """`command`: the words of the command line · `scenario`: as it was carried out, as text, secrets redacted ·
    `facts`: (name, value), such as ("platform", "Linux 6.1")."""

    run_id: str
    command: Sequence[str] = ()
    scenario: str = ""
    facts: Sequence[tuple[str, str]] = ()
