"""How load is made: foreign engines behind one seam (base.py)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from loadctl.engines.artillery.engine import ArtilleryEngine
from loadctl.engines.base import Command, Engine
from loadctl.engines.locust.engine import LocustEngine
from loadctl.errors import UsageError

if TYPE_CHECKING:
    from loadctl.scenario.scenario import Scenario

ENGINES: Mapping[str, Engine] = {"locust": LocustEngine(), "artillery": ArtilleryEngine()}
"""By the name a scenario gives. The tools themselves are imported by their own processes only."""


def engine_named(name: str, *, python: str | None = None) -> Engine:
    """The engine of that name; `python` runs the user's own script instead of loadctl's interpreter.

    Raises: UsageError for a name that is not there.
    """
    if name not in ENGINES:
        raise UsageError(
            f"the engine '{name}' is not available in this version of loadctl",
            hint=f"this once:  --engine {next(iter(ENGINES))}   (same scenario, same load)",
        )
    return LocustEngine(python) if python is not None else ENGINES[name]


def rehearsal(scenario: Scenario) -> Command:
    """One user sends every request once: on the scenario's engine, or on another one, since requests mean the same."""
    own = ENGINES.get(scenario.engine)
    engines = [engine for engine in (own, *ENGINES.values()) if engine is not None]
    for engine in engines:
        if engine.version() is not None and (command := engine.rehearsal(scenario)) is not None:
            return command
    raise UsageError(f"{engines[0].name} is not installed", hint=engines[0].install_hint)
