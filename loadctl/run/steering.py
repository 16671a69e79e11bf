"""Steering: who changes the number of users, and ends the load, while a run goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Users:
    """So many users from now on, who come or leave at `per_s` a second."""

    count: int
    per_s: float


@dataclass(frozen=True, slots=True)
class Stop:
    """No new requests; those under way are waited for, as at the end of a plan."""


Order = Users | Stop


class Steering(Protocol):
    def orders(self) -> Sequence[Order]:
        """Those that have come since the last call; called ten times a second. Raises: RunError, which ends the run."""
