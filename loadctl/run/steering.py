"""Steering: who changes the number of users, and ends the load, while a run goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class Order:
    """`users`: so many from now on, who come or leave at `per_s` a second; `start`: from the start of the load on.

    `stop`: no new requests; those under way are waited for, as at the end of a plan.
    """

    kind: Literal["start", "users", "stop"]
    users: int = 0
    per_s: float = 1.0


class Steering(Protocol):
    def orders(self) -> Sequence[Order]:
        """Those that have come since the last call; called ten times a second. Raises: RunError, which ends the run."""
