"""How much load was offered: a throughput limit above that says nothing about the system (DESIGN §7)."""

from __future__ import annotations

import math

from loadctl.results.fold import Plateau
from loadctl.results.interval import completed_of
from loadctl.results.level import AWAY_SHARE
from loadctl.results.measured import Measured
from loadctl.scenario.target import Scope
from loadctl.scenario.units import format_duration, format_rate


def offered(scope: Scope, plateau: Plateau, measured: Measured) -> tuple[float, str]:
    """Requests per second that the load asks for, and the sentence that says so.

    Open model: the planned rate. Closed model: users ÷ (z + the latency wanted), where z is the time that
    users measurably spent outside requests, per request; without a wanted latency, at most (0 ms).
    """
    endpoint = scope.name if scope.kind == "endpoint" else None
    if measured.model == "open":
        per_turn = measured.requests_per_turn
        rate = plateau.level * (sum(per_turn.values()) if endpoint is None else per_turn.get(endpoint, 0.0))
        return rate, f"the plan offers {format_rate(rate)}"
    if plateau.portion.away_s > AWAY_SHARE * plateau.level * plateau.portion.seconds:
        return 0.0, "users ended by themselves, so the load did not ask for it"
    pause_s = thinking_s(plateau)
    turn_s = pause_s + measured.p50_limit_ms / 1000
    rate = (plateau.level / turn_s if turn_s else math.inf) * (
        1.0 if endpoint is None else _share(plateau, endpoint)
    )
    thinking = f" thinking {format_duration(pause_s)}" if pause_s >= 0.001 else ""
    return rate, f"{plateau.level:g} users{thinking} offer {format_rate(rate)}"


def thinking_s(plateau: Plateau) -> float:
    """z of DESIGN §7: seconds outside requests per request; 0 where nothing ever came back."""
    portion = plateau.portion
    return max(0.0, portion.user_s - portion.busy_us / 1e6) / portion.ended if portion.ended else 0.0


def _share(plateau: Plateau, endpoint: str) -> float:
    counts = {name: completed_of(cell) for name, cell in plateau.portion.cells.items()}
    total = sum(counts.values())
    return counts.get(endpoint, 0) / total if total else 1.0
