"""The published form of result.json, version 1. Keys are added freely, never renamed."""

from __future__ import annotations

from typing import NotRequired, TypeAlias, cast

from typing_extensions import TypedDict  # pydantic wants it before Python 3.12

from loadctl.results.finding import Severity, Voids
from loadctl.results.score import Status
from loadctl.results.verdict import Verdict
from loadctl.scenario.load import Model
from loadctl.scenario.target import ScopeKind
from loadctl.scenario.user_type import Json

Absent: TypeAlias = dict[str, str]
"""Name of a key that is null → why."""


class LatencyMs(TypedDict):
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
    name: str
    start_s: float
    end_s: float
    warmup: bool
    planned: float
    summary: SummaryDocument


class CountersDocument(TypedDict):
    started: int
    completed: int
    failed: int
    unfinished: int
    rate_limited: int
    planned_arrivals: int | None
    begun: int | None
    dropped: int | None


class ScopeDocument(TypedDict):
    kind: ScopeKind
    name: str


class ScoreDocument(TypedDict):
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


class FindingDocument(TypedDict):
    id: str
    severity: Severity
    message: str
    evidence: dict[str, float | int | str | None]
    advice: list[str]
    voids: NotRequired[Voids]


class UseDocument(TypedDict):
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


class ResourcesDocument(TypedDict):
    system: UseDocument
    generator: UseDocument


class EngineDocument(TypedDict):
    name: str
    version: str | None
    shards: int


class WindowDocument(TypedDict):
    start_s: float
    end_s: float


class PointDocument(TypedDict):
    t_s: int
    planned: float
    users: int
    completed: int
    failed: int
    p50_ms: float | None
    p95_ms: float | None


class ExampleDocument(TypedDict):
    t_s: float
    endpoint: str
    error_class: str
    status: int | None
    message: str
    body: str


class EventDocument(TypedDict):
    t_s: float
    kind: str
    message: str
    detail: dict[str, str | float | int | None]


class ResultDocument(TypedDict):
    schema: str
    verdict: Verdict
    exit_code: int
    reasons: list[str]
    why: str | None
    advice: list[str]
    scenario: str
    goal: str
    source: str
    engine: EngineDocument
    host: str
    model: Model
    peak: float
    started_at: str
    planned_s: float
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
    run_dir: str


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
