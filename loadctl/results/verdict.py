"""The run's one word, and what it rests on: scores and findings."""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import StrEnum
from typing import Literal, TypeAlias

import msgspec

from loadctl.errors import Where
from loadctl.results.findings import FindingId
from loadctl.results.wire.record import Absent, Record, written
from loadctl.scenario.target import Scope, Target


class Verdict(StrEnum):
    PASS = "PASS"
    """Every target that is judged was met, with enough data and a load generator that kept up. Exit code 0."""
    WARN = "WARN"
    """A target is missed, but no critical limit is crossed. Exit code 0; with --fail-on warn 1."""
    FAIL = "FAIL"
    """A critical limit is crossed, or something critical happened to the system: a crash, a restart, no answer at all.
    Exit code 1."""
    INCONCLUSIVE = "INCONCLUSIVE"
    """The run proves nothing about the system: the load generator could not keep up, there was too little data, or
    nothing could be judged. The screen says what to change. Exit code 3."""
    ERROR = "ERROR"
    """The run could not be carried out: the system was never ready, the engine died or hung, no request was made, or
    the disk is full. Exit code 4."""
    INTERRUPTED = "INTERRUPTED"
    """A signal ended the run. What was measured until then is scored. Exit code 130 (SIGINT) or 143 (SIGTERM)."""


Severity = Literal["good", "info", "warning", "critical", "invalid"]
Voids = Literal["all", "pass", "excess", "near"]
Evidence: TypeAlias = dict[str, float | int | str | None]


class Finding(Record, frozen=True):
    """Something that was noticed."""

    id: FindingId
    """Its name: `loadctl explain ID`."""
    severity: Severity
    """`invalid` is about the measurement, `critical` fails the run; good, info and warning leave the verdict."""
    message: str
    """What happened in this run."""
    evidence: Mapping[str, float | int | str | None] = written({})
    """The figures that it rests on, by name."""
    advice: tuple[str, ...] = written(())
    """What to do."""
    voids: Voids | None = None
    """What it makes void. "all": every PASS, WARN, latency FAIL and throughput FAIL (the generator was saturated).
    "pass": PASS and WARN (load not reached, a shard incomplete). "excess": all of a latency but a PASS (the generator
    was late, which can only add). "near": latencies over a limit by no more than evidence `lag_p95_ms` (beyond p95:
    `lag_p99_ms`)."""


class Status(StrEnum):
    PASS = "PASS"
    """The value is within the target, or within the only limit."""
    WARN = "WARN"
    """The value is beyond the target, within the critical limit."""
    FAIL = "FAIL"
    """The value is beyond the critical limit."""
    NO_DATA = "NO_DATA"
    """There is too little data for the target, or none, for the reason beside it. Where the target is judged, the run
    is INCONCLUSIVE at best. A longer run, --smoke, or a target that needs less data helps."""
    NOT_EXERCISED = "NOT_EXERCISED"
    """The load never asked for that much throughput, so the target is neither passed nor failed. More load tests it."""


_DECIDED = frozenset({Status.PASS, Status.WARN, Status.FAIL})


class Score(Record, frozen=True, kw_only=True):
    """One target held against what was measured."""

    metric: str
    """What is limited."""
    scope: Scope
    """What the target is about: the whole run, an endpoint, a stage or a series."""
    status: Status
    """How the value stands to the limits."""
    judged: bool
    """It counts for the verdict."""
    value: float | None
    """In `unit`; null only with NO_DATA (`reason` says why)."""
    unit: str
    """Of `value`, `target` and `critical`: ms, s, /s, %, bytes, users, or empty for a bare number."""
    limit: float | None = msgspec.field(name="target")
    """Beyond it: WARN. null where there is one limit only."""
    critical: float
    """Beyond it: FAIL."""
    higher_is_better: bool
    """Beyond means below, as for throughput."""
    target_judged: bool
    """The scenario judges this target."""
    n: int
    """Requests or readings that it rests on."""
    distance: float | None
    """(value - limit) / limit, positive beyond the limit that matters most: of a PASS the target, else the critical
    one. Where higher is better the sign is reversed."""
    reason: str | None = None
    """Why there is no value, or what limits it."""
    absent: Absent = msgspec.field(default_factory=dict)
    """Why a key is null."""
    void: str | None = None
    """Why its status cannot be trusted: generator saturated, load not reached, a shard lost."""
    detail: str | None = None
    """What people want beside the number, such as "11 of 34,512"."""
    why_not_judged: str | None = None
    """Why the scenario does not judge it."""
    where: Where | None = None
    """The place of the target in its file."""

    @classmethod
    def of(
        cls,
        target: Target,
        status: Status,
        value: float | None,
        *,
        n: int,
        judged: bool,
        reason: str | None = None,
        detail: str | None = None,
    ) -> Score:
        distance = None if value is None else distance_of(target, status, value)
        return cls(
            metric=target.metric,
            scope=target.scope,
            status=status,
            judged=judged,
            value=value,
            unit=target.unit,
            limit=target.target,
            critical=target.critical,
            higher_is_better=target.higher_is_better,
            target_judged=target.judged,
            n=n,
            distance=distance,
            reason=reason,
            absent={}
            if distance is not None
            else {"distance": "no value" if value is None else "the limit is 0"},
            detail=detail,
            why_not_judged=target.why_not_judged,
            where=target.where if target.where.line else None,
        )

    @property
    def target(self) -> Target:
        return Target(
            metric=self.metric,
            scope=self.scope,
            critical=self.critical,
            target=self.limit,
            unit=self.unit,
            higher_is_better=self.higher_is_better,
            judged=self.target_judged,
            why_not_judged=self.why_not_judged,
            where=self.where or Where("<none>"),
        )

    @property
    def decides(self) -> bool:
        """It says something about the system, good or bad."""
        return self.judged and not self.void and self.status in _DECIDED


def status_of(target: Target, value: float) -> Status:
    """PASS, WARN or FAIL of a value in the target's unit."""
    if _meets(target, value, target.critical if target.target is None else target.target):
        return Status.PASS
    return (
        Status.WARN if target.target is not None and _meets(target, value, target.critical) else Status.FAIL
    )


def distance_of(target: Target, status: Status, value: float) -> float | None:
    """See Score.distance; None where the limit is 0."""
    met = status is Status.PASS and target.target is not None
    limit = target.target if met and target.target is not None else target.critical
    if not limit:
        return None
    distance = (value - limit) / limit * (-1 if target.higher_is_better else 1)
    return distance if math.isfinite(distance) else None


def _meets(target: Target, value: float, limit: float) -> bool:
    return value >= limit if target.higher_is_better else value <= limit
