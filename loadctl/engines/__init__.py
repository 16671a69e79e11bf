"""How load is made: foreign engines behind one seam (base.py)."""

from __future__ import annotations

from collections.abc import Mapping

from loadctl.engines.base import Engine
from loadctl.engines.locust.engine import LocustEngine
from loadctl.errors import UsageError

ENGINES: Mapping[str, Engine] = {"locust": LocustEngine()}
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
