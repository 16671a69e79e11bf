"""Locust's own web page as loadctl sees it: what to start, what to tell it, and what its buttons ask for."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from loadctl.engines.base import Command
from loadctl.engines.locust.engine import LAUNCH
from loadctl.results.histogram import Histogram, upper_edge_us
from loadctl.results.interval import GENERATOR_FAULT, completed_of, failed_of
from loadctl.scenario.rotation import weighted_order

if TYPE_CHECKING:
    from loadctl.results.interval import Interval, Second
    from loadctl.scenario.scenario import Scenario
    from loadctl.scenario.user_type import Json

_USERS = 10
_PER_S = 10.0
"""What the form suggests where the scenario says nothing; every user within ten seconds where it does."""


@dataclass(frozen=True, slots=True)
class PageOrder:
    """`start` begins a run with so many `users`, `users` changes their number, both at `per_s` a second."""

    kind: Literal["listening", "start", "users", "stop"]
    users: int = 0
    per_s: float = 1.0
    port: int = 0


def page_command(scenario: Scenario, *, bind: str, port: int, orders: Path) -> Command:
    """The page in a process of its own. `orders`: the file to which it appends a line for each order.

    Locust runs in loadctl's own Python here: the page runs nothing of the user's.
    """
    peak = round(scenario.load.peak) or _USERS
    names = [user_type.name for user_type in scenario.user_types]
    cycle = weighted_order({user_type.name: user_type.weight for user_type in scenario.user_types})
    settings: dict[str, Json] = {
        "orders": str(orders),
        "bind": bind,
        "port": port,
        "host": scenario.host,
        "title": scenario.name,
        "users": peak,
        "spawn_rate": max(1.0, round(peak / _PER_S)),
        "user_types": _user_types(scenario),
        "rotation": [names.index(name) for name in cycle] or [0],
    }
    return Command(
        argv=(sys.executable, str(LAUNCH), "page"),
        cwd=orders.parent,
        stdin=json.dumps(settings, ensure_ascii=False) + "\n",
    )


def parse_order(line: bytes) -> PageOrder | None:
    """None: a line that is torn."""
    try:
        found = json.loads(line)
        match found["order"]:
            case "listening":
                return PageOrder("listening", port=int(found["port"]))
            case "start" | "users":
                return PageOrder(found["order"], int(found["users"]), float(found["per_s"]))
            case "stop":
                return PageOrder("stop")
    except (ValueError, KeyError, TypeError):
        pass
    return None


def began(wall_s: float) -> str:
    """The load begins then (seconds since 1970)."""
    return json.dumps({"began": {"wall_s": wall_s}})


def said(line: str) -> str:
    """A line for the page's log."""
    return json.dumps({"said": line}, ensure_ascii=False)


def ended(lines: Sequence[str], trouble: str | None = None) -> str:
    """The run is over. `trouble`: why it could not be carried out."""
    return json.dumps({"ended": {"lines": list(lines), "trouble": trouble}}, ensure_ascii=False)


def second_line(second: Second) -> str:
    """A merged second, for the page's statistics."""
    cells = {endpoint: _cell(interval) for endpoint, interval in second.cells.items()}
    return json.dumps({"second": {"t": second.t, "users": second.users, "cells": cells}}, ensure_ascii=False)


def _cell(interval: Interval) -> dict[str, object]:
    """Successes and failures together, as Locust counts them; times as upper edges of buckets."""
    times = Histogram()
    times.merge(interval.ok)
    times.merge(interval.failed)
    most = times.max_us or 0
    return {
        "requests": completed_of(interval),
        "failed": failed_of(interval),
        "sum_us": times.sum_us,
        "min_us": times.min_us,
        "max_us": most,
        "bytes": interval.bytes,
        "times_us": [[min(upper_edge_us(b), most), count] for b, count in times.buckets.items()],
        "errors": {name: n for name, n in interval.errors.items() if n and name != GENERATOR_FAULT},
    }


def _user_types(scenario: Scenario) -> list[Json]:
    """What the page shows under "Ratios"; of a script, its name."""
    if scenario.script is not None:
        return [{"name": Path(scenario.script.path).stem, "weight": 1, "tasks": {"its own tasks": 1}}]
    return [
        {
            "name": user_type.name,
            "weight": user_type.weight,
            "tasks": {task.name: task.weight for task in user_type.tasks},
        }
        for user_type in scenario.user_types
    ]
