"""Locust's web page as loadctl sees it: how to start it and how to talk to it."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loadctl.engines.base import Command
from loadctl.engines.locust.engine import LAUNCH

if TYPE_CHECKING:
    from pathlib import Path

    from loadctl.scenario.scenario import Scenario
    from loadctl.scenario.user_type import Json

_USERS = 10
_PER_S = 10.0
"""Defaults of the form if the scenario has no load; if it has one, all users start within ten seconds."""


@dataclass(frozen=True, slots=True)
class Listening:
    """The page is up: its port, and the one to which shards report."""

    port: int
    master: int


def page_command(scenario: Scenario, *, bind: str, port: int, shards: int, orders: Path) -> Command:
    """The page in a process of its own. `orders`: the file to which it appends a line for each order.

    Locust runs in loadctl's own Python here: the page runs nothing of the user's.
    """
    peak = round(scenario.load.peak) or _USERS
    settings: dict[str, Json] = {
        "orders": str(orders),
        "bind": bind,
        "port": port,
        "host": scenario.host,
        "title": scenario.name,
        "users": peak,
        "spawn_rate": max(1.0, round(peak / _PER_S)),
        "shards": shards,
    }
    return Command(
        argv=(sys.executable, str(LAUNCH), "page"),
        cwd=orders.parent,
        stdin=json.dumps(settings, ensure_ascii=False) + "\n",
    )


def listening(line: bytes) -> Listening:
    """The first line of the page's output."""
    return Listening(**json.loads(line))


def ended(lines: Sequence[str], *, report: Path | None = None, trouble: str | None = None) -> str:
    """Tells the page that the run is over: its verdict in lines and its report. `trouble`: why it could not be
    carried out.
    """
    path = None if report is None else str(report.absolute())
    return json.dumps({"lines": list(lines), "trouble": trouble, "report": path}, ensure_ascii=False)
