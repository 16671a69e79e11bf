"""The run's one word, and the exit codes of the whole tool. Nothing else in loadctl decides an exit code."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Literal, TypeAlias

from loadctl.scenario.target import Target


class Verdict(StrEnum):
    PASS = "PASS"
    WARN = "WARN"
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    ERROR = "ERROR"
    INTERRUPTED = "INTERRUPTED"


class ExitCode(IntEnum):
    OK = 0
    """PASS, or WARN unless --fail-on warn; every command that did what it was asked."""
    FAIL = 1
    """A judged critical limit is crossed, or a critical finding."""
    USAGE = 2
    """Usage or configuration error: nothing was sent."""
    INCONCLUSIVE = 3
    """The measurement does not allow a verdict on the system."""
    ERROR = 4
    """The run could not be carried out."""
    INTERNAL = 70
    """A bug in loadctl; the run directory is kept. sysexits.h's EX_SOFTWARE."""
    SIGINT = 130
    SIGTERM = 143


Severity = Literal["good", "info", "warning", "critical", "invalid"]
Voids = Literal["all", "pass", "excess", "near"]
Evidence: TypeAlias = dict[str, float | int | str | None]


@dataclass(frozen=True, slots=True)
class Finding:
    """`invalid` findings are about the measurement: they make scores void.

    `voids="all"`: the generator was saturated: every PASS, WARN, latency FAIL and throughput FAIL is void.
    `voids="pass"`: load not reached or a shard incomplete: PASS and WARN are void, a FAIL stays.
    `voids="excess"`: the generator was late, which can only add to a latency: a PASS stays, the rest goes.
    `voids="near"`: it was late by evidence `lag_p95_ms` (beyond p95: `lag_p99_ms`): latencies over a limit by
    no more than that go.
    """

    id: str
    severity: Severity
    message: str
    evidence: Mapping[str, float | int | str | None] = field(default_factory=dict)
    advice: Sequence[str] = ()
    voids: Voids | None = None


class Status(StrEnum):
    PASS = "PASS"
    WARN = "WARN"
    FAIL = "FAIL"
    NO_DATA = "NO_DATA"
    NOT_EXERCISED = "NOT_EXERCISED"


_TOLD = frozenset({Status.PASS, Status.WARN, Status.FAIL})


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """`value` is in the target's unit, None only with NO_DATA; `n` is how many requests or readings it rests on.

    `distance` is (value − limit) / limit, positive beyond the limit that matters most here (higher is better: the
    sign is turned round): FAIL and single limits: critical; WARN: critical (negative: below it); PASS: target.
    `void`: the status cannot be trusted (generator saturated, load not reached, a shard lost), but is kept.
    """

    target: Target
    status: Status
    value: float | None
    n: int
    judged: bool
    distance: float | None = None
    reason: str | None = None
    void: str | None = None
    detail: str | None = None
    """What people want beside the number: "11 of 34,512", "of 4 cores", "PSS of 3 processes"."""

    @property
    def decides(self) -> bool:
        """It says something about the system, good or bad."""
        return self.judged and not self.void and self.status in _TOLD


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
