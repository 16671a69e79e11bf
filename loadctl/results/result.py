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
from loadctl.results.wire.record import Absent, Record, added, schema_of, written
from loadctl.scenario.load import Model
from loadctl.scenario.user_type import Json

SCHEMA = "loadctl.result/1"


class Engine(Record, frozen=True, kw_only=True):
    """`users`: what its users are made of, the engine's own and loadctl's, where it said so. `extension`: what of
    loadctl's stands at its own extension point. `virtual_users`: the places where users lived, where it counts them."""

    name: str
    version: str | None
    shards: int
    users: str | None = None
    extension: str | None = None
    virtual_users: VirtualUsers | None = None

    @property
    def label(self) -> str:
        return engine_label(self.name, self.version, self.extension)


def engine_label(name: str, version: str | None, extension: str | None) -> str:
    """For people: "artillery 2.0.34, engine loadctl"."""
    return ", ".join(filter(None, [f"{name} {version or ''}".strip(), extension]))


class Window(Record, frozen=True):
    """Seconds since the load began: what is scored."""

    start_s: float
    end_s: float


class ResourceUse(Record, frozen=True, kw_only=True):
    """What the system or the generator used over the window. `watched`: what was read ("uvicorn pid 4312").

    `cpu_pct`: highest 30 s mean (of the whole window if shorter) in % of `cores_available`; `memory_bytes`: highest,
    `memory_kind` says of what (working set, PSS, USS, RSS). `absent` also says why a figure that is there does not
    speak for the whole window.
    """

    watched: str | None
    cpu_pct: float | None = written(None)
    cpu_cores: float | None = written(None)
    cores_available: float | None = written(None)
    memory_bytes: int | None = written(None)
    memory_first_bytes: int | None = written(None)
    memory_kind: str | None = written(None)
    readings: int = written(0)
    extra: Mapping[str, float] = written({})
    absent: Absent = written({})

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
    count: int
    first_s: float
    last_s: float
    level: str
    log: str


class LogUse(Record, frozen=True, kw_only=True):
    """Of the window. `errors` is a lower bound where `unread` says why a part was not read."""

    followed: str
    lines: int
    errors: int
    unread: str | None = written(None)
    frequent: tuple[FrequentMessage, ...] = written(())
    absent: Absent = written({})


class Resources(Record, frozen=True, kw_only=True):
    """`companions`: recorded beside the system (the other containers of a list, single pods); `logs` is left out where
    none was followed."""

    system: ResourceUse
    generator: ResourceUse
    companions: Annotated[tuple[ResourceUse, ...], added(())] = written(())
    series: Annotated[tuple[Series, ...], added(())] = written(())
    logs: LogUse | None = None


class Point(Record, frozen=True, kw_only=True):
    """One second. `planned` and `users`: at its end; in the open model `planned` is its arrivals.

    p50_ms and p95_ms are null with fewer than 20 and 200 successes in it, and in runs of more than an hour for all but
    at most 3,600 seconds."""

    t: int = msgspec.field(name="t_s")
    planned: float
    users: int
    completed: int
    failed: int
    p50_ms: float | None = written(None)
    p95_ms: float | None = written(None)


class Step(Record, frozen=True):
    """A command to type next, and what it is good for."""

    command: str
    purpose: str


class Result(Record, frozen=True, kw_only=True, tag_field="schema", tag=SCHEMA):
    """A null has its reason in the `absent` or `reason` beside it, or in the description of its object. `reasons`: the
    one that decided first. `why`: the likeliest cause, null where `reasons` say all; `engine.version` is null where the
    engine was not found. `peak`: users, or arrivals per second. `smoke`: a quick look, which left out what its load was
    too small for. `targets_judged`: of which something is proved, good or bad, of the `targets_total` that the scenario
    judges. `repeat_may_help`: an INCONCLUSIVE that the plan did not foresee. `started_at`: UTC, ISO 8601.
    `ended_s`: until when load was made. `files`: what an engine wrote, where that was read instead of a recording; what
    it does not say of `peak`, `started_at`, `planned_s` and `engine.version` is null."""

    verdict: Verdict
    exit_code: ExitCode
    smoke: Annotated[bool, added(False)] = written(False)
    targets_judged: Annotated[int, added(0)] = written(0)
    targets_total: Annotated[int, added(0)] = written(0)
    repeat_may_help: Annotated[bool, added(False)] = written(False)
    reasons: tuple[str, ...]
    why: str | None = written(None)
    advice: tuple[str, ...] = written(())
    next: tuple[Step, ...] = written(())
    scenario: str
    goal: str
    source: str
    engine: Engine
    host: str
    model: Model
    peak: float | None
    started_at: str | None
    planned_s: float | None
    ended_s: float
    window: Window
    stages: tuple[StageSummary, ...]
    counters: Counters
    summary: Summary
    scores: tuple[Score, ...]
    findings: tuple[Finding, ...]
    resources: Resources
    timeline: tuple[Point, ...] = written(())
    examples: tuple[Example, ...] = written(())
    events: tuple[Event, ...] = written(())
    run_dir: str = written("")
    files: tuple[str, ...] = ()
    profiled: bool | None = None
    profile: ProfileUse | None = None

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
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": SCHEMA}
    form = schema_of(Result)
    return {**form["$defs"].pop("Result"), "$defs": form["$defs"], **head}


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """`command`: the words of the command line · `scenario`: as it was carried out, as text, secrets redacted ·
    `facts`: (name, value), such as ("platform", "Linux 6.1")."""

    run_id: str
    command: Sequence[str] = ()
    scenario: str = ""
    facts: Sequence[tuple[str, str]] = ()
