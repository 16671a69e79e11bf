"""A score: one target held against what was measured."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from loadctl.scenario.target import Target


class Status(StrEnum):
    PASS = "PASS"
    WARN = "WARN"
    FAIL = "FAIL"
    NO_DATA = "NO_DATA"
    NOT_EXERCISED = "NOT_EXERCISED"


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
