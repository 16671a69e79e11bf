"""A finding: something noticed about the system or about the run itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Severity = Literal["good", "info", "warning", "critical", "invalid"]
Voids = Literal["all", "pass", "excess", "near"]
Evidence: TypeAlias = dict[str, float | int | str | None]


@dataclass(frozen=True, slots=True)
class Finding:
    """`invalid` findings are about the measurement: they make scores void.

    `voids="all"`: the generator was saturated: every PASS, WARN, latency FAIL and throughput FAIL is void.
    `voids="pass"`: load not reached or a shard incomplete: PASS and WARN are void, a FAIL stays.
    `voids="excess"`: the generator was late, which can only add to a latency: a PASS stays, the rest goes.
    `voids="near"`: it was a little late, by evidence `lag_p95_ms` (beyond p95: `lag_p99_ms`): latencies over a limit by
    no more than that go.
    """

    id: str
    severity: Severity
    message: str
    evidence: Mapping[str, float | int | str | None] = field(default_factory=dict)
    advice: Sequence[str] = ()
    voids: Voids | None = None
