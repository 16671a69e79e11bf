"""The published form of result.json, version 1. Keys are added freely, never renamed."""

from __future__ import annotations

from typing import NotRequired, TypeAlias, cast

from typing_extensions import TypedDict  # pydantic wants it before Python 3.12

from loadctl.results.profile import ProfileMode
from loadctl.results.verdict import Severity, Status, Verdict, Voids
from loadctl.scenario.load import Model
from loadctl.scenario.target import ScopeKind
from loadctl.scenario.user_type import Json


class ProfileSampleDocument(TypedDict):
    """`file`: stacks and their counts, below the run's directory. `samples`: how often anything was seen running."""

    label: str
    start_s: float
    end_s: float
    samples: int
    file: str
    why: str


class FunctionDocument(TypedDict):
    """Percent of the samples; `calm_pct`: of those taken when it was calm, null where there are too few."""

    name: str
    self_pct: float
    total_pct: float
    calm_pct: float | None


class ProfileDocument(TypedDict):
    """`files` were made for people: flame graphs, and one for speedscope. In mode "sample" the profiled seconds are
    not scored; in mode "continuous" they are, and `profiled` is true beside this object."""

    mode: ProfileMode
    samples: list[ProfileSampleDocument]
    top: list[FunctionDocument]
    files: list[str]


Absent: TypeAlias = dict[str, str]
"""Name of a key that is null → why."""


class LatencyMs(TypedDict):
    """Milliseconds of `n` values; a percentile needs 10 values beyond it (p50: 20, p95: 200, p99: 1000)."""

    n: int
    p50: float | None
    p95: float | None
    p99: float | None
    p999: float | None
    mean: float | None
    min: float | None
    max: float | None
    absent: Absent


class EndpointDocument(TypedDict):
    """`endpoint` is "total" for all of them. `throughput_per_s`: successes a second, drain excluded. `error_rate`: the
    ratio (failed + unfinished) / (completed + unfinished). `latency_ms`: successes, from the start to the last byte.
    `corrected_latency_ms`: closed loads whose users keep one pace, total only."""

    endpoint: str
    completed: int
    failed: int
    unfinished: int
    rate_limited: int
    throughput_per_s: float | None
    error_rate: float | None
    latency_ms: LatencyMs
    corrected_latency_ms: NotRequired[LatencyMs]
    failed_latency_ms: NotRequired[LatencyMs]
    ttfb_ms: NotRequired[LatencyMs]
    errors: dict[str, int]
    body_bytes: int
    absent: Absent


class SummaryDocument(TypedDict):
    start_s: float
    end_s: float
    total: EndpointDocument
    endpoints: list[EndpointDocument]


class StageDocument(TypedDict):
    """`planned`: users, or arrivals per second, at the end of the stage."""

    name: str
    start_s: float
    end_s: float
    warmup: bool
    planned: float
    summary: SummaryDocument


class CountersDocument(TypedDict):
    """Of the whole run, warm-up and drain included: started = completed + unfinished; planned_arrivals = begun +
    dropped. The last three are null in the closed model, which plans no arrivals."""

    started: int
    completed: int
    failed: int
    unfinished: int
    rate_limited: int
    planned_arrivals: int | None
    begun: int | None
    dropped: int | None


class ScopeDocument(TypedDict):
    """What the target is about: the whole run (`name` is ""), one endpoint, one stage or one monitored series."""

    kind: ScopeKind
    name: str


class ScoreDocument(TypedDict):
    """`value`, `target` and `critical` are in `unit`. `value` is null only with NO_DATA (`reason` says why); `target`
    is null where there is one limit only. `judged`: it counts for the verdict. `void`: why its status is not trusted.
    `n`: requests or readings it rests on. `distance`: (value - limit) / limit, positive beyond the limit."""

    metric: str
    scope: ScopeDocument
    status: Status
    judged: bool
    value: float | None
    unit: str
    target: float | None
    critical: float
    higher_is_better: bool
    target_judged: bool
    n: int
    distance: float | None
    reason: NotRequired[str]
    void: NotRequired[str]
    detail: NotRequired[str]
    why_not_judged: NotRequired[str]
    absent: NotRequired[Absent]


class FindingDocument(TypedDict):
    """`voids`: which scores it makes worthless: "all", only "pass" (and WARN), only "excess" (too high), or only "near"
    (too high by no more than the generator was late)."""

    id: str
    severity: Severity
    message: str
    evidence: dict[str, float | int | str | None]
    advice: list[str]
    voids: NotRequired[Voids]


class UseDocument(TypedDict):
    """`cpu_pct`: highest 30 s mean in % of `cores_available`; `memory_bytes`: highest, `memory_kind` says of what.
    `absent` also says why a figure that is there does not speak for the whole window."""

    watched: str | None
    cpu_pct: float | None
    cpu_cores: float | None
    cores_available: float | None
    memory_bytes: int | None
    memory_first_bytes: int | None
    memory_kind: str | None
    readings: int
    extra: dict[str, float]
    absent: Absent


class SeriesDocument(TypedDict):
    """A monitored series over the window. `subject`: system, or host for the machine it runs on. `uncovered`: why it
    does not speak for the whole window."""

    subject: str
    source: str
    name: str
    n: int
    lowest: float
    highest: float
    mean: float
    last: float
    uncovered: NotRequired[str]


class FrequentDocument(TypedDict):
    """`count`: in the whole run; numbers and ids of the message are folded."""

    message: str
    count: int
    first_s: float
    last_s: float
    level: str
    log: str


class LogsDocument(TypedDict):
    """`errors` in the window; a lower bound where `unread` says that a part was not read."""

    followed: str
    lines: int
    errors: int
    unread: str | None
    frequent: list[FrequentDocument]
    absent: Absent


class ResourcesDocument(TypedDict):
    """`companions`: recorded beside the system; `logs` is left out where none was followed."""

    system: UseDocument
    generator: UseDocument
    companions: NotRequired[list[UseDocument]]
    series: NotRequired[list[SeriesDocument]]
    logs: NotRequired[LogsDocument]


class VirtualUsersDocument(TypedDict):
    """The engine's own count. In the open model each is a place that serves many arrivals; `counters` counts those."""

    created: int
    completed: int
    failed: int


class EngineDocument(TypedDict):
    """`users`: what its users are made of, the engine's own and loadctl's, where it said so. `extension`: what of
    loadctl's stands at its own extension point. `virtual_users`: the places where users lived, where it counts them."""

    name: str
    version: str | None
    shards: int
    users: NotRequired[str]
    extension: NotRequired[str]
    virtual_users: NotRequired[VirtualUsersDocument]


class WindowDocument(TypedDict):
    """Seconds since the load began: what is scored."""

    start_s: float
    end_s: float


class PointDocument(TypedDict):
    """One second. `planned` and `users`: at its end; in the open model `planned` is its arrivals.

    p50_ms and p95_ms are null with fewer than 20 and 200 successes in it, and in runs of more than an hour for all but
    at most 3,600 seconds."""

    t_s: int
    planned: float
    users: int
    completed: int
    failed: int
    p50_ms: float | None
    p95_ms: float | None


class ExampleDocument(TypedDict):
    """One of the first failures of its kind; `status` is null where no response came.

    `stale`: the server ended the kept connection on which it went out before any of the response came.
    """

    t_s: float
    endpoint: str
    error_class: str
    status: int | None
    message: str
    body: str
    stale: NotRequired[bool]


class EventDocument(TypedDict):
    t_s: float
    kind: str
    message: str
    detail: dict[str, str | float | int | None]


class StepDocument(TypedDict):
    """A command to type next, and what it is good for."""

    command: str
    purpose: str


class ResultDocument(TypedDict):
    """A null has its reason in the `absent` or `reason` beside it, or in the description of its object. `why` is null
    where `reasons` say all; `engine.version` where the engine was not found. `peak`: users, or arrivals per second.
    `smoke`: a quick look, which left out what its load was too small for. `targets_judged`: of which something is
    proved, of the `targets_total` that the scenario judges. `repeat_may_help`: an INCONCLUSIVE that the plan did not
    foresee.
    `ended_s`: until when load was made. `files`: what an engine wrote, where that was read instead of a recording; what
    it does not say of `peak`, `started_at`, `planned_s` and `engine.version` is null."""

    schema: str
    verdict: Verdict
    exit_code: int
    smoke: NotRequired[bool]
    targets_judged: NotRequired[int]
    targets_total: NotRequired[int]
    repeat_may_help: NotRequired[bool]
    reasons: list[str]
    why: str | None
    advice: list[str]
    next: list[StepDocument]
    scenario: str
    goal: str
    source: str
    engine: EngineDocument
    host: str
    model: Model
    peak: float | None
    started_at: str | None
    planned_s: float | None
    ended_s: float
    window: WindowDocument
    stages: list[StageDocument]
    counters: CountersDocument
    summary: SummaryDocument
    scores: list[ScoreDocument]
    findings: list[FindingDocument]
    resources: ResourcesDocument
    timeline: list[PointDocument]
    examples: list[ExampleDocument]
    events: list[EventDocument]
    profiled: NotRequired[bool]
    profile: NotRequired[ProfileDocument]
    run_dir: str
    files: NotRequired[list[str]]


def schema() -> dict[str, Json]:
    """The JSON Schema of result.json."""
    from pydantic import TypeAdapter

    described = TypeAdapter(ResultDocument).json_schema()
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "loadctl.result/1"}
    return cast("dict[str, Json]", {**described, **head})


def checked(document: object) -> ResultDocument:
    """`document` as read from JSON, if it has the published form; else pydantic's ValidationError."""
    from pydantic import TypeAdapter

    return TypeAdapter(ResultDocument).validate_python(document)
