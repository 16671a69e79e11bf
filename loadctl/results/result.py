"""The result of a run, as result.json holds it: the versioned document that every report is made from.

Format history, newest first; keys are added freely, never renamed:
loadctl.result/1  first published form
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import msgspec

from loadctl.errors import ExitCode, UsageError
from loadctl.results.profile import ProfileUse
from loadctl.results.recording import Event, Example, VirtualUsers
from loadctl.results.series import Series
from loadctl.results.summary import Counters, StageSummary, Summary
from loadctl.results.verdict import Finding, Score, Verdict
from loadctl.results.wire.record import Absent, Record, added, document_schema, written
from loadctl.scenario.load import Model
from loadctl.scenario.user_type import Json

SCHEMA = "loadctl.result/1"


class Engine(Record, frozen=True, kw_only=True):
    """What made the load."""

    name: str
    version: str | None
    """null where the engine was not found, or a file does not say it."""
    shards: int
    """Engine processes that shared the load."""
    users: str | None = None
    """What its users are made of, the engine's own and loadctl's, where it said so."""
    extension: str | None = None
    """What of loadctl's stands at the engine's own extension point."""
    virtual_users: VirtualUsers | None = None
    """The engine's own count of the places where users lived, where it counts them."""

    @property
    def label(self) -> str:
        return engine_label(self.name, self.version, self.extension)


def engine_label(name: str, version: str | None, extension: str | None) -> str:
    """For people: "artillery 2.0.34, engine loadctl"."""
    return ", ".join(filter(None, [f"{name} {version or ''}".strip(), extension]))


class Window(Record, frozen=True):
    """The part of the run that is scored."""

    start_s: float
    end_s: float
    """Seconds since the load began."""


class ResourceUse(Record, frozen=True, kw_only=True):
    """What the system or the load generator used over the window."""

    watched: str | None
    """What was read, such as "uvicorn pid 4312"."""
    cpu_pct: float | None = written(None)
    """Highest mean of 30 s (of the whole window if shorter), in % of `cores_available`."""
    cpu_cores: float | None = written(None)
    """The same, in cores."""
    cores_available: float | None = written(None)
    """How many cores it may use."""
    memory_bytes: int | None = written(None)
    """The highest."""
    memory_first_bytes: int | None = written(None)
    """At the start of the window."""
    memory_kind: str | None = written(None)
    """Of what memory: working set, PSS, USS or RSS."""
    readings: int = written(0)
    """How many were taken."""
    extra: Mapping[str, float] = written({})
    """Other figures, with their unit in the name."""
    absent: Absent = written({})
    """Why a key is null, or why a figure does not speak for the whole window."""

    def __post_init__(self) -> None:
        """A reason for every null, under its own key too."""
        cpu = self.absent.get("cpu", "not measured as a share: of a process only the cores are known")
        memory = self.absent.get("memory", "not known")
        reasons = {
            "watched": "nothing watched it",
            "cpu_pct": cpu,
            "cpu_cores": cpu,
            "cores_available": "how many cores it may use is not known",
            "memory_bytes": memory,
            "memory_first_bytes": memory,
            "memory_kind": memory,
        }
        nulls = {key: why for key, why in reasons.items() if getattr(self, key) is None}
        msgspec.structs.force_setattr(self, "absent", {**nulls, **self.absent})

    @property
    def reasons(self) -> dict[str, str]:
        """Those of cpu and memory, each once."""
        return {key: why for key, why in self.absent.items() if key not in self.__struct_fields__}


class FrequentMessage(Record, frozen=True, kw_only=True):
    """An error message with its numbers and ids folded, and how often it came in the whole run."""

    message: str
    """As the log says it."""
    count: int
    """How often it came."""
    first_s: float
    last_s: float
    """Seconds since the load began."""
    level: str
    """As the log says it: ERROR, or the like."""
    log: str
    """Where it stood."""


class LogUse(Record, frozen=True, kw_only=True):
    """What the followed logs said in the window."""

    followed: str
    """Which logs."""
    lines: int
    """That were read."""
    errors: int
    """Lines that are errors; a lower bound where `unread` says why a part was not read."""
    unread: str | None = written(None)
    """Why a part was not read; null where all was."""
    frequent: tuple[FrequentMessage, ...] = written(())
    """The errors that came most often."""
    absent: Absent = written({})
    """Why a key is null."""


class Resources(Record, frozen=True, kw_only=True):
    """What was watched."""

    system: ResourceUse
    """The system under test."""
    generator: ResourceUse
    """The load generator: the busiest engine process."""
    companions: Annotated[tuple[ResourceUse, ...], added(())] = written(())
    """Recorded beside the system: the other containers of a list, single pods."""
    series: Annotated[tuple[Series, ...], added(())] = written(())
    """Everything that was monitored, each over the window."""
    logs: LogUse | None = None
    """Left out where no log was followed."""


class Point(Record, frozen=True, kw_only=True):
    """One second."""

    t: int = msgspec.field(name="t_s")
    """Seconds since the load began."""
    planned: float
    """Users at its end; in the open model its arrivals."""
    users: int
    """Active at its end."""
    completed: int
    failed: int
    """Requests that ended in it."""
    p50_ms: float | None = written(None)
    p95_ms: float | None = written(None)
    """null with fewer than 20 (p95: 200) successes in it, and in runs of more than an hour for all but at most 3,600
    seconds."""


class Step(Record, frozen=True):
    """What to do next."""

    command: str
    """To type."""
    purpose: str
    """What it is good for."""


class Result(Record, frozen=True, kw_only=True, tag_field="schema", tag=SCHEMA):
    """A null has its reason in the `absent` or `reason` beside it, or in its description."""

    verdict: Verdict
    """The one word of the run."""
    exit_code: ExitCode
    """That of `loadctl run`."""
    smoke: Annotated[bool, added(False)] = written(False)
    """A quick look (`--smoke`), which left out the targets that its load was too small for."""
    targets_judged: Annotated[int, added(0)] = written(0)
    """Targets of which something is proved, good or bad."""
    targets_total: Annotated[int, added(0)] = written(0)
    """Targets that the scenario judges."""
    repeat_may_help: Annotated[bool, added(False)] = written(False)
    """The run is INCONCLUSIVE for a reason that its plan did not foresee, so another try may do better."""
    reasons: tuple[str, ...]
    """Of the verdict, in sentences: the one that decided first."""
    why: str | None = written(None)
    """The likeliest cause; null where `reasons` say all."""
    advice: tuple[str, ...] = written(())
    """What to do, in sentences."""
    next: tuple[Step, ...] = written(())
    """Commands to run next."""
    scenario: str
    """Its name."""
    goal: str
    """What the scenario says it is to find out."""
    source: str
    """The file that the scenario was read from."""
    engine: Engine
    """What made the load."""
    host: str
    """Base URL of the system; a password in it is hidden."""
    model: Model
    """closed (users wait for answers) or open (arrivals come anyway)."""
    peak: float | None
    """Highest planned users, or arrivals per second. null where a file does not say it."""
    started_at: str | None
    """UTC, ISO 8601. null where a file does not say it."""
    planned_s: float | None
    """Length of the plan. null where a file does not say it."""
    ended_s: float
    """Until when load was made."""
    window: Window
    """The part that is scored."""
    stages: tuple[StageSummary, ...]
    """Of the load, in order."""
    counters: Counters
    """Requests and arrivals of the whole run."""
    summary: Summary
    """Requests of the scored window."""
    scores: tuple[Score, ...]
    """Each target with what was measured."""
    findings: tuple[Finding, ...]
    """What was noticed, the most severe first."""
    resources: Resources
    """What the system and the load generator used."""
    timeline: tuple[Point, ...] = written(())
    """The run second by second."""
    examples: tuple[Example, ...] = written(())
    """Some failures, with the system's own words."""
    events: tuple[Event, ...] = written(())
    """What happened during the run."""
    run_dir: str = written("")
    """Where the run is on disk."""
    files: tuple[str, ...] = ()
    """What an engine wrote by itself, where that was judged instead of a recording (`loadctl score FILE`)."""
    profiled: bool | None = None
    """The profiler ran all along, so the figures contain its cost."""
    profile: ProfileUse | None = None
    """What the profiler saw."""

    def __post_init__(self) -> None:
        """What follows from other keys; files of older versions lack some of it."""
        found = {
            "targets_judged": sum(score.decides for score in self.scores),
            "targets_total": sum(score.target_judged for score in self.scores),
            "profiled": None if self.profile is None else self.profile.mode == "continuous",
        }
        for key, value in found.items():
            msgspec.structs.force_setattr(self, key, value)


_HINT = "loadctl score RUN judges its recording again"


def dumps(result: Result) -> str:
    """The text of result.json. Raises: ValueError for a number that JSON has not."""
    return json.dumps(msgspec.to_builtins(result), allow_nan=False, ensure_ascii=False, indent=1) + "\n"


def loads(text: str) -> Result:
    """From the text of result.json; UsageError where it is not one that this version can read."""
    try:
        raw = msgspec.json.decode(text)
        form = raw.get("schema") if isinstance(raw, dict) else None
        if form == SCHEMA:
            return msgspec.convert(raw, Result)
    except msgspec.ValidationError as error:
        raise UsageError(f"this result is damaged: {error}", hint=_HINT) from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"this is not a result: {error}", hint=_HINT) from error
    raise UsageError(f"this result has the form {form!r}, and this version reads {SCHEMA!r}", hint=_HINT)


def schema() -> dict[str, Json]:
    """The JSON Schema of result.json."""
    return document_schema(Result, SCHEMA)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """`command`: the words of the command line · `scenario`: as it was carried out, as text, secrets redacted ·
    `facts`: (name, value), such as ("platform", "Linux 6.1")."""

    run_id: str
    command: Sequence[str] = ()
    scenario: str = ""
    facts: Sequence[tuple[str, str]] = ()
